"""`on`: what came of the step's connect, of machine detection or of a checkpoint.

on:
  completed: end           # they spoke, and the other party hung up
  busy: voicemail
  otherwise: reception     # the rest of busy, timeout, unanswered, rejected, failed

Naming an outcome of the connect makes its events steer. Every failure must lead somewhere; `machine`, `human` and
`beep` only steer when they are named. `error` may stand in the `on` of every step, whatever its exit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.model import Asked, Decision, Edge, Frame, Go, Jump, Next, Outcome, Part, Target
from app.flow.nodes import Map, Place
from app.flow.parts.checkpoint import DIAL_FAILURES
from app.flow.parts.connect import Connect
from app.flow.parts.dial import connect_of, with_dial
from app.flow.reader import Reader
from app.flow.targets import read_target
from app.flow.templates import Expression
from app.ncco.suggest import nearest

FAILURES = DIAL_FAILURES
DETECTED = ("machine", "human", "beep")
DISCONNECTED = "disconnected"
DIALLED = ("completed", *FAILURES, DISCONNECTED, *DETECTED, "otherwise")
"""Every line of `on` that decides what came of a connect."""

_OBSERVED = (
    "started",
    "ringing",
    "answered",
    "cancelled",
    "record",
    "recording",
    "recorded",
    "transcription",
    "transcribed",
    "transfer",
    "hangup",
)
_CANNOT_STEER = {
    "answered": "write `completed` for what follows the conversation; what only observes it belongs under `events`",
}
_UNKNOWN_CURES = {
    "noinput": "write it under `retry`: `retry: {then: {noinput: step, nomatch: step}}`",
    "nomatch": "write it under `retry`: `retry: {then: {noinput: step, nomatch: step}}`",
    "else": "write `otherwise`",
    "default": "write `otherwise`",
    "success": "write `completed`",
    "connected": "write `completed`",
    "no_answer": "write `unanswered` and `timeout`, or `otherwise`",
    "noanswer": "write `unanswered` and `timeout`, or `otherwise`",
    "no-answer": "write `unanswered` and `timeout`, or `otherwise`",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One outcome and where it leads."""

    target: Target
    place: Place


