"""A scenario that differs, for a person: what was heard, where it differs first, and which flow line decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from app.flow.report import printable
from app.simulator import BETWEEN_KEYS_S, Heard
from app.verify.scenarios.result import Decided, Difference, Result
from app.verify.scenarios.suite import Rename

MOST_NOTES = 8
CODES: Final = {"red": "31", "green": "32", "dim": "2", "bold": "1", "yellow": "33"}
_WIDTH = 10
_WORDS = {
    "talk": "hears",
    "stream": "hears",
    "music": "hears",
    "voice": "hears",
    "tone": "hears",
    "beep": "hears",
    "ringing": "rings",
    "pressed": "presses",
    "spoke": "says",
    "joined": "joined by",
    "left": "left by",
    "hung up": "hangs up",
    "ended": "is over",
    "keys": "sends",
}


class Ink:
    """Colours text for a terminal, or leaves it alone."""

    def __init__(self, is_on: bool) -> None:
        self._is_on = is_on

    def __call__(self, text: str, colour: str) -> str:
        """The text in one of the colours of `CODES`."""
        return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if self._is_on and text else text


def told(result: Result, rename: Rename, ink: Ink) -> str:
    """A scenario that differs, from its name to what decided; ends with a line break."""
    first = result.differences[0]
    place = result.scenario.place
    lines = [ink(f"✗ {printable(result.scenario.name)}", "red") + f"  {place.file}:{place.line}"]
    for difference in result.differences:
        lines += [f"  {line}" for line in _difference(difference, ink)]
    if why := why_so(result, rename):
        lines += [f"  {line}" for line in why]
    lines += ["", *_transcript(result, first, ink)]
    lines += [f"  note: {printable(note)}" for note in result.notes[:MOST_NOTES]]
    lines += [f"  not judged: {what}" for what in result.unjudged]
    return "\n".join([*lines, ""])


def told_unjudged(result: Result, ink: Ink) -> str:
    """A scenario that holds as far as it was judged, and what was not."""
    place = result.scenario.place
    named = f"~ {printable(result.scenario.name)}  {place.file}:{place.line}"
    return "\n".join([ink(named, "yellow"), *(f"  not judged: {what}" for what in result.unjudged)])


def _difference(difference: Difference, ink: Ink) -> Iterator[str]:
    yield f"{difference.place.file}:{difference.place.line}: {ink(printable(difference.message), 'bold')}"
    if difference.expected:
        yield f"    expected: {ink(printable(difference.expected), 'green')}"
    if difference.found:
        yield f"    instead:  {ink(printable(difference.found), 'red')}"


def why_so(result: Result, rename: Rename) -> list[str]:
    """The flow lines that decided last before the first difference."""
    at = result.differences[0].at + 0.001
    before = [line for line in result.decided if line.at <= at and line.did in ("decided", "failed", "refused")]
    if not before:
        return []
    last = [line for line in before if (line.at, line.turn) == (before[-1].at, before[-1].turn)]
    gotos = {line.step: line.where for line in result.decided if line.did == "entered" and line.what == "goto"}
    weighty = [line for line in last if line.did != "decided" or gotos.get(line.step, line.where) == line.where]
    weighty = weighty or last[-1:]
    return [f"decided by {decision(line, rename)}" for line in weighty]


def decision(line: Decided, rename: Rename) -> str:
    """A line of the trace: where it is written, which step, what came of it and why."""
    file, _, number = line.where.rpartition(":")
    where = f"{rename(file)}:{number}" if file else "the server"
    step = f' step "{line.step}",' if line.step else ""
    verb = {"failed": "failed with ", "refused": "refused "}.get(line.did, "")
    return printable(f"{where}:{step} {verb}{line.what}{f': {line.because}' if line.because else ''}")


def _transcript(result: Result, first: Difference, ink: Ink) -> Iterator[str]:
    """What the caller heard and did, with the first difference marked."""
    is_marked = False
    for number, heard in _joined(result.transcript):
        here = first.entry is not None and number >= first.entry and not is_marked
        is_marked = is_marked or here
        line = entry(heard)
        yield ink(f"  > {line}", "red") if here else (ink(f"    {line}", "dim") if is_marked else f"    {line}")
        if here and first.expected:
            yield ink(f"  >         {'expected':<{_WIDTH}}{_quoted(first.expected)}", "green")
    if not is_marked:
        yield ink(f"  > {first.at:7.1f} s  {'differs':<{_WIDTH}}{printable(first.message)}", "red")


def _joined(transcript: Iterable[Heard]) -> Iterator[tuple[int, Heard]]:
    """The entries with their numbers; keys that are pressed in one go are one."""
    keys: list[tuple[int, Heard]] = []
    for number, heard in enumerate(transcript):
        if keys and not _goes_on(keys[-1][1], heard):
            yield _as_one(keys)
            keys = []
        if heard.kind == "pressed":
            keys.append((number, heard))
        else:
            yield number, heard
    if keys:
        yield _as_one(keys)


def _goes_on(key: Heard, heard: Heard) -> bool:
    return heard.kind == "pressed" and heard.at - key.at <= BETWEEN_KEYS_S + 0.01


def _as_one(keys: list[tuple[int, Heard]]) -> tuple[int, Heard]:
    number, first = keys[0]
    return number, replace(first, text="".join(heard.text for _, heard in keys))


def entry(heard: Heard) -> str:
    """One line of a transcript."""
    text = {"beep": "a beep", "ended": "", "hung up": ""}.get(heard.kind, heard.text)
    is_quoted = heard.kind in ("talk", "spoke", "voice") and bool(text)
    if heard.kind in ("spoke", "voice") and not text:
        text = f"something, for {heard.seconds or 0:g} s"
    shown = _quoted(text) if is_quoted else printable(text)
    cut = " (cut short)" if heard.is_cut and heard.kind in ("talk", "stream") else ""
    return f"{heard.at:7.1f} s  {_WORDS[heard.kind]:<{_WIDTH}}{shown}{cut}".rstrip()


def _quoted(text: str) -> str:
    return f'"{printable(" ".join(text.split()))}"'
