"""A field of a flow file, compiled."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from app.flow.issues import Issue
from app.flow.model import Value
from app.flow.nodes import Place, Text
from app.flow.scope import ScopeTypes
from app.flow.types import ValueType

Escape: TypeAlias = typing.Literal["talk", "ssml", "url", "number", "header", "json", "text"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is the same in every call."""

    value: Any
    place: Place
    used_names: frozenset[str] = frozenset()
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """True."""
        return True

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value."""
        return self.value


Computed = Literal


def compile_value(
    text: Text, type_: ValueType, escape: Escape, scope: ScopeTypes, templates: Mapping[str, str]
) -> tuple[Value | None, list[Issue]]:
    """The value of one field."""
    return Literal(text.value if "{" in text.value else type_.cast(text.value), text.place), []


def compile_file(
    name: Text, type_: ValueType, escape: Escape, scope: ScopeTypes, templates: Mapping[str, str]
) -> tuple[Value | None, list[Issue]]:
    """The value that a template file makes."""
    return Literal(templates.get(name.value, ""), name.place, used_files=frozenset({name.value})), []
