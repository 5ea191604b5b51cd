"""Which webhook arrives at which URL, and in which form the service gets it."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_server.ncco.webhooks import StatusWebhook
from ncco_server.service.delivery import Reply
from tests.support.cases import each_case
from tests.unit.server.web.fake_calls import FAILSAFE, NCCO, FakeCalls, client_of, give, record

ANSWER = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


async def test_an_empty_reply_is_200_without_a_body_or_a_content_type() -> None:
    response = await client_of(FakeCalls(record)).post("/webhooks/event", json={"status": "ringing", "uuid": "leg-1"})

    assert (200, b"", "0") == (response.status_code, response.content, response.headers["content-length"])
    assert "content-type" not in response.headers


@pytest.mark.parametrize("path", ["/webhooks/rtc", "/webhooks/rtc/"])
async def test_rtc_events_are_acknowledged_and_ignored(path: str) -> None:
    calls = FakeCalls()

    response = await client_of(calls).post(path, json={"type": "rtc:hangup"})

    assert (204, b"", []) == (response.status_code, response.content, calls.asked)
    assert "content-length" not in response.headers


@each_case("method", ["GET", "HEAD", "PUT"])
async def test_a_path_with_post_only_allows_nothing_else(method: str) -> None:
    response = await client_of(FakeCalls()).request(method, "/webhooks/check")

    assert (405, "POST") == (response.status_code, response.headers["allow"])


@each_case("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
async def test_other_methods_are_refused_with_the_allowed_ones(method: str) -> None:
    response = await client_of(FakeCalls()).request(method, "/webhooks/answer")

    assert (405, "GET, POST") == (response.status_code, response.headers["allow"])
    assert {"error", "fix"} == response.json().keys()


@each_case(
    "path",
    ["/webhooks/", "/webhooks/input", "/webhooks/answer/a/b", "/webhooks/fallback/x", "/webhooksanswer", "/healthz/"],
)
async def test_an_unknown_path_is_refused_as_json(path: str) -> None:
    response = await client_of(FakeCalls()).get(path)

    assert (404, "application/json") == (response.status_code, response.headers["content-type"])
    assert {"error", "fix"} == response.json().keys()


async def test_the_body_of_a_get_is_ignored() -> None:
    calls = FakeCalls()

    await client_of(calls).request("GET", "/webhooks/answer?to=1", json={"to": "2"})

    assert {"to": "1"} == calls.delivery.fields


async def test_the_query_of_an_empty_unsigned_post_is_read() -> None:
    calls = FakeCalls()

    await client_of(calls).post("/webhooks/event?status=ringing&uuid=leg-1")

    assert isinstance(calls.delivery.webhook, StatusWebhook)


@each_case(
    ("expected", "dev", "host", "values"),
    [
        ("https://calls.example.com/v1", False, "evil.example", {"public_url": "https://calls.example.com/v1/"}),
        ("https://calls.example.com", True, "evil.example", {"public_url": "https://calls.example.com"}),
        ("http://127.0.0.1:8000", False, "evil.example", {}),
        ("http://localhost:8000", True, "localhost:8000", {}),
        ("http://[::1]:8000", True, "[::1]:8000", {}),
        ("http://127.0.0.1:8000", True, 'x"><script>', {}),
        ("http://127.0.0.1:8000", True, "", {}),
        ("http://127.0.0.1:8000", True, "a/b", {}),
    ],
)
async def test_callback_urls_start_with_the_public_url_and_never_with_a_strangers_host(
    expected: str, dev: bool, host: str, values: dict[str, Any]
) -> None:
    calls = FakeCalls()

    await client_of(calls, dev=dev, **values).post("/webhooks/answer", json=ANSWER, headers={"host": host})

    assert expected == calls.delivery.base_url


async def test_the_problem_is_a_header_that_no_text_can_split() -> None:
    reply = Reply(FAILSAFE, "answer", "failsafe", problem="no flow\r\nset-cookie: x=1é" + "x" * 300)

    response = await client_of(FakeCalls(give(reply))).post("/webhooks/answer", json=ANSWER)

    assert "no flow set-cookie: x=1 xxx" == response.headers["ncco-problem"][:27]
    assert 200 == len(response.headers["ncco-problem"])
    assert "set-cookie" not in response.headers


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    calls = FakeCalls()
    body = b'{"to":"1"}'.ljust(1024)

    response = await client_of(calls, body_limit=1024).post("/webhooks/answer", content=body)

    assert (200, NCCO, {"to": "1"}) == (response.status_code, response.content, calls.delivery.fields)
