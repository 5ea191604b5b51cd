"""Texts with values and without tags, which most texts of a flow are: written without Jinja2.

Jinja2 gives the same text, by the same functions; but making its code takes longer than all the rest of loading a
flow, and a fault here knows which braces it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from app.flow.expressions.evaluator import Run, compiled
from app.flow.expressions.fault import Absent, Unfit
from app.flow.templates.escapes import ESCAPERS, Escaper, Refused
from app.flow.templates.plan import Plan, Written
from app.flow.templates.scanner import Data
from app.flow.templates.tree import Output

Pieces: TypeAlias = Callable[[dict[str, Any]], Iterable[str]]

_CONTROLS_BLANKS = re.compile(r"\{[{%#][-+]|[-+][}%#]\}|\r|\n\Z")


def straight(plan: Plan) -> Pieces | None:
    """What writes the text piece by piece; None when it takes Jinja2: tags, includes, control of blanks."""
    unit = plan.unit
    if _CONTROLS_BLANKS.search(unit.text.value):
        return None
    steps: list[str | tuple[Run, Escaper, int]] = []
    marks = iter(unit.marks)
    for part in unit.parts:
        if isinstance(part, Data):
            steps.append(part.text)
        elif isinstance(part, Output) and isinstance(mark := next(marks), Written):
            steps.append((compiled(part.node, plan.language), ESCAPERS[mark.escaper], mark.index))
        else:
            return None
    return _writer(tuple(steps))


def _writer(steps: tuple[str | tuple[Run, Escaper, int], ...]) -> Pieces:
    def pieces(names: dict[str, Any]) -> Iterable[str]:
        return [step if isinstance(step, str) else _written(names, *step) for step in steps]

    return pieces


def _written(names: dict[str, Any], run: Run, escaper: Escaper, index: int) -> str:
    try:
        return escaper(run(names), index)
    except Absent as absent:
        raise Refused("E391", str(absent), index) from None
    except Unfit as unfit:
        raise Refused("E395", str(unfit), index) from None
