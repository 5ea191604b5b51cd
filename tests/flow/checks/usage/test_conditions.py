from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow.checks.usage.domains import Domains
from app.flow.model import Variable
from app.flow.nodes import Place, Text
from app.flow.scope import scope_types
from app.flow.templates import compile_expression
from tests.flow.checks.usage.whole_projects import CUSTOMER, codes, faults

HEAD = (
    "vars: {plan: {type: [small, large, huge], default: small}, tries: {type: int, default: 0},"
    " rate: {type: number, default: 0}, said: {type: text, default: ''}, days: {type: list}}\n"
    "hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}\n" + CUSTOMER
)
USES = "{{ plan }}{{ tries }}{{ rate }}{{ said }}{{ days | length }}{{ hours.office.open }}{{ customer.vip }}"

SETS = "{tries: '{{ tries + 1 }}', rate: '0.5', said: x, days: [mon]}"


def branch(*conditions: str) -> list[str]:
    """What is wrong with a branch of these conditions: code and message."""
    lines = "".join(f"    - if: {condition}\n      goto: last\n" for condition in conditions)
    last = f"last:\n  set: {SETS}\n  do:\n    - talk: '{USES}'\n  goto: end"
    steps = f"hello:\n  lookup: customer\n  branch:\n{lines}    - else: last\n{last}"
    return [fault.split(" ", 1)[1] for fault in faults(steps, HEAD)]


@pytest.mark.parametrize(
    "condition",
    [
        'plan == "small" and plan == "large"',
        'plan != "small" and plan != "large" and plan != "huge"',
        'plan in ["small", "large"] and plan == "huge"',
        'not (plan in ["small", "large", "huge"])',
        'plan not in ["small", "large", "huge"]',
        "tries > 3 and tries < 3",
        "3 > tries and tries > 5",
        "tries < 3 and not (tries <= 4)",
        "rate > 0.4 and rate < 0.3",
        'said == "a" and said == "b"',
        '("a" == said) and said == ""',
        "customer.vip and not customer.vip",
        "customer.vip == true and customer.vip == false",
        'customer.tier == "gold" and not (customer.tier == "gold")',
        'hours.office.reason == "holiday" and hours.office.reason == "open"',
        "days | length > 3 and not (days | length > 3)",
        "days | length >= 3 and days | length < 3",
        "false",
    ],
)
def test_what_never_holds_is_told(condition: str) -> None:
    assert ["W642"] == [fault.split()[0] for fault in branch(condition)]


@pytest.mark.parametrize(
    "condition",
    [
        'plan != "small" or plan != "large"',
        "tries > 3 or tries <= 3",
        "rate >= 0 or rate < 1",
        "customer.vip or not customer.vip",
        'said != "a" or said != "b"',
        "true",
    ],
)
def test_what_always_holds_is_told(condition: str) -> None:
    assert ["W643"] == [fault.split()[0] for fault in branch(condition)]


@pytest.mark.parametrize(
    "condition",
    [
        'plan == "small" or plan == "large"',
        'plan != "small" and plan != "large"',
        "tries > 3 and tries < 5",
        "rate > 0.3 and rate < 0.4",
        'said != "a" and said != "b"',
        'said == "a" or said == ""',
        "customer.vip and customer.ok",
        'customer.tier == "gold" and customer.name == ""',
        "said == customer.name and said != customer.name + 'x'",
        'call.sip["X-Tenant"] == "a" and call.sip["X-Team"] == "b"',
        "call.custom_data.a and not call.custom_data.b",
        'call.custom_data.a == 1 and call.custom_data.a == "x"',
        '("x" in customer.tags) and "y" in customer.tags',
        'said in customer.tags and plan in [said, "small"]',
        "said[0:1] == 'a' and said[0:2] == 'b'",
        "now > hours.office.next_open or days == []",
    ],
)
def test_what_may_hold_or_not_is_fine(condition: str) -> None:
    assert [] == branch(condition)


def test_a_line_with_the_condition_of_another_never_decides() -> None:
    assert ["W644 this line never decides: line 15 has the same condition"] == branch("tries > 3", "tries > 3")


def test_a_line_that_another_covers_never_decides() -> None:
    assert ["W644 this line never decides: whenever tries > 5 holds, line 15 holds and comes first"] == branch(
        "tries > 3", "tries > 5"
    )


def test_a_line_that_several_cover_never_decides() -> None:
    assert ['W644 this line never decides: whenever plan != "huge" holds, one of the lines above holds too'] == branch(
        'plan == "small"', 'plan == "large"', 'plan != "huge"'
    )


def test_the_last_of_all_words_may_be_written_out() -> None:
    assert [] == branch('plan == "small"', 'plan == "large"', 'plan == "huge"')


def test_behind_a_line_that_always_holds_nothing_more_is_told() -> None:
    assert ["W643 true always holds"] == branch("tries > 3", "true", "tries > 3")


def test_too_many_combinations_are_not_tried() -> None:
    texts = [f'said == "{number}" and rate == {number} and tries == {number}' for number in range(12)]

    assert [] == branch(*texts, texts[0])


def test_and_that_was_meant_as_or_is_said() -> None:
    assert ["W642", "W643"] == codes(
        'hello:\n  branch:\n    - if: plan == "a" and plan == "b"\n      goto: end\n'
        '    - if: plan != "a" or plan != "b"\n      goto: end\n    - else: end',
        "vars: {plan: {type: [a, b], default: a}}\n",
    )


