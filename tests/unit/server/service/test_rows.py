"""What webhooks and hooks are stored as, and what the URLs of webhooks and their tokens say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import WaitRef
from ncco_server.engine.waits.kind import status_of
from ncco_server.errors import UnknownWait
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.language.hooks import Hook
from ncco_server.ncco.webhooks import recognise
from ncco_server.service.delivery import Delivery, FailedUrl, session_id
from ncco_server.service.masks import body_of, fields_of, json_object
from ncco_server.service.tokens import make_token, read_token
from ncco_server.service.written_rows import answer_row, hook_rows
from tests.support.cases import each_case
from tests.support.stored_rows import webhook_row
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, delivery

KEY: Final = b"key"


def get(query: str, **fields: Any) -> Delivery:
    return Delivery("GET", query.encode(), fields, "https://calls.example.com", NOON, query=fields)


@each_case(
    ("url", "kind", "name"),
    [
        ("https://x/webhooks/answer", "answer", ""),
        ("https://x/webhooks/answer/shop?a=b", "answer", "shop"),
        ("https://x/pbx/webhooks/event/", "event", ""),
        ("https://x/webhooks/input/token", "input", "token"),
        ("https://x/webhooks/placed/token", "placed", "token"),
        ("https://x/webhooks/placed/token/event", "placed-event", "token"),
        ("https://x/webhooks/input/token/event", "", ""),
        ("https://x/webhooks/other/token", "", ""),
        ("https://x/webhooks/input", "", ""),
        ("https://x/webhooks/input//", "", ""),
        ("https://x/webhooks/placed//event", "", ""),
        ("https://x/answer", "", ""),
        ("http://[", "", ""),
    ],
)
def test_the_url_that_failed_is_one_of_ours_or_none(url: str, kind: str, name: str) -> None:
    assert (kind, name) == FailedUrl.read(url)[:2]


def test_a_call_has_the_headers_of_its_sip_leg_and_the_params_of_its_url() -> None:
    fields = {"SipHeader_X-Team": "a", "X-SipHeader_Y": "b", "SipHeader_Z": 1, "to": "1", "team": "b", "uuid": LEG}
    known = get("", **fields)

    assert {"X-Team": "a"} == known.call.sip
    assert {"team": "b"} == known.params(["team", "to", "other"])


@pytest.mark.parametrize("length", [64, 65])
def test_a_long_leg_is_shortened(length: int) -> None:
    id_ = session_id("a" * length, "shop")

    assert (64 + len("/shop"), length == 64) == (len(id_), id_.startswith("aaaa"))


@each_case(
    ("fields", "status"),
    [
        ({"status": "answered", "uuid": LEG}, "answered"),
        ({"status": "machine", "sub_state": "beep_start", "uuid": LEG}, "machine:beep_start"),
        ({"dtmf": "1", "uuid": LEG}, ""),
        ({"recording_url": "https://x"}, "record"),
    ],
)
def test_the_webhooks_of_a_wait_differ_by_status(fields: dict[str, Any], status: str) -> None:
    assert status == status_of(recognise(fields))


@each_case(
    ("query", "fields", "is_hidden"),
    [
        ("status=busy", {"status": "busy"}, False),
        ("a=%20", {"a": " "}, False),
        ("d%74mf=4711", {"dtmf": "4711"}, True),
        ("dtmf=4711", {"dtmf": "4711"}, True),
    ],
)
def test_keys_are_hidden_however_they_are_written(query: str, fields: dict[str, Any], is_hidden: bool) -> None:
    assert is_hidden == (b"4711" not in body_of(get(query, **fields), LEG, KEY) and "4711" in str(fields))


@each_case("more", [{}, {"dtmf": "4711"}])
def test_a_secret_in_the_url_is_not_stored(more: dict[str, str]) -> None:
    fields = {**ANSWER, "pin": "84021739", **more}
    row = answer_row(replace(delivery(fields), reason="Timeout"), LEG, KEY, secret=["pin"])

    assert b"84021739" not in row.body
    assert b"4711" not in row.body
    assert more.keys() <= orjson.loads(row.body).keys()
    assert "Timeout" == orjson.loads(row.body)["reason"]
    assert ANSWER["to"] == orjson.loads(row.body)["to"]


@each_case("body", [b"[1]", b"1", b"null"])
def test_a_damaged_row_is_shown_without_fields(body: bytes) -> None:
    assert ({}, {}) == (fields_of(webhook_row(body=body)), json_object(body))


AT = 1_772_625_600_000


def test_a_hook_that_json_cannot_represent_is_parked() -> None:
    [body, header] = hook_rows(
        [Hook("a", "https://x", {"a": "\ud800"}), Hook("b", "https://x", 1, {"X-A": "\ud800"})], "leg-1", AT
    )

    assert (True, True) == (body.is_parked, header.is_parked)
    assert "its body or headers contain something that JSON cannot express" == body.problem == header.problem


CURRENT = b"a key for tests only"
PREVIOUS = b"another key for tests"
KINDS: tuple[CallbackKind, ...] = ("input", "notify", "event", "onanswer")
SESSIONS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda uuid: uuid.hex),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
)


@given(st.sampled_from(KINDS), SESSIONS, st.integers(0, 100_000), st.integers(0, 300))
def test_a_token_names_the_wait_that_it_was_made_for(kind: CallbackKind, session: str, turn: int, index: int) -> None:
    wait = WaitRef(kind, session, turn, index)

    assert wait == read_token((CURRENT,), kind, make_token(CURRENT, wait))


def test_the_previous_key_still_reads_tokens() -> None:
    wait = WaitRef("event", "leg", 3, 1)

    assert wait == read_token((CURRENT, PREVIOUS), "event", make_token(PREVIOUS, wait))


@each_case("token", ["", make_token(CURRENT, WaitRef("event", "leg", 3, 1))])
def test_a_token_cut_short_behind_its_mac_or_of_another_kind_is_refused(token: str) -> None:
    with pytest.raises(UnknownWait):
        read_token((CURRENT,), "input", token)


@each_case("token", ["x", "abc=", "a b c", "\ud800", make_token(CURRENT, WaitRef("event", "leg", 3, 1)) + "x"])
def test_a_token_in_another_form_is_refused_in_our_words(token: str) -> None:
    with pytest.raises(UnknownWait, match="the token is not in the form that this server writes"):
        read_token((CURRENT,), "event", token)
