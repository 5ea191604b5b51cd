"""A store in memory whose rows tests can inspect."""

from __future__ import annotations

from typing import Any

from ncco_server.store import RevisionRow, SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow
from ncco_server.store.rows import SESSION_COLUMNS


class MemoryStore(Store):
    """Keeps its rows until the process ends."""

    database: SqliteDatabase

    def __init__(self) -> None:
        super().__init__(SqliteDatabase())

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.connect_apart().execute(sql).fetchall()

    @property
    def sessions(self) -> dict[str, SessionRow]:
        """By id, oldest first."""
        rows = self._rows(f"SELECT {SESSION_COLUMNS} FROM calls ORDER BY key")
        return {row[0]: SessionRow.read(row) for row in rows}

    @property
    def turns(self) -> dict[str, list[TurnRow]]:
        """By session, oldest first."""
        found: dict[str, list[TurnRow]] = {id_: [] for id_ in self.sessions}
        for row in self._rows(
            f"SELECT id, {', '.join(f'turns.{name}' for name in TurnRow._fields[1:])} FROM turns "
            "JOIN calls ON calls.key = call_key ORDER BY turns.key"
        ):
            found[row[0]].append(TurnRow(*row))
        return found

    @property
    def webhooks(self) -> list[WebhookRow]:
        """All of them, oldest first."""
        columns = ", ".join(WebhookRow._fields)
        return [WebhookRow(*row) for row in self._rows(f"SELECT {columns} FROM webhooks ORDER BY key")]

    @property
    def revisions(self) -> dict[str, RevisionRow]:
        """By hash."""
        columns = ", ".join(RevisionRow._fields)
        rows = self._rows(f"SELECT {columns} FROM revisions ORDER BY rowid")
        return {row[0]: RevisionRow(*row) for row in rows}
