"""The exits that do not ask the caller anything (`goto`, `branch` and `hold`), and the base of all exits.

hold: {until: place.agent_free, up_to: 10m}
on: {ready: agent, too_long: voicemail}

`hold` plays `do` until its condition is true. The step's lookups are made on entry, and again after each `do`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, ClassVar, Final, Generic, Self, TypeAlias, TypeVar

from ncco_server.errors import RenderError
from ncco_server.flow.action import HELD
from ncco_server.flow.actions.item import Item
from ncco_server.flow.actions.part import Part
from ncco_server.flow.actions.waits import HeldNeeds, Needs
from ncco_server.flow.frame import Frame, Target
from ncco_server.flow.grammar.forms import TEXT, Duration, Notation, has
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver
from ncco_server.flow.grammar.targets import Destination
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.defaults import Defaults
from ncco_server.flow.language.retry import Retry, RetryWords, failed_try, merge_retry
from ncco_server.flow.nodes import Map, Node, Place, Text
from ncco_server.flow.runtime import (
    BY_KEYS,
    BY_SPEECH,
    IMMEDIATE,
    Again,
    Decision,
    Exit,
    Go,
    Jump,
    Outcome,
    StepShape,
    TakenDecision,
    Way,
)
from ncco_server.flow.scope import has_path
from ncco_server.flow.templates.values import Expression
from ncco_server.ncco.value_types import JsonSchema


@dataclass(frozen=True, slots=True)
class StepSource:
    """A step being read, as its exit sees it.

    `parts` could be read; `played` also has items with unreadable fields.
    """

    name: str
    fields: Fields
    parts: tuple[Part, ...]
    played: tuple[Item, ...]
    defaults: Defaults
    reader: Resolver

    def first(self, kind: str) -> Item | None:
        return next((item for item in self.played if item.word == kind), None)

    def retry(self, own: RetryWords | None, place: Place) -> Retry | None:
        """Complete the step's `retry` from the flow's defaults; None if neither has `then` (E204)."""
        kinds = frozenset(item.word for item in self.played if item.word != "input")
        return merge_retry(own, self.defaults.retry, place, kinds, self.reader)

    @property
    def checkpoints(self) -> frozenset[str]:
        return frozenset(item.name for item in self.played if item.word == "checkpoint")


class AskingWords(MapForm):
    """The words of a step that asks, except the question itself."""

    retry: RetryWords | None = None
    """What happens if the caller's input is invalid or missing."""
    tail: bool = True
    """false: no tail. The tail is played after the question if no webhook reaches the server."""


W = TypeVar("W", bound=MapForm)


class StepExit(Exit, Generic[W]):
    """An exit, as written in a step. `on_words` are the fixed lines of the `on` next to it, if any."""

    form: ClassVar[type[MapForm]]
    on_words: ClassVar[type[MapForm] | None] = None

    def needs(self) -> Needs | None:
        return None

    @classmethod
    @abstractmethod
    def of_words(cls, words: W, source: StepSource) -> Self | None: ...


class AskingExit(StepExit[W]):
    """An exit that waits for the caller's input."""

    shape: ClassVar[StepShape] = "ask"

    retry: Retry

    @property
    def prompts(self) -> Mapping[str, tuple[tuple[Part, ...], ...]]:
        return self.retry.prompts

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        """Return "" after a speech recognition error."""
        if decision.attempt:
            return failed_try(decision.what, decision.attempt, decision.attempts)
        if decision.what == "asr_error":
            return ""
        return f"{decision.what} {BY_SPEECH if heard_by == 'speech' else BY_KEYS}"


class GotoWords(MapForm):
    """The words of a step with `goto`."""

    goto: Destination | None = None
    """Where the call goes: a step, `end`, `return`, or another flow."""


