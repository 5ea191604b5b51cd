"""Rows for the tests of the store, and a SQLite store whose faults can be switched on."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, ClassVar

from app.store.contract import HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow

NOON_MS = 1_772_625_600_000


def session_row(id_: str = "leg-1", **changes: Any) -> SessionRow:
    row = SessionRow(
        id=id_,
        leg=id_,
        conversation=f"CON-{id_}",
        flow="acme",
        revision="c0ffee",
        version=1,
        state=b'{"step": "menu"}',
        is_over=False,
        created_at=NOON_MS,
        updated_at=NOON_MS,
    )
    return row._replace(**changes)


def turn_row(session: str = "leg-1", number: int = 0, **changes: Any) -> TurnRow:
    row = TurnRow(
        session=session,
        number=number,
        ncco=f"ncco {session} {number}".encode("utf-8", "replace"),
        trace=b'["entered menu"]',
        inputs=b'{"now": 1}',
        webhook=f"webhook {session} {number}",
        cause_turn=number - 1,
        cause_wait=0 if number else -1,
        cause_status="",
        created_at=NOON_MS + number,
    )
    return row._replace(**changes)


def webhook_row(session: str = "leg-1", turn: int = -1, wait: int = -1, status: str = "", **changes: Any) -> WebhookRow:
    row = WebhookRow(
        id=f"webhook {session} {turn} {wait} {status}",
        kind="event",
        session=session,
        turn=turn,
        wait=wait,
        status=status,
        leg=session,
        conversation=f"CON-{session}",
        method="POST",
        body=b'{"status": "ringing"}',
        received_at=NOON_MS,
    )
    return row._replace(**changes)


def new_call(id_: str = "leg-1", **changes: Any) -> tuple[SessionRow, TurnRow, WebhookRow]:
    """What `open_call` takes for a new call."""
    return session_row(id_, **changes), turn_row(id_), webhook_row(id_)


def next_turn(id_: str, number: int) -> tuple[SessionRow, TurnRow, WebhookRow]:
    """What `advance` takes for turn `number` of a call in which nothing else happened."""
    session = session_row(id_, version=number + 1, state=f"state {number}".encode(), updated_at=NOON_MS + number)
    return session, turn_row(id_, number), webhook_row(id_, number - 1, 0)


def revision_row(hash_: str = "c0ffee", **changes: Any) -> RevisionRow:
    return RevisionRow(hash_, "acme", b'{"flows/acme.yaml": "flow: acme"}', NOON_MS)._replace(**changes)


def hook_row(id_: str = "hook-1", **changes: Any) -> HookRow:
    row = HookRow(
        id=id_,
        session="leg-1",
        name="voicemail_saved",
        url="https://crm.example.com/voicemails",
        headers=b'{"X-Team": "sales"}',
        body=b'{"type": "voicemail_saved"}',
        created_at=NOON_MS,
        due_at=NOON_MS,
    )
    return row._replace(**changes)


class FaultyConnection(sqlite3.Connection):
    """Fails the statements that `failing` names, with a disk's error. Each test has its own subclass.

    Attributes:
        failing: beginnings of statements.
        made: every connection, oldest first.
        statements: every statement that any of them ran.
        held: beginnings of statements that wait, and for what.
    """

    failing: ClassVar[set[str]]
    made: ClassVar[list[sqlite3.Connection]]
    statements: ClassVar[list[str]]

    held: ClassVar[dict[str, threading.Event]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.made.append(self)

    @classmethod
    def hold(cls, sql: str) -> threading.Event:
        """Let statements that begin with `sql` wait until the event is set."""
        return cls.held.setdefault(sql, threading.Event())

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self.statements.append(sql)
        for beginning, event in self.held.items():
            if sql.startswith(beginning):
                event.wait(timeout=10)
        if any(sql.startswith(beginning) for beginning in self.failing):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


def faulty_connection() -> type[FaultyConnection]:
    """A class of connections with switches of its own."""
    return type(
        "OwnFaultyConnection", (FaultyConnection,), {"failing": set(), "made": [], "statements": [], "held": {}}
    )


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What another program reads in the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
