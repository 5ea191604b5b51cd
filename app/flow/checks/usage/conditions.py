"""Conditions that never hold (W642), that always do (W643), and lines of a branch that never decide (W644)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2 import nodes

from app.flow.checks.usage.domains import Domains, key_of
from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.walking import tests_of
from app.flow.issues import Issue
from app.flow.language.collect import Collect
from app.flow.model import Exit, Step
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates import Expression

MOST = 8_192
"""How often conditions of one step are tried with values; our choice."""


def check_conditions(facts: Facts) -> Iterator[Issue]:
    """What can be said of the conditions of a flow by what its names can be."""
    for step in facts.flow.steps.values():
        tests = tuple(test for test in tests_of(step) if not _only_waits(step, test))
        if tests:
            found = list(_tests(tests, facts.source.scope))
            yield from found or _keyed(step.exit, facts.source.scope)


def _only_waits(step: Step, test: Expression) -> bool:
    """Whether it is the `until: false` of a step that holds the caller for some time."""
    return step.exit.word == "hold" and isinstance(test.node, nodes.Const) and test.node.value is False


def _tests(tests: Sequence[Expression], scope: ScopeTypes) -> Iterator[Issue]:
    domains = Domains(scope)
    formulas = [domains.formula(test.node) for test in tests]
    worlds = domains.worlds(MOST // len(tests))
    if worlds is None:
        return
    truths = [tuple(formula(world) for formula in formulas) for world in worlds]
    for number, test in enumerate(tests):
        holds = [truth for truth in truths if truth[number]]
        if not holds:
            yield RULES["W642"].at(test.place, f"{test.source} never holds", _meant(test, "and", "or"))
        elif len(holds) == len(truths):
            yield RULES["W643"].at(test.place, f"{test.source} always holds", _meant(test, "or", "and"))
            return
        elif all(any(truth[:number]) for truth in holds):
            yield _covered(test, [each for at, each in enumerate(tests[:number]) if all(truth[at] for truth in holds)])


def _keyed(exit_: Exit, scope: ScopeTypes) -> Iterator[Issue]:
    """W642 for the check of a `collect` that holds for nothing that can be keyed in."""
    if not isinstance(exit_, Collect) or exit_.check is None or exit_.digits is None:
        return
    into, digits = nodes.Name(exit_.into, "load"), nodes.Getattr(nodes.Name("input", "load"), "digits", "load")
    is_plain = exit_.type.name in ("text", "int", "number")
    if exit_.speech or not is_plain:
        return
    low, high = exit_.digits
    domains = Domains(scope, dict.fromkeys((key_of(into), key_of(digits)), (low, high)))
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
