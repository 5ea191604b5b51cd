"""`ncco calls`: the calls that a server has recorded."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import click

from ncco_server.desk import options
from ncco_server.desk.call_report import COLOURS
from ncco_server.desk.database import find_call, find_database, now_ms
from ncco_server.desk.documents import CallDocument, HookDocument
from ncco_server.desk.output import FINE, print_json
from ncco_server.desk.recorded_calls import entries_of, number_text
from ncco_server.desk.transcript import line_text, stored_lines
from ncco_server.ncco.value_types import digits_in, duration_ms
from ncco_server.results import RESULTS
from ncco_server.service.call_results import results_of
from ncco_server.service.call_search import FoundCall, FoundCalls, find_calls
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.store import CallFilter, Records, Timeline, milliseconds
from ncco_server.terminal import printable
from ncco_server.wording import counted, duration_text

POLL_S: Final = 0.5
FOLLOWED: Final = 200
"""The newest calls that `--follow` watches."""
COLUMNS: Final[Mapping[str, str]] = {
    **{"call": "<12.12", "began": "<12", "from": "<15.22", "to": "<15.22", "flow": "<14"},
    **{"took": ">8", "result": "<8", "state": ""},
}
LEFT_OUT: Final = ("flow", "to")
"""In this order, until there is room for the rest, with `ROOM` characters of the state."""
ROOM: Final = 15
WIDTH: Final = 100
SHORT_HASH: Final = 8
ENDED: Final = tuple(name for name in RESULTS if name != "open")


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Read a duration before now (`90m`), or a point in time, maybe with a time zone. Raises BadParameter."""
    if text is None:
        return None
    ago_ms = duration_ms(text.replace(" ", ""))
    try:
        return datetime.fromisoformat(text) if ago_ms is None else datetime.now(UTC) - timedelta(milliseconds=ago_ms)
    except (ValueError, OverflowError):
        cure = "write 90m, 2h or 3d, or a point in time as 2026-12-25 or 2026-12-25T10:00+01:00"
        raise click.BadParameter(f"{text} is not a time; {cure}") from None


def _number(_: click.Context, __: click.Parameter, text: str | None) -> str:
    """Return the digits without leading zeros, so that 07700 900123 matches 447700900123."""
    digits = digits_in(text or "")
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", digits):
        raise click.BadParameter(f"{text} is not a phone number; write it, or its first or last digits")
    return digits.lstrip("0") or digits


@click.command(
    "calls",
    epilog="""\b
Examples:
  ncco calls                                 the newest calls
  ncco calls --number 447700900123           calls from or to this number
  ncco calls --failed --since 2h             calls in the last 2 hours with a step that could not be played
  ncco calls --result missed --since 2026-11-24 --until 2026-11-25    the missed calls of a day
  ncco calls --since 2026-11-24T14:00 --until 2026-11-24T14:30    calls of half an hour
  ncco calls --own booked                    calls that a flow has given this result
  ncco calls --word parking                  calls with this word in a prompt, or in what was said
  ncco calls --timezone UTC                  times in that time zone, not in that of the opening hours
  ncco calls 3f9a1c77                        one call: its webhooks, its replies, and what decided them
  ncco calls 3f9a1c77 --format json          the same, with the NCCOs as they were sent
  ncco calls --follow                        new calls and changes, until Ctrl-C
  ncco calls --follow --format json          the same, one JSON document per line

This only reads the database in NCCO_DATABASE_URL, and a server may be running. Sensitive digits and words are never
shown. Exit codes: 0 shown, 1 there is no such call, 2 no database can be read.""",
)
@click.argument("session", required=False)
@click.option("--number", callback=_number, help="Calls from or to this number, or its first or last digits.")
@click.option("--flow", default="", help="Calls that began in this flow.")
@click.option("--result", type=click.Choice(ENDED), help="Calls with this result; `ncco report` explains them.")
@click.option("--own", default="", metavar="NAME", help="Calls that the flow has given this result of its own.")
@click.option("--word", default="", metavar="TEXT", help="Calls with this text in a prompt, message, answer, or name.")
@click.option("--since", callback=_since, help="Calls of the last 90m, 2h or 3d, or since a point in time.")
@click.option("--until", callback=_since, help="Calls before a point in time, or older than 90m, 2h or 3d.")
@click.option("--open", "is_open", is_flag=True, help="Calls in progress.")
@click.option(
    "--failed",
    "has_failed",
    is_flag=True,
    help="Calls with a step that could not be played as written.",
)
@options.limit
@options.zone
@click.option("--follow", is_flag=True, help="Keep showing new calls and changes, until Ctrl-C.")
@options.output("text", "json", by_terminal=True)
def command(
    *,
    session: str | None,
    word: str,
    limit: int,
    zone: tzinfo,
    follow: bool,
    form: str,
    **filters: Any,
) -> int:
    """Show the newest calls, or the timeline of one call. SESSION is its leg's uuid, or the start of it.

    A timeline shows when each webhook arrived, what the caller pressed or said, the flow lines that decided, what was
    played, and the hooks that have not been sent yet. A caller who presses a key or hangs up does not hear the rest of
    it. Times in JSON are UTC.
    """
    faults = {
        "you named one call; leave out --follow": session and follow,
        "you named one call; leave out the options that filter calls": session and (word or any(filters.values())),
        "--word searches the calls so far; leave out --follow": word and follow,
    }
    for fault in (message for message, applies in faults.items() if applies):
        raise click.UsageError(fault)
    wanted = _filter(zone, **filters)
    screen = CallPrinter(zone, is_json=form == "json")

    async def show() -> None:
        async with find_database().records() as records:
            if session is not None:
                timeline = await find_call(records, session)
                screen.print_timeline(timeline, await _document_of(records, timeline))
            elif follow:
                async for call in follow_calls(records, wanted, limit):
                    screen.print_call(call)
            else:
                calls, has_more = await _first_calls(records, wanted, word, limit)
                screen.print_list(calls, has_more=has_more)

    with suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(show())
    return FINE


