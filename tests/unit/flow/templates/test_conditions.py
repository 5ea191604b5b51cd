from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RenderError
from app.flow.nodes import Text
from app.flow.templates import compile_expression
from app.flow.templates.pieces import MAX_TOKENS
from tests.unit.flow.templates.cases import (
    NAMES,
    PLACE,
    SCOPE,
    blocks,
    custom,
    expression,
    faults,
    holds,
    names,
    read,
    refusal,
)


@pytest.mark.parametrize(("source", "expected"), blocks("expression_faults.txt"))
def test_each_mistake_has_its_place_and_its_cure(source: str, expected: list[str]) -> None:
    assert expected == faults(source)


@pytest.mark.parametrize(
    "source",
    [
        'input.digits == "1"',
        "input.digits == '1'",
        'input.digits == "1" and not call.from in ["447700900124"]',
        'input.digits in ["1", "2"]',
        'input.digits not in ["3"]',
        'not input.digits == "2"',
        "not (vip and tries > 2)",
        "vip or tries > 5",
        "vip == true and not false",
        "tries + 1 == 3",
        "tries - 1 == 1",
        "1 - 2 - 3 == -4",
        "2 + 3 - 1 >= 4",
        "-tries == -2",
        "tries <= 2 and tries >= 2 and tries < 3 and tries > 1",
        "input.confidence > 0.5",
        'tier == "gold"',
        '"gold" == tier',
        'tier != "standard"',
        'call.sip["X-Tenant"] == "blue"',
        'call.sip["x-tenant"] == "blue"',
        'call["sip"]["X-Tenant"] == "blue"',
        'call.sip["X-Other"] == ""',
        'call["from"] == call.from',
        "call.custom_data.vip",
        "call.custom_data.age > 40",
        'call.custom_data.deep.key == "found"',
        'call.custom_data.list[1] == "b"',
        'call.custom_data.list[-1] == "b"',
        'call.custom_data.nobody | default("none") == "none"',
        'call.custom_data.gone | default("none") == "none"',
        'call.custom_data.nobody.at.all | upper | default("none") == "none"',
        "call.custom_data.nobody | default(false) == false",
        'call.custom_data.nobody | default == ""',
        'call.from_user | default("friend", true) == "friend"',
        'call.custom_data.name | default("friend", true) == "Ann"',
        "call.custom_data.nobody is not defined",
        "call.custom_data.name is defined",
        "call.custom_data.gone is not defined",
        "call.custom_data.nobody is defined == false",
        'info.items == "an entry"',
        '"count" in info and "x" not in info',
        '"red" in items',
        'items[0] == "red"',
        'items[0:1] == ["red"]',
        "items | length == 2",
        'items | first == "red" and items | last == "blue"',
        'items | join(", ") == "red, blue"',
        'call.from[:2] == "44"',
        'call.from[-4:] == "0123"',
        'call.from | starts_with("44")',
        'call.from | ends_with("0123")',
        'input.text | contains("sales")',
        'input.text | upper | contains("SALES")',
        "input.digits | int == 1",
        "ticket[2:] | int + 1 == 18",
        "ticket | int(0) == 0",
        "ticket[2:] | number > 16.5",
        'ticket | replace("-", "") == "T17"',
        'ticket | lower == "t-17"',
        '" x " | trim == "x"',
        '"ann lee" | title == "Ann Lee" and "ann lee" | capitalize == "Ann lee"',
        'tries | text == "2"',
        "balance | round == 2",
        "balance | round(1) == 1.5",
        '"Ticket " + ticket == "Ticket T-17"',
        '"a\\"b\\\\c\\n\\t" | length == 7',
        "ticket == ticket",
        "now == now",
        'call.from in [call.to, "447700900123"]',
        "tries in [1, tries]",
        "vip and vip or false and not vip",
        'env.TEAM == "blue"',
        'not (tier == "gold" and tries == 3)',
        "true",
        "True and not False",
        'call.from != "anonymous"',
        "call.custom_data.age + call.custom_data.age == 82",
        'ticket | replace("-", "",) == "T17"',
        'ticket | upper() == "T-17"',
        "items == [items[0], items[1],]",
        'items == ["red", "blue"] and not items == ["blue", "red"] and not items == ["red"]',
        'items != [] and items != ["blue", "red"] and not items != ["red", "blue"] and [] == []',
        'call.custom_data.list == ["a", "b"]',
        'ticket[:] == "T-17"',
        'items[tries - 1] == "blue"',
        'items[tries] | default("none") == "none"',
        'items[tries - 3] | default("none") == "none"',
        "items[tries] is not defined and items[tries - 2] is defined",
        'info["co" + "unt"] == 3',
        "info[ticket] | default(0) == 0",
        'info.count[tries] | default("none") == "none"',
        'call[call.custom_data.name | replace("Ann", "from")] == call.from',
        'call.sip["X-" + "tenant"] == "blue" and call.sip[ticket] == ""',
        'call.custom_data.list[balance - 0.5] == "b"',
        'call.custom_data.deep[call.custom_data.name | replace("Ann", "key")] == "found"',
        'items + [ticket] == ["red", "blue", "T-17"]',
        "[] + items == items and items + [] == items",
        "(items + items) | length == 4",
        'call.custom_data.list + items == ["a", "b", "red", "blue"]',
        '"x" in items + ["x"] and tries in [1, tries] + [3]',
        "[1, 2][tries - 1] + 1 == 3",
        "[[1], [2]][tries - 1][0] == 2",
        '[ticket, "a"] | last == "a"',
        '([1, "a"] + [vip]) | length == 3',
        'balance | spoken == "1.5" and balance | spoken("GBP") == "1 pound and 50 pence"',
        'now | spoken("weekday") == "Monday"',
        'now | in_zone("Asia/Tokyo") | spoken("time") == "6:30 PM"',
        'now | in_zone("Asia/Tokyo") == now and now | in_zone("Asia/Tokyo") > "2026-01-05T09:00" | in_zone("UTC")',
        'items | list("or") == "red or blue" and call.custom_data.list | list == "a and b"',
        'ticket | spell == "T, dash, 1, 7" and tries | digits == "2" and call.from[:4] | digits(2) == "4 4, 7 7"',
        'call.custom_data.nobody | spoken | default("x") == "x"',
    ],
)
def test_an_expression_holds(source: str) -> None:
    assert holds(source)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("call.custom_data.nobody", "E391", "this call has no call.custom_data.nobody"),
        (
            'call.custom_data["no one"][0].x == 1',
            "E391",
            'this call has no call.custom_data["no one"]',
        ),
        ('call.custom_data.list[7] == "a"', "E391", "this call has no call.custom_data.list[7]"),
        ("call.custom_data.list[0:1][7] == 3", "E391", "this call has no call.custom_data.list[0:1][7]"),
        (
            'call.custom_data.name.first == "A"',
            "E391",
            "this call has no call.custom_data.name.first",
        ),
        (
            'call.custom_data.list.items == "A"',
            "E391",
            "this call has no call.custom_data.list.items",
        ),
        ("call.custom_data.deep[0] == 1", "E391", "this call has no call.custom_data.deep[0]"),
        (
            'env.CRM_URL[99:] | first == "x"',
            "E391",
            "this call has no entry in an empty list or text",
        ),
        (
            "call.custom_data.name",
            "E395",
            "call.custom_data.name is neither true nor false in this call",
        ),
        (
            "call.custom_data.name > 3",
            "E395",
            '">" cannot compare a text and a number; a text of digits needs `| number`',
        ),
        ('"a" in call.custom_data.name', "E395", '"in" needs a list'),
        (
            "call.custom_data.name + 1 == 2",
            "E395",
            '"+" cannot be computed with a text and a number; a text of digits needs `| number`',
        ),
        (
            "call.custom_data.vip - 1 == 0",
            "E395",
            '"-" cannot be computed with true or false and a number',
        ),
        ("-call.custom_data.name == 2", "E395", '"-" needs a number'),
        ("call.custom_data.age[0:1] == 2", "E395", "only a text or a list can be cut"),
        ("call.custom_data.age | length == 2", "E395", "only a text, a list or a map has a length"),
        (
            "call.custom_data.age | first == 2",
            "E395",
            "only a text or a list has a first and a last entry",
        ),
        ('call.custom_data.age | join == "x"', "E395", "only a list can be joined"),
        ('call.custom_data.age | upper == "x"', "E395", "a text is needed here"),
        ("call.custom_data.name | round == 1", "E395", "a number is needed here"),
        ("balance | round(10) == 1", "E395", "a number is rounded to 0 to 9 places"),
        ('call.custom_data.list | text == "x"', "E395", "a text, a number, true or false is needed"),
        ("ticket | int == 1", "E395", "a whole number is needed, such as 20"),
        ('items[tries] == "a"', "E391", "this call has no items[tries]"),
        ('items[tries - 3] == "a"', "E391", "this call has no items[tries - 3]"),
        ('info[call.custom_data.name] == "a"', "E391", "this call has no info[call.custom_data.name]"),
        ('items[call.custom_data.name] == "a"', "E395", "an entry of a list is named by a whole number"),
        ('items[call.custom_data.vip] == "a"', "E395", "an entry is named by a whole number or a text"),
        (
            'call.custom_data.list[call.custom_data.age - 0.5] == "a"',
            "E395",
            "an entry is named by a whole number or a text",
        ),
        ('info[call.custom_data.age] == "a"', "E395", "an entry of a map is named by a text"),
        ('call.custom_data.name + items == ["a"]', "E395", '"+" cannot be computed with a text and a list'),
        (
            'call.custom_data.list - call.custom_data.list == ["a"]',
            "E395",
            '"-" cannot be computed with a list and a list',
        ),
        (
            'call.custom_data.name | spoken == "x"',
            "E395",
            "a number, a point in time, or the text of one such as 2026-03-05T09:30 is needed",
        ),
        (
            'ticket | spoken("GBP") == "x"',
            "E395",
            "a number, a point in time, or the text of one such as 2026-03-05T09:30 is needed",
        ),
        ('tries | spoken(ticket) == "x"', "E395", "a number is said as it is or as an amount of money"),
        (
            'ticket | digits == "x"',
            "E395",
            "digits are needed: a text of them, or a whole number from 0; for letters there is `spell`",
        ),
        ("now | in_zone(ticket) == now", "E395", "the name of a time zone is needed, such as Europe/London"),
        ('call.custom_data.age | list == "x"', "E395", "a list is needed"),
    ],
)
def test_what_a_call_lacks_or_cannot_compute_is_an_error(source: str, code: str, message: str) -> None:
    assert f"{code} flows/test.yaml:1:1: {message}" == refusal(expression(source))


