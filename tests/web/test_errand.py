"""The short way of a webhook gives what the long way gives: the same bytes, rows, log lines and counters."""

from __future__ import annotations

import asyncio
import gc
import json
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.errors import StoreUnavailable
from app.service.calls import NeedsTask
from app.service.delivery import Delivery, Reply
from app.store.waiting import waited
from app.web.deadline import Deadline
from app.web.errand import Errand
from app.web.visit import Visit
from tests.web.fake_calls import ANSWERED, FAILSAFE, NCCO, FakeCalls, give
from tests.web.kept_wire import BODY, door_of, later, said, signed


async def fail_later(_: Delivery) -> Any:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, StoreUnavailable("disk full"))
    await future


async def wait_twice(_: Delivery) -> Any:
    await later(None)(_)
    await later(None)(_)
    async with asyncio.timeout(1):  # which only a task can
        await asyncio.sleep(0)
    return ANSWERED


async def wait_for_nothing(_: Delivery) -> Any:
    await asyncio.sleep(0)
    return ANSWERED


async def cancel_what_is_waited_for(_: Delivery) -> Any:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    await future


async def crash_later(_: Delivery) -> Any:
    await later(None)(_)
    raise KeyError("447700900123")


async def hang_in_the_store(_: Delivery) -> Any:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as error:
        waited(error)
        raise


ACTS: Final = {
    "at once": give(ANSWERED),
    "later": later(ANSWERED),
    "no reply": give(None),
    "no NCCO": later(Reply(b"{}", "answer", "answer")),
    "failsafe": later(Reply(FAILSAFE, "answer", "failsafe", is_failsafe=True, problem="no flow")),
    "store away": fail_later,
    "waits for a task": wait_for_nothing,
    "cancelled": cancel_what_is_waited_for,
    "crash": crash_later,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    "path", ["/webhooks/answer", "/webhooks/answer/acme", "/webhooks/event", "/webhooks/input/t0k"]
)
async def test_both_ways_say_log_and_count_the_same(path: str, act: Any) -> None:
    with capture_logs() as lines:
        short, long = [
            await said(door_of(FakeCalls(act), is_short=is_short), signed(BODY, path)) for is_short in (True, False)
        ]

    assert long.said == short.said
    assert long.said.startswith(b"HTTP/1.1 ")
    (one, other) = [{name: value for name, value in line.items() if name not in ("ms", "frames")} for line in lines]
    assert one == other


async def test_what_waits_for_more_than_the_store_goes_on_in_a_task() -> None:
    wire = await said(door_of(FakeCalls(wait_twice), is_short=True), signed(BODY))

    assert wire.said.endswith(b"\r\n\r\n" + NCCO)


async def test_a_turn_that_asks_look_ups_after_a_wait_begins_anew_in_a_task() -> None:
    async def ask(delivery: Delivery) -> Any:
        await later(None)(delivery)
        if asyncio.current_task() is None:
            raise NeedsTask
        return ANSWERED

    calls = FakeCalls(ask)
    wire = await said(door_of(calls, is_short=True), signed(BODY))

    assert wire.said.endswith(b"\r\n\r\n" + NCCO)
    assert 2 == len(calls.asked)


async def hang_later(_: Delivery) -> Any:
    await later(None)(_)
    await asyncio.sleep(60)


SLOW: Final = {"store": hang_in_the_store, "wait": later(ANSWERED, 60), "in a task": hang_later, "crash": crash_later}


