"""Messages in the database of a running server."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.store import RecordingRow, open_store
from ncco_server.store.sql import RECORDINGS_TABLE
from ncco_studio.commands.demo import tone
from tests.unit.studio.console.test_messages import message


class Inbox:
    """The message database and the recordings folder of a running server."""

    def __init__(self, project: Path, database: str = "calls.db") -> None:
        self._database = project / database

    def put(self, caller: str, **changes: Any) -> str:
        """Add a new one-second message. Returns its id."""
        row = message(caller, to_number="442079460001", **changes)
        RecordingFolder(self._database.with_name(f"{self._database.name}-recordings")).put(row.id, tone(0.3))
        with ThreadPoolExecutor() as aside:  # this thread runs the browser's event loop
            aside.submit(asyncio.run, self._add(row)).result()
        return row.id

    def clear(self) -> None:
        """Remove all messages."""
        with closing(sqlite3.connect(self._database, timeout=30)) as database, database:
            database.execute(f"DELETE FROM {RECORDINGS_TABLE}")

    async def _add(self, row: RecordingRow) -> None:
        store = open_store(f"sqlite:///{self._database}")
        await store.open()
        await store.recordings.add(row)
        await store.close()
