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
from dataclasses import dataclass
from typing import ClassVar

from app.flow.exits.source import StepSource, Wired
from app.flow.expressions import Expression
from app.flow.fields import Fields, read_fields
from app.flow.language.durations import duration
from app.flow.language.returned import OK
from app.flow.model import Again, Asked, Decision, Edge, Frame, Go, Jump, Outcome, Part, Target
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.parts.dial import with_held
from app.flow.reader import Reader
from app.flow.scope import Record
from app.flow.targets import read_target

OUTCOMES = ("ready", "too_long")
HELD = "held"
_UP_TO = duration("1s", "24h", "m")
"""Source: Voice API specification, length_timer: Vonage ends calls after 24 hours at most."""

_HINTS = {
    "for": "write `up_to`",
    "timeout": "write `up_to`",
    "max": "write `up_to`",
    "while": "write `until` with the opposite condition",
    "if": "write `until`",
    "on": "write `on` beside `hold`, not inside it",
}
_CURE = "write `hold: {until: place.agent_free, up_to: 10m}`"


@dataclass(frozen=True, slots=True)
class Hold:
    """Waits until a condition holds, at most `up_to_ms`. `shown` is the condition for the trace."""

    word: ClassVar[str] = "hold"
    is_steady: ClassVar[bool] = False
    is_early: ClassVar[bool] = True
    asks_again: ClassVar[bool] = True
    words: ClassVar[frozenset[str]] = frozenset({"hold", "on"})

    until: Expression
    up_to_ms: int
    lines: Mapping[str, Target]
    place: Place
    shown: str

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked of the caller."""
        return None

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
        target = self.lines["ready"]
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


def read_hold(source: StepSource, reader: Reader) -> Wired | None:
    """The `hold` of a step with the `on` beside it."""
    place = source.fields.at("hold")
    node = reader.map(source.fields.values["hold"], "`hold`", _CURE)
    lines = _read_lines(source, reader)
    if node is None:
        return None
    fields = read_fields(node, ("until", "up_to"), "`hold`", reader, place=place, hints=_HINTS)
    until_node = fields.need("until", "add `until: condition`", reader)
    up_to_node = fields.need("up_to", "add `up_to: 10m`: nobody waits for ever", reader)
    until = reader.expression(until_node, "`until`") if until_node else None
    up_to = _UP_TO.read(up_to_node, "`up_to`", reader) if up_to_node else None
    if until is None or up_to is None or lines is None:
        return None
    _check_changes(until, source, reader)
    hold = Hold(until, up_to, lines, place, source.shown(until))
    return Wired(hold, with_held(source.parts, place, reader))


def _check_changes(until: Expression, source: StepSource, reader: Reader) -> None:
    """W289 when `until` looks at nothing that may change while the caller waits.

    One without any name is told by itself (W642, W643), but for `false`, with which the caller waits all the time.
    """
    if not until.used_names or until.used_names & {"hours", "now", *_asked(source.fields.get("lookup"))}:
        return
    shapes = ((name, reader.scope.get(name)) for name in sorted(until.used_names))
    known = next((name for name, shape in shapes if isinstance(shape, Record) and OK in shape.fields), "")
    cure = f"add `lookup: {known}` to this step: it is asked again each time" if known else None
    reader.report("W289", until.place, f"{source.shown(until)} stays as it is while the caller waits", cure)


def _asked(node: Node | None) -> Iterator[str]:
    """The names of the look-ups under `lookup` of a step."""
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Map):
            yield from item.keys()
        elif isinstance(item, Text):
            yield item.value


def _read_lines(source: StepSource, reader: Reader) -> Mapping[str, Target] | None:
    cure = "add `on: {ready: step, too_long: step}`"
    node = source.fields.need("on", cure, reader)
    found = reader.map(node, "`on`", cure) if node else None
    if not isinstance(found, Map):
        return None
    fields = read_fields(found, (*OUTCOMES, "error"), "`on`", reader, place=source.fields.at("on"), code="E277")
    targets = {name: _read_line(name, fields, reader) for name in OUTCOMES}
    kept = {name: target for name, target in targets.items() if target is not None}
    return kept if len(kept) == len(OUTCOMES) else None


def _read_line(name: str, fields: Fields, reader: Reader) -> Target | None:
    node = fields.need(name, f"add `{name}: step`", reader)
    return read_target(node, f"`{name}`", reader) if node else None
