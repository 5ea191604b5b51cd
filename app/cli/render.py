"""`ncco render`: the NCCO of a call, without a server."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from app.cli import options
from app.cli.moments import read_moment
from app.cli.work import hand_over


def _keys(_: click.Context, __: click.Parameter, digits: tuple[str, ...]) -> tuple[str, ...]:
    for keys in digits:
        if not re.fullmatch(r"[0-9*#]+", keys):
            raise click.BadParameter(f"{keys} holds other keys than 0-9, * and #")
    return digits


def _base(_: click.Context, __: click.Parameter, url: str) -> str:
    """A URL that paths can stand behind."""
    try:
        parts = urlsplit(url)
        is_base = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        is_base = False
    if not is_base or not url.isprintable() or " " in url:
        raise click.BadParameter(f"{url} is no URL of a server; write one such as https://calls.example.com")
    return url


def _moment(_: click.Context, __: click.Parameter, at: str | None) -> datetime:
    """The moment that is meant; without a time zone it is UTC."""
    return datetime.now(UTC) if at is None else read_moment(at)


@click.command(
    "render",
    short_help="Print the NCCO of a call, without a server.",
    epilog="""\b
Examples:
  ncco render reception --to 442079460000 --from 447700900123
  ncco render reception --digits 1                what comes after the caller has pressed 1
  ncco render reception --digits 9 --digits 1     a wrong key first
  ncco render clinic --at 2026-12-25T10:00        a call on Christmas Day
  ncco render reception | ncco validate -

Exit codes: 0 printed, 1 the flows have errors, 2 there is no such flow, or it did not get that far.""",
)
@click.argument("flow")
@click.option("--to", default=None, help="The number called [the flow's first number].")
@click.option("--from", "caller", default="447700900000", show_default=True, help="The caller's number.")
@click.option("--uuid", default="00000000000000000000000000000001", show_default=True, help="The caller's leg.")
@click.option(
    "--conversation-uuid",
    "conversation",
    default="CON-00000000-0000-4000-8000-000000000001",
    show_default=True,
    help="The conversation.",
)
@click.option(
    "--digits", multiple=True, callback=_keys, help="Keys pressed at each menu in turn; repeat it for each menu."
)
@click.option("--at", default=None, callback=_moment, help="When the call is made, UTC without a time zone [now].")
@click.option(
    "--public-url",
    default="https://example.com",
    show_default=True,
    callback=_base,
    help="Where callback URLs start.",
)
@options.flows
@options.templates
@options.output("text", "json")
def command(
    *,
    flow: str,
    to: str | None,
    caller: str,
    uuid: str,
    conversation: str,
    digits: tuple[str, ...],
    at: datetime,
    public_url: str,
    flows: Path | None,
    templates: Path | None,
    form: str,
) -> None:
    """Print the NCCO that a call to FLOW gets, without a server.

    `--format json` prints it on one line; without it, it is indented and standard error says where the call stands.
    Nobody is asked anything: look-ups take their defaults.
    """
    call = {"to": to, "from": caller, "uuid": uuid, "conversation_uuid": conversation}
    hand_over(
        "render",
        flow=flow,
        call=call,
        digits=digits,
        at=at,
        public_url=public_url,
        flows=flows,
        templates=templates,
        form=form,
    )
