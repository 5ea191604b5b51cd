"""Documents of stored rows contain what was stored."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ncco_server.desk.documents import AddressedHook, CallDocument, HookDocument, RecordingDocument
from ncco_server.results import RESULTS
from ncco_server.service.call_search import find_calls
from ncco_server.service.documents import PlacedDocument, RowDocument
from ncco_server.store import CallFilter, EndOfCall, RecordingRow, Store
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, NUMBER, end_call, hook_row, new_call, placed_row, webhook_row

LATER_MS = NOON_MS + 42_000


async def documents(store: Store, **wanted: str) -> list[CallDocument]:
    """The calls of a search."""
    async with store.records() as records:
        found = await find_calls(records, CallFilter(**wanted), 10, LATER_MS)  # type: ignore[arg-type]  # names of fields
    return [CallDocument.of(row, result, LATER_MS) for row, result in found.calls]


async def test_a_call_reported_late_ends_when_reports_count_it() -> None:
    async with MemoryStore() as store:
        await store.open_call(*new_call("leg-1"))
        await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS + 1)
        (lost,) = await documents(store)
        end = webhook_row("leg-1", status="completed", kind="event-completed", received_at=LATER_MS)
        await end_call(store, "leg-1", end)
        (late,) = await documents(store)

    assert ("lost", None, None) == (lost.state, lost.ended_at, lost.seconds)
    assert ("hung-up", "2026-03-04T12:00:42.000Z", 42.0) == (late.state, late.as_json()["ended_at"], late.seconds)


@each_case(("expected", "state"), [("acme.menu", {}), ("other.menu", {"at": "other"})])
async def test_the_step_that_dials_has_the_same_name_before_and_after_the_call(
    expected: str, state: dict[str, str]
) -> None:
    async with MemoryStore() as store:
        session, turn, webhook = new_call("leg-1", state=orjson.dumps({"step": "menu", "dialled": 1, **state}))
        await store.open_call(session, turn._replace(heard=0, rang=expected), webhook)
        (before,) = await documents(store)
        await end_call(store, "leg-1", webhook_row("leg-1", status="completed"))
        (after,) = await documents(store)

    assert (expected, expected) == (before.rang, after.rang)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_a_call_that_is_found_by_its_result_shows_it(direction: Any) -> None:
    async with MemoryStore() as store:
        session, turn, webhook = new_call("leg-1", state=f'{{"call": {{"direction": "{direction}"}}}}'.encode())
        await store.open_call(session, turn, webhook)
        await store.end("leg-1", [EndOfCall("leg-1", 1, direction, NUMBER)], webhook_row("leg-1", status="completed"))
        found = {name: [call.result for call in await documents(store, result=name)] for name in RESULTS}

    assert {name: [name] for name, results in found.items() if results} == {n: r for n, r in found.items() if r} != {}


def personal(kind: type[RowDocument]) -> list[str]:
    """The fields with personal data."""
    return [name for name, field in kind.model_fields.items() if field.json_schema_extra]


async def test_no_personal_data_is_left_of_a_forgotten_person() -> None:
    async with MemoryStore() as store:
        texts = dict.fromkeys(personal(RecordingDocument), NUMBER)
        await store.recordings.add(RecordingRow("1", "uuid", "record", NOON_MS, **texts))  # type: ignore[arg-type]  # names of fields
        await store.placed.add([placed_row(id="1", number=NUMBER)])
        await store.forget([NUMBER])
        recording, placed = await store.recordings.get("1"), await store.placed.get("1")
    assert recording is not None
    assert placed is not None
    left = [RecordingDocument.of(recording, NOON_MS), PlacedDocument.of(placed)]

    assert [{}, {}] == [{name: text for name in personal(type(each)) if (text := getattr(each, name))} for each in left]


@each_case(
    ("expected", "changes"),
    [
        ("waiting", {}),
        ("sending", {"leased_until": LATER_MS + 1}),
        ("behind", {"due_at": None}),
        ("parked", {"is_parked": True, "due_at": None}),
    ],
)
def test_a_hook_is_the_same_document_in_its_call_and_in_the_list(expected: str, changes: dict[str, Any]) -> None:
    row = hook_row(**changes)
    listed = AddressedHook.of(row, LATER_MS).as_json()

    assert expected == listed["state"]
    assert HookDocument.of(row, LATER_MS).as_json().items() <= listed.items()