def test_a_list_does_not_grow_without_bound() -> None:
    assert refusal(expression("items + items == items"), names(items=["a"] * 101)) == (
        "E395 flows/test.yaml:1:1: a list became longer than 200 entries"
    )


def test_what_is_spelt_does_not_grow_without_bound() -> None:
    assert refusal(expression('ticket | spell == ""'), names(ticket="a" * 5_000)) == (
        "E395 flows/test.yaml:1:1: a text became longer than 10,000 characters"
    )


def test_filters_speak_the_language_that_the_expression_is_compiled_for() -> None:
    found, _ = compile_expression(Text('now | spoken("weekday") == "lundi"', PLACE), SCOPE, language="fr-FR")

    assert found is not None
    assert found.evaluate(NAMES)


def test_a_name_that_the_engine_does_not_give_is_an_error() -> None:
    assert refusal(expression("vip"), {}) == "E391 flows/test.yaml:1:1: this call has no vip"


def test_headers_that_are_no_map_are_an_error() -> None:
    known = names(call={"sip": "X"})

    assert refusal(expression('call.sip.X == ""'), known) == (
        "E395 flows/test.yaml:1:1: call.sip is not a map of headers"
    )


@pytest.mark.parametrize(
    "source", ['ticket + ticket == "x"', 'ticket | upper == "x"', 'ticket | replace("a", ticket) == "x"']
)
def test_a_text_does_not_grow_without_bound(source: str) -> None:
    assert refusal(expression(source), names(ticket="a" * 10_001)) == (
        "E395 flows/test.yaml:1:1: a text became longer than 10,000 characters"
    )


