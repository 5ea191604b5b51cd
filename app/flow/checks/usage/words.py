"""NCCO rules on fields that take their value from declared words: each word is tried (E401, W401, E313)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, Final, TypeAlias

from app.errors import RenderError
from app.flow.actions.action import Action
from app.flow.actions.do import actions_of
from app.flow.actions.values import Object, find, leaves
from app.flow.checks.ncco import as_sent
from app.flow.checks.usage.facts import Facts, parts_of, reads_in
from app.flow.issues import Issue
from app.flow.model import Value
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.types import ValueType
from app.ncco import check
from app.ncco.issue import Issue as NccoIssue

MOST: Final = 20
"""How many combinations of words are tried; our choice."""

Words: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""The words that each name, or field of a name, can be."""


def check_words(facts: Facts) -> Iterator[Issue]:
    """One issue for each field that a declared word breaks a rule with."""
    scope = facts.source.scope
    if not any(map(_has_words, scope.shapes.values())):
        return
    samples = scope.samples()
    for step in facts.flow.steps.values():
        for action in (action for part in parts_of(step) for action in actions_of(part)):
            for name, value in action.fields.items():
                if name != "text" and not value.is_literal:
                    yield from _field(action, value, scope, samples)


def _has_words(type_: ValueType) -> bool:
    return bool(type_.words) or any(map(_has_words, type_.fields.values()))


def _field(action: Action, value: Value, scope: ScopeTypes, samples: Mapping[str, Any]) -> Iterator[Issue]:
    for leaf in leaves(value):
        words = _words(leaf, scope)
        if words and prod(map(len, words.values())) <= MOST:
            each = (dict(zip(words, said, strict=True)) for said in product(*words.values()))
            found = [issue for said in each if (issue := _try(action, leaf, said, samples)) is not None]
            yield from sorted(found, key=lambda issue: not issue.is_error)[:1]


def _words(leaf: Value, scope: ScopeTypes) -> Words:
    """What decides on a value, when nothing but declared words does; else nothing."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for read in reads_in(leaf):
        type_ = scope.get(read.name) if not read.is_given else None
        if type_ is not None and type_.is_record and read.field:
            type_ = type_.fields.get(read.field)
        if type_ is None or not type_.words:
            return {}
        found[read.name, read.field] = type_.words
    return found


def _try(action: Action, leaf: Value, said: Mapping[tuple[str, str], str], samples: Mapping[str, Any]) -> Issue | None:
    """The rule that is broken when the names are these words."""
    names = dict(samples)
    for (name, field), word in said.items():
        names[name] = {**names[name], field: word} if field else word
    shown = " and ".join(f'{".".join(filter(None, name))} is "{word}"' for name, word in said.items())
    try:
        leaf.render(names)
    except RenderError as error:
        return RULES["E313"].at(leaf.place, f"this does not fit when {shown}: {error.message}", "allow other words")
    whole = Object(action.fields, action.place)
    for issue in check([as_sent(action, names)]):
        if find(whole, _path(issue)) is leaf:
            rule = RULES["E401" if issue.is_error else "W401"]
            found = rule.at(leaf.place, f"{issue.message} (when {shown})", issue.cure)
            return replace(found, ncco_rule=issue.code)
    return None


def _path(issue: NccoIssue) -> list[str]:
    return [segment.replace("~1", "/").replace("~0", "~") for segment in issue.path.split("/")[2:]]
