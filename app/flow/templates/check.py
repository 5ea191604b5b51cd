"""What a check of expressions knows and where it reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import nodes

from app.flow.issues import Issue
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates.pieces import Fault
from app.flow.templates.tree import Template


@dataclass(slots=True)
class Check:
    """One run of checks.

    Attributes:
        template: where the expressions are written.
        scope: the known names with their types.
        is_bare: whether the expression is a condition of its own, without braces around it.
        issues: everything found so far.
    """

    template: Template
    scope: ScopeTypes
    is_bare: bool = False
    issues: list[Issue] = field(default_factory=list)

    def report(self, code: str, node: nodes.Node, message: str, cure: str | None = None, *, name: str = "") -> None:
        """Add an issue about an expression; `name` is one that nothing declares."""
        self.issues.append(RULES[code].at(self.template.place(node), message, cure, name=name))

    def report_at(
        self, code: str, start: int, length: int, message: str, cure: str | None = None, *, name: str = ""
    ) -> None:
        """Add an issue about `length` characters from `start`."""
        self.issues.append(RULES[code].at(self.template.place_at(start, length), message, cure, name=name))

    def report_fault(self, fault: Fault) -> None:
        """Add the issue that a fault is."""
        self.report_at(*fault)

    def shown(self, node: nodes.Node) -> str:
        """An expression as it is written, shortened."""
        return self.template.shown(node)
