"""What a flow asks of the time itself, such as the day of the week or the hour: moments that differ in the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from jinja2 import UndefinedError, nodes

from app.flow.checks.usage.conditions import Key, key_of
from app.flow.model import Flow
from app.flow.templates import LANGUAGE
from app.flow.templates.filters import Unfit
from app.flow.templates.references import Occurrence, root_names, walk
from app.flow.templates.values import Run, compiled_expression
from app.verify.prove.flows import assigned, family, uses_in
from app.verify.prove.reading import trees_of

Asked: TypeAlias = tuple[Run, ...]
MOST: Final = 32
"""Answers of one question; what has more of them is only said."""
_STEP_MINUTES: Final = 30
_DAYS: Final = 7
_AHEAD: Final = 366
_LOOKING: Final = frozenset({"contains", "starts_with", "ends_with"})


def asked_of_time(root: Flow) -> Asked:
    """Every question that only the time decides, and every value that is kept of it."""
    found: dict[tuple[str, Key], Run] = {}
    for flow in family(root).values():
        languages = dict.fromkeys((LANGUAGE, *(locale.language for locale in flow.locales.values())))
        for asked in _questions(flow):
            if root_names(asked.node) == {"now"}:
                for language in languages:
                    run = compiled_expression(asked.template, asked.node, language)
                    found.setdefault((language, key_of(asked.node)), run)
    return tuple(found.values())


def _questions(flow: Flow) -> Iterator[Occurrence]:
    for use in uses_in(flow):
        for tree in trees_of(use.source):
            parts = (part for part in walk(tree.node) if isinstance(part, nodes.Expr) and _is_question(part))
            yield from (tree._replace(node=part) for part in parts)
    for step in flow.steps.values():
        for _, _, assignment in assigned(flow, step):
            yield from trees_of(assignment.value)


def _is_question(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Compare) or (isinstance(node, nodes.Filter) and node.name in _LOOKING)


def moments_by(asked: Asked, now: datetime) -> Iterator[datetime]:
    """Moments to ask at: each half hour of a week, and each day of a year; none where nothing is asked."""
    if asked:
        yield from (now + timedelta(minutes=_STEP_MINUTES * count) for count in range(_DAYS * 24 * 60 // _STEP_MINUTES))
        yield from (now + timedelta(days=ahead) for ahead in range(_AHEAD))


def told(asked: Asked, moments: list[datetime]) -> dict[datetime, tuple[Any, ...]]:
    """What is answered at each moment; of a question with too many answers, nothing."""
    rows = [[_answer(run, moment) for moment in moments] for run in asked]
    few = [row for row in rows if len(set(row)) <= MOST]
    return {moment: tuple(row[number] for row in few) for number, moment in enumerate(moments)}


def _answer(run: Run, moment: datetime) -> str:
    try:
        return repr(run({"now": moment}))
    except (UndefinedError, Unfit):
        return ""