@dataclass(frozen=True, slots=True)
class Goto(StepExit[GotoWords]):
    """`goto` leads straight to one target."""

    word: ClassVar = "goto"
    form: ClassVar = GotoWords
    leaves_at_once: ClassVar = True

    target: Target
    place: Place
    because: str

    def written_ways(self) -> Iterator[Way]:
        yield Way("goto", self.target, self.place, (IMMEDIATE,), is_immediate=True, label="")

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        return IMMEDIATE

    def enter(self, frame: Frame) -> Jump | None:
        return Jump(self.target, self.place, self.because)

    @classmethod
    def of_words(cls, words: GotoWords, source: StepSource) -> Self | None:
        if "goto" not in words.written.values:
            return cls(Target(None, words.place), words.place, "the step has no exit: the call ends")
        target = words.goto
        return None if target is None else cls(target, words.at("goto"), f"goto: {target.shown}")


@dataclass(frozen=True, slots=True)
class Unreadable(Exit):
    """The exit of a stored step that this version can no longer read."""

    word: ClassVar = "goto"
    leaves_at_once: ClassVar = True

    problem: FlowIssue

    def written_ways(self) -> Iterator[Way]:
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        raise self._error

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        raise self._error

    @property
    def _error(self) -> RenderError:
        return RenderError(self.problem.code, self.problem.message, str(self.problem.place))


_SPLIT_KEYS: Final = (("if",), ("goto",))
_LIST_CURE: Final = "write a list: `- if: condition` with `goto: step` under it, and `- else: end` last"


Condition: TypeAlias = Annotated[Expression, Notation(lambda node, what, reader: reader.expression(node, what), TEXT)]


def _shown(condition: Expression, reader: Resolver) -> str:
    """A condition as the trace shows it: only its line if it uses a sensitive value."""
    used = (reader.variables[name] for name in condition.used_names if name in reader.variables)
    if any(variable.sensitive for variable in used) or any(map(has_path, condition.used_names)):
        return f"the condition on line {condition.place.line}"
    return condition.source


class Arm(MapForm):
    """A line of `branch` that has a condition."""

    others: ClassVar = ("else",)
    cures: ClassVar = {"goto": "write `goto: step` under the `if`"}

    condition: Condition = written_as("if")
    """A condition: names, comparison, and, or, not, in, filters."""
    target: Destination = written_as("goto")
    """Where the call goes if it is true."""
    shown: SetByCode[str] = ""

    @property
    def place(self) -> Place:
        return self.at("if")


class Else(MapForm):
    """The last line: where the call goes if no condition holds."""

    target: Destination = written_as("else")
    """Where the call goes if no condition is true; the last line."""


@dataclass(frozen=True, slots=True)
class BranchLines:
    """The conditional lines under `branch`, and the target of `else`. The class is its own form."""

    is_at_key: ClassVar = True

    arms: tuple[Arm, ...]
    otherwise: Target

    @classmethod
    def read(cls, node: Node, what: str, reader: Resolver, *, place: Place) -> Self | None:
        """A missing `else` is reported at `place`."""
        if isinstance(node, Map):
            reader.report("E201", place, f"{what} is a map", _LIST_CURE)
            return None
        lines = reader.seq(node, what)
        if lines is None:
            return None
        split = _report_split_lines(lines.items, reader)
        conditions = [line for line in lines.items if not _is_else(line)]
        arms = [None if line in split else _read_arm(line, reader) for line in conditions]
        otherwise = _read_else(lines.items, place, reader)
        found = tuple(arm for arm in arms if arm is not None)
        return None if otherwise is None or len(found) < len(arms) else cls(found, otherwise)

    @classmethod
    def json_schema(cls) -> JsonSchema:
        line = {"if": has("else"), "then": Else.json_schema(), "else": Arm.json_schema()}
        return {"type": "array", "items": line, "contains": has("else")}


class BranchWords(MapForm):
    """The words of a step with `branch`."""

    branch: BranchLines | None = None
    """The first line with a true condition decides."""


