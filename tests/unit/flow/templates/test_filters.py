"""What a filter declares is enough to use it."""

from __future__ import annotations

import pytest

from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import scope_types
from ncco_server.flow.templates.compiler import compile_value
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.filters import FILTERS, Filter
from ncco_server.value_types import TYPES


def _grouped(value: str, language: str, size: int) -> str:
    return f"{language}: {value[:size]} {value[size:]}"


def test_a_new_filter_that_speaks_takes_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    grouped = Filter(
        name="grouped",
        summary="In groups.",
        example="{{ topic | grouped(2) }}",
        apply=_grouped,
        takes=("text",),
        gives=TYPES["text"],
        usage="| grouped(2)",
        args=("number",),
        needed=1,
        is_localised=True,
    )
    monkeypatch.setitem(FILTERS, "grouped", grouped)
    monkeypatch.setitem(ENVIRONMENT.filters, "grouped", grouped.apply)
    text = Text("{{ call.uuid | grouped(2) }}", Place("flows/main.yaml", 1, 1))

    value, issues = compile_value(text, TYPES["text"], "talk", scope_types({}), {}, language="de-DE")

    assert [] == issues
    assert value is not None
    assert "de-DE: ab cd" == value.render({"call": {"uuid": "abcd"}})