@dataclass(frozen=True, slots=True)
class On:
    """Waits for the events of a connect, or for a checkpoint."""

    word: ClassVar[str] = "on"
    is_steady: ClassVar[bool] = True
    is_early: ClassVar[bool] = True
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"on"})

    lines: Mapping[str, Line]
    covered: frozenset[str]
    connect: Connect | None
    place: Place

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked of the caller."""
        return None

    def edges(self) -> Iterator[Edge]:
        """Each line. No input of the caller passes here."""
        for name, line in self.lines.items():
            yield Edge(name, line.target, passes_input=False)

    def uses(self) -> Iterator[Part | Expression]:
        """Nothing of its own."""
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        """A webhook decides, unless a list has nobody to ring: then what follows a failure does, and nothing is played.

        Raises RenderError.
        """
        if self.connect is None or not self.connect.rings_several:
            return None
        if frame.dials_left > 0 and next(self.connect.rung(frame), None) is not None:
            return None
        line = self.lines.get("otherwise") or self.lines["failed"]
        why = "its list has nobody to ring" if frame.dials_left > 0 else "the call has dialled as often as it may"
        return Jump(line.target, line.place, why)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """The line of the outcome; None for a status that does not steer here. Raises RenderError."""
        name = "completed" if outcome.name == "connected" else outcome.name
        if name in FAILURES and self.connect is not None and self.connect.rings_several:
            count = sum(1 for _ in self.connect.rung(frame))
            if count - frame.position > 1 and frame.dials_left > 0:
                rung = f"{outcome.because}; target {frame.position + 2} of {count} is next"
                return Decision(Next(), name, self.place, rung)
        found = name if name in self.lines else "otherwise" if name in self.covered else ""
        line = self.lines.get(found)
        if line is None:
            return None
        how = 'no line of its own, so "otherwise" decides' if found == "otherwise" else f'the line "{name}" decides'
        others = tuple(f"{other}: it was {name}" for other in self.lines if other != found)
        return Decision(Go(line.target), name, line.place, f"{outcome.because}; {how}", others)


def steers(node: Map) -> bool:
    """Whether an `on` is an exit: it names anything but `error`."""
    return any(key != "error" for key in node.keys())  # noqa: SIM118 - a Map is no dict


def read_on(source: StepSource, reader: Reader) -> Wired | None:
    """The `on` of a step without another exit."""
    place = source.fields.at("on")
    node = reader.map(source.fields.values["on"], "`on`", "write `on: {completed: end, otherwise: step}`")
    if node is None:
        return None
    fields = _read_lines(node, source, reader)
    targets = {
        name: read_target(value, f"`{name}`", reader) for name, value in fields.values.items() if name != "error"
    }
    lines = {name: Line(target, fields.at(name)) for name, target in targets.items() if target is not None}
    connect = source.first("connect")
    dialled = [name for name in fields.values if name in DIALLED]
    failures = (*FAILURES, DISCONNECTED) if connect and connect.has_websocket else FAILURES
    exit_ = On(lines, frozenset(failures), None, place)
    if dialled and connect is None:
        _report_no_connect(dialled, fields, source, reader)
        return Wired(exit_, source.parts)
    if dialled:
        _check_dial(fields, failures, source, reader)
    if not source.plays_whole:
        return Wired(exit_, source.parts)
    return _wire(exit_, lines, source, reader)


def _wire(exit_: On, lines: Mapping[str, Line], source: StepSource, reader: Reader) -> Wired:
    completed = lines.get("completed")
    ends = completed is not None and completed.target.is_end
    parts = with_dial(source.parts, frozenset(lines), completed_ends=ends, place=exit_.place, reader=reader)
    return Wired(On(lines, exit_.covered, connect_of(parts), exit_.place), parts)


def _read_lines(node: Map, source: StepSource, reader: Reader) -> Fields:
    """The lines by outcome; E262 for what cannot steer, E263 for what is no outcome of this step.

    Beside a fault of `do` a strange name is taken for a checkpoint that could not be read.
    """
    observed = {entry.key.value: entry for entry in node.entries if _only_observes(entry.key.value, source)}
    for name, entry in observed.items():
        reader.report("E262", entry.key.place, f"`{name}` cannot steer a call", _CANNOT_STEER.get(name))
    kept = Map(tuple(entry for entry in node.entries if entry.key.value not in observed), node.place)
    known = (*DIALLED, "error", *sorted(source.checkpoints.difference(DIALLED, ("",))))
    strange = [name for name in kept.keys() if name not in known and not nearest(name, known)]  # noqa: SIM118 - a Map
    if not source.plays_whole:
        known = (*known, *(name for name in strange if name.lower() not in _UNKNOWN_CURES))
    listed = f"known are: {', '.join(known)}, and the checkpoints of `do`"
    hints = dict.fromkeys((name.lower() for name in strange), listed) | _UNKNOWN_CURES
    place = source.fields.at("on")
    fields = read_fields(kept, known, "`on`", reader, place=place, hints=hints, code="E263")
    return Fields(fields.what, place, fields.keys, fields.values, fields.is_whole and not observed)


def _only_observes(name: str, source: StepSource) -> bool:
    return name in _OBSERVED and name not in source.checkpoints


def _report_no_connect(dialled: list[str], fields: Fields, source: StepSource, reader: Reader) -> None:
    if source.fields.is_whole and source.plays_whole:
        message = f"`{dialled[0]}` is an outcome of a connect, and this step has none"
        reader.report("E264", fields.at(dialled[0]), message)


def _check_dial(fields: Fields, failures: tuple[str, ...], source: StepSource, reader: Reader) -> None:
    missing = [name for name in failures if name not in fields.values]
    if DISCONNECTED in fields.values and DISCONNECTED not in failures:
        message = "`disconnected` is an outcome of a websocket, and this connect leads to none"
        reader.report("E263", fields.at(DISCONNECTED), message, "delete the line")
    connect = connect_of(source.parts)
    may_be_empty = connect is not None and any(target.numbers is not None for target in connect.targets)
    if "otherwise" in fields.values and not missing and not may_be_empty:
        reader.report("W267", fields.at("otherwise"), "`otherwise` catches nothing: every failure has its own line")
    if not fields.is_whole:
        return
    if "otherwise" not in fields.values and missing:
        named = ", ".join(missing)
        message = f"`on` does not say where a call goes on {named}"
        reader.report("E260", fields.place, message, f"add `otherwise: step`, or a line each for {named}")
    if "completed" not in fields.values:
        reader.report("E261", fields.place, "`on` does not say what follows a completed call")