@pytest.mark.parametrize("act", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("is_short", [True, False])
async def test_who_takes_too_long_is_answered_in_time_on_both_ways(act: Any, is_short: bool) -> None:
    calls = FakeCalls(act)
    wire = await said(door_of(calls, is_short=is_short, deadline_s=0.02), signed(BODY), wait_s=0.1)

    outcome = b"503 Service Unavailable" if act is hang_in_the_store else b"200 OK"
    assert wire.said.startswith(b"HTTP/1.1 " + outcome)
    assert 1 == len(calls.asked)


async def swallow(_: Delivery) -> Any:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
    return ANSWERED


async def test_what_goes_on_when_its_time_is_over_is_not_waited_for() -> None:
    wire = await said(door_of(FakeCalls(swallow), is_short=True, deadline_s=0.02), signed(BODY), wait_s=0.1)

    assert FAILSAFE in wire.said or NCCO in wire.said


CHANGES: Final[dict[str, tuple[bytes, bytes]]] = {
    "nothing": (b"", b""),
    "old": (b"HTTP/1.1", b"HTTP/1.0"),
    "last": (b"host:", b"connection: close\r\nhost:"),
    "expects": (b"host:", b"expect: 100-continue\r\nhost:"),
    "upgrades": (b"host:", b"connection: upgrade\r\nupgrade: websocket\r\nhost:"),
    "two signatures": (b"host:", b"authorization: Bearer x\r\nhost:"),
    "no signature": (b"authorization", b"x-authorization"),
    "forged": (b"authorization: Bearer e", b"authorization: Bearer f"),
    "another body": (b"442079460000", b"442079460001"),
    "no JSON": (b'{"to"', b'{ to "'),
    "query": (b"/answer", b"/answer?a=b"),
    "escaped": (b"/answer", b"/answ%65r"),
    "slashes": (b"/answer", b"/answer/"),
    "nowhere": (b"/answer", b"/nowhere"),
    "put": (b"POST", b"PUT"),
    "two lengths": (b"host:", b"content-length: 1\r\nhost:"),
    "no head": (b"host:", b"\x00host"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_whatever_is_not_quite_usual_is_answered_as_on_the_long_way(change: tuple[bytes, bytes]) -> None:
    request = signed(BODY).replace(*change, 1)
    short, long = [
        await said(door_of(FakeCalls(later(ANSWERED)), is_short=is_short), request) for is_short in (True, False)
    ]

    assert (long.said, long.is_closed) == (short.said, short.is_closed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4), min_size=1, max_size=3),
    cuts=st.lists(st.integers(1, 1200), max_size=4),
    result=st.sampled_from(
        [ANSWERED, Reply(None, "event-ringing", "recorded"), Reply(NCCO, "answer", "x", problem="é\r\nx: y")]
    ),
    is_late=st.booleans(),
)
async def test_requests_behind_each_other_and_in_pieces_are_answered_as_on_the_long_way(
    bodies: list[dict[str, str]], cuts: list[int], result: Reply, is_late: bool
) -> None:
    requests = b"".join(signed(json.dumps(body).encode()) for body in bodies)
    places = sorted({0, len(requests), *(cut for cut in cuts if cut < len(requests))})
    chunks = [requests[start:end] for start, end in pairwise(places)]
    act = later(result) if is_late else give(result)
    short = await said(door_of(FakeCalls(act), is_short=True), *chunks)
    long = await said(door_of(FakeCalls(act), is_short=False), *chunks)

    assert long.said == short.said
    assert len(bodies) == short.said.count(b"HTTP/1.1 ")


async def test_a_client_that_has_gone_is_sent_nothing_and_the_call_is_kept() -> None:
    calls = FakeCalls(later(ANSWERED, 0.01))
    app = door_of(calls, is_short=True)
    with capture_logs() as lines:
        wire = await said(app, signed(BODY))
        await asyncio.sleep(0.05)

    assert b"" == wire.said
    assert ["webhook"] == [line["event"] for line in lines]


@pytest.mark.parametrize("act", [give(ANSWERED), later(ANSWERED)], ids=["at once", "later"])
async def test_what_is_answered_leaves_no_circle_that_python_would_have_to_look_for(act: Any) -> None:
    app = door_of(FakeCalls(act), is_short=True)
    await said(app, signed(BODY))
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await said(app, *[signed(BODY)] * 20)
        gc.collect()
        left = [type(found).__name__ for found in gc.garbage if isinstance(found, (Delivery, Visit, Errand, Deadline))]
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()

    assert [] == left
