"""Values of declared forms: lists of maps, as a lookup returns them."""

from __future__ import annotations

from ncco_server.flow.nodes import Text
from ncco_server.flow.templates.compiler import compile_expression, compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import TYPES, list_of, record
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table
from tests.unit.server.flow.templates.cases import PLACE, SCOPE, line, names

QUESTION = record({"text": TYPES["text"], "max": TYPES["int"]})
DECLARED = SCOPE.with_name("survey", record({"questions": list_of(QUESTION), "title": TYPES["text"]}))
KNOWN = names(survey={"questions": [{"text": "How?", "max": 5}, {"text": "Why?", "max": 3}], "title": "Us"})


def faults(source: str) -> list[str]:
    return [line(issue, source) for issue in compile_expression(Text(source, PLACE), DECLARED)[1]]


@each_case(("source", "expected"), table(__file__, "test_values_of_a_declared_form_are_checked_at_every_level"))
def test_values_of_a_declared_form_are_checked_at_every_level(source: str, expected: list[str]) -> None:
    assert expected == faults(source)


@each_case(
    ("source", "expected"),
    [
        ("{% for q in survey.questions %}{{ q.max + 1 }}{% endfor %}", "64"),
        ("{% for q in survey.questions %}{% set m = q.max %}{{ m | spoken }} {% endfor %}", "5 3"),
        ("{{ survey.questions[tries - 1].text }} {{ survey.questions[tries].text | default('Done.') }}", "Why? Done."),
    ],
)
def test_templates_can_loop_over_lists_of_a_declared_form(source: str, expected: str) -> None:
    found, issues = compile_value(Text(source, PLACE), TYPES["text"], "talk", DECLARED, Templates())

    assert [] == issues
    assert found is not None
    assert expected == found.render(KNOWN)


@each_case(("source", "expected"), table(__file__, "test_templates_are_checked_against_a_declared_form"))
def test_templates_are_checked_against_a_declared_form(source: str, expected: str) -> None:
    found, issues = compile_value(Text(source, PLACE), TYPES["text"], "talk", DECLARED, Templates())

    assert found is None
    assert [expected] == [line(issue, source) for issue in issues]