def test_an_expression_knows_what_it_looks_up() -> None:
    found = expression('vip and env.TEAM == "blue" and env["CRM_URL"] != call.from')

    assert {"vip", "env", "call"} == found.used_names
    assert {"TEAM", "CRM_URL"} == found.used_env
    assert found.type.name == "bool"
    assert found.place == PLACE
    assert found.source.startswith("vip and")


def test_settings_are_not_looked_for_when_they_are_not_known() -> None:
    scope = SCOPE.__class__(SCOPE.shapes)

    assert compile_expression(Text('env.NOPE == ""', PLACE), scope)[1] == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(" * 40 + "vip" + ")" * 40, "an expression nested more than 30 deep"),
        ("not " * 40 + "vip", "an expression nested more than 30 deep"),
        ("+ ".join(["1"] * MAX_TOKENS), f"an expression of more than {MAX_TOKENS} words and signs"),
        (f'ticket == "{"x" * 1_000}"', "an expression of more than 1,000 characters"),
    ],
)
def test_an_expression_is_bounded(source: str, message: str) -> None:
    (issue,) = read(source)[1]

    assert (issue.code, issue.message) == ("E311", message)


def test_a_long_chain_within_the_bounds_is_computed() -> None:
    assert holds(" + ".join(["1"] * 70) + " == 70")


