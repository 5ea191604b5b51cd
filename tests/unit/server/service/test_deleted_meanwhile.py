"""A call that is swept or forgotten while a webhook is on its way: a listening caller still hears something.

The deletion happens at the worst moment: after the call was read and before the result is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson
import pytest
import pytest_asyncio

from ncco_server.ncco import check
from ncco_server.service.delivery import Reply
from ncco_server.store import Forgotten, SqliteDatabase, Store, milliseconds
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import make_postgres
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, ServedCall, delivery, service_at

FLOWS = Path(__file__).parents[3] / "system/server/faults/project/flows"
NUMBER = ANSWER["from"]
WRITES = frozenset({"advance", "record", "end", "open_call"})


STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: Store(SqliteDatabase(folder / "calls.db")),
    "postgres": make_postgres,
}


class Interrupted:
    """A store in which something happens once, right before the next write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.before_write: Callable[[], Awaitable[object]] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._after_what_happens(method) if name in WRITES else method

    def _after_what_happens(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def write(*args: Any, **named: Any) -> Any:
            happens, self.before_write = self.before_write, None
            if happens is not None:
                await happens()
            return await method(*args, **named)

        return write


@pytest_asyncio.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = STORES[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def interrupted(store: Store) -> Interrupted:
    return Interrupted(store)


@pytest_asyncio.fixture
async def call(interrupted: Interrupted) -> ServedCall:
    kept = cast(Store, interrupted)
    return ServedCall(await service_at(kept, FLOWS))


async def swept(store: Store) -> int:
    """The retention has ended because the clock jumped ahead."""
    return await store.sweep(milliseconds(NOON) + 1, 100, milliseconds(NOON) + 1)


async def forgotten(store: Store) -> Forgotten:
    """Run what `ncco forget` runs."""
    return await store.forget([NUMBER])


Delete = Callable[[Store], Awaitable[object]]


class Late(NamedTuple):
    """A webhook that finds its call gone, and the call that leads to it."""

    before: Callable[[ServedCall], Awaitable[None]]
    webhook: Callable[[ServedCall], Awaitable[Reply]]


async def nothing(call: ServedCall) -> None:
    """The call has just started."""


async def choose_sales(call: ServedCall) -> None:
    await call.press("1")


async def choose_message(call: ServedCall) -> None:
    await call.press("2")


async def press(call: ServedCall) -> Reply:
    return await call.press("1")


async def report_busy(call: ServedCall) -> Reply:
    return await call.dial("busy")


async def report_ringing(call: ServedCall) -> Reply:
    return await call.dial("ringing")


async def bring_recording(call: ServedCall) -> Reply:
    return await call.post("event", {"recording_url": "https://api.nexmo.com/v1/files/1", "conversation_uuid": "CON-1"})


async def hang_up(call: ServedCall) -> Reply:
    return await call.service.event(delivery({**ANSWER, "status": "completed", "direction": "inbound"}))


async def refuse_ncco(call: ServedCall) -> Reply:
    url = f"https://calls.example.com/webhooks/input/{call.token('input')}"
    original = {"reason": "Invalid NCCO.", "original_request": {"url": url, "type": "event"}}
    return await call.service.fallback(delivery({**ANSWER, **original}))


def errors(reply: Reply) -> list[str]:
    """The errors of an NCCO; an empty reply, after which the call continues, is valid."""
    return [issue.code for issue in check(orjson.loads(reply.ncco or b"[]")) if issue.severity == "error"][:1]


@pytest.mark.parametrize("delete", [swept, forgotten])
@pytest.mark.parametrize("late", [Late(nothing, press), Late(choose_sales, report_busy), Late(nothing, refuse_ncco)])
async def test_a_caller_still_gets_an_ncco_if_the_call_is_deleted(
    store: Store,
    interrupted: Interrupted,
    call: ServedCall,
    late: Late,
    delete: Delete,
) -> None:
    await call.ring()
    await late.before(call)
    interrupted.before_write = lambda: delete(store)
    played = call.ncco
    reply = await late.webhook(call)
    call.ncco = played
    again = await late.webhook(call)

    assert reply.ncco
    assert ([], []) == (errors(reply), errors(again))
    assert reply.is_failsafe
    assert await store.load(LEG) is None


@pytest.mark.parametrize("delete", [swept, forgotten])
@pytest.mark.parametrize(
    "late", [Late(choose_sales, report_ringing), Late(choose_message, bring_recording), Late(nothing, hang_up)]
)
async def test_a_late_webhook_restores_nothing_of_a_deleted_call(
    store: Store,
    interrupted: Interrupted,
    call: ServedCall,
    late: Late,
    delete: Delete,
) -> None:
    await call.ring()
    await late.before(call)
    interrupted.before_write = lambda: delete(store)
    reply = await late.webhook(call)
    left = await store.forget([NUMBER])

    assert [] == errors(reply)
    assert (0, 0) == (left.calls, left.turns)
    assert await store.load(LEG) is None
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def ring_in_the_same_flow(call: ServedCall) -> Reply:
    return await call.ring()


async def ring_in_a_named_flow(call: ServedCall) -> Reply:
    """The caller was transferred into a flow."""
    return await call.ring("house", conversation_uuid="CON-2")


async def ring_where_no_flow_is(call: ServedCall) -> Reply:
    return await call.ring("nowhere")


Ring = Callable[[ServedCall], Awaitable[Reply]]


async def test_a_caller_whose_call_was_swept_may_call_again(
    store: Store, interrupted: Interrupted, call: ServedCall
) -> None:
    first = await call.ring()
    interrupted.before_write = lambda: swept(store)
    second = await call.ring()

    assert first.ncco == second.ncco
    assert await store.load(LEG) is not None


@pytest.mark.parametrize("ring", [ring_in_the_same_flow, ring_in_a_named_flow, ring_where_no_flow_is])
async def test_a_forgotten_caller_who_calls_again_gets_an_ncco_and_nothing_is_stored(
    store: Store, interrupted: Interrupted, call: ServedCall, ring: Ring
) -> None:
    first = await call.ring()
    interrupted.before_write = lambda: forgotten(store)
    second = await ring(call)
    third = await ring(call)

    assert [] == errors(second)
    assert second.ncco == third.ncco
    assert second.is_failsafe == (ring is ring_where_no_flow_is)
    assert ring is not ring_in_the_same_flow or first.ncco == second.ncco
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_nothing_is_stored_after_the_transfer_of_a_forgotten_caller(store: Store, call: ServedCall) -> None:
    await call.ring()
    await forgotten(store)
    await ring_in_a_named_flow(call)
    later = {"from": NUMBER, "conversation_uuid": "CON-2"}
    pressed = await call.post("input", {"dtmf": {"digits": "1"}, **later})
    await call.service.event(delivery({**later, "uuid": "another leg", "status": "ringing"}))

    assert pressed.is_failsafe
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_nothing_is_stored_about_a_party_dialled_for_a_forgotten_caller(store: Store, call: ServedCall) -> None:
    await call.ring()
    await call.press("3")
    url = next(action for action in call.ncco if action["action"] == "connect")["endpoint"][0]["onAnswer"]["url"]
    await forgotten(store)
    asked = delivery({"from": NUMBER, "to": "447700900222", "uuid": "leg of the party"})
    joined = await call.service.resume("onanswer", url.rpartition("/")[2], asked)

    assert [] == errors(joined)
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)
