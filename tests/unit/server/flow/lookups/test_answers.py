from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.language.outgoing import plain_json
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.server.flow.lookups.lookup_flows import definition_of

URL = 'get: "https://crm.example.com/c"\n'
CUSTOMER = definition_of(
    URL + "returns: {name: text, tier: [gold, standard], n: int}\ndefault: {tier: standard, name: unknown}\n"
)
WIDE = definition_of(
    URL
    + "returns: {b: bool, f: number, p: phone, u: url, l: list, m: map, agents: [{number: phone}], at: {city: text}}"
)
REAL = {
    "b": True,
    "f": 0.5,
    "p": "+44 7700 900123",
    "u": "https://example.com/a",
    "l": [1, {"a": None}],
    "m": {"a": [1]},
    "agents": [{"number": "447700900123"}],
    "at": {"city": "Bath", "zip": "BA1"},
}
UNKNOWN = {"name": "unknown", "tier": "standard", "n": 0, "ok": False}


def test_a_matching_answer_is_ok() -> None:
    assert ({"name": "Ann", "tier": "gold", "n": 3, "ok": True}, "") == CUSTOMER.cast_answer(
        {"name": "Ann", "tier": "gold", "n": 3, "more": 1}
    )


def test_an_answer_may_contain_every_type() -> None:
    record, problem = WIDE.cast_answer(REAL)

    assert "" == problem
    assert {**REAL, "p": "447700900123", "at": {"city": "Bath"}, "ok": True} == record


def test_a_phone_number_or_a_url_is_empty_only_if_declared_so() -> None:
    optional = definition_of(URL + "returns: {p: phone?, u: url?}")
    record, problem = optional.cast_answer({"p": "", "u": ""})

    assert ("", "", "") == (problem, record["p"], record["u"])
    assert "`p` is not a phone number" == WIDE.cast_answer({**REAL, "p": ""})[1]
    assert "`u` is not a URL" == WIDE.cast_answer({**REAL, "u": ""})[1]


def test_a_url_has_one_of_the_declared_hosts() -> None:
    limited = definition_of(URL + "returns: {u: {type: url, hosts: [cdn.example.com]}}")

    assert "" == limited.cast_answer({"u": "https://cdn.example.com/a"})[1]
    assert "`u` is not a URL of cdn.example.com" == limited.cast_answer({"u": "https://example.com/a"})[1]


def test_without_an_answer_the_default_applies() -> None:
    assert (UNKNOWN, "timed out after 700 ms") == CUSTOMER.cast_answer(None, "timed out after 700 ms")


@each_case(
    ("answer", "problem"),
    [
        (None, "the answer is not a map"),
        ([], "the answer is not a map"),
        ({"tier": "gold", "n": 1}, "`name` is missing"),
        ({"name": None, "tier": "gold", "n": 1}, "`name` is null"),
        ({"name": ["secret"], "tier": "gold", "n": 1}, "`name` is not text"),
        ({"name": "x" * 10_001, "tier": "gold", "n": 1}, "`name` has more than 10,000 characters"),
        ({"name": "\ud800", "tier": "gold", "n": 1}, "`name` contains something that cannot be stored"),
        ({"name": "Ann", "tier": "secret", "n": 1}, "`tier` is not one of gold, standard"),
        ({"name": "Ann", "tier": "gold", "n": "secret"}, "`n` is not a whole number"),
        ({"name": "Ann", "tier": "gold", "n": True}, "`n` is not a whole number"),
        ({"name": "Ann", "tier": "gold", "n": 2.5}, "`n` is not a whole number"),
        ({"name": "Ann", "tier": "gold", "n": float("inf")}, "`n` is not a whole number"),
        ({"name": "Ann", "tier": "gold", "n": 10**400}, "`n` has more than 18 digits"),
    ],
)
def test_a_mismatched_answer_is_reported_without_its_value(answer: object, problem: str) -> None:
    assert (UNKNOWN, problem) == CUSTOMER.cast_answer(answer)
    assert CUSTOMER.misfit(answer)


@each_case(
    ("field", "value", "problem"),
    [
        ("b", "yes", "`b` is not true or false"),
        ("f", "x", "`f` is not a number"),
        ("p", "12", "`p` is not a phone number"),
        ("u", "nowhere", "`u` is not a URL"),
        ("l", {}, "`l` is not a list"),
        ("l", [1] * 201, "`l` has more than 200 entries"),
        ("l", ["x" * 10_001], "`l` contains something that cannot be stored"),
        ("m", [], "`m` is not a map"),
        ("m", {str(n): n for n in range(201)}, "`m` has more than 200 entries"),
        ("agents", [{"number": "447700900123"}, {"number": "x"}], "`agents[1].number` is not a phone number"),
        ("agents", [{}], "`agents[0].number` is missing"),
        ("agents", ["x"], "`agents[0]` is not a map"),
        ("at", {"city": []}, "`at.city` is not text"),
    ],
)
def test_the_path_to_a_mismatched_value_is_reported(field: str, value: object, problem: str) -> None:
    assert problem == WIDE.cast_answer({**REAL, field: value})[1]


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else "x"


def test_an_answer_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 20 levels"):
        plain_json(nested(21))


@each_case("value", [object(), {1: 2}, 10**30, float("inf"), float("nan"), b"x"])
def test_values_unknown_to_json_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        plain_json(value)


def test_a_point_in_time_becomes_its_text() -> None:
    assert ["2026-03-04T12:00:00+00:00", None, 1.5] == plain_json((datetime(2026, 3, 4, 12, tzinfo=UTC), None, 1.5))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "tier", "n", "l"]), inner),
    max_leaves=8,
)


@examples(200)
@given(ANYTHING)
def test_no_answer_ever_raises_and_each_has_all_fields(answer: object) -> None:
    record, problem = CUSTOMER.cast_answer(answer)

    assert ["name", "tier", "n", "ok"] == list(record)
    assert record["ok"] is (problem == "")