def test_an_issue_in_a_folded_text_points_at_its_own_line() -> None:
    source = "vip and\ntires == 2"
    origins = tuple((3, column) for column in range(7, 15)) + tuple((4, column) for column in range(7, 17))
    (issue,) = compile_expression(Text(source, PLACE, origins=origins), SCOPE)[1]

    assert (issue.place.line, issue.place.column, issue.place.length) == (4, 7, 5)


WORDS = """vip tries ticket call .from . ( ) [ ] "a" ' 1 0.5 == < in not and or + - | upper default if else is defined ,
items spoken list digits : {{ }} = ! \\ \n $ #"""
SIGNS = st.sampled_from(WORDS.split())


@given(st.lists(SIGNS, max_size=15).map(" ".join) | st.text(max_size=40))
@settings(max_examples=100)
def test_any_text_is_an_expression_or_has_issues_and_never_raises(source: str) -> None:
    found, issues = read(source)

    assert (found is None) is any(issue.is_error for issue in issues)
    assert all(issue.cure and issue.place.line >= 1 and issue.place.column >= 1 for issue in issues)


@given(st.lists(SIGNS, max_size=9).map(" ".join))
@settings(max_examples=100)
def test_what_compiles_gives_a_boolean_or_a_render_error(source: str) -> None:
    found = read(source)[0] or expression("true")
    try:
        result = found.evaluate(NAMES)
    except RenderError as error:
        assert error.code in ("E391", "E395")
    else:
        assert isinstance(result, bool)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
@settings(max_examples=40)
@pytest.mark.parametrize(
    "source",
    [
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
    ],
)
def test_hostile_values_give_a_boolean_or_a_render_error(source: str, value: object) -> None:
    try:
        result = expression(source).evaluate(custom(value))
    except RenderError as error:
        assert error.code in ("E391", "E395")
    else:
        assert isinstance(result, bool)
