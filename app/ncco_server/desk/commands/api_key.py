"""`ncco api-key`: the API keys of programs that place calls, or use rows of tables."""

from __future__ import annotations

import re
import secrets
from typing import Final

import click

from ncco_server.desk.database import asynchronous, find_database, now_ms, server_store
from ncco_server.desk.output import FINE, ISSUES, CannotRun
from ncco_server.desk.project import Source
from ncco_server.flow.files import comma_separated
from ncco_server.store import moment_of
from ncco_server.store.api_keys import READ, ApiKeyRow
from ncco_server.wording import counted

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
PREFIX: Final = "ncco_"
"""Secret scanners recognise a key by this prefix."""


@click.group(
    "api-key",
    epilog="""\b
Examples:
  ncco api-key add crm --flows reminder,alarm            prints the key
  ncco api-key add crm --tables do_not_call,customers:read    changes rows of one table, and reads another
  ncco api-key list
  ncco api-key remove crm --old                          once the program uses its new key

Set NCCO_API_PORT to serve the API. Exit codes: 0 done, 1 there is no such key, 2 there is no database, or a name is
wrong.""",
)
def command() -> None:
    """Let programs place calls, and use rows of tables, over HTTP."""


@command.command("add", short_help="Create a key and print it.")
@click.argument("name")
@click.option("--flows", "named", default="", metavar="FLOW,FLOW", help="Flows that the key may place calls with.")
@click.option(
    "--tables", "rows", default="", metavar="TABLE,TABLE:read", help="Tables whose rows it may change or read."
)
@asynchronous
async def add(name: str, named: str, rows: str) -> int:
    """Create an API key for a program and print it. Only a hash of the key is stored.

    A name may have several keys, so that a program can switch to a new one. Then `ncco api-key remove NAME --old`
    removes the old ones.
    """
    if not NAME.fullmatch(name):
        raise CannotRun(
            f"{name} is not a valid name for a key", "use a to z, 0 to 9, ., _ and -, at most 32 characters"
        )
    flows, tables = comma_separated(named), comma_separated(rows)
    if not flows and not tables:
        raise CannotRun("the key may do nothing", "add `--flows FLOW` or `--tables TABLE`")
    project = Source.here(None, None).load_sound().project
    known = project.flows
    for flow in flows:
        if flow not in known or known[flow].outbound is None:
            placeable = ", ".join(each for each, found in known.items() if found.outbound is not None)
            cure = f"choose from: {placeable}" if placeable else "give it `outbound` (docs/how-to/place.md)"
            raise CannotRun(f"{flow} is not a flow that places calls", cure)
    for table in tables:
        if table.removesuffix(READ) not in project.tables:
            declared = ", ".join(project.tables)
            names = f"choose from: {declared}, each alone or with `{READ}`"
            cure = names if declared else "declare it in a shared file (docs/how-to/tables.md)"
            raise CannotRun(f"{table} is not a table", cure)
    key = PREFIX + secrets.token_urlsafe(32)
    async with find_database() as store:
        await store.api_keys.add(key, ApiKeyRow(name, flows, now_ms(), tables))
    click.echo(key)
    click.echo(f"This is the only time that the key of {name} is shown.", err=True)
    return FINE


@command.command("list", short_help="List the keys.")
@asynchronous
async def list_() -> int:
    """List the names of the keys, with the flows and the tables that each can use."""
    async with server_store() as store:
        keys = await store.api_keys.list()
    for key in keys:
        at = moment_of(key.created_at)
        click.echo(f"{key.name:<20} {at:%Y-%m-%d %H:%M} UTC  {', '.join((*key.flows, *key.tables))}")
    if not keys:
        click.echo("there are no keys: create one with `ncco api-key add NAME --flows FLOW`")
    return FINE


@command.command("remove", short_help="Remove the keys of a name.")
@click.argument("name")
@click.option("--old", is_flag=True, help="Keep the newest key.")
@asynchronous
async def remove(name: str, *, old: bool) -> int:
    """Remove the keys of a name. A running server then refuses them at once."""
    async with server_store() as store:
        count = await store.api_keys.remove(name, keeps_newest=old)
    click.echo(f"{counted(count, 'key is', 'keys are')} removed")
    return FINE if count else ISSUES
