"""What is stored of a recording that a webhook announces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from ncco_server.service.announced_recordings import announced
from ncco_server.store import RecordingRow, Store
from tests.support.cases import each_case
from tests.unit.server.service.served_call import LEG, POLICY, ServedCall, delivery, service_of

KEEPS: Final = replace(POLICY, keeps_recordings=True)
URL: Final = "https://api.nexmo.com/v1/files/1"
UUID: Final = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
FROM, TO = "2026-03-04T12:00:00Z", "2026-03-04T12:01:00Z"
MINUTE_MS: Final = 60_000
NOON_MS: Final = 1_772_625_600_000
FLOW: Final = """
flow: desk
default: true
params: {team: {type: text, default: Sales}, n: {type: int, default: 7}, note: {type: text, default: ""}}
vars: {caller_name: {type: text, default: " Ada  King "}}
start: hello
steps: {hello: {do: [{talk: "Speak."}, {record: RECORD}, {talk: "Bye."}], goto: end}}
"""


def of(fields: dict[str, Any], **more: Any) -> RecordingRow | None:
    return announced(KEEPS, delivery(fields), **more)


@each_case(
    ("changes", "stored"),
    [
        ({}, (NOON_MS, MINUTE_MS, 1000)),
        ({"start_time": "2026-03-04T12:00:00"}, (NOON_MS, MINUTE_MS, 1000)),
        ({"start_time": "2026-03-04T13:00:00+01:00"}, (NOON_MS, MINUTE_MS, 1000)),
        ({"start_time": TO, "end_time": TO}, (NOON_MS + MINUTE_MS, 0, 1000)),
        ({"start_time": TO, "end_time": FROM}, (NOON_MS + MINUTE_MS, None, 1000)),
        ({"end_time": "2026-03-07T12:00:00Z"}, (NOON_MS, None, 1000)),
        ({"end_time": "soon"}, (NOON_MS, None, 1000)),
        ({"start_time": "1999-12-31T12:00:00Z"}, (None, None, 1000)),
        ({"start_time": "2100-01-01T12:00:00Z"}, (None, None, 1000)),
        ({"start_time": None}, (None, None, 1000)),
        ({"size": 0}, (NOON_MS, MINUTE_MS, 0)),
        ({"size": -1}, (NOON_MS, MINUTE_MS, None)),
        ({"size": 1 << 50}, (NOON_MS, MINUTE_MS, None)),
        ({"size": None}, (NOON_MS, MINUTE_MS, None)),
    ],
)
def test_only_possible_times_and_sizes_are_stored(
    changes: dict[str, Any], stored: tuple[int | None, int | None, int | None]
) -> None:
    row = of({"recording_url": URL, "recording_uuid": UUID, "start_time": FROM, "end_time": TO, "size": 1000} | changes)

    assert row is not None
    assert (UUID, URL, "", "") == (row.uuid, row.url, row.transcript_state, row.session)
    assert stored == (row.started_at, row.duration_ms, row.size)


def test_a_recording_without_a_proper_id_gets_one_of_its_url() -> None:
    rows = [of({"recording_url": URL, "recording_uuid": id_}) for id_ in (None, "../x", "a" * 65)]

    assert [64, 64, 64] == [len(row.uuid) for row in rows if row is not None]
    assert rows[0] is not None and rows[1] is not None and rows[0].uuid != rows[1].uuid


def test_nothing_is_stored_without_an_address_or_a_place_for_recordings() -> None:
    speech = {"speech": {"recording_url": URL, "results": []}, "uuid": LEG}

    assert announced(POLICY, delivery({"recording_url": URL})) is None
    assert [None, None, None] == [of(each) for each in ({}, {"recording_url": "x" * 2001}, speech)]


@pytest.mark.parametrize(("record", "kind"), [("{endOnKey: '#'}", "record"), ("true", "conversation")])
async def test_a_recording_knows_its_call(store: Store, record: str, kind: str) -> None:
    call = ServedCall(await service_of(store, FLOW.replace("RECORD", record), policy=KEEPS))
    await call.ring()
    await call.post("event", {"recording_url": URL, "recording_uuid": UUID})
    (row,) = await store.recordings.list(9)

    assert (kind, LEG, "desk", "hello") == (row.kind, row.session, row.flow, row.step)
    assert ("Sales", "Ada King", "447700900123") == (row.about, row.caller_name, row.from_number)
