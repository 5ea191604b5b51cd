"""`ncco render`: prints the NCCO of a call, without a server."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from ncco_server.assembly import policy_of
from ncco_server.desk import options
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, ISSUES, CannotRun, keep_for_results, print_json
from ncco_server.desk.project import Source, flow_named
from ncco_server.sample_calls import ANY_NUMBER
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.phone_numbers import digits_of, line_of
from ncco_server.store import open_store

KEY: Final = b"ncco render signs the callbacks of a call that nobody makes"
LEG: Final = "00000000000000000000000000000001"
CONVERSATION: Final = "CON-00000000-0000-4000-8000-000000000001"
PUBLIC_URL: Final = "https://example.com"
"""Fixed, so that NCCOs are reproducible."""


def _keys(_: click.Context, __: click.Parameter, digits: tuple[str, ...]) -> tuple[str, ...]:
    for keys in digits:
        if not re.fullmatch(r"[0-9*#]+", keys):
            raise click.BadParameter(f"{keys} has keys other than 0-9, * and #")
    return digits


@click.command(
    "render",
    epilog="""\b
Examples:
  ncco render reception --to 442079460000 --from 447700900123
  ncco render reception --digits 1                after the caller presses 1
  ncco render reception --digits 9 --digits 1     after a wrong key
  ncco render clinic --at 2026-12-25T10:00        a call on Christmas Day
  ncco render reception | ncco validate -

Exit codes: 0 printed, 1 the flows have errors, 2 there is no such flow, or the call did not get that far.""",
)
@click.argument("flow")
@click.option("--to", help="The called number [the flow's first number].")
@click.option("--from", "caller", default="447700900000", show_default=True, help="The caller's number.")
@click.option(
    "--digits", multiple=True, callback=_keys, help="Keys to press at the next menu. Repeat the option for each menu."
)
@click.option("--at", callback=options.read_time, help="When the call is made; UTC if no time zone is given [now].")
@options.flows
@options.templates
@options.output("text", "json")
def command(
    *,
    flow: str,
    to: str | None,
    caller: str,
    digits: tuple[str, ...],
    at: datetime,
    flows: Path | None,
    templates: Path | None,
    form: str,
) -> int:
    """Print the NCCO that a call to FLOW would get, without a server.

    By default it is indented, and standard error says where the call waits; `--format json` prints it on one line.
    Lookups are not made: their defaults apply.
    """
    keep_for_results()
    project = Source.here(flows, templates).load_flow(flow).project
    named = flow_named(flow, project.flows)
    if not named.is_startable:
        raise CannotRun(f'no call can start in flow "{flow}"', "give it `numbers`, `default: true` or `entry: true`")
    settings = server_settings()
    policy = policy_of(settings, (KEY,))
    called = digits_of(to or "", line_of(project.flows.values(), named)) or next(iter(named.numbers), ANY_NUMBER)
    caller = digits_of(caller, called)
    call = {"to": called, "from": caller, "uuid": LEG, "conversation_uuid": CONVERSATION}

    def webhook(**more: Any) -> Delivery:
        fields = {name: _valid_text(value) for name, value in {**call, **more}.items() if value}
        return Delivery("POST", json.dumps(fields).encode(), fields, PUBLIC_URL, at)

    async def play() -> Reply:
        async with open_store("memory://") as store:
            service = CallService(store, lambda: project, policy)
            await service.library.reload()
            reply = await service.answer(webhook(), flow)
            for keys in digits:
                reply = await service.resume("input", _input_token(reply, keys), webhook(dtmf={"digits": keys}))
        return reply

    reply = asyncio.run(play())
    actions = json.loads(reply.ncco or b"[]")
    print_json(actions, is_line=form == "json")
    if reply.is_failsafe:
        click.echo("the caller hears the failsafe, because nothing in the flow could be played", err=True)
    elif form == "text":
        state = f'waits in step "{reply.step}"' if reply.step else "ends after this"
        click.echo(f'flow "{reply.flow}": {reply.outcome}; the call {state}', err=True)
    if reply.problem:
        click.echo(f"{reply.problem}: {reply.reason}", err=True)
    return ISSUES if reply.is_failsafe else FINE


def _valid_text(value: Any) -> Any:
    """Command-line arguments may not be UTF-8."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _input_token(reply: Reply, keys: str) -> str:
    """Raises CannotRun if no `input` waits for keypresses."""
    actions: list[dict[str, Any]] = json.loads(reply.ncco or b"[]")
    url = next((str(action["eventUrl"][0]) for action in actions if action["action"] == "input"), None)
    if url is None:
        where = f'step "{reply.step}"' if reply.step else "the end of the call"
        raise CannotRun(
            f"nothing waits for the keys {keys} at {where}", "leave out this --digits and the ones after it"
        )
    return urlsplit(url).path.rpartition("/")[2]
