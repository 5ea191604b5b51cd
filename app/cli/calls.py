"""`ncco calls`: the calls that a server has recorded."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from app.cli import options
from app.cli.work import hand_over

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """The moment that is meant: so long ago, or a point in time, which is UTC without a time zone."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,5})\s*([smhd])", text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        cure = "write 90m, 2h or 3d, or a point in time as 2026-12-25 or 2026-12-25T10:00+01:00"
        raise click.BadParameter(f"{text} is no time; {cure}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(_: click.Context, __: click.Parameter, text: str | None) -> str:
    digits = re.sub(r"[ ()./+-]", "", text or "")
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", digits):
        raise click.BadParameter(f"{text} is no phone number, nor a part of one")
    return digits


@click.command(
    "calls",
    short_help="Show recorded calls; of one what came in, what went out, and why.",
    epilog="""\b
Examples:
  ncco calls                                 the newest calls
  ncco calls --number 447700900123           from or to this number
  ncco calls --failed --since 2h             in which a step could not be played
  ncco calls 3f9a1c77                        one call: each webhook, each NCCO, and why
  ncco calls 3f9a1c77 --ncco                 with the NCCOs as they went out
  ncco calls --follow                        new calls as they come, until Ctrl-C
  ncco calls --follow --format json          the same, one JSON document a line

It only reads, beside a running server, the database that NCCO_DATABASE_URL names. Sensitive digits and words are not in
it. Exit codes: 0 shown, 1 there is no such call, 2 there is no database that can be read.""",
)
@click.argument("session", required=False)
@click.option("--number", callback=_number, help="Calls from or to this number, or a part of it.")
@click.option("--flow", default="", help="Calls that began in this flow.")
@click.option("--since", callback=_since, help="Calls since then: 90m, 2h, 3d, or a point in time.")
@click.option("--open", "is_open", is_flag=True, help="Calls that are on.")
@click.option("--failed", "has_failed", is_flag=True, help="Calls in which a step could not be played as written.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many to show.")
@click.option("--ncco", "whole", is_flag=True, help="Of one call: the NCCOs as they went out.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@options.output("text", "json")
def command(
    *,
    session: str | None,
    number: str,
    flow: str,
    since: datetime | None,
    is_open: bool,
    has_failed: bool,
    limit: int,
    whole: bool,
    follow: bool,
    form: str,
) -> None:
    """Show the newest calls, or the one whose SESSION (the leg's uuid, or how it begins) is named, with its timeline.

    A timeline tells when each webhook came, what the caller pressed or said, the NCCO that went out, which line of the
    flow decided, and the hooks that are not sent yet. Times are UTC.
    """
    filters = {"number": number, "flow": flow, "since": since, "is_open": is_open, "has_failed": has_failed}
    if session is not None and any(filters.values()):
        raise click.UsageError("one call is named; leave out the options that choose among calls")
    if session is None and whole:
        raise click.UsageError("--ncco is for one call: name it")
    hand_over("calls", session=session, filters=filters, limit=limit, whole=whole, follow=follow, form=form)
