"""A check of expressions in progress: their types, the issues, and what a fix writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from jinja2 import nodes

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.scope import ScopeTypes
from ncco_server.flow.templates.references import Locals, Occurrence, touched_names, used_env
from ncco_server.flow.templates.tree import Template, Token
from ncco_server.ncco.value_types import ANY, TYPES, Kind

_KINDS: Final = {kind: type_.described for kind, type_ in TYPES.items()}
_CASTS: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {"number": "number", "date": "date", "time": "time", "datetime": "in_zone('{zone}')"},
    "number": {"text": "text"},
    "bool": {"text": "text"},
    "list": {"text": 'join(", ")'},
    "date": {"text": "text"},
    "time": {"text": "text"},
    "datetime": {"date": "in_zone('{zone}') | date", "time": "in_zone('{zone}') | time", "text": "text"},
}
"""Filters that convert a kind, by the kind of the result. `now` is in UTC."""
ZONE: Final = "Europe/London"
_NUMERIC = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_HOURS: Final = 24


class ExpressionCheck:
    """The expressions of one template that have been checked.

    Attributes:
        types: None for an expression with an error.
        locals: the local variables before the current expression.
    """

    def __init__(
        self, template: Template, scope: ScopeTypes, *, is_bare: bool = False, issues: list[FlowIssue] | None = None
    ) -> None:
        self.template = template
        self.scope = scope
        self.is_bare = is_bare
        self.issues = issues if issues is not None else []
        self.types: dict[nodes.Node, Kind | None] = {}
        self.locals: Locals = {}

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)

    def used(self, node: nodes.Expr) -> tuple[frozenset[str], frozenset[str]]:
        return touched_names(Occurrence(self.template, node, "output"), self.scope.unspoken), used_env(node)

    def report(self, code: str, where: nodes.Node | Token, message: str, cure: str | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place(where), message, cure))

    def shown(self, node: nodes.Node) -> str:
        return self.template.shown(node)

    def described(self, *each: nodes.Node) -> str:
        """The expressions must have been checked."""
        return ", ".join(f"{self.shown(node)} is {(self.types[node] or ANY).described}" for node in each)

    def require(self, node: nodes.Node, kinds: tuple[str, ...], what: str, code: str = "E308") -> bool:
        """False after reporting a value of another kind. `what` is the filter or operator."""
        type_ = self.types[node]
        if type_ is None or type_.family in (*kinds, "any"):
            return True
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        self.report(code, node, f"{what} takes {wanted}; {self.described(node)}", self.converted(node, kinds))
        return False

    def converted(self, node: nodes.Node, kinds: Collection[str]) -> str | None:
        """Return None if neither a filter nor quotes convert the value."""
        kind = getattr(self.types[node], "family", "")
        shown = self.shown(node)
        through = next((name for to, name in _CASTS.get(kind, {}).items() if to in kinds), None)
        if isinstance(node, nodes.Const) and kind == "text":
            is_number = "number" in kinds and _NUMERIC.fullmatch(node.value)
            return f"write {node.value} without quotes" if is_number else None
        if isinstance(node, nodes.Const):
            if "time" in kinds and isinstance(node.value, int) and 0 <= node.value < _HOURS:
                hour = f"{node.value:02}:00"
                return f'write "{hour}"'
            is_text = kind == "number" and "text" in kinds
            return f'write "{shown}" in quotes' if is_text else None
        if through is None:
            return None
        if isinstance(node, nodes.Filter) and node.name == "in_zone":
            through = through.removeprefix("in_zone('{zone}') | ")
        through = through.format(zone=self.scope.zone or ZONE)
        front = "({})" if isinstance(node, nodes.BinExpr) else "{}"
        return f"write {front.format(shown)} | {through}"


def literal_type(value: Any) -> Kind:
    return TYPES[{bool: "bool", str: "text", int: "int"}.get(type(value), "number")]


def known_type(scope: ScopeTypes, node: nodes.Node) -> Kind | None:
    """None for anything but a name or a record's declared field."""
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = known_type(scope, node.node) if isinstance(node, nodes.Getattr) else None
    return of.at(node.attr) if isinstance(node, nodes.Getattr) and of is not None and of.is_record else None
