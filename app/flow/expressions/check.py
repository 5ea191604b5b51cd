"""What a check of an expression knows and where it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from app.flow.expressions.fault import Fault
from app.flow.expressions.mistakes import shorten
from app.flow.expressions.syntax import Node
from app.flow.issues import Issue
from app.flow.nodes import Place
from app.flow.rules import RULES
from app.flow.scope import Record, ScopeTypes, Shape


class Located(Protocol):
    """A text that knows where each of its characters stands: a scalar of a flow file, or a template file."""

    @property
    def value(self) -> str:
        """The text."""

    def at(self, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset`."""


@dataclass(slots=True)
class Check:
    """One run of checks over one text.

    Attributes:
        text: where the expressions stand.
        scope: the names that are known, with their types.
        braces: whether the expressions stand in braces.
        issues: everything found so far.
    """

    text: Located
    scope: ScopeTypes
    braces: bool
    issues: list[Issue] = field(default_factory=list)

    def report(self, code: str, node: Node, message: str, cure: str | None = None) -> None:
        """Add an issue about `node`."""
        self.report_at(code, node.start, node.end - node.start, message, cure)

    def report_at(self, code: str, start: int, length: int, message: str, cure: str | None = None) -> None:
        """Add an issue about `length` characters from `start`."""
        self.issues.append(RULES[code].at(self.text.at(start, length), message, cure))

    def report_fault(self, fault: Fault) -> None:
        """Add the issue that a fault is."""
        self.report_at(fault.code, fault.start, fault.length, fault.message, fault.cure)

    def shown(self, node: Node) -> str:
        """`node` as it is written, shortened."""
        return shorten(self.text.value[node.start : node.end])


def kind_of(shape: Shape) -> str:
    """What it can be compared with: `text`, `number`, `bool`, `list`, `map`, `datetime`, or `any`."""
    return "map" if isinstance(shape, Record) else shape.kind


def described(shape: Shape) -> str:
    """The type in a sentence: `text`, `a number`, `a map`, ..."""
    return "a map" if isinstance(shape, Record) else shape.described
