"""Old data is deleted while calls continue; a call that is swept or forgotten while a webhook is on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from ncco_server.flow.loader import load
from ncco_server.ncco import check
from ncco_server.service.delivery import Reply
from ncco_server.service.library import Library
from ncco_server.service.retention import BATCH_SIZE, Swept, sweep_calls
from ncco_server.store import Forgotten, Store, milliseconds
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, new_call, revision_row
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, ServedCall, delivery, service_at

FLOWS = Path(__file__).parents[3] / "system/server/faults/project/flows"
NUMBER = ANSWER["from"]
WRITES = frozenset({"advance", "record", "end", "open_call"})


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


@pytest.fixture
def interrupted(store: Store) -> Interrupted:
    return Interrupted(store)


@pytest.fixture
async def call(interrupted: Interrupted) -> ServedCall:
    call = ServedCall(await service_at(cast(Store, interrupted), FLOWS))
    await call.ring()
    return call


async def swept(store: Store) -> int:
    """The retention has ended because the clock jumped ahead."""
    return await store.sweep(milliseconds(NOON) + 1, 100, milliseconds(NOON) + 1)


async def forgotten(store: Store) -> Forgotten:
    """Run what `ncco forget` runs."""
    return await store.forget([NUMBER])


DELETIONS = pytest.mark.parametrize("delete", [swept, forgotten])
Delete = Callable[[Store], Awaitable[object]]
Webhook = Callable[[ServedCall], Awaitable[Reply]]


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


@DELETIONS
@pytest.mark.parametrize(
    ("key", "webhook"), [("", lambda call: call.press("1")), ("1", lambda call: call.dial("busy")), ("", refuse_ncco)]
)
async def test_a_caller_still_gets_an_ncco_if_the_call_is_deleted(
    *, store: Store, interrupted: Interrupted, call: ServedCall, key: str, webhook: Webhook, delete: Delete
) -> None:
    if key:
        await call.press(key)
    interrupted.before_write = lambda: delete(store)
    played = call.ncco
    reply = await webhook(call)
    call.ncco = played
    again = await webhook(call)

    assert reply.ncco
    assert ([], []) == (errors(reply), errors(again))
    assert reply.is_failsafe
    assert await store.load(LEG) is None


@DELETIONS
@pytest.mark.parametrize(
    ("key", "webhook"), [("1", lambda call: call.dial("ringing")), ("2", bring_recording), ("", hang_up)]
)
async def test_a_late_webhook_restores_nothing_of_a_deleted_call(
    *, store: Store, interrupted: Interrupted, call: ServedCall, key: str, webhook: Webhook, delete: Delete
) -> None:
    if key:
        await call.press(key)
    interrupted.before_write = lambda: delete(store)
    reply = await webhook(call)
    left = await store.forget([NUMBER])

    assert [] == errors(reply)
    assert (0, 0) == (left.calls, left.turns)
    assert await store.load(LEG) is None
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_a_caller_whose_call_was_swept_may_call_again(
    store: Store, interrupted: Interrupted, call: ServedCall
) -> None:
    first = call.ncco
    interrupted.before_write = lambda: swept(store)
    await call.ring()

    assert first == call.ncco
    assert await store.load(LEG) is not None


@pytest.mark.parametrize(("flow", "fields"), [(None, {}), ("house", {"conversation_uuid": "CON-2"}), ("nowhere", {})])
async def test_a_forgotten_caller_who_calls_again_gets_an_ncco_and_nothing_is_stored(
    *, store: Store, interrupted: Interrupted, call: ServedCall, flow: str | None, fields: dict[str, str]
) -> None:
    """Also if the caller was transferred into a flow, or into one that does not exist."""
    first = call.ncco
    interrupted.before_write = lambda: forgotten(store)
    second, third = await call.ring(flow, **fields), await call.ring(flow, **fields)

    assert [] == errors(second)
    assert second.ncco == third.ncco
    assert (flow == "nowhere") == second.is_failsafe
    assert flow is not None or first == call.ncco
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_nothing_is_stored_after_the_transfer_of_a_forgotten_caller(store: Store, call: ServedCall) -> None:
    await forgotten(store)
    await call.ring("house", conversation_uuid="CON-2")
    later = {"from": NUMBER, "conversation_uuid": "CON-2"}
    pressed = await call.post("input", {"dtmf": {"digits": "1"}, **later})
    await call.service.event(delivery({**later, "uuid": "another leg", "status": "ringing"}))

    assert pressed.is_failsafe
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_nothing_is_stored_about_a_party_dialled_for_a_forgotten_caller(store: Store, call: ServedCall) -> None:
    await call.press("3")
    url = next(action for action in call.ncco if action["action"] == "connect")["endpoint"][0]["onAnswer"]["url"]
    await forgotten(store)
    asked = delivery({"from": NUMBER, "to": "447700900222", "uuid": "leg of the party"})
    joined = await call.service.resume("onanswer", url.rpartition("/")[2], asked)

    assert [] == errors(joined)
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


FLOW = 'flow: a\ndefault: true\nstart: s\nsteps:\n  s: {do: [{talk: "Hello."}], goto: end}\n'
NOW = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(days=31)


async def made(store: MemoryStore) -> Library:
    """The library of a store, which is opened."""
    await store.open()
    library = Library(store, lambda: load({"flows/a.yaml": FLOW}))
    await library.reload()
    return library


async def swept_once(store: MemoryStore, library: Library) -> Swept:
    return await sweep_calls(store, library, NOW, timedelta(days=30))


async def test_old_data_is_deleted_and_the_flows_in_use_stay() -> None:
    store = MemoryStore()
    library = await made(store)
    in_use = frozenset(store.revisions)
    for number in range(BATCH_SIZE + 1):
        await store.open_call(*new_call(f"leg-{number}"))
    await store.open_call(*new_call("young", updated_at=NOON_MS + 2 * 86_400_000))
    await store.save_revisions([revision_row("unused")])
    for row in store.revisions.values():
        await store.replace_revision(row._replace(created_at=NOON_MS))

    assert Swept(BATCH_SIZE + 1, 1) == await swept_once(store, library)
    assert (["young"], in_use) == (list(store.sessions), frozenset(store.revisions))


async def test_a_flow_in_use_that_another_host_has_deleted_is_saved_again() -> None:
    store = MemoryStore()
    library = await made(store)
    await store.sweep_revisions(2**60, ())
    await library.save_used()

    assert 1 == len(store.revisions)


async def test_a_sweep_without_deletions_reports_nothing() -> None:
    store = MemoryStore()
    library = await made(store)

    assert not any(await swept_once(store, library))
