"""What becomes of a webhook on the short way when its connection, its log, its task or its time is taken from it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from app.errors import StoreUnavailable
from app.service.delivery import Delivery
from app.web.bodies import ClientGone
from tests.web.fake_calls import ANSWERED, FAILSAFE, NCCO, FakeCalls, give
from tests.web.kept_wire import BODY, door_of, later, protocol_of, said, signed

ROOT: Final = Path(__file__).resolve().parents[2]


class BrokenLog:
    """Cannot write a line."""

    def bind(self) -> BrokenLog:
        return self

    def info(self, *_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("act", [give(ANSWERED), later(ANSWERED)], ids=["at once", "later"])
async def test_a_log_that_fails_behind_a_reply_says_nothing_to_the_platform(act: Any) -> None:
    short, long = [
        await said(door_of(FakeCalls(act), is_short=is_short, log=BrokenLog()), signed(BODY))
        for is_short in (True, False)
    ]

    assert long.said == short.said
    assert short.said.endswith(b"\r\n\r\n" + NCCO)
    assert (True, True) == (short.is_closed, long.is_closed)


async def test_requests_behind_each_other_whose_client_has_gone_are_kept_and_told() -> None:
    calls = FakeCalls(later(ANSWERED, 0.01))
    protocol, wire = protocol_of(door_of(calls, is_short=True))
    with capture_logs() as lines:
        protocol.loop.call_soon(protocol.data_received, signed(BODY) * 2)
        await asyncio.sleep(0)
        protocol.connection_lost(ConnectionResetError())
        wire.is_closed = wire.is_strict = True
        await asyncio.sleep(0.05)

    assert ["webhook"] == [line["event"] for line in lines]
    assert 1 == len(calls.asked)


@pytest.mark.parametrize("times", [1, 2])
async def test_the_server_waits_for_what_was_begun_also_when_the_client_has_gone(times: int) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED, 0.01)), is_short=True))
    protocol.loop.call_soon(protocol.data_received, signed(BODY) * times)
    await asyncio.sleep(0)
    wire.is_closed = True
    protocol.connection_lost(ConnectionResetError())
    waited_for = len(protocol.tasks)
    await asyncio.sleep(0.05)

    assert 0 < waited_for
    assert 0 == len(protocol.tasks)


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("times", [1, 2])
async def test_what_waits_for_the_store_when_the_server_ends_is_answered_before_its_connection_closes(
    times: int, is_short: bool
) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED, 0.01)), is_short=is_short))
    protocol.loop.call_soon(protocol.data_received, signed(BODY) * times)
    await asyncio.sleep(0.005)
    protocol.shutdown()
    is_closed_before = wire.is_closed
    await asyncio.sleep(0.1)
    protocol.connection_lost(None)

    assert not is_closed_before
    assert wire.is_closed
    assert times == wire.said.count(b"200 OK")
    assert 1 == wire.said.count(b"connection: close")


async def hang_in_a_task(_: Delivery) -> Any:
    await later(None)(_)
    await asyncio.sleep(60)


@pytest.mark.parametrize("act", [later(ANSWERED, 60), hang_in_a_task], ids=["store", "task"])
async def test_what_the_server_waits_for_no_longer_is_closed(act: Any) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(act), is_short=True))
    protocol.loop.call_soon(protocol.data_received, signed(BODY))
    await asyncio.sleep(0.02)
    for waiting in protocol.tasks:
        waiting.cancel(msg="timeout graceful shutdown exceeded")
    await asyncio.sleep(0.02)
    protocol.connection_lost(None)

    assert wire.is_closed
    assert b"" == wire.said


class Sulking(asyncio.Future[None]):
    """Cannot be waited for without a task, and says so once it has been asked."""

    def add_done_callback(self, callback: Any, **context: Any) -> None:
        super().add_done_callback(callback, **context)
        raise RuntimeError("447700900123")


async def wait_for_what_sulks(_: Delivery) -> Any:
    loop = asyncio.get_running_loop()
    future = Sulking(loop=loop)
    loop.call_soon(future.set_result, None)
    await future
    return ANSWERED


async def test_what_cannot_be_waited_for_is_answered_once() -> None:
    wire = await said(door_of(FakeCalls(wait_for_what_sulks), is_short=True), signed(BODY))

    assert 1 == wire.said.count(b"HTTP/1.1 ")
    assert wire.said.endswith(b"\r\n\r\n" + FAILSAFE)


class Unreadable(asyncio.Future[None]):
    """Does not say how it ended."""

    def exception(self) -> BaseException | None:
        raise RuntimeError("447700900123")


async def wait_for_what_cannot_be_read(_: Delivery) -> Any:
    loop = asyncio.get_running_loop()
    future = Unreadable(loop=loop)
    loop.call_soon(future.set_result, None)
    await future
    return ANSWERED


async def test_what_is_there_and_cannot_be_read_is_answered() -> None:
    wire = await said(door_of(FakeCalls(wait_for_what_cannot_be_read), is_short=True), signed(BODY))

    assert wire.said.endswith(b"\r\n\r\n" + FAILSAFE)


async def have_no_client(_: Delivery) -> Any:
    await later(None)(_)
    await later(None)(_)
    raise ClientGone


async def test_what_the_door_lets_through_in_a_task_is_answered() -> None:
    wire = await said(door_of(FakeCalls(have_no_client), is_short=True), signed(BODY))

    assert wire.said.endswith(b"\r\n\r\n" + FAILSAFE)


class Unspeakable(StoreUnavailable):
    """Cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("447700900123")


