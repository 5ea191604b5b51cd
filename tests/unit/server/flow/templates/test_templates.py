from __future__ import annotations

from typing import Any

from ncco_server.flow.issues import RULES, RUNNING_RULES
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.templates.compiler import compile_expression, compile_file, compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.values import Computed
from ncco_server.ncco.value_types import TYPES, Escape, Kind, list_of, record
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table
from tests.unit.server.flow.templates.cases import (
    FILES,
    NAMES,
    PLACE,
    SCOPE,
    custom,
    file_value,
    in_places,
    line,
    names,
    refusal,
    rendered,
    value,
    value_faults,
)


def test_a_file_is_rendered_with_what_it_includes() -> None:
    found, issues = file_value("greeting.j2", FILES)

    assert [] == issues
    assert isinstance(found, Computed)
    assert "Hello 447700900123.\nYour ticket is T-17." == found.render(NAMES)
    assert {"greeting.j2", "part.j2"} == found.template.files
    assert frozenset({"call", "ticket"}) == found.used_names


def test_a_file_without_braces_is_literal() -> None:
    found, _ = file_value("plain.j2", FILES)

    assert found is not None
    assert found.is_literal
    assert "Good morning." == found.render({})


def test_an_include_within_a_text_is_ssml_when_the_file_is() -> None:
    text = value("{% include 'speech.j2' %}", templates=FILES)

    assert "<speak>Hello a &amp; &lt;b&gt;</speak>" == text.render(names(ticket="a & <b>"))


def test_a_set_within_an_included_file_stays_there() -> None:
    files = {"set.j2": "{% set x = 1 %}{{ x }}"}

    assert [] == value_faults("{% include 'set.j2' %}", templates=files)
    assert ["E303 «x»"] == value_faults("{% include 'set.j2' %}{{ x }}", templates=files)


def test_a_file_that_is_too_long_is_refused() -> None:
    found, issues = file_value("long.j2", FILES)

    assert found is None
    assert ["E311"] == [issue.code for issue in issues]


def test_the_size_of_includes_is_limited() -> None:
    assert ["E311"] == [fault[:4] for fault in value_faults('{% include "plain.j2" %}' * 51, templates=FILES)]


def test_includes_that_nest_too_deep_are_refused() -> None:
    deep = "{% if vip %}" * 10
    files = {f"{n}.j2": f'{deep}{{% include "{n + 1}.j2" %}}{"{% endif %}" * 10}' for n in range(10)}
    faults = value_faults("{% include '0.j2' %}", templates={**files, "10.j2": "x"})

    assert ["templates/4.j2 E311 «{%»"] == faults


@each_case(("source", "escape", "type_name", "expected"), table(__file__, "test_a_value_is_cast_to_its_type"))
def test_a_value_is_cast_to_its_type(source: str, escape: Escape, type_name: str, expected: object) -> None:
    result = rendered(source, escape, type_=TYPES[type_name])

    assert expected == result
    assert type(expected) is type(result)


@each_case(
    ("escape", "type_", "source", "expected"), in_places(__file__, "test_a_missing_or_mismatched_value_is_an_error")
)
def test_a_missing_or_mismatched_value_is_an_error(
    escape: Escape, type_: Kind, source: str, expected: list[str]
) -> None:
    assert expected == [refusal(value(source, escape, type_))]


def test_a_line_end_in_a_literal_header_is_an_issue() -> None:
    assert ["E313"] == [fault[:4] for fault in value_faults("a\nb", "header")]


@each_case(
    ("source", "known", "message"),
    [
        ("{{ ticket }}", names(ticket="x" * 10_001), "ticket: a value of more than 10,000 characters"),
        ("{{ ticket }}{{ ticket }}", names(ticket="x" * 6_000), "the result is longer than 10,000 characters"),
        (
            "{% for i in call.custom_data.x %}{{ ticket }}{% endfor %}",
            custom([1] * 200) | {"ticket": "x" * 51},
            "the result is longer than 10,000 characters",
        ),
    ],
)
def test_the_length_of_a_result_is_limited(source: str, known: dict[str, Any], message: str) -> None:
    error = refusal(value(source), known)

    assert error.startswith("E394 flows/test.yaml:1:")
    assert error.endswith(message)


