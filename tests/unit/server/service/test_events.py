"""The log line for an error that Vonage reports."""

from __future__ import annotations

from pathlib import Path

from ncco_server.service.calls import CallService
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.unit.server.service.served_call import POLICY, delivery, reader


@each_case(
    ("reason", "problem"),
    [
        ("The NCCO is invalid.", "Vonage reports: The NCCO is invalid."),
        ("+447700900123 could not be reached (480)", "Vonage reports: +(number) could not be reached (480)"),
        (
            "/webhooks/input/t?dtmf=4711",
            "Vonage reports an error, not shown: it may contain what a caller said or pressed",
        ),
    ],
)
async def test_an_error_is_logged_without_numbers_and_keys(reason: str, problem: str, tmp_path: Path) -> None:
    store = MemoryStore()
    await store.open()
    service = CallService(store, reader(tmp_path), POLICY)
    told = await service.event(delivery({"reason": reason, "timestamp": "2026-03-04T12:00:00Z"}))

    assert ("error", problem) == (told.kind, told.problem)
