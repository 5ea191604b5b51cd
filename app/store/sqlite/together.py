"""New calls, next turns and plain webhooks: one statement writes up to 64 of a kind.

Each statement lets go of the interpreter and waits for it again, while the loop may hold it for milliseconds: that
costs more than what SQLite does with the rows. So each kind has a view, and what is put into the view its trigger
writes into the tables. The views are those of a connection (TEMP); the file knows nothing of them.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, ClassVar, Final

from app.store.contract import SessionRow, TurnRow, WebhookRow
from app.store.sqlite import statements

ROWS_AT_ONCE: Final = 64 if sqlite3.sqlite_version_info >= (3, 32) else 32
"""Before 3.32 SQLite takes 999 values a statement; a call has 30."""

_LENGTHS: Final = tuple(rows for rows in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64) if rows <= ROWS_AT_ONCE)
"""Rows of the statements, which are few so that all are kept prepared; what is too long for the rows ends in NULLs."""

_CALL: Final = SessionRow._fields
_TURN: Final = TurnRow._fields[1:]
_WEBHOOK: Final = WebhookRow._fields


class Shared(ABC):
    """A write that may share a statement with others of its kind. Called, it is written alone."""

    __slots__ = ()
    view: ClassVar[str]

    @abstractmethod
    def row(self) -> tuple[Any, ...]:
        """What is put into the view."""

    @abstractmethod
    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it inside a transaction of the caller. Raises what the store does."""


@dataclass(slots=True, eq=False)
class _OfCall(Shared):
    """A call as it is now, with a turn of it and the webhook that brought that; no hooks."""

    session: SessionRow
    turn: TurnRow
    webhook: WebhookRow

    def row(self) -> tuple[Any, ...]:
        """The call, its turn and its webhook."""
        return (*self.session, *self.turn[1:], *self.webhook)


class Opening(_OfCall):
    """A new call with its first turn."""

    __slots__ = ()
    view: ClassVar = "openings"

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it alone. Raises AlreadyOpen."""
        statements.open_call(connection, self.session, self.turn, self.webhook)


class Advance(_OfCall):
    """The next turn of a call."""

    __slots__ = ()
    view: ClassVar = "advances"

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it alone. Raises Conflict."""
        statements.advance(connection, self.session, self.turn, self.webhook)


@dataclass(slots=True, eq=False)
class Record(Shared):
    """A webhook that steers nothing and sends no hooks."""

    view: ClassVar = "records"
    webhook: WebhookRow

    def row(self) -> tuple[Any, ...]:
        """The webhook."""
        return self.webhook

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it alone."""
        statements.record(connection, self.webhook)


def with_views(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The connection with the views, which are gone with it. Raises sqlite3.Error, and closes it."""
    try:
        connection.execute("PRAGMA temp_store = MEMORY").close()
        for statement in _VIEWS:
            connection.execute(statement).close()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def write_together(connection: sqlite3.Connection, items: Sequence[Shared]) -> None:
    """Write items of one kind in their order, up to `ROWS_AT_ONCE`, all of them or none.

    Outside a transaction that is one: on disk when it returns. Raises sqlite3.Error, OverflowError or
    UnicodeEncodeError for whatever the first fault is: an id that is there already, a version that is another, a text
    that cannot be stored.
    """
    view = items[0].view
    rows = next(length for length in _LENGTHS if len(items) <= length)
    values = [*chain.from_iterable([item.row() for item in items])]
    values += [None] * (rows * _WIDTHS[view] - len(values))
    connection.execute(_statement(view, rows), values)


@lru_cache(maxsize=64)
def _statement(view: str, rows: int) -> str:
    row = f"({', '.join('?' * _WIDTHS[view])})"
    return f"INSERT INTO temp.{view} VALUES {', '.join([row] * rows)}"  # noqa: S608 - our own text


def _named(letter: str, names: Sequence[str]) -> str:
    return ", ".join(f"{letter}_{name}" for name in names)


def _given(letter: str, names: Sequence[str]) -> str:
    return _named(f"NEW.{letter}", names)


_COLUMNS: Final = {
    "openings": f"{_named('c', _CALL)}, {_named('t', _TURN)}, {_named('w', _WEBHOOK)}",
    "advances": f"{_named('c', _CALL)}, {_named('t', _TURN)}, {_named('w', _WEBHOOK)}",
    "records": _named("w", _WEBHOOK),
}
_WIDTHS: Final = {view: columns.count(",") + 1 for view, columns in _COLUMNS.items()}

_WRITE_WEBHOOK: Final = f"""
    INSERT INTO webhooks (call_key, {", ".join(_WEBHOOK)})
    VALUES ((SELECT key FROM calls WHERE id = NEW.w_session), {_given("w", _WEBHOOK)});
"""  # noqa: S608 - our own text

_WRITES: Final = {
    "openings": f"""
    INSERT INTO calls ({", ".join(_CALL)})
    VALUES ({_given("c", _CALL)});
    INSERT INTO turns (call_key, {", ".join(_TURN)})
    VALUES (last_insert_rowid(), {_given("t", _TURN)});
    {_WRITE_WEBHOOK}
    """,  # noqa: S608 - our own text
    "advances": f"""
    UPDATE calls
    SET ({", ".join(_CALL[1:])}) = ({_given("c", _CALL[1:])})
    WHERE id = NEW.c_id AND version = NEW.c_version - 1;
    SELECT RAISE(ABORT, 'another version') WHERE changes() = 0;
    INSERT INTO turns (call_key, {", ".join(_TURN)})
    VALUES ((SELECT key FROM calls WHERE id = NEW.c_id), {_given("t", _TURN)});
    {_WRITE_WEBHOOK}
    """,  # noqa: S608 - our own text
    "records": _WRITE_WEBHOOK,
}

_VIEWS: Final = tuple(
    statement
    for view, columns in _COLUMNS.items()
    for statement in (
        f"CREATE TEMP VIEW {view} ({columns}) AS SELECT {', '.join(['NULL'] * _WIDTHS[view])}",
        f"CREATE TEMP TRIGGER into_{view} INSTEAD OF INSERT ON {view} WHEN NEW.w_id IS NOT NULL "
        f"BEGIN {_WRITES[view]} END",
    )
)
