"""Reads steps of a flow that speaks English and French."""

from __future__ import annotations

from typing import Any

from app.flow.model import Frame
from tests.flow import loading_flows

LOCALES = "locales: {en: {language: en-GB, style: 2}, fr: {language: fr-FR}}\n"
NAMES = {"call": {"to": "442079460000", "from": "447700900123"}, "env": {}, "input": {}, "now": None}


def played(steps: str, locale: str, head: str = LOCALES, step: str = "hello") -> list[dict[str, Any]]:
    """The actions of one step of a flow without issues, as the callers of a locale hear them."""
    flow = loading_flows.flow_of(steps, head)
    variables = {name: variable.default for name, variable in flow.variables.items()}
    frame = Frame({**NAMES, **variables, "locale": locale})
    return [draft.action for part in flow.steps[step].parts for draft in part.render(frame)]


def one(do: str, locale: str, head: str = LOCALES) -> dict[str, Any]:
    """The one action of a `do`, as the callers of a locale hear it."""
    (action,) = played(f"hello:\n  do:\n    - {do}\n  goto: end", locale, head)
    return action


def faults_of(do: str, head: str = LOCALES) -> list[str]:
    """The issues of a step with one item in its `do`."""
    return loading_flows.faults_of(f"hello:\n  do:\n    - {do}\n  goto: end", head)
