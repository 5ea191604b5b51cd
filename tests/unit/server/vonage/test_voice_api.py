"""The REST client with the virtual Vonage over HTTP, and with servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest

from ncco_server.service.outgoing import new_client
from ncco_server.vonage import voice_api
from ncco_server.vonage.application_token import ApplicationTokens, token_url
from ncco_server.vonage.voice_api import NewCall, Pace, VoiceApi, VoiceApiError
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from tests.support.application_api import APPLICATION_ID
from tests.support.cases import each_case
from tests.support.keys import private_pem, rsa_key
from tests.support.live_vonage import live_vonage

TO, FROM = "447700900123", "442079460001"
KEY = rsa_key()
ENDLESS: Final = [{"action": "talk", "text": "A long story.", "loop": 0}]
NEW: Final = NewCall(to=TO, from_=FROM, ncco=ENDLESS)
UUID: Final = "3f9a1c77d2e84b0c9a5566778899aabb"
SPEED: Final = 20.0
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


async def no_wait(_: float) -> None:
    """Do not sleep."""


@asynccontextmanager
async def api_at(url: str, key: Any = KEY, sleep: Any = asyncio.sleep) -> AsyncIterator[VoiceApi]:
    """A client of a server."""
    async with new_client() as client:
        tokens = ApplicationTokens(APPLICATION_ID, private_pem(key))
        yield VoiceApi(client, url, tokens, lambda: datetime.now(UTC), sleep)


def virtual_vonage(behaviour: Behaviour | None = None) -> AbstractAsyncContextManager[tuple[str, LiveVonage]]:
    return live_vonage(Parties(other=behaviour or Behaviour(rings_s=1, talks_s=600)), SPEED)


@asynccontextmanager
async def stand_in(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server with scripted replies, its URL, and the heads of the requests."""
    heads = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(heads[-1], writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


def replying(status: int, body: bytes = b"", *headers: str) -> Answer:
    """Send one reply and close the connection."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} -", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


async def failure(answer: Answer, doing: Callable[[VoiceApi], Awaitable[Any]] | None = None) -> VoiceApiError:
    """The error of a request that gets this reply."""
    async with stand_in(answer) as (url, _), api_at(url, sleep=no_wait) as api:
        with pytest.raises(VoiceApiError) as caught:
            await (api.create_call(NEW) if doing is None else doing(api))
    return caught.value


async def test_a_call_is_placed_read_transferred_and_hung_up() -> None:
    async with virtual_vonage() as (url, live), api_at(url) as api:
        created = await api.create_call(NEW)
        await asyncio.sleep(3 / SPEED)
        running = await api.call(created.uuid, url)
        await api.transfer(created.uuid, [{"action": "talk", "text": "Another place.", "loop": 0}])
        await asyncio.sleep(2 / SPEED)
        await api.hang_up(created.uuid)
        over = await api.call(created.uuid, url)
        heard = [entry.text for entry in live.vonage.legs[created.uuid].transcript]

    assert ("started", "outbound") == (created.status, created.direction)
    assert created.conversation_uuid.startswith("CON-")
    assert ("answered", "") == (running.status, running.price)
    assert "completed" == over.status
    assert float(over.price) > 0
    assert int(over.duration) > 0
    assert any(text.startswith("Another place.") for text in heard)


@pytest.mark.parametrize("outcome", ["busy", "timeout", "unanswered", "rejected", "failed"])
async def test_a_call_that_nobody_answers_ends(outcome: Any) -> None:
    async with virtual_vonage(Behaviour(outcome, rings_s=0.5)) as (url, _), api_at(url) as api:
        created = await api.create_call(NewCall(to=TO, ncco=ENDLESS, ringing_timer=1))
        await asyncio.sleep(4 / SPEED)
        call = await api.call(created.uuid)

    assert outcome == call.status


async def test_a_hang_up_that_stays_refused_is_given_up_after_two_seconds() -> None:
    waits = list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with stand_in(replying(400, b'{"title": "Bad"}')) as (url, heads), api_at(url, sleep=sleep) as api:
        with pytest.raises(VoiceApiError) as caught:
            await api.hang_up(UUID)

    assert (400, "refused", 5) == (caught.value.status, caught.value.outcome, len(heads))
    assert 2 == sum(waits)


async def test_a_wrong_parameter_is_named_in_vonage_s_words() -> None:
    async with virtual_vonage() as (url, _), api_at(url) as api:
        with pytest.raises(VoiceApiError) as caught:
            await api.create_call(NewCall(to=TO, from_=FROM, ncco=[{"action": "shout"}]))

    error = caught.value
    assert (400, "refused") == (error.status, error.outcome)
    assert "status 400 (Bad Request: Some parameters are wrong.; ncco: " in str(error)


async def test_the_key_of_another_application_is_refused_with_a_cure() -> None:
    async with virtual_vonage() as (url, _), api_at(url, rsa_key("other")) as api:
        with pytest.raises(VoiceApiError) as caught:
            await api.create_call(NEW)

    error = caught.value
    assert (401, "refused", "VONAGE_PRIVATE_KEY") == (error.status, error.outcome, error.setting)
    assert "VONAGE_APPLICATION_ID" in error.cure


async def test_calls_are_placed_at_three_per_second() -> None:
    waits = list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with virtual_vonage(Behaviour("busy", rings_s=0)) as (url, live), api_at(url, sleep=sleep) as api:
        api.new_calls = Pace(3, lambda: 0.0)
        await asyncio.gather(*(api.create_call(NEW) for _ in range(3)))
        placed = len(live.vonage.legs)
        await asyncio.gather(*(api.create_call(NEW) for _ in range(3)), return_exceptions=True)

    assert 3 == placed
    assert [0, 0, 0, 1.2, 1.2, 1.2] == waits


@each_case(
    ("status", "outcome"),
    [(400, "refused"), (403, "refused"), (429, "not_sent"), (500, "unknown"), (502, "unknown"), (503, "unknown"),
     (504, "unknown"), (302, "unknown"), (304, "unknown"), (600, "unknown"), (999, "unknown")],
)  # fmt: skip
async def test_every_other_status_says_whether_there_may_be_a_call(status: int, outcome: str) -> None:
    error = await failure(replying(status, b"<html>", "location: http://127.0.0.1:1/elsewhere"))

    assert (status, outcome) == (error.status, error.outcome)
    assert str(error).endswith(f": status {status}")
    assert error.cure


async def test_a_redirect_is_not_followed() -> None:
    async with stand_in(replying(201, b'{"uuid": "1"}')) as (elsewhere, asked):
        error = await failure(replying(307, b"", f"location: {elsewhere}/v1/calls"))

    assert (307, "unknown", []) == (error.status, error.outcome, asked)


async def test_a_refused_connection_certainly_placed_no_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with api_at(url) as api:
        with pytest.raises(VoiceApiError, match="cannot be reached") as caught:
            await api.create_call(NEW)

    assert ("not_sent", None) == (caught.value.outcome, caught.value.status)


async def test_a_name_that_is_not_resolved_in_time_certainly_placed_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_api, "CONNECT_S", 0.05)
    late = asyncio.Event()
    loop = asyncio.get_running_loop()

    def resolve(_: str, __: int) -> list[str]:
        asyncio.run_coroutine_threadsafe(late.wait(), loop).result(10)
        return []

    async with new_client(resolve=resolve) as client:
        tokens = ApplicationTokens(APPLICATION_ID, private_pem(KEY))
        api = VoiceApi(client, "https://api.nexmo.com", tokens, lambda: datetime.now(UTC))
        with pytest.raises(VoiceApiError, match="does not reply in time") as caught:
            await api.create_call(NEW)
        late.set()

    assert "not_sent" == caught.value.outcome


async def hang(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(10)


async def begin(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(10)


async def drop(_: bytes, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a reply."""


async def break_off(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{")


async def no_http(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01\x00\x02\x02\x28")


@pytest.mark.parametrize("answer", [hang, begin, drop, break_off, no_http])
async def test_a_request_whose_reply_is_lost_may_have_placed_a_call(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_api, "REPLY_S", 0.1)

    error = await failure(answer)

    assert ("unknown", None) == (error.outcome, error.status)


async def test_a_reply_that_drips_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_api, "WITHIN_S", 0.2)

    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert "unknown" == (await failure(drip)).outcome


async def test_a_huge_reply_is_read_only_up_to_a_limit() -> None:
    written = 0

    async def flood(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 201 Created\r\n\r\n")
        while written < 100_000_000:
            writer.write(b" " * 10_000)
            await writer.drain()
            written += 10_000

    error = await failure(flood)

    assert "unknown" == error.outcome
    assert written < 20_000_000  # the capacity of the system's buffers


@each_case(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"uuid": null}', b'{"uuid": ""}', b'{"uuid": "../applications"}', b'{"uuid": 7}',
     b'{"uuid": "a\\n"}', b"\xff\xfe", b"[" * 100_000, gzip.compress(b'{"uuid": "1"}', mtime=0)],
)  # fmt: skip
async def test_a_201_without_a_call_may_have_placed_one(body: bytes) -> None:
    assert "unknown" == (await failure(replying(201, body))).outcome


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": 7, "detail": []}',
        b'{"title": {"a": 1}}',
        b'{"invalid_parameters": {"to": 1}}',
        b"[" * 100_000,
        b'{"title": "\\ud800"}',
    ],
)
async def test_a_refusal_that_cannot_be_read_is_still_a_refusal(body: bytes) -> None:
    error = await failure(replying(400, body))

    assert (400, "refused") == (error.status, error.outcome)
    assert str(error).endswith(": status 400")


