"""Conditions that never hold (W642), that always do (W643), and lines of a branch that never decide (W644)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import nodes

from app.flow.checks.counting import direction
from app.flow.checks.usage.domains import Bounds, Domains, Key, entered, key_of
from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.walking import tests_of
from app.flow.issues import Issue
from app.flow.language.collect import Collect
from app.flow.model import Exit, Step
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates import Expression, Literal
from app.flow.templates.references import walk

MOST = 8_192
"""How often conditions of one step are tried with values; our choice."""


def check_conditions(facts: Facts) -> Iterator[Issue]:
    """What can be said of the conditions of a flow by what its names can be."""
    known, bounds = _values_of_variables(facts)
    for step in facts.flow.steps.values():
        tests = tuple(test for test in tests_of(step) if not _only_waits(step, test))
        if tests:
            found = list(_keyed(step.exit, facts.source.scope))
            yield from found or _tests(tests, Domains(facts.source.scope, known, bounds))


def _values_of_variables(facts: Facts) -> tuple[dict[Key, tuple[Any, ...]], dict[Key, Bounds]]:
    """What variables can be: all their values where only literals are set, else what bounds them.

    Of a variable that nothing fills nothing is said: it is a constant, which the author may change.
    """
    known: dict[Key, tuple[Any, ...]] = {}
    bounds: dict[Key, Bounds] = {}
    for name, variable in facts.flow.variables.items():
        sets, collected = facts.assigned.get(name, []), facts.collected.get(name, [])
        is_foreign = name in facts.flow.params or name in facts.brought or variable.words
        if is_foreign or variable.type_name not in ("text", "int", "number") or bool(sets) == bool(collected):
            continue
        key, initial = key_of(nodes.Name(name, "load")), variable.default
        literals = [each.value.value for each in sets if isinstance(each.value, Literal)]
        counts = {direction(each) for each in sets if not isinstance(each.value, Literal)}
        digits = [each for each in collected if each is not None]
        if sets and not counts:
            values = tuple(dict.fromkeys((initial, *literals)))
            known |= {key: values} if len(values) > 1 else {}
        elif counts == {1}:
            bounds[key] = Bounds(least=min(initial, *literals, initial))
        elif counts == {-1}:
            bounds[key] = Bounds(most=max(initial, *literals, initial))
        elif digits and len(digits) == len(collected):
            bounds[key] = entered(min(low for low, _ in digits), max(high for _, high in digits), initial)
    return known, bounds


def _only_waits(step: Step, test: Expression) -> bool:
    """Whether it is the `until: false` of a step that holds the caller for some time."""
    return step.exit.word == "hold" and isinstance(test.node, nodes.Const) and test.node.value is False


def _tests(tests: Sequence[Expression], domains: Domains) -> Iterator[Issue]:
    formulas = [domains.formula(test.node) for test in tests]
    worlds = domains.worlds(MOST // len(tests))
    if worlds is None:
        return
    truths = [tuple(formula(world) for formula in formulas) for world in worlds]
    for number, test in enumerate(tests):
        holds = [truth for truth in truths if truth[number]]
        if not holds:
            cure = _possible(test, domains) or _meant(test, "and", "or")
            yield RULES["W642"].at(test.place, f"{test.source} never holds", cure)
        elif len(holds) == len(truths):
            yield RULES["W643"].at(
                test.place, f"{test.source} always holds", _meant(test, "or", "and") or _possible(test, domains)
            )
            return
        elif all(any(truth[:number]) for truth in holds):
            yield _covered(test, [each for at, each in enumerate(tests[:number]) if all(truth[at] for truth in holds)])


def _possible(test: Expression, domains: Domains) -> str | None:
    """What the first name of a condition can be, as far as that is known."""
    for part in walk(test.node):
        if isinstance(part, nodes.Name) and (values := domains.known.get(key_of(part))):
            shown = ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
            return f"correct it: {part.name} is only ever {shown}"
        if isinstance(part, nodes.Name) and (bounds := domains.bounds.get(key_of(part))):
            return f"correct it: {part.name} is always {bounds.described}"
    return None


def _keyed(exit_: Exit, scope: ScopeTypes) -> Iterator[Issue]:
    """W642 for the check of a `collect` that holds for nothing that can be keyed in."""
    if not isinstance(exit_, Collect) or exit_.check is None or exit_.digits is None:
        return
    into, digits = nodes.Name(exit_.into, "load"), nodes.Getattr(nodes.Name("input", "load"), "digits", "load")
    is_plain = exit_.type.name in ("text", "int", "number")
    if exit_.speech or not is_plain:
        return
    low, high = exit_.digits
    domains = Domains(scope, bounds=dict.fromkeys((key_of(into), key_of(digits)), entered(low, high)))
    formula = domains.formula(exit_.check.node)
    worlds = domains.worlds(MOST)
    if worlds is not None and not any(map(formula, worlds)):
        due = f"{low}" if low == high else f"{low} to {high}"
        message = f"{exit_.check.source} holds for nothing that can be entered: `digits` takes {due}"
        yield RULES["W642"].at(exit_.check.place, message, "correct it, or `digits`")


def _meant(test: Expression, written: str, other: str) -> str | None:
    """The other one of `and` and `or`, where comparisons are joined."""
    is_meant = isinstance(test.node, nodes.And if written == "and" else nodes.Or)
    return f'did you mean "{other}" in the place of "{written}"?' if is_meant else None


def _covered(test: Expression, covering: Sequence[Expression]) -> Issue:
    if not covering:
        message = f"this line never decides: whenever {test.source} holds, one of the lines above holds too"
        return RULES["W644"].at(test.place, message)
    line = covering[0].place.line
    message = f"this line never decides: whenever {test.source} holds, line {line} holds and comes first"
    if covering[0].source == test.source:
        message = f"this line never decides: line {line} has the same condition"
        return RULES["W644"].at(test.place, message, "delete one of the two, or correct its condition")
    return RULES["W644"].at(test.place, message)
