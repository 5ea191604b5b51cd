"""`ncco hooks`: the hooks that have not been sent yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, now_ms, server_store
from ncco_server.desk.documents import AddressedHook
from ncco_server.desk.output import FINE, ISSUES, print_json
from ncco_server.store import HookCounts
from ncco_server.wording import counted

MOST_HOOKS: Final = 100_000
"""Hooks that `retry` looks at, parked ones first."""


@click.group(
    "hooks",
    invoke_without_command=True,
    epilog="""\b
Examples:
  ncco hooks                                shows waiting hooks, and those that were given up
  ncco hooks --format json                  the same for a program
  ncco hooks retry msg_0c6f...              retries one now
  ncco hooks retry --all                    retries all of them now
  ncco hooks drop msg_0c6f...               deletes one that was given up

It uses the database in NCCO_DATABASE_URL, and a server may be running. Exit codes: 0 no hook is parked, 1 some
are, 2 there is no database.""",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many to show.")
@options.output("text", "json")
@click.pass_context
@asynchronous
async def command(context: click.Context, limit: int, form: str) -> int:
    """Show the hooks that have not been sent: those that will be retried, and those that were given up."""
    if context.invoked_subcommand is not None:
        return FINE

    async with server_store() as store:
        rows = await store.hooks.first(limit)
        counts = await store.hooks.counts()
    now = now_ms()
    hooks = [AddressedHook.of(row, now) for row in rows]
    if form == "json":
        print_json({**counts._asdict(), "hooks": [hook.as_json() for hook in hooks]})
    elif not hooks:
        click.echo("no hooks are waiting: all of them were sent")
    else:
        _print(hooks, counts)
    return ISSUES if counts.parked else FINE


@command.command("retry", short_help="Retry hooks now.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="All of them.")
@asynchronous
async def retry(ids: tuple[str, ...], all_: bool) -> int:
    """Retry hooks now. Parked hooks get all their attempts again; waiting hooks are sent early.

    A running server sends them within a second; otherwise they are sent when it starts. Exit codes: 0 they will be
    retried, 1 one of them does not exist or is waiting for an earlier one of the same call, 2 there is no database.
    """
    _require_ids_or_all(ids, all_)
    async with server_store() as store:
        named = {hook.id: hook for hook in await store.hooks.first(MOST_HOOKS) if all_ or hook.id in ids}
        unsendable = [id_ for id_, hook in named.items() if not hook.url]
        sendable = [id_ for id_ in (named if all_ else ids) if id_ not in unsendable]
        wanted = None if all_ and not unsendable else sendable
        count = await store.hooks.retry(wanted, now_ms())
    click.echo(f"{counted(count, 'hook is', 'hooks are')} retried now, or when the server starts")
    missing = 0 if all_ else len(set(ids)) - count - len(unsendable)
    if missing:
        click.echo(f"{missing} of them: do not exist, or wait for an earlier hook of the same call", err=True)
    if unsendable:
        click.echo(
            f"{len(unsendable)} of them: cannot be sent, because they are incomplete; `ncco hooks` says why", err=True
        )
    return ISSUES if missing or unsendable else FINE


@command.command("drop", short_help="Delete hooks that were given up.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="All parked hooks.")
@asynchronous
async def drop(ids: tuple[str, ...], all_: bool) -> int:
    """Delete hooks that were given up, so that they are never sent. Waiting hooks are kept.

    Exit codes: 0 they are deleted, 1 one of them does not exist or is not parked, 2 there is no database.
    """
    _require_ids_or_all(ids, all_)
    async with server_store() as store:
        count = await store.hooks.drop(None if all_ else ids)
    click.echo(f"{counted(count, 'hook is', 'hooks are')} deleted")
    missing = 0 if all_ else len(set(ids)) - count
    if missing:
        click.echo(f"{missing} of them: not parked, but already sent or still waiting", err=True)
    return ISSUES if missing else FINE


def _require_ids_or_all(ids: tuple[str, ...], all_: bool) -> None:
    """Raise UsageError unless exactly one of the two is given."""
    if all_ == bool(ids):
        raise click.UsageError("name the hooks, or add --all")


def _print(hooks: Sequence[AddressedHook], counts: HookCounts) -> None:
    for hook in hooks:
        click.echo(f"{hook.id}  {hook.name}  call {hook.session or 'unknown'}")
        click.echo(f"    {_progress(hook)}")
    more = f"; {len(hooks)} of them are shown; use --limit" if len(hooks) < sum(counts) else ""
    click.echo(f"{counts.waiting} waiting, {counts.parked} parked{more}")
    if counts.parked:
        click.echo("check their receivers, then run `ncco hooks retry ID` or `ncco hooks retry --all`")


def _progress(hook: AddressedHook) -> str:
    left = (hook.due_at - datetime.now(UTC)) if hook.due_at is not None else timedelta()
    wait = timedelta(seconds=max(0, int(left.total_seconds())))
    words = {
        "parked": "parked" if hook.url else "could not be computed",
        "sending": "is being sent",
        "behind": "waiting for an earlier hook of the same call",
        "waiting": f"next attempt in {wait}" if wait else "next attempt now",
    }
    tries = counted(hook.tries, "try", "tries") if hook.tries else "not tried yet"
    return f"{words[hook.state]}, {tries}" + (f": {hook.problem}" if hook.problem else "")
