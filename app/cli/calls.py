"""`ncco calls`: the calls that a server has recorded."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import click

from app.cli import options
from app.cli.database import find_call, find_database
from app.cli.output import FINE, print_json
from app.flow.report import counted, printable
from app.service.recorded_calls import (
    action_summary,
    call_document,
    duration_text,
    entries_of,
    hook_document,
    state_of,
)
from app.service.turns import LONGEST_CALL_MS
from app.store import CallFilter, CallRow, Records, Timeline, milliseconds

POLL_S: Final = 0.5
"""How often `--follow` looks for changes, in seconds."""
FOLLOWED: Final = 200
"""Number of the newest calls that `--follow` watches."""
SHORT_ID: Final = 12
WHOLE_ID: Final = 32
SHORT_HASH: Final = 8
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """A duration before now (`90m`), or a point in time, with or without a time zone. Raises BadParameter."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,5})\s*([smhd])", text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        cure = "write 90m, 2h or 3d, or a point in time as 2026-12-25 or 2026-12-25T10:00+01:00"
        raise click.BadParameter(f"{text} is not a time; {cure}") from None


def _number(_: click.Context, __: click.Parameter, text: str | None) -> str:
    """The digits of a number, without leading zeros, so that 07700 900123 matches 447700900123."""
    digits = options.digits_of(text or "").replace("/", "")
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", digits):
        raise click.BadParameter(f"{text} is not a phone number or a part of one")
    return digits.lstrip("0") or digits


@click.command(
    "calls",
    epilog="""\b
Examples:
  ncco calls                                 the newest calls
  ncco calls --number 447700900123           calls from or to this number
  ncco calls --failed --since 2h             calls in the last 2 hours with a step that could not be played
  ncco calls --timezone Europe/London        times in that time zone
  ncco calls 3f9a1c77                        one call: its webhooks, its replies, and what decided them
  ncco calls 3f9a1c77 --ncco                 the same, with the NCCOs as they were sent
  ncco calls --follow                        new calls and changes, until Ctrl-C
  ncco calls --follow --format json          the same, one JSON document per line

This only reads the database in NCCO_DATABASE_URL, and a server may be running. Sensitive digits and words are never
shown. Exit codes: 0 shown, 1 there is no such call, 2 no database can be read.""",
)
@click.argument("session", required=False)
@click.option("--number", callback=_number, help="Calls from or to this number, or part of it.")
@click.option("--flow", default="", help="Calls that began in this flow.")
@click.option("--since", callback=_since, help="Calls of the last 90m, 2h or 3d, or since a point in time.")
@click.option("--open", "is_open", is_flag=True, help="Calls in progress.")
@click.option(
    "--failed",
    "has_failed",
    is_flag=True,
    help="Calls with a step that could not be played as written.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many to show.")
@click.option(
    "--timezone",
    "zone",
    default="UTC",
    show_default=True,
    callback=options.read_zone,
    help="Time zone for the times shown.",
)
@click.option("--ncco", "whole", is_flag=True, help="For one call: show the NCCOs as they were sent.")
@click.option("--follow", is_flag=True, help="Keep showing new calls and changes, until Ctrl-C.")
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
    zone: tzinfo,
    whole: bool,
    follow: bool,
    form: str,
) -> int:
    """Show the newest calls, or the timeline of one call. SESSION is its leg's uuid, or the start of it.

    A timeline shows when each webhook arrived, what the caller pressed or said, the NCCO that was sent, the flow lines
    that decided, and the hooks that have not been sent yet. Times in JSON are UTC.
    """
    if session is not None and (number or flow or since or is_open or has_failed):
        raise click.UsageError("you named one call; leave out the options that filter calls")
    if session is None and whole:
        raise click.UsageError("--ncco is for one call; add its ID")
    earliest = milliseconds(since if since.tzinfo else since.replace(tzinfo=zone)) if since else 0
    if is_open:
        earliest = max(earliest, _now() - LONGEST_CALL_MS)
    wanted = CallFilter(number, flow, max(0, earliest), is_open, has_failed)
    screen = CallPrinter(zone, is_json=form == "json", whole=whole)

    async def show() -> None:
        async with find_database().records() as records:
            if session is not None:
                timeline = await find_call(records, session)
                if follow:
                    await follow_call(records, timeline, screen)
                else:
                    screen.print_timeline(timeline)
            elif follow:
                async for call in follow_calls(records, wanted, limit):
                    screen.print_call(call)
            else:
                found = [
                    call for call in await records.calls(limit + 1, None, wanted) if call.session.leg or not is_open
                ]
                screen.print_list(found[:limit], has_more=len(found) > limit)

    with suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(show())
    return FINE


def _now() -> int:
    return milliseconds(datetime.now(UTC))


async def follow_call(records: Records, call: Timeline, screen: CallPrinter, *, to_its_end: bool = False) -> None:
    """Print the webhooks of a call as they arrive, until the call is deleted or, with `to_its_end`, is over."""
    screen.print_heading(call.call)
    timeline: Timeline | None = call
    seen: set[str] = set()
    while timeline is not None:
        for entry in entries_of(timeline):
            if entry.webhook.id not in seen:
                seen.add(entry.webhook.id)
                screen.print_entry(entry.document)
        if to_its_end and timeline.call.session.is_over:
            return
        await asyncio.sleep(POLL_S)
        timeline = await records.timeline(call.call.session.id)


async def follow_calls(
    records: Records, wanted: CallFilter, limit: int, poll_s: float = POLL_S
) -> AsyncGenerator[CallRow, None]:
    """Print up to `limit` calls, newest last. Then print new calls, and recent ones again when they change."""
    known: dict[str, CallRow] = {}
    most: int | None = limit
    while True:
        found = await records.calls(max(limit, FOLLOWED), None, wanted)
        changed = [call for call in found if known.get(call.session.id) != call]
        for call in reversed(changed[:most]):
            yield call
        known = {call.session.id: call for call in found}
        most = None
        await asyncio.sleep(poll_s)


