"""What a checked template becomes: which escaper writes each of its values, and what each include holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from app.flow.expressions.check import Located
from app.flow.nodes import Place
from app.flow.templates.tree import Part


@dataclass(frozen=True, slots=True)
class Written:
    """One value: the escaper that writes it, and its number among all values of the template."""

    escaper: str
    index: int


@dataclass(slots=True)
class Unit:
    """One text (the value itself or an included file) with its values and includes in the order they stand in it."""

    text: Located
    parts: tuple[Part, ...] = ()
    marks: list[Mark] = field(default_factory=list)


Mark: TypeAlias = Written | Unit


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it is written, and where."""

    source: str
    place: Place


@dataclass(slots=True)
class Plan:
    """Everything that checking a template has found, but for issues.

    Attributes:
        unit: the template.
        language: what its filters speak.
        values: every value by its number.
        used_names, used_env, used_files: what it looks up and is made of.
    """

    unit: Unit
    language: str
    values: list[Shown] = field(default_factory=list)
    used_names: set[str] = field(default_factory=set)
    used_env: set[str] = field(default_factory=set)
    used_files: set[str] = field(default_factory=set)
