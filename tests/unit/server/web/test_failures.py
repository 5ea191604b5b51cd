"""Whatever fails in the service, the caller hears something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ncco_server.service.delivery import Delivery, Reply
from ncco_server.store.database import store_wait
from tests.support.cases import each_case
from tests.unit.server.web.fake_calls import (
    FAILSAFE,
    NCCO,
    Act,
    FakeCalls,
    be_cancelled,
    client_of,
    crash,
    exhaust_stack,
    give,
    hang,
    lose_store,
    not_know_wait,
)

INSTRUCTIONS = [
    "/webhooks/answer",
    "/webhooks/answer/acme",
    "/webhooks/fallback",
    "/webhooks/input/t",
    "/webhooks/notify/t",
]
BROKEN: list[Act] = [
    crash,
    be_cancelled,
    exhaust_stack,
    give(None),
    give("[]"),
    give({"ncco": []}),
    give(Reply(b"<html>", "answer", "answer")),
    give(Reply(b'{"action":"talk"}', "answer", "answer")),
    give(Reply(b"", "answer", "answer")),
    give(Reply(b"\xff", "answer", "answer")),
]
FIELDS = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


@each_case("act", BROKEN)
@pytest.mark.parametrize("path", INSTRUCTIONS)
async def test_a_broken_service_plays_the_failsafe(path: str, act: Act) -> None:
    response = await client_of(FakeCalls(act), deadline_s=0.05).post(path, json=FIELDS)

    assert (200, FAILSAFE) == (response.status_code, response.content)
    assert ("application/json", "failed") == (response.headers["content-type"], response.headers["ncco-failure"])


@each_case("act", BROKEN)
async def test_a_called_party_is_joined_silently_when_the_service_breaks(act: Act) -> None:
    response = await client_of(FakeCalls(act), deadline_s=0.05).get("/webhooks/onanswer/t", params=FIELDS)

    assert [{"action": "wait", "timeout": 0.1}] == response.json()
    assert httpx.codes.OK == response.status_code


async def hang_in_the_store(_: Delivery) -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as error:
        raise error from store_wait("calls.db")


@pytest.mark.parametrize(("act", "failure"), [(hang, "late"), (hang_in_the_store, "no-store")])
@each_case(
    ("path", "status"),
    [
        ("/webhooks/answer", 503),
        ("/webhooks/input/t", 503),
        ("/webhooks/onanswer/t", 503),
        ("/webhooks/event", 503),
        ("/webhooks/fallback", 200),
    ],
)
async def test_a_webhook_that_takes_too_long_is_requested_again_except_on_the_fallback_url(
    path: str, status: int, act: Act, failure: str
) -> None:
    client = client_of(FakeCalls(act), deadline_s=0.05)

    response = await client.post(path, json=FIELDS)

    is_store = failure == "no-store"
    assert (status, failure) == (response.status_code, response.headers["ncco-failure"])
    assert (status == 200) == (response.content == (NCCO if is_store else FAILSAFE))
    counted = "ncco_store_unavailable_total 1.0" in (await client.get("/metrics")).text
    assert (is_store and status == 503) == counted


async def test_if_the_reply_without_the_store_breaks_too_the_failsafe_plays() -> None:
    calls = FakeCalls(hang_in_the_store)
    calls.without_store = crash  # type: ignore[assignment,method-assign]  # fails as a bug in the engine would

    response = await client_of(calls, deadline_s=0.05).post("/webhooks/fallback", json=FIELDS)

    assert (200, FAILSAFE) == (response.status_code, response.content)


@pytest.mark.parametrize("path", ["/webhooks/answer", "/webhooks/answer/acme", "/webhooks/placed/t"])
async def test_an_answer_without_an_ncco_plays_the_failsafe(path: str) -> None:
    response = await client_of(FakeCalls(give(Reply(None, "answer", "recorded")))).post(path, json=FIELDS)

    assert (200, FAILSAFE) == (response.status_code, response.content)


async def test_the_repeat_of_an_empty_ncco_is_the_same() -> None:
    calls = FakeCalls(give(Reply(b"[]", "answer", "repeat", is_repeat=True)))

    response = await client_of(calls).post("/webhooks/answer", json=FIELDS)

    assert (200, b"[]") == (response.status_code, response.content)


@each_case("stored", [b"[garbage]", b"[]x", b'[{"action":"talk"'])
async def test_a_damaged_stored_reply_plays_the_failsafe(stored: bytes) -> None:
    reply = Reply(stored, "answer", "repeat", is_repeat=True)
    response = await client_of(FakeCalls(give(reply))).post("/webhooks/answer", json=FIELDS)

    assert (200, FAILSAFE) == (response.status_code, response.content)


@each_case("act", BROKEN)
async def test_an_event_that_could_not_be_stored_is_requested_again_and_the_call_continues(act: Act) -> None:
    response = await client_of(FakeCalls(act), deadline_s=0.05).post("/webhooks/event", json={"status": "busy"})

    assert (503, {"error", "fix"}) == (response.status_code, response.json().keys())


@each_case("status", ["busy", "timeout", "unanswered", "rejected", "failed", "disconnected", "machine", "human"])
async def test_a_failed_connect_whose_reply_is_played_gets_the_failsafe(status: str) -> None:
    response = await client_of(FakeCalls(crash)).post("/webhooks/event/t", json={"status": status, "uuid": "leg-2"})

    assert (200, FAILSAFE) == (response.status_code, response.content)


@each_case("fields", [{"status": "ringing"}, {"status": "completed"}, {"recording_url": "https://x"}, {}])
async def test_an_event_of_an_unplayed_action_is_requested_again(fields: dict[str, Any]) -> None:
    response = await client_of(FakeCalls(crash)).post("/webhooks/event/t", json=fields)

    assert (503, {"error", "fix"}) == (response.status_code, response.json().keys())


@each_case("path", [*INSTRUCTIONS[:2], *INSTRUCTIONS[3:], "/webhooks/event", "/webhooks/event/t"])
async def test_without_the_store_the_webhook_is_requested_again(path: str) -> None:
    response = await client_of(FakeCalls(lose_store)).post(path, json=FIELDS)

    assert (503, {"error", "fix"}) == (response.status_code, response.json().keys())


async def test_without_the_store_the_fallback_url_still_replies() -> None:
    response = await client_of(FakeCalls(lose_store)).post("/webhooks/fallback", json=FIELDS)

    assert (200, NCCO) == (response.status_code, response.content)


@each_case("path", ["/webhooks/input/x", "/webhooks/notify/x", "/webhooks/event/x"])
async def test_a_wait_that_was_never_issued_is_not_found(path: str) -> None:
    response = await client_of(FakeCalls(not_know_wait)).post(path, json=FIELDS)

    assert (404, {"error", "fix"}) == (response.status_code, response.json().keys())


async def slowly() -> AsyncIterator[bytes]:
    yield b'{"to":'
    await asyncio.sleep(3600)


@pytest.mark.parametrize(("status", "path"), [(200, "/webhooks/answer"), (408, "/webhooks/event")])
async def test_a_body_that_never_ends_is_not_waited_for(status: int, path: str) -> None:
    response: httpx.Response = await client_of(FakeCalls(), deadline_s=0.05).post(path, content=slowly())

    assert (status, "close") == (response.status_code, response.headers["connection"])
    assert "the body did not arrive within 0.05 seconds" == response.headers["ncco-problem"]


async def test_an_event_that_fails_before_it_is_read_is_requested_again() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise KeyError

    response = await client_of(FakeCalls()).post("/webhooks/event/t", content=broken())

    assert (503, {"error", "fix"}) == (response.status_code, response.json().keys())


async def test_a_cancelled_task_sends_no_reply() -> None:
    asking = asyncio.create_task(client_of(FakeCalls(hang)).post("/webhooks/answer", json=FIELDS))
    await asyncio.sleep(0.05)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
