"""Messages in the database of a running server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app.console.trial_messages import tone
from app.service.recording_folder import RecordingFolder
from app.store import RecordingRow, open_store
from tests.contract.console.test_messages import message


class Inbox:
    """The database and the folder of a running server."""

    def __init__(self, project: Path) -> None:
        self._project = project

    def put(self, caller: str, **changes: Any) -> str:
        """A new message of one second; returns its id."""
        row = message(caller, to_number="442079460001", **changes)
        RecordingFolder(self._project / "calls.db-recordings").put(row.id, tone(0.3))
        with ThreadPoolExecutor() as aside:  # this thread runs the browser's event loop
            aside.submit(asyncio.run, self._add(row)).result()
        return row.id

    async def _add(self, row: RecordingRow) -> None:
        store = open_store(f"sqlite:///{self._project}/calls.db")
        await store.open()
        await store.recordings.add(row)
        await store.close()
