"""Clients that never read, that ask without waiting, that say all at once, and that want to speak something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.web.protocol import PatientProtocol
from tests.web.fake_calls import ANSWERED, FakeCalls
from tests.web.kept_wire import BODY, door_of, later, protocol_of, said, signed

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK"
BAD = b"HTTP/1.1 400 Bad Request"
MUCH = 8 * 1024 * 1024
"""More than the system takes off a server's hands for a client that does not read."""
Application = Callable[[Any, Any, Callable[[Any], Awaitable[None]]], Awaitable[None]]


class Hasty(PatientProtocol):
    unread_s = 0.2
    most_behind = 4


def saying(size: int, *headers: tuple[bytes, bytes]) -> Application:
    """An application whose every answer has so many bytes."""

    async def app(_: Any, __: Any, send: Any) -> None:
        head = [(b"content-length", b"%d" % size), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"x" * size})

    return app


async def repeating(_: Any, receive: Any, send: Any) -> None:
    """Answers with the body that came."""
    body, is_more = b"", True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, is_more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def talking(app: Application) -> AsyncIterator[tuple[ServerState, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that is hasty."""
    config = Config(app, log_config=None, lifespan="off", access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2], limit=1024)
    try:
        yield state, reader, writer
    finally:
        writer.close()
        server.close()
        await gone(state)


async def gone(state: ServerState) -> bool:
    """Whether the server has let go of every connection, within some seconds."""
    for _moment in range(300):
        if not state.connections:
            return True
        await asyncio.sleep(0.01)
    return False


async def everything(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.read()


@pytest.mark.parametrize("app", [saying(MUCH), saying(MUCH, (b"connection", b"close"))], ids=["stays", "closes"])
async def test_who_does_not_read_is_cut(app: Application) -> None:
    async with talking(app) as (state, _, writer):
        writer.write(GET)
        await asyncio.sleep(2 * Hasty.unread_s)

        assert await gone(state)


async def test_who_reads_slowly_is_not_cut() -> None:
    async with talking(saying(MUCH)) as (_, reader, writer):
        writer.write(GET)
        await asyncio.sleep(Hasty.unread_s / 4)
        head = await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(5):
            body = await reader.readexactly(MUCH)

    assert ANSWER == head[: len(ANSWER)]
    assert MUCH == len(body)


async def test_a_connection_that_was_closed_and_is_not_read_is_cut_when_it_is_looked_at() -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED)), is_short=True))
    protocol.unread_s, protocol.timeout_keep_alive = 0.02, 0
    protocol._look_whether_idle()
    closed = (wire.is_closed, wire.is_aborted)
    await asyncio.sleep(0.1)
    protocol.connection_lost(None)

    assert (True, False) == closed
    assert wire.is_aborted


async def test_a_connection_that_somebody_else_closed_is_cut_when_it_is_looked_at() -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED)), is_short=True))
    wire.close()
    protocol._look_whether_idle()
    protocol.connection_lost(None)

    assert wire.is_aborted


async def test_more_requests_than_may_wait_are_not_heard_and_those_before_them_are_answered() -> None:
    async with talking(saying(2)) as (state, reader, writer):
        writer.write(GET * 1000)
        answers = await everything(reader)

        assert 1 + Hasty.most_behind == answers.count(ANSWER) == state.total_requests
    assert 1 == answers.count(b"connection: close")
    assert BAD not in answers


async def test_requests_that_may_wait_are_all_answered_and_the_connection_stays() -> None:
    async with talking(saying(2)) as (state, reader, writer):
        for _ in range(3):
            writer.write(GET * (1 + Hasty.most_behind))
            for _answer in range(1 + Hasty.most_behind):
                await reader.readuntil(b"\r\n\r\nxx")

        assert 3 * (1 + Hasty.most_behind) == state.total_requests


@pytest.mark.parametrize("is_short", [True, False])
async def test_what_cannot_be_read_behind_a_webhook_does_not_stand_in_for_its_answer(is_short: bool) -> None:
    app = door_of(FakeCalls(later(ANSWERED)), is_short=is_short)
    wire = await said(app, signed(BODY) + b"\0 that is no request\r\n\r\n", wait_s=0.02)

    assert wire.said.startswith(ANSWER)
    assert wire.said.endswith(ANSWERED.ncco or b"")
    assert b"connection: close" in wire.said
    assert (True, 1) == (wire.is_closed, wire.said.count(b"HTTP/1.1"))


@pytest.mark.parametrize("request_", [b"\0\r\n\r\n", GET[:-2] + b"x y\r\n\r\n"])
async def test_what_cannot_be_read_alone_is_refused(request_: bytes) -> None:
    async with talking(saying(2)) as (_, reader, writer):
        writer.write(request_)

        assert BAD == (await everything(reader))[: len(BAD)]


async def test_a_body_that_cannot_be_read_is_refused() -> None:
    async with talking(repeating) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n")

        assert BAD == (await everything(reader))[: len(BAD)]


@pytest.mark.parametrize("is_short", [True, False])
async def test_who_asks_no_more_is_answered_what_was_asked(is_short: bool) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED)), is_short=is_short))
    protocol.loop.call_soon(protocol.data_received, signed(BODY))
    await asyncio.sleep(0)
    stays_open = protocol.eof_received()
    await asyncio.sleep(0.02)
    protocol.connection_lost(None)

    assert stays_open
    assert wire.said.endswith(ANSWERED.ncco or b"")
    assert wire.is_closed


async def test_who_asks_no_more_gets_every_answer_and_then_the_end() -> None:
    async with talking(saying(2)) as (_, reader, writer):
        writer.write(GET * 3)
        writer.write_eof()

        assert 3 == (await everything(reader)).count(ANSWER)


@pytest.mark.parametrize("begun", [b"", b"GET", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"])
async def test_who_stops_in_the_middle_of_a_request_hears_nothing(begun: bytes) -> None:
    async with talking(repeating) as (_, reader, writer):
        writer.write(begun)
        writer.write_eof()

        assert b"" == await everything(reader)


H2C = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAEAAEAAAAIAAAAA")


@pytest.mark.parametrize("cut", [1, 300, 10_000])
async def test_a_webhook_that_would_rather_be_http_2_is_answered_as_it_came(cut: int) -> None:
    calls = FakeCalls(later(ANSWERED))
    request = signed(BODY, "/webhooks/answer", *H2C) + signed(BODY)
    pieces = [request[at : at + cut] for at in range(0, len(request), cut)]
    wire = await said(door_of(calls, is_short=True), *pieces, wait_s=0.001)

    assert 2 == wire.said.count(ANSWER)
    assert [BODY, BODY] == [delivery.raw for _, _, delivery in calls.asked]
    assert b"connection: close" not in wire.said


async def test_a_body_in_chunks_behind_a_wish_for_another_protocol_is_read() -> None:
    head = b"\r\n".join((b"POST / HTTP/1.1", b"host: x", *H2C, b"transfer-encoding: chunked", b"", b""))
    async with talking(repeating) as (_, reader, writer):
        writer.write(head + b"3\r\nabc\r\n0\r\n\r\n" + GET)

        assert ANSWER == (await reader.readuntil(b"\r\n\r\nabc"))[: len(ANSWER)]
        assert ANSWER == (await reader.readuntil(b"\r\n\r\n"))[: len(ANSWER)]


def in_one_chunk(*, head: list[bytes], tail: list[bytes]) -> bytes:
    """A webhook with some of its headers before the body and some behind it."""
    lines = [b"POST /webhooks/answer HTTP/1.1", b"host: x", b"transfer-encoding: chunked", *head, b""]
    return b"\r\n".join([*lines, b"%x" % len(BODY), BODY, b"0", *tail, b"", b""])


@pytest.mark.parametrize("is_short", [True, False])
async def test_what_stands_behind_a_body_signs_nothing_and_spoils_no_signature(is_short: bool) -> None:
    signature = [line for line in signed(BODY).split(b"\r\n") if line.startswith(b"authorization:")]
    app = door_of(FakeCalls(later(ANSWERED)), is_short=is_short)
    before = await said(app, in_one_chunk(head=signature, tail=[b"x-sum: 1", b"authorization: Bearer x"]), wait_s=0.02)
    behind = await said(app, in_one_chunk(head=[], tail=signature), wait_s=0.02)

    assert before.said.startswith(ANSWER)
    assert behind.said.startswith(b"HTTP/1.1 503 ")


async def test_a_tunnel_is_no_wish_that_can_be_passed_over() -> None:
    async with talking(saying(2)) as (_, reader, writer):
        writer.write(b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n")
        writer.write_eof()

        assert BAD == (await everything(reader))[: len(BAD)]
