"""New calls, many at a time: one statement a table writes up to 64 of them.

Each statement lets go of the interpreter and waits for it again, which costs more than what SQLite does with one row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from app.store.contract import SessionRow, TurnRow, WebhookRow
from app.store.sqlite import statements

ROWS_AT_ONCE: Final = 64

_LAST_KEY: Final = "SELECT coalesce(max(key), 0) FROM calls"
_CALLS: Final = ("INSERT INTO calls (key, ", SessionRow._fields)
_TURNS: Final = ("INSERT INTO turns (call_key, ", TurnRow._fields[1:])
_WEBHOOKS: Final = ("INSERT INTO webhooks (call_key, ", WebhookRow._fields)


@dataclass(slots=True, eq=False)
class Opening:
    """A new call with its first turn and the webhook that brought it; no hooks."""

    session: SessionRow
    turn: TurnRow
    webhook: WebhookRow

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it alone. Raises AlreadyOpen."""
        statements.open_call(connection, self.session, self.turn, self.webhook)


def open_together(connection: sqlite3.Connection, openings: Sequence[Opening]) -> None:
    """Write calls in their order, inside a transaction of the caller.

    Raises whatever the first fault is: an id that is there already, a text that cannot be stored. Then some of them may
    be written, and the caller takes all of them back.
    """
    key = connection.execute(_LAST_KEY).fetchall()[0][0]
    for some in _pieces(openings):
        _insert(connection, _CALLS, key, [opening.session for opening in some])
        _insert(connection, _TURNS, key, [opening.turn[1:] for opening in some])
        _insert(connection, _WEBHOOKS, key, [opening.webhook for opening in some])
        key += len(some)


def _pieces(openings: Sequence[Opening]) -> Iterator[Sequence[Opening]]:
    """Pieces whose lengths are powers of two: few enough statements to keep them all prepared."""
    at = 0
    while at < len(openings):
        size = 1 << (min(len(openings) - at, ROWS_AT_ONCE).bit_length() - 1)
        yield openings[at : at + size]
        at += size


def _insert(
    connection: sqlite3.Connection, into: tuple[str, tuple[str, ...]], key: int, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write rows that belong to the calls behind `key`, one to each."""
    values: list[Any] = []
    for row in rows:
        key += 1
        values.append(key)
        values.extend(row)
    connection.execute(_statement(*into, len(rows)), values)


@lru_cache(maxsize=64)
def _statement(head: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * (1 + len(columns)))})"
    return "".join((head, ", ".join(columns), ") VALUES ", ", ".join([row] * rows)))
