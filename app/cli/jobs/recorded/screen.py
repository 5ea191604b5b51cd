"""Recorded calls for a person: a table, and a timeline. What strangers have sent moves no cursor and paints nothing."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.recorded.entries import Entry
from app.cli.jobs.recorded.facts import CallFacts, moment
from app.cli.jobs.recorded.played import short
from app.cli.terminal import takes_colour
from app.store import HookRow

WIDE: Final = 118
"""Columns that a table needs."""
SHORT_ID: Final = 12
WHOLE_ID: Final = 32
SHORT_HASH: Final = 8
_INDENT: Final = " " * 8
_COLUMNS: Final = (("call", SHORT_ID), ("began (UTC)", 19), ("from", 15), ("to", 15), ("flow", 14), ("revision", 8))


def width() -> int | None:
    """Columns of the terminal; None where the output goes to a file or a program, and nothing is cut."""
    return max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def plain(text: object) -> str:
    """A text of a stranger without control characters, which could move the cursor or paint."""
    shown = str(text)
    return shown if shown.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in shown)


def painted(text: str, colour: str) -> str:
    """A text in a colour, where colours are shown."""
    return click.style(text, fg=colour) if takes_colour() else text


def heading(columns: int | None) -> str:
    """The line above a table; "" where calls do not stand in one."""
    if columns is not None and columns < WIDE:
        return ""
    return " ".join(f"{name:<{size}}" for name, size in _sized(columns)) + " turns     took  state"


def call_line(facts: CallFacts, now: int, columns: int | None) -> str:
    """A call: one line of a table, or two short ones on a narrow terminal. A pipe gets whole ids."""
    state = state_of(facts)
    began = f"{moment(facts.began_at):%Y-%m-%d %H:%M:%S}"
    took = length(facts.seconds(now))
    if columns is not None and columns < WIDE:
        first = f"{began}  {plain(facts.id)[:SHORT_ID]}  {plain(facts.flow)}"
        parties = f"{_or_hidden(facts.caller)} to {_or_hidden(facts.called)}"
        second = f"    {parties}, {counted(facts.turns, 'turn')}, {took}: {state}"
        return f"{first[:columns]}\n{_in_colour(facts, second[:columns])}"
    values = (plain(facts.id), began, _or_hidden(facts.caller), _or_hidden(facts.called), plain(facts.flow))
    sized = zip((*values, facts.revision[:SHORT_HASH]), _sized(columns), strict=True)
    cells = [f"{text if columns is None else text[:size]:<{size}}" for text, (_, size) in sized]
    return _in_colour(facts, f"{' '.join(cells)} {facts.turns:>5} {took:>8}  {state}"[:columns])


def _sized(columns: int | None) -> tuple[tuple[str, int], ...]:
    return _COLUMNS if columns is not None else (("call", WHOLE_ID), *_COLUMNS[1:])


def _in_colour(facts: CallFacts, line: str) -> str:
    if facts.has_failed:
        return painted(line, "red")
    return painted(line, "green") if facts.state == "open" else line


def _or_hidden(number: str) -> str:
    return plain(number) or "-"


def state_of(facts: CallFacts) -> str:
    """How a call stands, in a few words."""
    step = plain(facts.step)
    match facts.state:
        case "open":
            words = f"waits in {step}" if step else "plays its last words"
        case "hung-up":
            words = f"hung up in {step}" if step else "hung up"
        case "lost":
            words = f"no end was reported, last in {step}" if step else "no end was reported"
        case _:
            words = "played to its end"
    return f"{words}; something failed" if facts.has_failed else words


def length(seconds: float | None) -> str:
    """A duration: `42 s`, `3:05`, `1:02:03`; `?` when nobody knows."""
    if seconds is None:
        return "?"
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 1:
        return f"{rest} s"
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def call_head(facts: CallFacts, now: int) -> Iterator[str]:
    """What stands above the timeline of a call."""
    yield f"call {plain(facts.id)}" + (f", dialled by call {plain(facts.parent)}" if facts.parent else "")
    yield f"  from {_or_hidden(facts.caller)} to {_or_hidden(facts.called)}"
    yield f"  flow {plain(facts.flow)}, revision {facts.revision[:SHORT_HASH]}"
    began = f"began {moment(facts.began_at):%Y-%m-%d %H:%M:%S} UTC"
    turns, took = counted(facts.turns, "turn"), length(facts.seconds(now))
    yield f"  {began}, {turns}, {took}: {_in_colour(facts, state_of(facts))}"


def entry_lines(entry: Entry, columns: int | None, *, whole: bool) -> Iterator[str]:
    """One webhook with what came of it."""
    what = f": {plain(entry.what)}" if entry.what else ""
    again = " (delivered again)" if entry.is_again else ""
    took = f"  [made in {entry.ms:.1f} ms]" if entry.ms is not None else ""
    head = f"{moment(entry.webhook.received_at):%H:%M:%S.%f}"[:12]
    yield painted(f"{head}  {plain(entry.webhook.kind)}{what}{again}{took}", "cyan")
    if entry.turn is None:
        return
    yield from _labelled("why", _why(entry.trace), columns)
    ncco = entry.ncco
    if ncco is None:
        yield f"{'    ncco':<8} nothing: the call goes on as it was"
    elif whole:
        yield "    ncco"
        yield textwrap.indent(json.dumps(ncco, ensure_ascii=False, indent=2), _INDENT)
    else:
        yield from _labelled("ncco", (plain(short(action)) for action in ncco), columns)


def _labelled(label: str, lines: Iterable[str], columns: int | None) -> Iterator[str]:
    """Lines behind a label; long ones are wrapped on a terminal."""
    beginning = f"    {label}"
    for line in lines:
        room = 10_000_000 if columns is None else columns
        yield textwrap.fill(
            line,
            room,
            initial_indent=f"{beginning:<{len(_INDENT)}} ",
            subsequent_indent=f"{_INDENT}   ",
            break_on_hyphens=False,
        )
        beginning = ""


def _why(trace: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a turn did and why. That a step was entered is told by what led there."""
    for line, following in zip(trace, (*trace[1:], None), strict=True):
        if line["did"] == "entered" or _is_told_next(line, following):
            continue
        step = f"{line['step']}: " if line["step"] else ""
        because = f" ({line['because']})" if line["because"] else ""
        where = f"  {line['where']}" if line["where"] else ""
        yield plain(f"{line['did']} {step}{line['what']}{because}{where}")


def _is_told_next(line: Mapping[str, Any], following: Mapping[str, Any] | None) -> bool:
    """Whether the next line tells the same and more: what was heard, and what was decided on it."""
    return line["did"] == "heard" and following is not None and following["did"] == "decided"


def hook_lines(hooks: Sequence[HookRow]) -> Iterator[str]:
    """The hooks of a call that are not sent."""
    for hook in hooks:
        state = "parked" if hook.is_parked else "not sent yet"
        problem = f": {plain(hook.problem)}" if hook.problem else ""
        tries = counted(hook.tries, "try", "tries")
        yield f"  hook {plain(hook.name)}  {hook.id}  {state}, {tries}{problem}"
