"""Whatever fails in the service, the caller hears something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import httpx
import pytest

from ncco_server.service.delivery import Delivery, Reply
from ncco_server.store.database import store_wait
from tests.support.cases import each_case
from tests.support.webhooks import facts
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
DAMAGED = [b"[garbage]", b"[]x", b'[{"action":"talk"']
FAILED = ["busy", "timeout", "unanswered", "rejected", "failed", "disconnected", "machine", "human"]
FIELDS = facts()
AGAIN = {"error", "fix"}
"""The keys of a reply that asks for the webhook again."""
CLAIMS: dict[str, tuple[list[Act], list[str], list[dict[str, Any]], int, object]] = {
    "a broken service plays the failsafe": (BROKEN, INSTRUCTIONS, [FIELDS], 200, FAILSAFE),
    "a called party is joined silently when the service breaks": (
        BROKEN, ["/webhooks/onanswer/t"], [FIELDS], 200, b'[{"action":"wait","timeout":0.1}]'
    ),
    "an answer without an NCCO plays the failsafe": (
        [give(Reply(None, "answer", "recorded"))], [*INSTRUCTIONS[:2], "/webhooks/placed/t"], [FIELDS], 200, FAILSAFE
    ),
    "the repeat of an empty NCCO is the same": (
        [give(Reply(b"[]", "answer", "repeat", is_repeat=True))], INSTRUCTIONS[:1], [FIELDS], 200, b"[]"
    ),
    "a damaged stored reply plays the failsafe": (
        [give(Reply(stored, "answer", "repeat", is_repeat=True)) for stored in DAMAGED],
        INSTRUCTIONS[:1], [FIELDS], 200, FAILSAFE,
    ),
    "an event that could not be stored is requested again and the call continues": (
        BROKEN, ["/webhooks/event"], [{"status": "busy"}], 503, AGAIN
    ),
    "a failed connect whose reply is played gets the failsafe": (
        [crash], ["/webhooks/event/t"], [{"status": status, "uuid": "leg-2"} for status in FAILED], 200, FAILSAFE
    ),
    "an event of an unplayed action is requested again": (
        [crash], ["/webhooks/event/t"],
        [{"status": "ringing"}, {"status": "completed"}, {"recording_url": "https://x"}, {}], 503, AGAIN,
    ),
    "without the store the webhook is requested again": (
        [lose_store], [*INSTRUCTIONS[:2], *INSTRUCTIONS[3:], "/webhooks/event", "/webhooks/event/t"],
        [FIELDS], 503, AGAIN,
    ),
    "without the store the fallback URL still replies": ([lose_store], ["/webhooks/fallback"], [FIELDS], 200, NCCO),
    "a wait that was never issued is not found": (
        [not_know_wait], ["/webhooks/input/x", "/webhooks/notify/x", "/webhooks/event/x"], [FIELDS], 404, AGAIN
    ),
}  # fmt: skip
"""What the service does, the webhooks' paths and fields, and the status and body of every reply."""


@each_case("claim", CLAIMS)
async def test_what_a_webhook_gets(claim: str) -> None:
    acts, paths, webhooks, status, body = CLAIMS[claim]
    for act, path, fields in product(acts, paths, webhooks):
        response = await client_of(FakeCalls(act)).post(path, json=fields)
        found = response.json().keys() if body == AGAIN else response.content
        kind = response.headers["content-type"]

        assert (status, body, "application/json") == (response.status_code, found, kind), (act, path, fields)
        assert body != FAILSAFE or "failed" == response.headers["ncco-failure"]


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


@each_case(
    ("original", "heard"),
    [("input/x", FAILSAFE), ("onanswer/x", b'[{"action":"wait","timeout":0.1}]')],
)
async def test_after_a_failed_url_that_this_server_never_wrote_a_caller_hears_the_failsafe(
    original: str, heard: bytes
) -> None:
    fields = {**FIELDS, "reason": "Socket timeout.", "original_request": {"url": f"https://x/webhooks/{original}"}}

    response = await client_of(FakeCalls(not_know_wait)).post("/webhooks/fallback", json=fields)

    assert (200, heard) == (response.status_code, response.content)
    assert ("unknown-wait", "no such wait") == tuple(
        response.headers[f"ncco-{name}"] for name in ("failure", "problem")
    )


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
