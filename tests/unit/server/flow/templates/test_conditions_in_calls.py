"""Lists, maps and speaking filters in whole calls and in values of declared forms."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_server.engine import CallData
from ncco_server.flow.nodes import Text
from ncco_server.flow.templates.compiler import compile_expression, compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import TYPES, list_of, record
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import LEG, ScriptedCall, load_flow
from tests.unit.server.flow.tables import table
from tests.unit.server.flow.templates.cases import PLACE, SCOPE, line, names

SURVEY = """\
flow: survey
default: true
start: begin
vars:
  questions: {type: list}
  number: {type: int}
  answers: {type: list}
  thanks: {type: map, default: {good: "Thank you very much.", bad: "We are sorry."}}
defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Not that one."], then: done}
  on: {error: broken}
steps:
  begin:
    set: {questions: "{{ call.custom_data.questions }}"}
    goto: next
  next:
    branch:
      - if: number < (questions | length)
        goto: ask
      - else: done
  ask:
    do:
      - talk: >-
          Question {{ (number + 1) | spoken }}.
          {{ questions[number].text }} {{ questions[number].hint | default('') }}
    collect: {into: answer, digits: 1, check: "answer | int <= questions[number].max"}
    goto: keep
  keep:
    set:
      answers: "{{ answers + [input.digits] }}"
      number: "{{ number + 1 }}"
    goto: next
  done:
    do:
      - talk: "You said {{ answers | list }}. {{ thanks['good' if '5' in answers else 'bad'] }}"
      - talk: {template: all.j2}
    goto: end
  broken:
    do:
      - talk: "Something broke."
    goto: end
"""
ALL = """\
{% for q in questions -%}
  {{ q.text }} {{ answers[loop.index0] | default('Nothing') }}.
{% endfor %}
"""
QUESTIONS = [{"text": "How are you?", "max": 5}, {"text": "How are we?", "max": 3, "hint": "From 1 to 3."}]


def survey(questions: Any) -> ScriptedCall:
    call = CallData(to="442079460000", from_number="447700900123", uuid=LEG, custom_data={"questions": questions})
    return ScriptedCall(load_flow(SURVEY, {"templates/all.j2": ALL}), call=call)


def test_a_survey_of_unknown_length_asks_every_question() -> None:
    call = survey(QUESTIONS)

    assert ["Question 1. How are you?"] == call.said
    call.press("5")
    assert ["Question 2. How are we? From 1 to 3."] == call.said
    call.press("4")
    assert ["Not that one.", "Question 2. How are we? From 1 to 3."] == call.said
    call.press("2")
    assert ["You said 5 and 2. Thank you very much.", "How are you? 5.\nHow are we? 2."] == call.said


def test_a_survey_that_is_left_early_sends_the_answers_so_far() -> None:
    call = survey(QUESTIONS)
    call.press("1")
    call.silence()
    call.silence()

    assert ["You said 1. We are sorry.", "How are you? 1.\nHow are we? Nothing."] == call.said


def test_a_survey_without_questions_ends_at_once() -> None:
    assert "You said . We are sorry." == survey([]).said[0]


@each_case("questions", ["none", {"text": "x"}, [{"max": 3}], ["x"], [[]], [None], None, [{}] * 201])
def test_questions_of_an_undeclared_form_take_the_error_exit(questions: Any) -> None:
    assert ["Something broke."] == survey(questions).said


SPOKEN = """\
flow: spoken
default: true
start: tell
defaults:
  talk: {language: %s}
steps:
  tell:
    do:
      - talk: "{{ now | in_zone('Europe/Paris') | spoken }}. {{ call.from | digits }}. {{ 12.5 | spoken('EUR') }}."
      - talk: "<speak>{{ ['<b>', 'R & D'] | list }} <break time='1s'/>{{ '<&' | spell }}</speak>"
    goto: end
"""


@pytest.mark.parametrize(
    ("language", "plain", "ssml"), table(__file__, "test_a_talk_speaks_values_in_its_own_language")
)
def test_a_talk_speaks_values_in_its_own_language(language: str, plain: str, ssml: str) -> None:
    assert [plain, ssml] == ScriptedCall(load_flow(SPOKEN % language)).said


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