def test_a_loop_over_a_long_list_is_refused() -> None:
    text = value("{% for i in call.custom_data.x %}{% endfor %}")

    assert "E395 flows/test.yaml:1:1: a loop may have at most 200 entries" == refusal(text, custom([1] * 201))


def test_two_loops_over_the_longest_lists_stop_early() -> None:
    text = value("{% for a in call.custom_data.x %}{% for b in call.custom_data.x %}{% endfor %}{% endfor %}a")

    assert "a" == text.render(custom([1] * 200))


@each_case(
    "text",
    [
        "{{ env.TEAM }}/a",
        "{{ env.TEAM }}",
        "https://x/{% if vip %}{{ env.TEAM }}{% endif %}",
        "{{ env.TEAM | upper }}/a",
    ],
)
def test_an_unset_server_variable_is_reported_with_its_full_name(text: str) -> None:
    assert refusal(value(text, "url"), {"env": {}, "vip": True}).endswith(": FLOW_TEAM is not set")


@each_case("source", ["{{ now | spoken }}", "{% if vip %}{{ now | spoken }}{% endif %}", "{% include 'when.j2' %}"])
def test_filters_use_the_language_that_the_value_is_compiled_for(source: str) -> None:
    files = Templates({"when.j2": "{% set when = now | spoken %}{{ when }}"})
    german, _ = compile_value(Text(source, PLACE), TYPES["text"], "talk", SCOPE, files, language="de-DE")
    french, _ = compile_value(Text(source, PLACE), TYPES["text"], "talk", SCOPE, files, language="fr-FR")

    assert german is not None
    assert "Montag, 5. Januar, um 9 Uhr 30" == german.render(NAMES)
    assert french is not None
    assert "lundi 5 janvier à 9 heures 30" == french.render(NAMES)


def test_a_value_of_another_type_is_marked_with_its_quotes() -> None:
    text = Text("07700900123", Place("flows/test.yaml", 3, 9, 13), quoted=True)

    _, (issue,) = compile_value(text, TYPES["phone"], "number", SCOPE, Templates())

    assert ("E313", text.place) == (issue.code, issue.place)


def test_a_file_of_another_type_is_marked_in_its_first_line() -> None:
    name = Text("number.j2", Place("flows/test.yaml", 3, 9, 9))

    _, (issue,) = compile_file(name, TYPES["phone"], "number", SCOPE, Templates({"number.j2": "077\n"}))

    assert ("E313", Place("templates/number.j2", 1, 1, 3)) == (issue.code, issue.place)


BROKEN: dict[str, tuple[str, Escape, str, dict[str, Any]]] = {
    "E391": ("Hello {{ call.custom_data.nobody }}", "talk", "text", NAMES),
    "E392": ("https://{{ env.TEAM }}", "url", "url", names(env={"TEAM": ""})),
    "E393": ("{{ ticket }}", "number", "text", names(ticket="call me")),
    "E394": ("{{ ticket }}", "talk", "text", names(ticket="x" * 10_001)),
    "E395": ("{{ call.custom_data.name - 1 }}", "talk", "text", NAMES),
    "E396": (
        "{% for a in [1, 2, 3, 4, 5, 6] %}" + "{% if ticket | spell == '' %}{% endif %}" * 4 + "{% endfor %}",
        "talk",
        "text",
        names(ticket="x" * 3_300),
    ),
}
"""A value, its place and type, and a call in which it breaks the rule."""


@each_case("code", BROKEN)
def test_every_rule_of_a_running_call_has_an_example_that_breaks_it(code: str) -> None:
    source, escape, type_name, known = BROKEN[code]

    assert code == refusal(value(source, escape, TYPES[type_name]), known)[:4]
    assert code in RUNNING_RULES
    assert code not in RULES


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
