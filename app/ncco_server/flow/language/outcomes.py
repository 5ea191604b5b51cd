"""`on`: where a call goes after each outcome of its connect, a checkpoint, or the flow that it runs.

on:
  completed: end           # they spoke, and the other party hung up
  otherwise: reception     # busy, timeout, unanswered, rejected, failed

If `on` names an outcome of the connect, every failure must lead somewhere; `machine`, `human` and `beep` only decide if
named. For a flow under `run`, the lines are its declared `outcomes`; `error` is an error that it does not handle.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final, NamedTuple, Self

from ncco_server.flow.actions.connect import ConnectPart
from ncco_server.flow.actions.waits import DialNeeds, Needs, connect_of
from ncco_server.flow.frame import Frame, Runs, Target
from ncco_server.flow.grammar.forms import Unread, ref
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, read_fields
from ncco_server.flow.grammar.targets import RETURNED, FlowName, GivenParams, declared_under, read_run, read_target
from ncco_server.flow.language.exits import StepExit, StepSource
from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.runtime import (
    IMMEDIATE,
    OTHERWISE,
    Decision,
    Go,
    Jump,
    Next,
    Outcome,
    StepShape,
    TakenDecision,
    Way,
)
from ncco_server.flow.scope import Signature
from ncco_server.ncco.statuses import DIAL_FAILURES, DIAL_OUTCOMES, DISCONNECTED, STATUSES
from ncco_server.ncco.value_types import Kind

ERROR: Final = "error"
OUTCOMES: Final = {
    **{name: STATUSES[name].meaning for name in DIAL_OUTCOMES},
    OTHERWISE: "Everything that does not have its own line.",
}
_OBSERVED: Final = STATUSES.keys() - OUTCOMES.keys() | {
    *("record", "recording", "recorded", "transcription", "transcribed", "transfer", "hangup")
}
"""Hooks can report them, but they never decide."""


_OUTCOME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESERVED: Final = frozenset({"error", "otherwise", "end"})


def read_outcomes(node: Node, reader: Reader, taken: Collection[str] = ()) -> dict[str, Place]:
    """The declared names; some others are `taken`."""
    found = Seq((node,), node.place) if isinstance(node, Text) else reader.seq(node, "`outcomes`")
    names: dict[str, Place] = {}
    for item in found.items if found else ():
        text = reader.text(item, "an outcome")
        if text is not None:
            cure = f"leave it out: {', '.join(taken)} are outcomes in any case" if text.value in taken else None
            reader.check_name(text, "an outcome", _OUTCOME, taken=_RESERVED.union(taken), taken_cure=cure)
            names.setdefault(text.value, text.place)
    return names


class OutcomeTarget(NamedTuple):
    """An outcome, and where it leads."""

    target: Target
    place: Place


def read_lines(fields: Fields, reader: Resolver) -> dict[str, OutcomeTarget]:
    nodes = {name: node for name, node in fields.values.items() if name != ERROR}
    targets = {name: read_target(node, f"`{name}`", reader) for name, node in nodes.items()}
    return {name: OutcomeTarget(target, fields.at(name)) for name, target in targets.items() if target is not None}


class OnWords(MapForm):
    """The words of a step in which a connect or a checkpoint decides."""

    on: Annotated[Node | None, Unread(ref("on"))] = None
    """Where the call goes after each outcome of the connect, checkpoint, hold or flow; `error` goes with any exit."""


@dataclass(frozen=True, slots=True)
class On(StepExit[OnWords]):
    """Waits for a connect's events, or for a checkpoint."""

    word: ClassVar = "on"
    form: ClassVar = OnWords
    is_early: ClassVar = True

    lines: Mapping[str, OutcomeTarget]
    covered: frozenset[str]
    connect: ConnectPart | None
    place: Place

    @property
    def statuses(self) -> frozenset[str]:
        return self.covered.union(self.lines)

    def needs(self) -> Needs | None:
        if self.connect is None and not OUTCOMES.keys().isdisjoint(self.lines):
            return None
        completed = self.lines.get("completed")
        ends = completed is not None and completed.target.is_end and not completed.target.sets
        return DialNeeds(frozenset(self.lines), ends)

    @property
    def dials(self) -> bool:
        return self.connect is not None

    @property
    def plays_again(self) -> bool:
        return self.connect is not None and self.connect.rings_several

    def written_ways(self) -> Iterator[Way]:
        for name, line in self.lines.items():
            yield Way(name, line.target, line.place, (name,))

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        """Return "" if the next target of a list is dialled."""
        if decision.next_target:
            return ""
        name = OTHERWISE if is_at_once else decision.what
        if name in self.lines:
            return name
        return OTHERWISE if OTHERWISE in self.lines else "failed"

    def enter(self, frame: Frame) -> Jump | None:
        """If no listed number may be dialled, follow a failure's line at once. Raises RenderError."""
        if self.connect is None or not self.connect.may_ring_nobody:
            return None
        if frame.dials_left > 0 and next(self.connect.rung(frame), None) is not None:
            return None
        line = self.lines.get("otherwise") or self.lines["failed"]
        why = (
            "none of the numbers in the list can be dialled"
            if frame.dials_left > 0
            else "the call has reached its limit of dials"
        )
        return Jump(line.target, line.place, why)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Return None for a status that does not decide here. Raises RenderError."""
        name = "completed" if outcome.name == "connected" else outcome.name
        if name in DIAL_FAILURES and self.connect is not None and self.connect.rings_several:
            count = sum(1 for _ in self.connect.rung(frame))
            if count - frame.position > 1 and frame.dials_left > 0:
                number = frame.position + 2
                rung = f"{outcome.because}; target {number} of {count} is next"
                return Decision(Next(), name, self.place, rung, next_target=number)
        found = name if name in self.lines else "otherwise" if name in self.covered else ""
        line = self.lines.get(found)
        if line is None:
            return None
        how = 'no line for it, so "otherwise" decides' if found == "otherwise" else f'the line "{name}" decides'
        others = tuple(f"{other}: it was {name}" for other in self.lines if other != found)
        return Decision(Go(line.target), name, line.place, f"{outcome.because}; {how}", others)

    @classmethod
    def of_words(cls, words: OnWords, source: StepSource) -> Self | None:
        reader = source.reader
        place = words.at("on")
        found = reader.map(words.on, "`on`", "write `on: {completed: end, otherwise: end}`") if words.on else None
        if found is None:
            return None
        fields = _read_dial_lines(found, source)
        lines = read_lines(fields, reader)
        connect = source.first("connect")
        dialled = [name for name in fields.values if name in OUTCOMES]
        failures = (*DIAL_FAILURES, DISCONNECTED) if connect and connect.has_websocket else DIAL_FAILURES
        if dialled and connect is None:
            message = f"`{dialled[0]}` is an outcome of a connect, but this step does not have one"
            reader.report(
                "E219", fields.at(dialled[0]), message, 'add `- connect: "447700900111"` to `do`, or delete the line'
            )
        elif dialled:
            _check_dial(fields, failures, source)
        return cls(lines, frozenset(failures), connect_of(source.parts), place)


class RunWords(OnWords):
    """The words of a step that runs another flow."""

    run: FlowName | None = None
    """Another flow to run; `on` says where the call goes after each of its outcomes."""
    given: GivenParams | None = written_as("with", default=None)
    """The params for the flow under `run`."""


@dataclass(frozen=True, slots=True)
class RunFlow(StepExit[RunWords]):
    """Runs another flow, whose outcome decides."""

    word: ClassVar = "run"
    form: ClassVar = RunWords
    shape: ClassVar[StepShape] = "run"
    leaves_at_once: ClassVar = True

    run: Runs
    lines: Mapping[str, OutcomeTarget]
    place: Place

    def written_ways(self) -> Iterator[Way]:
        entered = Target(None, self.place, runs=self.run)
        yield Way(entered.shown, entered, self.place, (IMMEDIATE,), is_immediate=True, is_alone=True)
        for name, line in self.lines.items():
            yield Way(name, line.target, line.place, (name,), is_immediate=True, is_return=True)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        if is_at_once:
            return IMMEDIATE
        return decision.what if decision.what in self.lines else OTHERWISE

    def enter(self, frame: Frame) -> Jump | None:
        return Jump(Target(None, self.place, runs=self.run), self.place, f"run: {self.run.flow}")

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        found = outcome.name if outcome.name in self.lines else OTHERWISE
        line = self.lines.get(found)
        if line is None:
            return None
        others = tuple(f"{other}: it was {outcome.name}" for other in self.lines if other != found)
        return Decision(Go(line.target), outcome.name, line.place, f'{outcome.because}; "{found}" decides', others)

    @classmethod
    def of_words(cls, words: RunWords, source: StepSource) -> Self | None:
        fields = words.written
        reader = source.reader
        place = words.at("run")
        runs = read_run(words.run, words.given, reader, comes_back=True) if words.run else None
        signature = reader.flows.get(runs.flow) if runs else None
        outcomes = (signature.outcomes or (RETURNED,)) if signature else ()
        cure = f"add `on: {{{', '.join(f'{name}: step' for name in outcomes or ('outcome',))}}}`"
        on = fields.need("on", cure, reader)
        found = reader.map(on, "`on`", cure) if on else None
        if runs is None or found is None:
            return None
        at = fields.at("on")
        what, more = ("`outcomes`", ()) if at.is_in_python else ("`on`", (OTHERWISE, ERROR))
        known = (*(outcomes if signature and signature.is_whole else found.keys()), *more)
        written = read_fields(found, known, what, reader, place=at, code="E263")
        lines = read_lines(written, reader)
        if signature is not None and signature.is_whole:
            _check_otherwise(written, outcomes, "E276", reader)
            _check_returned(signature, place, reader)
        return cls(runs, lines, place)


def steers(node: Map) -> bool:
    """An `on` that only has `error` is not an exit."""
    return any(key != "error" for key in node.keys())  # noqa: SIM118 - a Map is no dict


def _read_dial_lines(node: Map, source: StepSource) -> Fields:
    """Report E263 for statuses that cannot decide, E263 for words that are not outcomes of this step.

    After an error in `do`, an unknown name may be an unreadable checkpoint.
    """
    reader = source.reader
    observed = [entry for entry in node.entries if entry.key.value in _OBSERVED - source.checkpoints]
    for key, _ in observed:
        cure = "take it out of `on`; to observe a call, use `events`"
        reader.report("E263", key.place, f"`{key.value}` cannot steer a call", cure)
    kept = node.without(*(key.value for key, _ in observed)) if observed else node
    known = (*OUTCOMES, ERROR, *sorted(source.checkpoints.difference(OUTCOMES, ("",))))
    place = source.fields.at("on")
    fields = read_fields(kept, known, "`on`", reader, place=place, code="E263")
    return replace(fields, is_whole=False) if observed else fields


def _check_dial(fields: Fields, failures: tuple[str, ...], source: StepSource) -> None:
    reader = source.reader
    if DISCONNECTED in fields.values and DISCONNECTED not in failures:
        message = "`disconnected` is an outcome of a websocket, but this connect does not have a websocket"
        reader.report("E263", fields.at(DISCONNECTED), message, "delete the line")
    connect = connect_of(source.parts)
    may_be_empty = connect is not None and any(target.numbers is not None for target in connect.targets)
    _check_otherwise(fields, failures, "E260", reader, may_be_empty=may_be_empty)
    if fields.is_whole and "completed" not in fields.values:
        reader.report(
            "E204", fields.place, "`on` does not say what comes after a completed call", "add `completed: end`"
        )


def _check_otherwise(
    fields: Fields, outcomes: tuple[str, ...], code: str, reader: Reader, *, may_be_empty: bool = False
) -> None:
    """Report W267 for an `otherwise` without an outcome, `code` for outcomes that lead nowhere."""
    missing = ", ".join(name for name in outcomes if name not in fields.values)
    if OTHERWISE in fields.values and not missing and not may_be_empty:
        reader.report("W267", fields.at(OTHERWISE), "`otherwise` is never used: every outcome has its own line")
    elif OTHERWISE not in fields.values and missing and fields.is_whole:
        message = f"`on` does not say where a call goes on {missing}"
        reader.report(code, fields.place, message, f"add `otherwise: step`, or a line for each of {missing}")


def _check_returned(signature: Signature, place: Place, reader: Resolver) -> None:
    """Returned values go into variables of the same name: E203 for a different type, E226 for an exposed secret."""
    for name, returned in signature.returns.items():
        variable = reader.variables.get(name)
        if variable is None:
            continue
        if not _fits(returned.type, variable.type):
            message = f'the flow "{signature.name}" returns "{name}" as {returned.type.described}'
            message = f"{message}, but this flow's variable is {variable.type.described}"
            reader.report("E203", place, message, "declare both with the same type, or rename one of them")
        if returned.sensitive and not variable.sensitive:
            message = f'the flow "{signature.name}" returns the sensitive "{name}", but this flow stores it unmasked'
            cure = f"declare `{name}` with `sensitive: true` under {declared_under(name, reader)}"
            reader.report("E226", place, message, cure)


def _fits(returned: Kind, variable: Kind) -> bool:
    if variable.words:
        return bool(returned.words) and set(returned.words) <= set(variable.words)
    return returned.name == variable.name or (
        variable.name in {"text", "number"} and returned.family == variable.family
    )