async def test_a_long_explanation_is_shortened_to_one_line() -> None:
    error = await failure(replying(400, json.dumps({"title": "a\r\nb\x1b[31m", "detail": "x" * 100_000}).encode()))

    assert str(error).endswith(f": status 400 (a  b [31m: {'x' * 300})")


@each_case("uuid", ["", ".", "..", "../../v2/applications", "a/b", "a?b", "a#b", "a\r\nb", "é", "a" * 101])
async def test_a_hostile_id_sends_nothing(uuid: str) -> None:
    async with stand_in(drop) as (url, asked), api_at(url) as api:
        for doing in (api.call, api.hang_up):
            with pytest.raises(VoiceApiError) as caught:
                await doing(uuid)

    assert ("refused", []) == (caught.value.outcome, asked)


@each_case(
    "region_url",
    ["http://api-eu-3.vonage.com", "https://evil.example", "https://api.vonage.com.evil.example",
     "https://api.nexmo.com@evil.example", "https://user@api.nexmo.com", "https://api.nexmo.com:444", "http://127.0.0.1:1",
     "//api.nexmo.com", "file:///etc/passwd", "https://\ud800.vonage.com", "\0"],
)  # fmt: skip
async def test_a_region_url_outside_vonage_gets_no_token(region_url: str) -> None:
    asked = list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, stream=httpx.ByteStream(f'{{"uuid": "{UUID}", "status": "answered"}}'.encode()))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        tokens = ApplicationTokens(APPLICATION_ID, private_pem(KEY))
        api = VoiceApi(client, "https://api.nexmo.com", tokens, lambda: datetime.now(UTC))
        with pytest.raises(VoiceApiError, match="not a Vonage address") as caught:
            await api.call(UUID, region_url)
        await api.call(UUID, "https://api-eu-3.vonage.com/any%00?x=1#y")
        await api.call(UUID)

    assert "not_sent" == caught.value.outcome
    assert [f"https://api-eu-3.vonage.com/v1/calls/{UUID}", f"https://api.nexmo.com/v1/calls/{UUID}"] == asked


