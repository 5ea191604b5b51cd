"""Texts that are too long when their values are at their longest: W641.

What a value can be at its longest is known where its type says so: one of some words, a number, true or false, the
digits that a `collect` takes. Of any other text nothing is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.flow.checks.usage.domains import shape_of
from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.walking import parts_of
from app.flow.expressions.syntax import Const, Cut, Either, Filtered, Name, Node, Sum
from app.flow.issues import Issue
from app.flow.language.collect import Collect
from app.flow.model import Step
from app.flow.parts.action import Action
from app.flow.parts.values import leaves
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates import Computed
from app.flow.templates.plan import Unit
from app.flow.templates.scanner import Data
from app.flow.templates.tree import For, If, Include, Output, Part
from app.flow.types import ValueType
from app.ncco.ssml import LONGEST

_TAG = re.compile(r"<[^>]*>")
_LONGEST = {"int": 19, "number": 20, "bool": 5, "phone": 15}
"""Characters of a value of a type."""

_APART = frozenset({"digits", "spell"})
"""Filters that set a comma and a blank behind each character."""


def check_lengths(facts: Facts) -> Iterator[Issue]:
    """W641 for every talk of a flow."""
    texts = tuple(text for step in facts.flow.steps.values() for text in texts_of(step))
    if texts:
        measure = _Measure(facts.source.scope, _entered(facts))
        yield from (issue for text in texts for issue in _text(text, measure))


def texts_of(step: Step) -> Iterator[Computed]:
    """Every computed text that a step says."""
    for part in parts_of(step):
        text = part.fields.get("text") if isinstance(part, Action) and part.word == "talk" else None
        if text is not None and not text.is_literal:
            yield from (leaf for leaf in leaves(text) if isinstance(leaf, Computed))


def _entered(facts: Facts) -> dict[str, int]:
    """How many digits each variable holds at most, where only a `collect` of digits fills it."""
    found: dict[str, int] = {}
    for step in facts.flow.steps.values():
        exit_ = step.exit
        if isinstance(exit_, Collect) and exit_.digits and not exit_.speech:
            found[exit_.into] = max(exit_.digits[1], found.get(exit_.into, 0))
    return {name: length for name, length in found.items() if name not in facts.written}


def _text(value: Computed, measure: _Measure) -> Iterator[Issue]:
    longest = measure.unit(value.unit)
    if longest > LONGEST:
        message = f"this text has {longest:,} characters when its values are at their longest; {LONGEST:,} can be said"
        yield RULES["W641"].at(value.place, message)


@dataclass(frozen=True, slots=True)
class _Measure:
    """Counts what texts and values have at most.

    Attributes:
        scope: the types of names.
        entered: the most digits of variables that callers key in.
    """

    scope: ScopeTypes
    entered: Mapping[str, int]

    def unit(self, unit: Unit) -> int:
        """The characters of a text without its tags, and of what it includes."""
        return self._parts(unit.parts, (mark for mark in unit.marks if isinstance(mark, Unit)))

    def _parts(self, parts: tuple[Part, ...], included: Iterator[Unit]) -> int:
        return sum(self._part(part, included) for part in parts)

    def _part(self, part: Part, included: Iterator[Unit]) -> int:
        match part:
            case Data():
                return len(_TAG.sub("", part.text))
            case Output():
                return self.value(part.node)
            case If():
                return max([self._parts(body, included) for _, body in part.arms])
            case For():
                return self._parts(part.body, included) + self._parts(part.other, included)
            case Include():
                return self.unit(next(included))
            case _:
                return 0

    def value(self, node: Node) -> int:
        """The characters of a value; 0 where its type does not tell."""
        match node:
            case Const(value=str() as text):
                return len(text)
            case Name(name=name) if name in self.entered:
                return self.entered[name]
            case Cut(low=low, high=high) if high is not None and high > 0:
                return max(0, high - max(low or 0, 0))
            case Either() | Sum() | Filtered():
                return self._joined(node)
            case _:
                return self._typed(node)

    def _joined(self, node: Either | Sum | Filtered) -> int:
        if isinstance(node, Either):
            return max(self.value(node.then), self.value(node.other))
        if isinstance(node, Sum):
            return self.value(node.left) + self.value(node.right)
        if node.name in _APART:
            return 3 * self.value(node.of)
        return max([self.value(node.of), *map(self.value, node.args)])

    def _typed(self, node: Node) -> int:
        shape = shape_of(self.scope, node)
        if not isinstance(shape, ValueType):
            return 0
        return max(map(len, shape.words)) if shape.words else _LONGEST.get(shape.name, 0)