def _filter(
    zone: tzinfo,
    *,
    since: datetime | None,
    until: datetime | None,
    result: str | None,
    **values: Any,
) -> CallFilter:
    earliest, latest = (
        milliseconds(time if time.tzinfo else time.replace(tzinfo=zone)) if time else 0 for time in (since, until)
    )
    if values["is_open"]:
        earliest = max(earliest, now_ms() - CALL_EXPIRY_MS)
    return CallFilter(since=max(0, earliest), until=latest, result=result or "", **values)


async def _document_of(records: Records, timeline: Timeline) -> CallDocument:
    call = timeline.call
    return CallDocument.of(call, (await results_of(records, [call], now_ms())).get(call.key), now_ms())


async def _first_calls(records: Records, wanted: CallFilter, word: str, limit: int) -> tuple[list[CallDocument], bool]:
    now = now_ms()
    found = FoundCalls()
    calls: list[CallDocument] = []
    while len(calls) < limit:
        found = await find_calls(records, wanted, limit - len(calls), now, before=found.next, word=word)
        calls += (CallDocument.of(row, result, now) for row, result in found.calls)
        if found.next is None:
            break
    return calls, found.next is not None


async def follow_calls(
    records: Records, wanted: CallFilter, limit: int, poll_s: float = POLL_S
) -> AsyncGenerator[CallDocument, None]:
    """Yield up to `limit` calls, newest last; then new calls, and recent ones again when they change."""
    known: dict[int, FoundCall] = {}
    most: int | None = limit
    while True:
        now = now_ms()
        found = (await find_calls(records, wanted, max(limit, FOLLOWED), now)).calls
        changed = [call for call in found if known.get(call[0].key) != call]
        for row, result in reversed(changed[:most]):
            yield CallDocument.of(row, result, now)
        known = {call[0].key: call for call in found}
        most = None
        await asyncio.sleep(poll_s)


def _row(cells: Mapping[str, str], colour: str | None = None) -> str:
    """Show what the terminal has room for, or `WIDTH` elsewhere."""
    forms = dict(COLUMNS)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    for name in LEFT_OUT:
        if len("  ".join(f"{'':{form}}" for form in forms.values())) + ROOM <= width:
            break
        del forms[name]
    *first, result, state = (f"{cells[name]:{form}}" for name, form in forms.items())
    line = "  ".join([*first, result, state])[:width]
    start = len("  ".join(first)) + 2
    end = start + len(result)
    return f"{line[:start]}{click.style(line[start:end], fg=colour)}{line[end:]}" if colour else line


@dataclass(frozen=True, slots=True)
class CallPrinter:
    """Prints calls, for people or programs.

    Attributes:
        zone: the time zone of text output.
    """

    zone: tzinfo
    is_json: bool

    def print_list(self, calls: Sequence[CallDocument], *, has_more: bool) -> None:
        if self.is_json:
            print_json({"calls": [call.as_json() for call in calls], "more": has_more})
            return
        if calls:
            click.echo(_row({name: name for name in COLUMNS}))
        else:
            click.echo("no calls", err=True)
        for call in calls:
            self.print_call(call)
        if calls:
            click.echo(f"times in {self.zone}", err=True)
        if has_more:
            click.echo("there are more: use --limit, --since or --number", err=True)

    def print_call(self, call: CallDocument) -> None:
        if self.is_json:
            print_json(call.as_json(), is_line=True)
            return
        began = call.began_at.astimezone(self.zone)
        cells = {
            "call": call.id,
            "began": f"{began:%d %b %H:%M}",
            "from": number_text(call.caller, call.to),
            "to": number_text(call.to, call.to),
            "flow": call.flow,
            "took": duration_text(call.seconds),
            "result": call.own if call.result == "own" else call.result,
            "state": call.words,
        }
        click.echo(_row({name: printable(text) or "-" for name, text in cells.items()}, COLOURS.get(call.result)))

    def print_timeline(self, timeline: Timeline, call: CallDocument) -> None:
        if self.is_json:
            hooks = [HookDocument.of(hook, now_ms()).as_json() for hook in timeline.hooks]
            entries = [entry.document for entry in entries_of(timeline)]
            print_json({"call": call.as_json(), "timeline": entries, "hooks": hooks})
            return
        self._print_heading(call)
        for line in stored_lines(timeline, now_ms()):
            click.echo(line_text(line))

    def _print_heading(self, call: CallDocument) -> None:
        parties = [
            printable(text) or "-" for text in (number_text(call.caller, call.to), number_text(call.to, call.to))
        ]
        dialled_by = f", dialled by call {printable(call.parent)}" if call.parent else ""
        began = f"{call.began_at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"
        state = f"{duration_text(call.seconds)}: {printable(call.words)}"
        click.echo(f"""\
call {printable(call.id)}{dialled_by}
  from {parties[0]} to {parties[1]}
  flow {printable(call.flow) or "-"}, revision {call.revision[:SHORT_HASH] or "-"}
  began {began} {self.zone}, {counted(call.turns, "turn")}, {state}""")
