from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.errors import RenderError
from ncco_server.flow.nodes import Text
from ncco_server.flow.templates.compiler import compile_expression
from ncco_server.flow.templates.syntax import MAX_TOKENS
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.server.flow.tables import table
from tests.unit.server.flow.templates.cases import NAMES, PLACE, SCOPE, custom, expression, holds, names, read, refusal


@each_case("source", table(__file__, "test_an_expression_is_true"))
def test_an_expression_is_true(source: str) -> None:
    assert holds(source)


@each_case(("source", "code", "message"), table(__file__, "test_a_missing_or_uncomputable_value_is_an_error"))
def test_a_missing_or_uncomputable_value_is_an_error(source: str, code: str, message: str) -> None:
    assert f"{code} flows/test.yaml:1:1: {message}" == refusal(expression(source))


def test_the_size_of_a_list_is_limited() -> None:
    assert ("E395 flows/test.yaml:1:1: a list grew to more than 200 entries") == refusal(
        expression("items + items == items"), names(items=["a"] * 101)
    )


def test_the_length_of_a_spelt_text_is_limited() -> None:
    assert ("E395 flows/test.yaml:1:1: text grew to more than 10,000 characters") == refusal(
        expression('ticket | spell == ""'), names(ticket="a" * 5_000)
    )


def test_headers_that_are_not_a_map_are_an_error() -> None:
    known = names(call={"sip": "X"})

    assert ("E395 flows/test.yaml:1:1: call.sip is not a map of headers") == refusal(
        expression('call.sip.X == ""'), known
    )


@each_case("source", ['ticket + ticket == "x"', 'ticket | upper == "x"', 'ticket | replace("a", ticket) == "x"'])
def test_the_length_of_a_text_is_limited(source: str) -> None:
    assert ("E395 flows/test.yaml:1:1: text grew to more than 10,000 characters") == refusal(
        expression(source), names(ticket="a" * 10_001)
    )


def test_settings_are_not_checked_when_they_are_unknown() -> None:
    scope = SCOPE.__class__(SCOPE.types)

    assert [] == compile_expression(Text('env.NOPE == ""', PLACE), scope)[1]


@each_case(
    ("source", "message"),
    [
        ("(" * 40 + "vip" + ")" * 40, "an expression nested more than 30 deep"),
        ("not " * 40 + "vip", "an expression nested more than 30 deep"),
        ("+ ".join(["1"] * MAX_TOKENS), f"an expression of more than {MAX_TOKENS} words and signs"),
        (f'ticket == "{"x" * 1_000}"', "an expression of more than 1,000 characters"),
    ],
)
def test_the_length_of_an_expression_is_limited(source: str, message: str) -> None:
    (issue,) = read(source)[1]

    assert ("E311", message) == (issue.code, issue.message)


def test_a_long_chain_within_the_limits_is_computed() -> None:
    assert holds(" + ".join(["1"] * 70) + " == 70")


def test_an_issue_in_a_folded_text_points_at_its_own_line() -> None:
    source = "vip and\ntires == 2"
    origins = tuple((3, column) for column in range(7, 15)) + tuple((4, column) for column in range(7, 17))
    (issue,) = compile_expression(Text(source, PLACE, origins=origins), SCOPE)[1]

    assert (4, 7, 5) == (issue.place.line, issue.place.column, issue.place.length)


WORDS = """vip tries ticket call .from . ( ) [ ] "a" ' 1 0.5 == < in not and or + - | upper default if else is defined ,
items spoken list digits : {{ }} = ! \\ \n $ #"""
SIGNS = st.sampled_from(WORDS.split())


@given(st.lists(SIGNS, max_size=15).map(" ".join) | st.text(max_size=40))
@examples(100)
def test_any_text_is_an_expression_or_has_issues_and_never_raises(source: str) -> None:
    found, issues = read(source)

    assert (found is None) is any(issue.is_error for issue in issues)
    assert all(issue.cure and issue.place.line >= 1 and issue.place.column >= 1 for issue in issues)


@given(st.lists(SIGNS, max_size=9).map(" ".join))
@examples(100)
def test_an_expression_that_compiles_gives_a_boolean_or_a_render_error(source: str) -> None:
    found = read(source)[0] or expression("true")
    try:
        result = found.evaluate(NAMES)
    except RenderError as error:
        assert error.code in ("E391", "E395")
    else:
        assert isinstance(result, bool)


READERS = [
    expression(source)
    for source in (
        'call.custom_data.x == "a"',
        "call.custom_data.x > 3",
        '"a" in call.custom_data.x',
        "call.custom_data.x | length > 1",
        "call.custom_data.x | int(0) == 0",
        'call.custom_data.x + "a" == "a"',
        "call.custom_data.x | round > 1",
        'call.custom_data.x | text == ""',
        'items[call.custom_data.x] == "a"',
        "call.custom_data.x[tries] == 1",
        "call.custom_data.x + items == items",
        'call.custom_data.x | spoken == ""',
        'tries | spoken(call.custom_data.x) == ""',
        'call.custom_data.x | digits == ""',
        'ticket | digits(call.custom_data.x) == ""',
        'call.custom_data.x | spell == ""',
        'call.custom_data.x | list == ""',
        "now | in_zone(call.custom_data.x) == now",
    )
]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
@examples(60)
def test_hostile_values_give_a_boolean_or_a_render_error(value: object) -> None:
    for found in READERS:
        try:
            result = found.evaluate(custom(value))
        except RenderError as error:
            assert error.code in ("E391", "E395")
        else:
            assert isinstance(result, bool)
