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
from typing import ClassVar

from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.model import Asked, Decision, Edge, Frame, Jump, Outcome, Part, Target
from app.flow.nodes import Map, Node, Place, Text
from app.flow.reader import Reader
from app.flow.targets import read_target
from app.flow.templates import Expression

_LINE_HINTS = {
    "elif": "write another line `- if: ..` with its own `goto`",
    "then": "write `goto`",
    "default": "write `- else: step`",
    "otherwise": "write `- else: step`",
    "run": "write `goto: {run: flow}`",
    "return": "write `goto: {return: outcome}`",
    "set": "write `goto: {goto: step, set: {..}}`",
}
_TORN = (("if",), ("goto",))
_BLOCK = "write a list: `- if: condition` with `goto: step` under it, at last `- else: step`"


@dataclass(frozen=True, slots=True)
class Arm:
    """One line: where it leads when its condition holds. `shown` is the condition for the trace."""

    condition: Expression
    target: Target
    place: Place
    shown: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Leads to the first line that holds, else to the last."""

    word: ClassVar[str] = "branch"
    is_steady: ClassVar[bool] = False
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"branch"})

    arms: tuple[Arm, ...]
    otherwise: Target
    place: Place

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked."""
        return None

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

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """No webhook decides here."""
        return None


def read_branch(source: StepSource, reader: Reader) -> Wired | None:
    """The `branch` of a step."""
    node = source.fields.values["branch"]
    if isinstance(node, Map):
        reader.report("E201", source.fields.at("branch"), "`branch` is a map", _BLOCK)
        return None
    lines = reader.seq(node, "`branch`")
    if lines is None:
        return None
    torn = _report_torn(lines.items, reader)
    read = [None if line in torn else _read_line(line, source, reader) for line in lines.items]
    otherwise = _read_else(lines.items, source.fields.at("branch"), reader)
    arms = [line for line in read if isinstance(line, Arm)]
    if otherwise is None or None in read:
        return None
    return Wired(Branch(tuple(arms), otherwise, source.fields.at("branch")), source.parts)


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


def _read_line(line: Node, source: StepSource, reader: Reader) -> Arm | bool | None:
    """A line with a condition; True for an `else`, None when it cannot be read."""
    if _is_else(line):
        return True
    if not isinstance(line, Map):
        reader.report("E201", line.place, "a line of `branch` is not a map", _BLOCK)
        return None
    fields = read_fields(line, ("if", "goto", "else"), "a line of `branch`", reader, hints=_LINE_HINTS)
    if "else" in fields.values:
        message = "`if` and `else` stand in one line of `branch`"
        reader.report("E251", fields.at("else"), message, "write `- else: step` as a line of its own, the last one")
        return None
    condition_node = fields.need("if", _lacking_if(fields), reader)
    target_node = fields.need("goto", "write `goto: step` under the `if`", reader)
    condition = reader.expression(condition_node, "`if`") if condition_node else None
    target = read_target(target_node, "`goto`", reader) if target_node else None
    if condition is None or target is None:
        return None
    return Arm(condition, target, fields.at("if"), source.shown(condition))


def _lacking_if(fields: Fields) -> str:
    target = fields.get("goto")
    step = target.value if isinstance(target, Text) else "step"
    return f"write `if: condition` in front of it; if this is the last line, write `- else: {step}`"


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
        reader.report("E251", behind.place, "this line of `branch` stands behind `else` and is never looked at")
    step = line.get("else")
    if isinstance(step, Text) and not step.value and not step.quoted:
        return None  # it is reported already that nothing stands behind `else:`
    hints = {"goto": "write the step behind `else:` itself"}
    fields = read_fields(line, ("else",), "the `else` line", reader, hints=hints)
    return read_target(fields.values["else"], "`else`", reader)
