"""One try, against a real receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from ncco_server.service.hook_posts import BODY_LIMIT, Poster, failure_of_request, seconds_until
from ncco_server.service.outbox import Verdict
from ncco_server.service.outgoing import Disconnected, new_client
from ncco_server.store import HookRow
from tests.support.cases import each_case
from tests.support.scripted_replies import Answer, Receiver
from tests.support.stored_rows import hook_row

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with new_client() as made:
        yield made


def hook(receiver: Receiver, path: str = "/voicemails", **changes: Any) -> HookRow:
    return hook_row("msg_1", url=f"{receiver.url}{path}", **changes)


async def test_hook_arrives_as_it_was_written(receiver: Receiver, client: httpx.AsyncClient) -> None:
    row = hook(receiver, headers='{"X-Team": "Kölsch", "Content-Type": "application/cloudevents+json"}'.encode())

    verdict = await Poster(client)(row, NOW)

    [post] = receiver.posts

    assert Verdict("sent") == verdict
    assert ("/voicemails", row.body) == (post.path, post.body)
    assert "msg_1" == post.headers["webhook-id"] == post.headers["idempotency-key"]
    assert str(int(NOW.timestamp())) == post.headers["webhook-timestamp"]
    assert "webhook-signature" not in post.headers
    assert "Kölsch".encode() == post.headers["x-team"].encode()
    assert post.headers["user-agent"].startswith("ncco-server")


async def test_signature_holds_for_each_secret(receiver: Receiver, client: httpx.AsyncClient) -> None:
    row = hook(receiver, body='{"type": "voicemail_saved", "data": {"team": "größe"}}'.encode())
    await Poster(client, [SECRET, OTHER])(row, datetime.now(UTC))

    [post] = receiver.posts

    assert {"type": "voicemail_saved", "data": {"team": "größe"}} == Webhook(SECRET).verify(post.body, post.headers)
    assert {"type": "voicemail_saved", "data": {"team": "größe"}} == Webhook(OTHER).verify(post.body, post.headers)
    assert "application/json" == post.headers["content-type"]


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (Verdict("sent"), Answer(b"", 204)),
        (Verdict("sent"), Answer(b"", 299)),
        (Verdict("never", "status 410: the receiver wants no more hooks"), Answer(b"", 410)),
        (Verdict("again", "status 307: redirects are not followed"), Answer(b"", 307, {"location": "/elsewhere"})),
        (Verdict("again", "status 404"), Answer(b"", 404)),
        (Verdict("again", "status 500"), Answer(b"", 500, {"retry-after": "60"})),
        (Verdict("again", "status 503", 60.0), Answer(b"", 503, {"retry-after": "60"})),
        (Verdict("again", "status 429", 7.0), Answer(b"", 429, {"retry-after": " 7 "})),
        (Verdict("again", "status 429"), Answer(b"", 429)),
        (Verdict("again", "status 503"), Answer(b"", 503, {"retry-after": "soon"})),
        (Verdict("again", "status 503"), Answer(b"", 503, {"retry-after": "-5"})),
        (Verdict("again", "status 503"), Answer(b"", 503, {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"})),
        (Verdict("again", "status 503"), Answer(b"", 503, {"retry-after": f"Thu, 01 Jan {10**20} 00:00:00 GMT"})),
        (Verdict("again", "status 503"), Answer(b"", 503, {"retry-after": f"Thu, 01 Jan 2026 00:00:00 +{10**20}"})),
    ],
)
async def test_the_status_decides_whether_a_hook_is_retried(
    expected: Verdict, answer: Answer, receiver: Receiver, client: httpx.AsyncClient
) -> None:
    receiver.answering(answer)

    assert expected == await Poster(client)(hook(receiver), NOW)


async def test_a_slow_receiver_times_out(receiver: Receiver, client: httpx.AsyncClient) -> None:
    receiver.answering(Answer(after_s=1.0))

    verdict = await Poster(client, try_s=0.1)(hook(receiver), NOW)

    assert Verdict("again", "no answer within 0.1 s", is_slow=True) == verdict


async def test_endless_answer_is_cut_off_and_its_status_counts(receiver: Receiver, client: httpx.AsyncClient) -> None:
    receiver.answering(Answer(b"x" * 1_000_000, pieces=1_000))

    assert Verdict("sent") == await Poster(client, try_s=5)(hook(receiver), NOW)


async def test_dripping_answer_is_cut_off_and_its_status_counts(receiver: Receiver, client: httpx.AsyncClient) -> None:
    receiver.answering(Answer(b"x" * 100_000, pieces=100, every_s=0.05))

    assert Verdict("sent") == await Poster(client, try_s=3)(hook(receiver), NOW)


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        ("its reply is not HTTP", b'{"status": "fine", "card": "CANARY-77"}\r\n\r\n'),
        ("its reply is not HTTP", b"HTTP/1.1 200 OK\r\nCANARY-77\r\n\r\n"),
        ("its reply is not HTTP", b"HTTP/1.1 200 OK\r\nContent-Length: CANARY-77\r\n\r\n"),
        ("the connection was lost", b""),
        ("the connection was lost", b"HTTP/1.1 200 OK\r\nX-Card: CANARY-77"),
    ],
)
async def test_the_content_of_a_reply_never_appears_in_an_error(
    problem: str, answer: bytes, client: httpx.AsyncClient
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        verdict = await Poster(client)(hook_row(url=f"http://127.0.0.1:{port}/"), NOW)

    assert Verdict("again", problem) == verdict


async def test_a_public_name_that_resolves_to_our_network_is_refused(receiver: Receiver) -> None:
    async with new_client(resolve=lambda host, port: ["127.0.0.1"]) as client:
        row = hook_row(url=f"http://crm.example.com:{receiver.port}/")

        verdict = await Poster(client)(row, NOW)

    assert Verdict("again", "crm.example.com has only private or link-local addresses") == verdict
    assert [] == receiver.posts


@pytest.mark.parametrize(
    ("problem", "changes"),
    [
        ("E391: this call has no ticket", {"url": "", "problem": "E391: this call has no ticket"}),
        ("it has no address", {"url": ""}),
        (f"its body has {BODY_LIMIT + 1:,} bytes, and {BODY_LIMIT:,} is the limit", {"body": b"x" * (BODY_LIMIT + 1)}),
        ("its address cannot be used: Invalid port: '99999x'", {"url": "http://x:99999x/"}),
        ("a header has characters that are not allowed", {"headers": b'{"X-Team": "a\\nb"}'}),
    ],
)
async def test_hook_that_cannot_be_sent_is_not_tried_again(
    problem: str, changes: dict[str, Any], receiver: Receiver, client: httpx.AsyncClient
) -> None:
    row = hook(receiver)._replace(**changes)

    assert Verdict("never", problem) == await Poster(client)(row, NOW)
    assert [] == receiver.posts


@each_case(
    ("error", "verdict"),
    [
        (httpx.UnsupportedProtocol("ftp"), Verdict("never", "its address cannot be used: ftp")),
        (httpx.LocalProtocolError("x"), Verdict("never", "a header has characters that are not allowed")),
        (Disconnected("x"), Verdict("again", "the connection was lost")),
        (httpx.RemoteProtocolError("x"), Verdict("again", "its reply is not HTTP")),
        (httpx.ConnectError("refused"), Verdict("again", "refused")),
        (httpx.ReadTimeout(""), Verdict("again", "ReadTimeout")),
    ],
)
def test_a_failed_request_says_why(error: httpx.RequestError, verdict: Verdict) -> None:
    assert verdict == failure_of_request(error)


@each_case(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("\u0664", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Wed, 04 Mar 2026 12:00:10 GMT", 10.0),
        ("Wed, 04 Mar 2026 12:00:10 -0000", 10.0),
        ("Wed, 04 Mar 2026 13:00:10 +0100", 10.0),
        ("Wed, 04 Mar 2026 11:59:50 GMT", 0.0),
        ("Wed, 04 Mar 99999999999 12:00:10 GMT", 0.0),
    ],
)
def test_a_receiver_asks_for_time_in_seconds_or_by_a_date(text: str, seconds: float) -> None:
    assert seconds == seconds_until(text, datetime(2026, 3, 4, 12, tzinfo=UTC))
