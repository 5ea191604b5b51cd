"""`branch`: the first line whose condition holds decides, at once.

branch:
  - if: tries_left == 0
    goto: locked
  - if: call.from in ["447700900123", "447700900124"]
    goto: vip
  - else: menu
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.flow.language.base import FlowModel, Made, ReadWith
from app.flow.language.exits import StepExit, StepSource, Wired
from app.flow.language.json_schema import TEXT, defined
from app.flow.language.targets import read_target
from app.flow.model import Edge, Frame, Jump, Part, Target
from app.flow.nodes import Map, Node, Place, Text
from app.flow.reader import Reader
from app.flow.templates import Expression

_TORN: Final = (("if",), ("goto",))
_BLOCK: Final = "write a list: `- if: condition` with `goto: step` under it, at last `- else: step`"


def read_condition(node: Node, what: str, reader: Reader) -> Expression | None:
    """A bare expression."""
    return reader.expression(node, what)


class Arm(FlowModel):
    """One line: where it leads when its condition holds."""

    aliases: ClassVar = {"then": "goto"}
    hints: ClassVar = {
        "elif": "write another line `- if: ..` with its own `goto`",
        **dict.fromkeys(("default", "otherwise"), "write `- else: step`"),
        "run": "write `goto: {run: flow}`",
        "return": "write `goto: {return: outcome}`",
        "set": "write `goto: {goto: step, set: {..}}`",
    }
    cures: ClassVar = {"goto": "write `goto: step` under the `if`"}

    condition: Annotated[Expression, ReadWith(read_condition, TEXT)] = Field(alias="if")
    """A condition: names, comparison, and, or, not, in, filters."""
    target: Annotated[Target, ReadWith(read_target, defined("goto"))] = Field(alias="goto")
    """Where the call goes when it holds."""
    shown: Made[str] = ""

    @property
    def place(self) -> Place:
        """Where its condition is written."""
        return self.at("if")


class Else(FlowModel):
    """The last line: where the call goes when no condition holds."""

    hints: ClassVar = {"goto": "write the step behind `else:` itself"}

    target: Annotated[Target, ReadWith(read_target, defined("goto"))] = Field(alias="else")
    """Where the call goes when no line holds; the last line."""


@dataclass(frozen=True, slots=True)
class Branch(StepExit):
    """Leads to the first line that holds, else to the last."""

    word: ClassVar = "branch"
    step_words: ClassVar = ("branch",)

    arms: tuple[Arm, ...]
    otherwise: Target
    place: Place

    def edges(self) -> Iterator[Edge]:
        """Each line, and `else`."""
        for arm in self.arms:
            yield Edge(f"if {arm.shown}", arm.target, passes_input=False)
        yield Edge("else", self.otherwise, passes_input=False)

    def uses(self) -> Iterator[Part | Expression]:
        """The conditions, in order."""
        yield from (arm.condition for arm in self.arms)

    def enter(self, frame: Frame) -> Jump | None:
        """Jump to the first line that holds. Raises RenderError."""
        others: list[str] = []
        for arm in self.arms:
            if arm.condition.evaluate(frame.names):
                return Jump(arm.target, arm.place, f"{arm.shown} holds", tuple(others))
            others.append(f"{arm.shown} does not hold")
        return Jump(self.otherwise, self.otherwise.place, "else: no condition holds", tuple(others))

    @classmethod
    def read(cls, node: Node, source: StepSource) -> Wired | None:
        """The `branch` of a step."""
        reader, place = source.reader, source.fields.at("branch")
        if isinstance(node, Map):
            reader.report("E201", place, "`branch` is a map", _BLOCK)
            return None
        lines = reader.seq(node, "`branch`")
        if lines is None:
            return None
        torn = _report_torn(lines.items, reader)
        conditions = [line for line in lines.items if not _is_else(line)]
        arms = [None if line in torn else _read_arm(line, source) for line in conditions]
        otherwise = _read_else(lines.items, place, reader)
        found = tuple(arm for arm in arms if arm is not None)
        if otherwise is None or len(found) < len(arms):
            return None
        return Wired(cls(found, otherwise, place), source.parts)


def _report_torn(lines: tuple[Node, ...], reader: Reader) -> list[Node]:
    """The lines of which one holds an `if` alone and the next its `goto`; E204 for each pair."""
    torn: list[Node] = []
    for line, following in pairwise(lines):
        if isinstance(line, Map) and isinstance(following, Map) and (line.keys(), following.keys()) == _TORN:
            message = "this `goto` is a line of its own, and the `if` above it has none"
            reader.report("E204", following.place, message, "put it under the `if`: without the dash, indented as far")
            torn += [line, following]
    return torn


def _is_else(line: Node) -> bool:
    return isinstance(line, Map) and line.get("else") is not None and line.get("if") is None


def _read_arm(line: Node, source: StepSource) -> Arm | None:
    """A line with a condition; None when it cannot be read."""
    reader = source.reader
    if not isinstance(line, Map):
        reader.report("E201", line.place, "a line of `branch` is not a map", _BLOCK)
        return None
    fields = Arm.read_words(line, "a line of `branch`", reader, more=("else",))
    if "else" in fields.values:
        message = "`if` and `else` are in one line of `branch`"
        reader.report("E251", fields.at("else"), message, "write `- else: step` as a line of its own, the last one")
        return None
    target = fields.get("goto")
    step = target.value if isinstance(target, Text) else "step"
    cure = f"write `if: condition` in front of it; if this is the last line, write `- else: {step}`"
    arm = Arm.build(fields, reader, cures={"if": cure})
    return arm.model_copy(update={"shown": source.shown(arm.condition)}) if arm else None


def _read_else(lines: tuple[Node, ...], place: Place, reader: Reader) -> Target | None:
    """Where `else` leads; E250 without one, E251 for lines behind it."""
    found = [(index, line) for index, line in enumerate(lines) if isinstance(line, Map) and _is_else(line)]
    if not found:
        has_stray = any(isinstance(line, Map) and (line.get("else") or not line.get("if")) for line in lines)
        if not has_stray:
            reader.report("E250", place, "`branch` has no `else`: where does a call go that fits no line?")
        return None
    index, line = found[0]
    for behind in lines[index + 1 :]:
        reader.report("E251", behind.place, "this line of `branch` comes after `else` and is never reached")
    step = line.get("else")
    if isinstance(step, Text) and not step.value and not step.quoted:
        return None  # it is reported already that nothing follows `else:`
    otherwise = Else.parse(line, "the `else` line", reader)
    return otherwise.target if otherwise else None
