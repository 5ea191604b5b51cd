"""An expression, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import RenderError
from app.flow.expressions.check import Check
from app.flow.expressions.checker import test
from app.flow.expressions.evaluator import Run, compiled
from app.flow.expressions.fault import Absent, Fault, Unfit, lacking
from app.flow.expressions.parser import parse
from app.flow.expressions.speech import LANGUAGE
from app.flow.expressions.syntax import Field, Name, Node, walk
from app.flow.expressions.tokens import Lexer
from app.flow.expressions.touching import touched_names
from app.flow.issues import Issue
from app.flow.nodes import Place, Text
from app.flow.scope import ScopeTypes
from app.flow.types import TYPES, ValueType

MAX_LENGTH = 1_000
"""Characters of an expression; our choice."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled test: the text of `if`, `until` or `check`.

    Attributes:
        source: as it is written.
        place: where it is written.
        type: bool.
        used_names: the root names that it looks up, and the sensitive fields (`name.field`).
        used_env: the settings that it looks up (`CRM_URL` for `env.CRM_URL`).
        run: computes it; raises Absent and Unfit.
        node, text: what was read, and where it stands.
    """

    source: str
    place: Place
    type: ValueType
    used_names: frozenset[str]
    used_env: frozenset[str]
    run: Run
    node: Node = field(compare=False, repr=False)
    text: Text = field(compare=False, repr=False)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Whether it holds in this call. Raises RenderError when a value is missing or does not fit."""
        try:
            value = self.run(names)
        except Absent as absent:
            raise RenderError("E391", lacking(absent), str(self.place)) from None
        except Unfit as unfit:
            raise RenderError("E395", str(unfit), str(self.place)) from None
        if value is True or value is False:
            return value
        raise RenderError("E395", f"{self.source} is neither true nor false in this call", str(self.place))


def compile_expression(
    text: Text, scope: ScopeTypes, *, language: str = LANGUAGE
) -> tuple[Expression | None, list[Issue]]:
    """The test that `text` is, or None with the issues that stand in its way; its filters speak `language`."""
    check = Check(text, scope, braces=False)
    node = _read(check)
    if node is None:
        return None, check.issues
    test(check, node)
    if any(issue.is_error for issue in check.issues):
        return None, check.issues
    run = compiled(node, language)
    names = touched_names(node, scope.unspoken)
    expression = Expression(text.value, text.place, TYPES["bool"], names, used_env(node), run, node, text)
    return expression, check.issues


def _read(check: Check) -> Node | None:
    source = check.text.value
    if len(source) > MAX_LENGTH:
        check.report_at("E311", 0, 1, f"an expression of more than {MAX_LENGTH:,} characters")
        return None
    try:
        return parse(Lexer(source).tokens(), source, braces=False)
    except Fault as fault:
        check.report_fault(fault)
        return None


def used_env(node: Node) -> frozenset[str]:
    """The settings that it looks up."""
    return frozenset(
        str(part.key)
        for part in walk(node)
        if isinstance(part, Field) and isinstance(part.of, Name) and part.of.name == "env"
    )
