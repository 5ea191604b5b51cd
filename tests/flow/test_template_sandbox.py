"""What templates run in is closed by itself, even if a check were passed by."""

from __future__ import annotations

from typing import Any

import pytest
from app.flow.expressions.fault import Unfit
from app.flow.templates.plan import Plan, Unit, Written
from app.flow.templates.rewriting import Differs, compiled
from app.flow.templates.sandbox import SANDBOX, Missing
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError

from app.flow.nodes import Text
from tests.flow.expression_kit import PLACE


class Trap:
    """An object with an attribute and a method, as no call has."""

    secret = "secret"

    def open(self) -> str:
        return "open"


KNOWN: dict[str, Any] = {"text": "a", "trap": Trap(), "info": {"items": "entry", "trap": Trap()}, "list": [1, 2]}


def run(source: str) -> str:
    return SANDBOX.from_string(source).render(KNOWN)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ text.upper }}",
        "{{ text['upper'] }}",
        "{{ trap.secret }}",
        "{{ trap['secret'] }}",
        "{{ info.keys }}",
        "{{ info.trap.secret }}",
        "{{ list.append }}",
        "{{ list['append'] }}",
        "{{ info[0] }}",
        "{{ list[9] }}",
        "{{ [].__class__.__mro__[1] }}",
        "{{ nobody }}",
        "{{ nobody.at.all[0] }}",
        "{{ range }}{{ lipsum }}{{ dict }}",
        "{% if nobody %}{% endif %}",
        "{% for x in nobody | _items %}{% endfor %}",
        "{{ -nobody }}",
        "{{ nobody + 1 }}",
        "{{ 1 - nobody }}",
    ],
)
def test_attributes_and_unknown_names_are_missing(source: str) -> None:
    with pytest.raises(UndefinedError, match="this call has no"):
        run(source)


@pytest.mark.parametrize("source", ["{{ trap() }}", "{{ trap.open() }}", "{{ text.upper() }}", "{{ cycler() }}"])
def test_nothing_can_be_called(source: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        run(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ text | safe }}",
        "{{ text | attr('upper') }}",
        "{{ 1 is odd }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% do 1 %}",
    ],
)
def test_filters_tests_files_and_extensions_of_jinja_are_not_there(source: str) -> None:
    with pytest.raises((TemplateError, TypeError)):
        run(source)


@pytest.mark.parametrize("source", ["{{ 'a' + 1 }}", "{{ -text }}", "{{ 3 | _cut(0, 1) }}", "{{ text | _items }}"])
def test_operators_take_only_what_fits(source: str) -> None:
    with pytest.raises(Unfit):
        run(source)


def test_entries_of_maps_and_lists_are_there() -> None:
    assert run("{{ info.items }} {{ info['items'] }} {{ list[0] }} {{ list[-1] }}") == "entry entry 1 2"


def test_a_part_of_what_is_missing_is_missing() -> None:
    assert run("{{ nobody | _cut(0, 1) | default('x') }}") == "x"
    assert isinstance(SANDBOX.getitem(Missing(name="x"), 0), Missing)


def plan_of(source: str, *marks: Written) -> Plan:
    return Plan(Unit(Text(source, PLACE), marks=list(marks)), "en-US")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% macro x() %}{% endmacro %}", "Macro is not known here"),
        ("{% set x %}a{% endset %}", "AssignBlock is not known here"),
        ("{% filter upper %}a{% endfilter %}", "FilterBlock is not known here"),
        ("{% block x %}{% endblock %}", "Block is not known here"),
        ("{% with %}{% endwith %}", "With is not known here"),
        ("{% extends 'x' %}", "Extends is not known here"),
        ("{% import 'x' as y %}", "Import is not known here"),
        ("{% autoescape false %}{% endautoescape %}", "Scope is not known here"),
        ("{{ x | safe }}", "Filter is not known here"),
        ("{{ x | _text(0) }}", "Filter is not known here"),
        ("{{ x() }}", "Call is not known here"),
        ("{{ 2 * 3 }}", "Mul is not known here"),
        ("{{ x ~ y }}", "Concat is not known here"),
        ("{{ {} }}", "Dict is not known here"),
        ("{{ x }}", "a value where none was found before"),
        ("{% include 'x' %}", "a value where none was found before"),
        ("{% if x", "unexpected end of template, expected 'end of statement block'."),
    ],
)
def test_what_the_checks_did_not_find_is_refused(source: str, reason: str) -> None:
    with pytest.raises(Differs) as caught:
        compiled(plan_of(source))

    assert reason == str(caught.value)


def test_a_value_that_jinja_does_not_find_is_refused() -> None:
    with pytest.raises(Differs, match="some values are not found again"):
        compiled(plan_of("Hello", Written("_talk", 0)))
