"""The template environment is safe by itself, even if a check were bypassed."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError

from ncco_server.flow.nodes import Text
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.filters import Unfit
from ncco_server.flow.templates.tree import Template
from ncco_server.flow.templates.values import Program
from tests.support.cases import each_case
from tests.unit.server.flow.templates.cases import PLACE


class Trap:
    """An object with an attribute and a method, which no call has."""

    secret = "secret"

    def open(self) -> str:
        return "open"


KNOWN: dict[str, Any] = {"text": "a", "trap": Trap(), "info": {"items": "entry", "trap": Trap()}, "list": [1, 2]}


def run(source: str) -> str:
    """A text rendered by the bare environment, without any check."""
    return ENVIRONMENT.from_string(source).render(KNOWN)


@each_case(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ text.upper }}",
        "{{ trap.secret }}",
        "{{ info.keys }}",
        "{{ info.trap.secret }}",
        "{{ list.append }}",
        "{{ list[9] }}",
        "{{ text | _entry('upper', 'text.upper') }}",
        "{{ trap | _entry('secret', 'trap.secret') }}",
        "{{ info | _entry('trap', '') | _entry('secret', '') }}",
        "{{ list | _entry('append', 'list.append') }}",
        "{{ nobody }}",
        "{{ range }}{{ lipsum }}{{ dict }}",
        "{% for x in nobody | _items(1) %}{% endfor %}",
        "{{ nobody | _negative }}",
        "{{ 1 | _subtract(nobody) }}",
    ],
)
def test_attributes_and_unknown_names_are_missing(source: str) -> None:
    with pytest.raises(UndefinedError, match="this call has no"):
        run(source)


@each_case("source", ["{{ trap() }}", "{{ trap.open() }}", "{{ text.upper() }}", "{{ cycler() }}"])
def test_nothing_can_be_called(source: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        run(source)


@each_case(
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
def test_filters_tests_files_and_extensions_of_jinja_are_unavailable(source: str) -> None:
    with pytest.raises((TemplateError, TypeError)):
        run(source)


@each_case(
    "source", ["{{ 'a' | _add(1) }}", "{{ text | _negative }}", "{{ 3 | _cut(0, 1) }}", "{{ text | _items(1) }}"]
)
def test_operators_accept_only_matching_types(source: str) -> None:
    with pytest.raises(Unfit):
        run(source)


@each_case(
    "source",
    [
        "{% macro x() %}{% endmacro %}",
        "{% filter upper %}a{% endfilter %}",
        "{% block x %}{% endblock %}",
        "{% extends 'x' %}",
        "{% include 'x' %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% if x() %}{% endif %}",
        "{% if 2 * 3 %}{% endif %}",
        "{% if {} %}{% endif %}",
        "{% if x | safe %}{% endif %}",
    ],
)
def test_unsupported_syntax_is_not_compiled(source: str) -> None:
    template = Template(Text(source, PLACE))
    template.body = ENVIRONMENT.parse(source).body

    with pytest.raises((TypeError, KeyError)):
        Program(template, "en-US", {})


def test_a_value_without_an_escaper_is_not_compiled() -> None:
    template = Template(Text("{{ x }}", PLACE))
    template.body = [nodes.Output([nodes.Name("x", "load", lineno=3)])]

    with pytest.raises(KeyError):
        Program(template, "en-US", {})
