"""An expression, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.flow.issues import Issue
from app.flow.nodes import Place, Text
from app.flow.scope import ScopeTypes
from app.flow.types import TYPES, ValueType


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    place: Place
    type: ValueType
    used_names: frozenset[str]

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Its value in this call. Raises RenderError."""
        raise NotImplementedError(self.source)


def compile_expression(text: Text, scope: ScopeTypes) -> tuple[Expression | None, list[Issue]]:
    """The expression, or None with the issues that stand in its way."""
    return Expression(text.value, text.place, TYPES["bool"], frozenset()), []