@dataclass(frozen=True, slots=True)
class Branch(StepExit[BranchWords]):
    """Leads to the target of the first line that is true, or else of the last line."""

    word: ClassVar = "branch"
    form: ClassVar = BranchWords
    shape: ClassVar[StepShape] = "decide"
    leaves_at_once: ClassVar = True

    lines: BranchLines
    place: Place

    def written_ways(self) -> Iterator[Way]:
        for arm in self.lines.arms:
            name = f"if {arm.shown}"
            condition = arm.condition
            yield Way(name, arm.target, arm.place, (name,), is_immediate=True, condition=condition, is_alone=True)
        otherwise = self.lines.otherwise
        yield Way("else", otherwise, otherwise.place, ("else",), is_immediate=True, is_alone=True)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        number = len(decision.others)
        arms = self.lines.arms
        return f"if {arms[number].shown}" if number < len(arms) else "else"

    def reads(self) -> Iterator[Expression]:
        yield from (arm.condition for arm in self.lines.arms)

    def enter(self, frame: Frame) -> Jump | None:
        others: list[str] = []
        for arm in self.lines.arms:
            if arm.condition.evaluate(frame.names):
                return Jump(arm.target, arm.place, f"{arm.shown} holds", tuple(others))
            others.append(f"{arm.shown} does not hold")
        otherwise = self.lines.otherwise
        return Jump(otherwise, otherwise.place, "else: no condition holds", tuple(others))

    @classmethod
    def of_words(cls, words: BranchWords, source: StepSource) -> Self | None:
        return None if words.branch is None else cls(words.branch, words.at("branch"))


def _report_split_lines(lines: tuple[Node, ...], reader: Reader) -> list[Node]:
    split: list[Node] = []
    for line, following in pairwise(lines):
        if isinstance(line, Map) and isinstance(following, Map) and (line.keys(), following.keys()) == _SPLIT_KEYS:
            message = "this `goto` is on a separate line, and the `if` above it does not have one"
            reader.report("E204", following.place, message, "put it under the `if`: without the dash, indented as far")
            split += [line, following]
    return split


def _is_else(line: Node) -> bool:
    return isinstance(line, Map) and line.get("else") is not None and line.get("if") is None


def _read_arm(line: Node, reader: Resolver) -> Arm | None:
    found = reader.map(line, "a line of `branch`", _LIST_CURE)
    if found is None:
        return None
    fields = Arm.read_words(found, "a line of `branch`", reader)
    if "else" in fields.values and found.get("else") is None:
        return None  # a misspelt `else`, which is reported
    if "else" in fields.values:
        message = "`if` and `else` are in the same line of `branch`"
        reader.report("E251", fields.at("else"), message, "write `- else: end` as a separate line, the last one")
        return None
    target = fields.get("goto")
    step = target.value if isinstance(target, Text) else "step"
    cure = f"write `if: condition` in front of it; if this is the last line, write `- else: {step}`"
    arm = Arm.build(fields, reader, cures={"if": cure})
    return replace(arm, shown=_shown(arm.condition, reader)) if arm else None


def _read_else(lines: tuple[Node, ...], place: Place, reader: Reader) -> Target | None:
    index, found = next(((index, line) for index, line in enumerate(lines) if _is_else(line)), (0, None))
    if found is None:
        has_stray = any(not isinstance(line, Map) or line.get("else") or not line.get("if") for line in lines)
        if not has_stray:
            reader.report(
                "E204",
                place,
                "`branch` has no `else` for calls that match no other line",
                "end the list with `- else: end`",
            )
        return None
    for behind in lines[index + 1 : index + 2]:  # one is enough, if `else` comes before several lines
        cure = None if lines[-1] is behind else "move the line `else` to the end"
        reader.report("E251", behind.place, "this line of `branch` comes after `else` and is never reached", cure)
    step = found.get("else") if isinstance(found, Map) else None
    otherwise = None if step is None else Else.read(found, "the `else` line", reader)
    return otherwise.target if otherwise else None


