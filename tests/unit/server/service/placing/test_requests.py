"""Requests for calls with any content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine.dialling import refusal
from ncco_server.flow.loader import load
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from tests.support.cases import each_case
from tests.support.placing import REMINDER

FLOWS = load({"flows/reminder.yaml": REMINDER}).flows
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ALLOWED = ("44",)
KEYS = (b"key of the test",)
NUMBERS = st.lists(
    st.sampled_from(
        [*"0123456789", *"+ ()-./;:,@*#", "44", "4477", "4490", "1900", "\u0664", "\uff14", "\u200b", "\n", "\x00"]
    ),
    max_size=16,
).map("".join)
TEXTS = st.text(st.characters() | st.sampled_from("\ud800\udfff\x00{}%\"'"), max_size=30)
VALUES = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | TEXTS, st.lists, max_leaves=3)


@given(to=NUMBERS, name=VALUES, extra=st.dictionaries(TEXTS, VALUES, max_size=1), key=TEXTS, flow=TEXTS)
def test_a_request_is_refused_with_a_reason_or_calls_an_allowed_number(
    to: str, name: Any, extra: dict[str, Any], key: str, flow: str
) -> None:
    wanted = WantedCall(
        flow=flow if flow in FLOWS else "reminder", to=to, values={"name": name, **extra}, origin="cli", key=key
    )
    try:
        row = checked(wanted, FLOWS, ALLOWED, NOON, KEYS)
    except RefusedRequest as error:
        assert error.where
        assert error.problem
        assert error.cure
        return
    assert row.number.isascii()
    assert row.number.isdecimal()
    assert not refusal(row.number, ALLOWED)
    assert {"name", "pin"} == orjson.loads(row.params).keys()


@each_case("name", ["\ud800", ["Ada"], {"first": "Ada"}])
def test_a_value_that_is_not_text_is_refused(name: object) -> None:
    with pytest.raises(RefusedRequest, match="with"):
        wanted = WantedCall(flow="reminder", to="447700900123", values={"name": name}, origin="cli")
        checked(wanted, FLOWS, ALLOWED, NOON, KEYS)


def key_of(**more: Any) -> str:
    wanted = WantedCall(flow="reminder", to="447700900123", values={"name": "Ada"}, **more)
    return checked(wanted, FLOWS, ALLOWED, NOON, KEYS).key


def test_a_key_may_be_any_text() -> None:
    assert 64 == len(key_of(origin="cli", key="\ud800"))


def test_the_same_key_of_somebody_else_is_another_one() -> None:
    owners = [{"origin": "api", "owner": "ada"}, {"origin": "api", "owner": "eve"}, {"origin": "cli", "owner": "ada"}]

    assert 3 == len({key_of(**each, key="order 7") for each in owners})