def test_checks_and_holds_are_conditions_too() -> None:
    collect = "collect: {into: pin, digits: 4, check: pin == '1' and pin == '2'}\n  goto: end\n  retry: {then: end}"
    hold = "hold: {until: 'true', up_to: 1m}\n  on: {ready: end, too_long: end}"

    assert ["W642"] == codes(f"hello:\n  do:\n    - talk: Your PIN?\n  {collect}")
    assert ["W643"] == codes(f"hello:\n  do:\n    - talk: Please wait.\n  {hold}")
    assert [] == codes(f"hello:\n  do:\n    - talk: Please wait.\n  {hold.replace('true', 'false')}")


PLACE = Place("flows/test.yaml", 1, 1)
SCOPE = scope_types(
    {
        "plan": Variable("plan", "text", "a", PLACE, words=("a", "b", "c")),
        "tries": Variable("tries", "int", 0, PLACE),
        "said": Variable("said", "text", "", PLACE),
        "vip": Variable("vip", "bool", False, PLACE),
    }
)
ATOMS = st.one_of(
    st.builds("plan {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("abc")),
    st.builds("plan {} ['{}', '{}']".format, st.sampled_from(["in", "not in"]), st.sampled_from("abc"), st.just("b")),
    st.builds("tries {} {}".format, st.sampled_from(["<", "<=", "==", ">", ">=", "!="]), st.integers(0, 4)),
    st.builds("{1} {0} tries".format, st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 4)),
    st.builds("said {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("xy")),
    st.just("said == plan"),
    st.just("vip"),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)
NAMES = st.fixed_dictionaries(
    {
        "plan": st.sampled_from("abc"),
        "tries": st.integers(-1, 6),
        "said": st.sampled_from(["", "x", "y", "a", "other"]),
        "vip": st.booleans(),
    }
)


@given(CONDITIONS, st.lists(NAMES, min_size=5, max_size=20))
def test_whatever_holds_in_a_call_holds_in_some_world(condition: str, calls: list[dict[str, object]]) -> None:
    expression, issues = compile_expression(Text(condition, PLACE), SCOPE)
    domains = Domains(SCOPE)

    assert expression is not None, issues

    formula = domains.formula(expression.node)
    found = {formula(world) for world in domains.worlds(10_000) or ()}

    assert {expression.evaluate(names) for names in calls} <= found


def entry(digits: str, check: str, type_: str = "text", more: str = "") -> list[str]:
    """What is wrong with the check of a data entry: code and message."""
    steps = f"""\
hello:
  do: [{{talk: What is it?}}]
  collect: {{into: it, digits: {digits}, check: '{check}'{more}}}
  retry: {{then: end}}
  goto: last
last: {{do: [{{talk: '{{{{ it }}}} {{{{ other }}}}'}}], goto: end}}
"""
    head = f"vars: {{it: {{type: {type_}}}, other: {{type: text, default: x}}}}\ndefaults: {{on: {{error: end}}}}\n"
    return [fault.split(" ", 1)[1] for fault in faults(steps, head)]


@pytest.mark.parametrize(
    ("digits", "check", "type_", "due"),
    [
        ("4", 'it == "12345"', "text", "4"),
        ("4", 'it == "12a4"', "text", "4"),
        ("4..5", 'it in ["123", "123456"]', "text", "4 to 5"),
        ("4", 'input.digits == "123"', "text", "4"),
        ("1", "it > 20", "int", "1"),
        ("1", "it > 9", "int", "1"),
        ("2", "it < 0", "int", "2"),
        ("2", "it == 100", "int", "2"),
        ("4", 'it == "12345" and other == "a"', "text", "4"),
    ],
)
def test_a_check_that_nothing_keyed_in_can_meet_is_told(digits: str, check: str, type_: str, due: str) -> None:
    assert [f"W642 {check} holds for nothing that can be entered: `digits` takes {due}"] == entry(digits, check, type_)


@pytest.mark.parametrize(
    ("digits", "check", "type_"),
    [
        ("4", 'it == "1234"', "text"),
        ("4..6", 'it in ["123", "12345"]', "text"),
        ("4", 'it != "12345"', "text"),
        ("4", 'it == "12345" or other == "a"', "text"),
        ("4", "it == env.PIN", "text"),
        ("4", "it | number > 12345 and it | length == 5", "text"),
        ("1", "it > 8", "int"),
        ("2", "it > 8 and it < 10", "int"),
        ("2", "it == 10", "int"),
    ],
)
def test_a_check_that_something_keyed_in_meets_is_fine(digits: str, check: str, type_: str) -> None:
    assert [] == entry(digits, check, type_)


def test_what_is_said_may_be_of_any_length() -> None:
    assert [] == entry("4", 'it == "12345"', more=", speech: any")


def test_a_check_of_another_type_than_digits_is_left_alone() -> None:
    assert [] == entry("4", 'it == "447700900001"', "phone")


def test_too_many_combinations_of_an_entry_are_not_tried() -> None:
    check = " and ".join(f'call.sip.a{number} == "x"' for number in range(14))

    assert [] == entry("4", f'it == "12345" and {check}')
