"""Clients that are slow with the head of a request, that say nothing at all, and that are idle when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.web.protocol import PatientProtocol

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
OK = b"HTTP/1.1 200 OK"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hasty(PatientProtocol):
    head_s = 0.2
    goodbye_s = 0.2


class Slower(PatientProtocol):
    """Has time enough for a machine that is busy."""

    head_s = 1.5


async def hello(_: Any, __: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def hello_later(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await asyncio.sleep(0.5)
    await hello(scope, receive, send)


async def hello_after_the_goodbye(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await asyncio.sleep(3 * Hasty.goodbye_s)
    await hello(scope, receive, send)


@asynccontextmanager
async def listening(
    app: Any = hello, idle_s: float = 60, kind: type[PatientProtocol] = Hasty
) -> AsyncIterator[tuple[ServerState, Callable[[], Any]]]:
    """What the server knows, and what opens a connection to it."""
    config = Config(app, log_config=None, lifespan="off", timeout_keep_alive=idle_s)  # type: ignore[arg-type]  # seconds
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
    opened: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        opened.append(writer)
        return reader, writer

    try:
        yield state, connect
    finally:
        for writer in opened:
            writer.close()
        server.close()
        for _moment in range(100):
            await asyncio.sleep(0.01 if state.connections else 0)


async def everything(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.read()


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readuntil(b"\r\n\r\nok")


@pytest.mark.parametrize("begun", [b"G", b"\r\n", HEAD, HEAD + b"x: y\r\n"])
async def test_a_head_that_does_not_end_ends_the_connection(begun: bytes) -> None:
    async with listening() as (_, connect):
        reader, writer = await connect()
        writer.write(begun)

        assert b"" == await everything(reader)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send bytes of a head that never ends, with less time between them than a head has."""
    while True:
        writer.write(b"x")
        await asyncio.sleep(Hasty.head_s / 5)


async def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    async with listening() as (_, connect):
        reader, writer = await connect()
        writer.write(HEAD)
        dripping = asyncio.create_task(drip(writer))
        rest = await everything(reader)
        dripping.cancel()

    assert b"" == rest


async def test_a_slow_head_that_ends_in_time_is_answered_and_so_is_the_next_request() -> None:
    async with listening(kind=Slower) as (_, connect):
        reader, writer = await connect()
        writer.write(HEAD)
        await asyncio.sleep(0.05)
        writer.write(b"\r\n")
        first = await one_answer(reader)
        await asyncio.sleep(Slower.head_s)
        writer.write(HEAD + b"\r\n")
        second = await one_answer(reader)

    assert (OK, OK) == (first[:15], second[:15])


async def test_a_second_head_has_no_more_time_than_the_first() -> None:
    async with listening() as (_, connect):
        reader, writer = await connect()
        writer.write(HEAD + b"\r\n")
        await one_answer(reader)
        writer.write(HEAD)

        assert b"" == await everything(reader)


async def test_who_says_nothing_is_idle() -> None:
    async with listening(idle_s=0.2) as (_, connect):
        reader, _writer = await connect()

        assert b"" == await everything(reader)


async def test_who_says_nothing_that_counts_behind_a_request_is_idle() -> None:
    async with listening(idle_s=0.2) as (_, connect):
        reader, writer = await connect()
        writer.write(HEAD + b"content-length: 100\r\n\r\n")
        await one_answer(reader)
        writer.write(b"a part of a body that nobody wants")

        assert b"" == await everything(reader)


@pytest.mark.parametrize("path", [b"/" + b"a" * 100_000, b"/\xc3\xa9"])
async def test_a_path_that_cannot_be_read_is_refused_and_breaks_nothing(path: bytes) -> None:
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))

    async with listening() as (_, connect):
        reader, writer = await connect()
        writer.write(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = await everything(reader)

    assert b"HTTP/1.1 400 Bad Request" == answer[:24]
    assert [] == broken


async def test_a_request_on_its_way_to_a_server_that_ends_is_the_last_of_its_connection() -> None:
    async with listening() as (state, connect):
        reader, writer = await connect()
        writer.write(HEAD + b"\r\n")
        await one_answer(reader)
        for connection in list(state.connections):
            connection.shutdown()
        writer.write(HEAD + b"\r\n")
        last = await everything(reader)

    assert OK == last[:15]
    assert b"connection: close" in last


async def test_an_idle_connection_ends_with_the_server() -> None:
    async with listening() as (state, connect):
        reader, writer = await connect()
        writer.write(HEAD + b"\r\n")
        await one_answer(reader)
        for connection in list(state.connections):
            connection.shutdown()

        assert b"" == await everything(reader)


@pytest.mark.parametrize("wait_s", [0.05, 0.15])
async def test_what_is_being_answered_when_the_server_ends_is_answered(wait_s: float) -> None:
    async with listening(hello_later) as (state, connect):
        reader, writer = await connect()
        writer.write(HEAD + b"\r\n")
        await asyncio.sleep(wait_s)
        for connection in list(state.connections):
            connection.shutdown()
        answer = await everything(reader)

    assert OK == answer[:15]
    assert b"connection: close" in answer


async def test_a_request_in_the_last_moment_of_a_server_that_ends_is_answered() -> None:
    async with listening(hello_after_the_goodbye) as (state, connect):
        reader, writer = await connect()
        while not state.connections:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0)
        for connection in list(state.connections):
            connection.shutdown()
        writer.write(HEAD + b"\r\n")
        answer = await everything(reader)

    assert OK == answer[:15]