class HoldOutcomes(MapForm):
    """The `on` next to `hold`."""

    unknown_code: ClassVar = "E263"
    others: ClassVar = ("error",)
    example: ClassVar = "on: {ready: end, too_long: end}"
    is_at_key: ClassVar = True
    definition: ClassVar = "on"
    cures: ClassVar = {word: f"add `{word}: step`" for word in ("ready", "too_long")}

    ready: Destination
    """The condition is true."""
    too_long: Destination
    """The time in `up_to` has passed."""


class Waiting(MapForm):
    """The map under `hold`."""

    example: ClassVar = "hold: {until: place.agent_free, up_to: 10m}"
    is_at_key: ClassVar = True
    cures: ClassVar = {
        "until": "add `until: condition`",
        "up_to": "add `up_to: 10m`, so that nobody waits forever",
    }

    until: Condition
    """The condition that ends the wait."""
    up_to_ms: Annotated[int, Duration("1s", "24h")] = written_as("up_to")
    """Maximum wait: 90s, 10m, 1h. Source: Voice API specification, length_timer: calls end after 24 hours."""


class HoldWords(MapForm):
    """The words of a step that holds the caller."""

    cures: ClassVar = {"on": f"add `{HoldOutcomes.example}`"}

    hold: Waiting | None = None
    """The caller waits for something, and hears `do` meanwhile."""
    on: HoldOutcomes | None = None
    """Where the call goes after each outcome of the connect, checkpoint, hold or flow; `error` goes with any exit."""


@dataclass(frozen=True, slots=True)
class Hold(StepExit[HoldWords]):
    """Waits until a condition is true, at most `up_to`. `shown` is the condition in the trace."""

    word: ClassVar = "hold"
    form: ClassVar = HoldWords
    on_words: ClassVar = HoldOutcomes
    shape: ClassVar[StepShape] = "hold"
    is_early: ClassVar = True
    asks_again: ClassVar = True

    until: Expression
    up_to_ms: int
    lines: HoldOutcomes
    place: Place
    shown: str

    def written_ways(self) -> Iterator[Way]:
        """Both count as ways with input, because the wait takes a limited time."""
        ready = self.lines.ready
        too_long = self.lines.too_long
        yield Way(
            "ready",
            ready,
            ready.place,
            ("ready",),
            passes_input=True,
            is_immediate=True,
            condition=self.until,
            detail=self.until.source,
        )
        yield Way("too_long", too_long, too_long.place, ("too_long",), passes_input=True)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        return "ready" if is_at_once else decision.what

    def reads(self) -> Iterator[Expression]:
        yield self.until

    def needs(self) -> Needs:
        return HeldNeeds()

    @property
    def longest_wait_s(self) -> float:
        return self.up_to_ms / 1000

    def enter(self, frame: Frame) -> Jump | None:
        if not self.until.evaluate(frame.names):
            return None
        target = self.lines.ready
        return Jump(target, target.place, f"{self.shown} already holds")

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        if outcome.name != HELD:
            return None
        waited = f"after {frame.waited:.0f} s"
        if self.until.evaluate(frame.names):
            return _go("ready", self.lines.ready, f"{self.shown} holds {waited}")
        if frame.waited * 1000 >= self.up_to_ms:
            return _go("too_long", self.lines.too_long, f"{self.shown} does not hold {waited}, and time is up")
        because = f"{self.shown} does not hold {waited}: the caller keeps waiting"
        return Decision(Again(counts_try=False), HELD, self.place, because)

    @classmethod
    def of_words(cls, words: HoldWords, source: StepSource) -> Self | None:
        if words.hold is None or words.on is None:
            return None
        until = words.hold.until
        shown = _shown(until, source.reader)
        return cls(until, words.hold.up_to_ms, words.on, words.at("hold"), shown)


def _go(name: str, target: Target, because: str) -> Decision:
    return Decision(Go(target), name, target.place, because)
