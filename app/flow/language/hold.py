"""`hold`: the caller waits for something, and hears what the step plays for as long as it takes.

lookup: place
do:
  - talk: "You are number {{ place.position }} in the queue."
  - stream: https://example.com/music.mp3
hold: {until: place.agent_free, up_to: 10m}
on: {ready: agent, too_long: voicemail}

The look-ups of the step are asked on entering and each time that `do` has been played. When `until` holds, the call
goes on at `ready`, on entering too: then nothing is played. `too_long` decides once `up_to` has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.flow.actions.dial import with_held
from app.flow.language.base import FlowModel, Made, ReadWith
from app.flow.language.branch import read_condition
from app.flow.language.durations import duration
from app.flow.language.exits import StepExit, StepSource, Wired
from app.flow.language.json_schema import TEXT, defined
from app.flow.language.returned import OK
from app.flow.language.targets import read_target
from app.flow.model import Again, Decision, Edge, Frame, Go, Jump, Outcome, Part, Target
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.scope import Record
from app.flow.templates import Expression

HELD: Final = "held"
_ON: Final = "add `on: {ready: step, too_long: step}`"


class HoldOutcomes(FlowModel):
    """The `on` beside `hold`."""

    unknown_code: ClassVar = "E277"
    cures: ClassVar = {"ready": "add `ready: step`", "too_long": "add `too_long: step`"}

    ready: Annotated[Target, ReadWith(read_target, defined("goto"))]
    """What was waited for has come."""
    too_long: Annotated[Target, ReadWith(read_target, defined("goto"))]
    """The longest time is over."""


class Hold(FlowModel, StepExit):
    """Waits until a condition holds, at most for a time. `shown` is the condition for the trace."""

    word: ClassVar = "hold"
    step_words: ClassVar = ("hold", "on")
    is_early: ClassVar = True
    asks_again: ClassVar = True
    aliases: ClassVar = {**dict.fromkeys(("for", "timeout", "max"), "up_to"), "if": "until"}
    hints: ClassVar = {
        "while": "write `until` with the opposite condition",
        "on": "write `on` beside `hold`, not inside it",
    }
    cures: ClassVar = {"until": "add `until: condition`", "up_to": "add `up_to: 10m`: nobody waits forever"}

    until: Annotated[Expression, ReadWith(read_condition, TEXT)]
    """The condition."""
    up_to_ms: Annotated[int, duration("1s", "24h", "m")] = Field(alias="up_to")
    """The longest time: 90s, 10m, 1h. Source: Voice API specification, length_timer: calls end after 24 hours."""
    outcomes: Made[HoldOutcomes]
    shown: Made[str] = ""

    @property
    def lines(self) -> Mapping[str, Target]:
        """Where each outcome leads."""
        return {"ready": self.outcomes.ready, "too_long": self.outcomes.too_long}

    def edges(self) -> Iterator[Edge]:
        """Both ways on. Time passes here, and it is bounded, as input is."""
        for name, target in self.lines.items():
            yield Edge(name, target, passes_input=True)

    def uses(self) -> Iterator[Part | Expression]:
        """What it waits for."""
        yield self.until

    def enter(self, frame: Frame) -> Jump | None:
        """On at once when the condition holds already. Raises RenderError."""
        if not self.until.evaluate(frame.names):
            return None
        target = self.outcomes.ready
        return Jump(target, target.place, f"{self.shown} holds already")

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """On when the condition holds or the time is over, else once more. Raises RenderError."""
        if outcome.name != HELD:
            return None
        waited = f"after {frame.waited:.0f} s"
        if self.until.evaluate(frame.names):
            return self._go("ready", f"{self.shown} holds {waited}")
        if frame.waited * 1000 >= self.up_to_ms:
            return self._go("too_long", f"{self.shown} does not hold {waited}, the longest is over")
        because = f"{self.shown} does not hold {waited}: held on"
        return Decision(Again(blame=False), HELD, self.place, because)

    def _go(self, name: str, because: str) -> Decision:
        target = self.lines[name]
        return Decision(Go(target), name, target.place, because)

    @classmethod
    def read(cls, node: Node, source: StepSource) -> Wired | None:
        """The `hold` of a step with the `on` beside it."""
        reader, place = source.reader, source.fields.at("hold")
        found = reader.map(node, "`hold`", "write `hold: {until: place.agent_free, up_to: 10m}`")
        outcomes = _read_outcomes(source)
        hold = cls.parse(found, "`hold`", reader, place=place, outcomes=outcomes) if found else None
        if hold is None or outcomes is None:
            return None
        _check_changes(hold.until, source)
        hold = hold.model_copy(update={"shown": source.shown(hold.until)})
        return Wired(hold, with_held(source.parts, place, reader))


def _read_outcomes(source: StepSource) -> HoldOutcomes | None:
    node = source.fields.need("on", _ON, source.reader)
    found = source.reader.map(node, "`on`", _ON) if node else None
    if found is None:
        return None
    fields = HoldOutcomes.read_words(found, "`on`", source.reader, place=source.fields.at("on"), more=("error",))
    return HoldOutcomes.build(fields.without("error"), source.reader)


def _check_changes(until: Expression, source: StepSource) -> None:
    """W289 when `until` looks at nothing that may change while the caller waits.

    One without any name is reported by itself (W642, W643), but for `false`, with which the caller always waits.
    """
    if not until.used_names or until.used_names & {"hours", "now", *_asked(source.fields.get("lookup"))}:
        return
    shapes = ((name, source.reader.scope.get(name)) for name in sorted(until.used_names))
    known = next((name for name, shape in shapes if isinstance(shape, Record) and OK in shape.fields), "")
    cure = f"add `lookup: {known}` to this step: it is asked again each time" if known else None
    source.reader.report("W289", until.place, f"{source.shown(until)} stays as it is while the caller waits", cure)


def _asked(node: Node | None) -> Iterator[str]:
    """The names of the look-ups under `lookup` of a step."""
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Map):
            yield from item.keys()
        elif isinstance(item, Text):
            yield item.value