async def fail_unspeakably(_: Delivery) -> Any:
    await later(None)(_)
    raise Unspeakable("disk full")


async def test_what_cannot_even_be_refused_closes_its_connection() -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(fail_unspeakably), is_short=True))
    protocol.loop.call_soon(protocol.data_received, signed(BODY))
    await asyncio.sleep(0.02)
    protocol.connection_lost(None)

    assert wire.is_closed
    assert 0 == len(protocol.tasks)


@pytest.mark.parametrize("failure", [OSError("gone"), asyncio.CancelledError()], ids=["error", "cancelled"])
async def test_a_connection_that_takes_no_reply_is_closed(failure: BaseException) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED)), is_short=True))
    wire.failure = failure
    protocol.loop.call_soon(protocol.data_received, signed(BODY))
    await asyncio.sleep(0.02)
    protocol.connection_lost(None)

    assert wire.is_closed


async def test_what_is_there_when_the_time_is_over_is_sent() -> None:
    async def stall(delivery: Delivery) -> Any:
        asyncio.get_running_loop().call_later(0.005, time.sleep, 0.05)
        return await later(ANSWERED, 0.01)(delivery)

    wire = await said(door_of(FakeCalls(stall), is_short=True, deadline_s=0.02), signed(BODY), wait_s=0.1)

    assert wire.said.endswith(b"\r\n\r\n" + NCCO)


@pytest.mark.parametrize("is_short", [True, False])
async def test_a_client_that_does_not_read_is_sent_no_more_until_it_does(is_short: bool) -> None:
    protocol, wire = protocol_of(door_of(FakeCalls(later(ANSWERED)), is_short=is_short))
    protocol.loop.call_soon(protocol.data_received, signed(BODY))
    await asyncio.sleep(0.01)
    protocol.pause_writing()
    protocol.loop.call_soon(protocol.data_received, signed(BODY) * 2)
    await asyncio.sleep(0.01)
    before = wire.said.count(b"HTTP/1.1 ")
    protocol.resume_writing()
    await asyncio.sleep(0.01)
    protocol.connection_lost(None)

    assert 1 == before
    assert 3 == wire.said.count(b"HTTP/1.1 ")


def chunked(body: bytes, size: int) -> bytes:
    """A signed request whose body comes in chunks."""
    head, _, _ = signed(body).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return b"\r\n".join((*lines, b"transfer-encoding: chunked", b"", b"".join(chunks) + b"0\r\n\r\n"))


@pytest.mark.parametrize("size", [1, 7, 60_000])
@pytest.mark.parametrize("length", [10, 40_000, 70_000, 300_000])
async def test_bodies_in_chunks_and_larger_than_what_is_read_at_once_are_answered_as_on_the_long_way(
    length: int, size: int
) -> None:
    body = BODY[:-1] + b', "x": "' + b"x" * length + b'"}'
    requests = [chunked(body, size) + signed(BODY), signed(body) + signed(BODY)]
    short, long = [
        [await said(door_of(FakeCalls(later(ANSWERED)), is_short=is_short), request) for request in requests]
        for is_short in (True, False)
    ]

    assert [wire.said for wire in long] == [wire.said for wire in short]


async def test_a_body_of_many_chunks_costs_little_more_than_on_the_long_way() -> None:
    request = chunked(BODY[:-1] + b', "x": "' + b"x" * 60_000 + b'"}', 1)
    spent = []
    for is_short in (False, True):
        begun = time.process_time()
        await said(door_of(FakeCalls(later(ANSWERED)), is_short=is_short), request)
        spent.append(time.process_time() - begun)

    assert spent[1] < 3 * spent[0] + 0.05


def test_nothing_of_a_webhook_is_kept_in_a_context_where_the_next_one_would_find_it() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.joinpath("app").rglob("*.py")}

    assert {"app/service/carried.py"} == {name for name, source in sources.items() if "ContextVar(" in source}
    assert {"app/web/otel.py"} == {name for name, source in sources.items() if "CARRIED.set(" in source}
    assert set() == {name for name, source in sources.items() if "bind_contextvars" in source}
    assert door_of(FakeCalls(), is_short=False).take is None  # who follows webhooks follows them on the long way