def test_a_stand_in_gets_the_token_only_at_its_own_port() -> None:
    own = "http://127.0.0.1:9000/base"

    assert token_url("http://127.0.0.1:9000/other", own) is not None
    assert token_url("http://127.0.0.1:9001/other", own) is None
    assert token_url("http://127.0.0.1:9000", "") is None


async def test_each_request_has_its_own_token_and_connection() -> None:
    async with stand_in(replying(204)) as (url, heads), api_at(url) as api:
        await api.transfer(UUID, ENDLESS)
        await api.press(UUID, "1")

    lines = [head.decode().split("\r\n") for head in heads]
    assert [f"PUT /v1/calls/{UUID} HTTP/1.1", f"PUT /v1/calls/{UUID}/dtmf HTTP/1.1"] == [line[0] for line in lines]
    tokens = {each.lower() for line in lines for each in line if each.lower().startswith("authorization: bearer ")}
    assert 2 == len(tokens)
    assert all("connection: close" in [each.lower() for each in line] for line in lines)


def test_the_body_of_a_new_call_matches_the_specification() -> None:
    by_url = NewCall(
        to=TO,
        answer_url="https://x.example/a",
        event_url="https://x.example/e",
        advanced_machine_detection={"mode": "detect_beep", "behavior": "continue"},
        ringing_timer=30,
    )

    assert {
        "to": [{"type": "phone", "number": TO}],
        "random_from_number": True,
        "answer_url": ["https://x.example/a"],
        "answer_method": "POST",
        "event_url": ["https://x.example/e"],
        "event_method": "POST",
        "advanced_machine_detection": {"mode": "detect_beep", "behavior": "continue"},
        "ringing_timer": 30,
        "length_timer": 7200,
    } == by_url.body
    assert {"type": "phone", "number": FROM} == NEW.body["from"]
