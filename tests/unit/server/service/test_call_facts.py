from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import CallData
from ncco_server.ncco.webhooks import AnswerWebhook, recognise
from ncco_server.service.call_search import WORD_CALLS, FoundCalls, find_calls
from ncco_server.service.delivery import Delivery
from ncco_server.store import CallFilter, Records
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, session_row, turn_row, webhook_row

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
NAMES = ("to", "from", "from_user", "conversation_uuid", "region_url", "endpoint_type", "SipHeader_X-Tenant", "from_")
FIELDS = st.fixed_dictionaries({"to": TEXT}, optional=dict.fromkeys((*NAMES[1:], "uuid", "call_uuid", "extra"), ANY))
CUSTOM_DATA = st.none() | ANY | st.sampled_from(['{"a": 1}', " [1]", "{", '"text"', "[" * 9_000])


def call_of(fields: Mapping[str, Any], **query: str) -> CallData:
    return Delivery("POST", b"", fields, "https://calls.example.com", NOON, query=query).call


@given(FIELDS, CUSTOM_DATA)
def test_the_facts_match_the_webhook_model(fields: dict[str, Any], custom_data: object) -> None:
    fields = {**fields, "custom_data": custom_data}
    webhook = recognise(fields)
    call = call_of(fields)

    assert isinstance(webhook, AnswerWebhook)
    assert (webhook.from_user or "") == call.from_user
    assert (webhook.uuid or "", webhook.conversation_uuid or "") == (call.uuid, call.conversation_uuid)
    assert (webhook.region_url or "", webhook.endpoint_type or "") == (call.region_url, call.endpoint_type)
    assert webhook.sip_headers == call.sip
    assert (webhook.custom_data if isinstance(webhook.custom_data, dict) else {}) == call.custom_data


@each_case(
    ("sent", "read"),
    [("442079460000", "442079460000"), (442079460000, "442079460000"), (1.5, "1.5"), (True, ""), (["x"], "")],
)
def test_numbers_are_read_as_text_and_other_values_are_ignored(sent: object, read: str) -> None:
    assert read == call_of({"to": sent}).to


def test_an_unexpected_webhook_on_the_answer_route_is_still_read() -> None:
    call = call_of({"status": "ringing", "to": "442079460000", "call_uuid": "leg-1", "payload": {}})

    assert ("442079460000", "leg-1") == (call.to, call.uuid)
    assert "leg-1" == call_of({"uuid": None, "call_uuid": "leg-1"}).uuid


def test_an_infinite_number_is_ignored() -> None:
    assert "" == call_of({"to": 10**5000}).to


@each_case(
    "sent", ["+447700900123", " 447700900123", "447700900123", "+44 7700-900123", "00447700900123", "447700900123.0"]
)
def test_a_number_is_read_as_digits(sent: str) -> None:
    assert CallData(to="447700900123", from_number="447700900123") == call_of({"to": sent, "from": sent})


@each_case("sent", ["anonymous", "+", "sip:+44@example.com", "0044 7700", "\uff14\uff147700900123"])
def test_a_value_that_is_not_a_number_is_read_unchanged(sent: str) -> None:
    assert sent == call_of({"from": sent}).from_number


MINUTE_MS = 60_000


async def found_with(records: Records, before: int | None = None, **wanted: int) -> FoundCalls:
    """The result of a search that runs out of time after its first part."""
    now = NOON_MS + WORD_CALLS * MINUTE_MS
    return await find_calls(records, CallFilter(**wanted), 50, now, before=before, word="Bicycle", within_s=0)  # type: ignore[arg-type]  # names of fields


async def test_a_text_search_reports_how_far_it_got_and_continues_there() -> None:
    async with MemoryStore() as store:
        for number in range(WORD_CALLS + 1):
            ncco = b'[{"action":"talk","text":"A bicycle."}]' if number in (0, 400) else b"[]"
            session = session_row(f"leg-{number}", created_at=NOON_MS + number * MINUTE_MS)
            await store.open_call(session, turn_row(session.id, ncco=ncco), webhook_row(session.id))
        async with store.records() as records:
            first = await found_with(records)
            rest = await found_with(records, first.next)
            last_day = await found_with(records, since=NOON_MS + 401 * MINUTE_MS)

    assert (["leg-400"], NOON_MS + MINUTE_MS) == ([row.session.id for row, _ in first.calls], first.searched_until)
    assert (["leg-0"], None, None) == ([row.session.id for row, _ in rest.calls], rest.next, rest.searched_until)
    assert ([], None) == (last_day.calls, last_day.next)