@dataclass(frozen=True, slots=True)
class CallPrinter:
    """Prints calls, for people or programs.

    Attributes:
        zone: the time zone of text output.
        whole: whether NCCOs are printed in full.
    """

    zone: tzinfo
    is_json: bool
    whole: bool

    def print_list(self, calls: Sequence[CallRow], *, has_more: bool) -> None:
        """Print calls as a table."""
        if self.is_json:
            print_json({"calls": [call_document(call, _now()) for call in calls], "more": has_more})
            return
        if calls:
            click.echo(
                self._row("call", f"began ({self.zone})", "from", "to", "flow", "revision", "turns", "took", "state")
            )
        else:
            click.echo("no calls", err=True)
        for call in calls:
            self.print_call(call)
        if has_more:
            click.echo("there are more: use --limit, --since or --number", err=True)

    def print_call(self, row: CallRow) -> None:
        """Print a call on one line."""
        call = call_document(row, _now())
        if self.is_json:
            print_json(call, is_line=True)
            return
        id_, *others = (printable(call[name]) or "-" for name in ("id", "from", "to", "flow"))
        began = f"{self._time(call['began_at']):%Y-%m-%d %H:%M:%S}"
        rest = (call["revision"][:SHORT_HASH], call["turns"], duration_text(call["seconds"]), printable(state_of(call)))
        click.echo(self._row(id_, began, *others, *rest))

    def _row(self, id_: str, *cells: object) -> str:
        """The cells of a call. Programs get full IDs, people get shortened ones."""
        size = SHORT_ID if sys.stdout.isatty() else WHOLE_ID
        return f"{id_[:size]:<{size}} " + "{:<21} {:<15} {:<15} {:<14} {:<8} {:>5} {:>8}  {}".format(*cells)

    def print_timeline(self, timeline: Timeline) -> None:
        """Print a call with its webhooks, turns and hooks."""
        entries = [entry.document for entry in entries_of(timeline)]
        if self.is_json:
            hooks = [hook_document(hook) for hook in timeline.hooks]
            print_json({"call": call_document(timeline.call, _now()), "timeline": entries, "hooks": hooks})
            return
        self.print_heading(timeline.call)
        for entry in entries:
            self.print_entry(entry)
        for hook in timeline.hooks:
            tries = counted(hook.tries, "try", "tries") + (f": {printable(hook.problem)}" if hook.problem else "")
            state = "parked" if hook.is_parked else "not sent yet"
            click.echo(f"  hook {printable(hook.name)}  {hook.id}  {state}, {tries}")

    def print_heading(self, row: CallRow) -> None:
        """Print the heading of a timeline; nothing in JSON."""
        if self.is_json:
            return
        call = call_document(row, _now())
        shown = {
            name: printable(call[name] or "") or "-" for name in ("id", "parent", "from", "to", "flow", "revision")
        }
        dialled_by = f", dialled by call {shown['parent']}" if call["parent"] else ""
        state = f"{duration_text(call['seconds'])}: {printable(state_of(call))}"
        began = self._time(call["began_at"])
        turns = counted(call["turns"], "turn")
        click.echo(f"""\
call {shown["id"]}{dialled_by}
  from {shown["from"]} to {shown["to"]}
  flow {shown["flow"]}, revision {shown["revision"][:SHORT_HASH]}
  began {began:%Y-%m-%d %H:%M:%S} {self.zone}, {turns}, {state}""")

    def print_entry(self, entry: Mapping[str, Any]) -> None:
        """Print a webhook with its turn."""
        if self.is_json:
            print_json(entry, is_line=True)
            return
        turn = entry["turn"]
        what = f": {printable(entry['told'])}" if entry["told"] else ""
        again = " (delivered again)" if entry["again"] else ""
        took = f"  [made in {turn['ms']:.1f} ms]" if turn and turn["ms"] is not None else ""
        time = f"{self._time(entry['at']):%H:%M:%S.%f}"[:12]
        click.echo(f"{time}  {printable(entry['kind'])}{what}{again}{took}")
        if turn is not None:
            _print_labelled("why", _reasons(turn["why"]))
            _print_labelled("ncco", self._ncco_lines(turn["ncco"]))

    def _ncco_lines(self, ncco: Sequence[Mapping[str, Any]] | None) -> Iterable[str]:
        if ncco is None:
            return ["nothing: the call continues as before"]
        if self.whole:
            return ["", *json.dumps(ncco, ensure_ascii=False, indent=2).splitlines()]
        return (printable(action_summary(action)) for action in ncco)

    def _time(self, at: str) -> datetime:
        return datetime.fromisoformat(at).astimezone(self.zone)


def _print_labelled(label: str, lines: Iterable[str]) -> None:
    """Print lines below a webhook. The first one has a label."""
    for number, line in enumerate(lines):
        click.echo(f"    {'' if number else label:<4} {line}".rstrip())


def _reasons(trace: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a turn did, and why. Instead of entering a step, the line that led to it is shown."""
    for line, following in zip(trace, (*trace[1:], None), strict=True):
        is_repeated = line["did"] == "heard" and following is not None and following["did"] == "decided"
        if line["did"] == "entered" or is_repeated:
            continue
        step = f"{line['step']}: " if line["step"] else ""
        because = f" ({line['because']})" if line["because"] else ""
        where = f"  {line['where']}" if line["where"] else ""
        yield printable(f"{line['did']} {step}{line['what']}{because}{where}")
