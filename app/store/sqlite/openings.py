"""New calls, many at a time: one statement a table writes up to 64 of them.

Each statement lets go of the interpreter and waits for it again, which costs more than what SQLite does with one row.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from app.store.contract import SessionRow, TurnRow, WebhookRow
from app.store.sqlite import statements

ROWS_AT_ONCE: Final = 64

_LENGTHS: Final = (*range(1, 9), 12, 16, 20, 24, 28, 32, 40, 48, ROWS_AT_ONCE)
_CALLS: Final = ("calls", SessionRow._fields)
_TURNS: Final = ("turns", ("call_key", *TurnRow._fields[1:]))
_WEBHOOKS: Final = ("webhooks", ("call_key", *WebhookRow._fields))


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
    for some in _pieces(openings):
        last = _insert(connection, _CALLS, [opening.session for opening in some])
        keys = range(last - len(some) + 1, last + 1)  # SQLite gives the key behind the greatest one to each in turn
        _insert(connection, _TURNS, [(key, *opening.turn[1:]) for key, opening in zip(keys, some, strict=True)])
        _insert(connection, _WEBHOOKS, [(key, *opening.webhook) for key, opening in zip(keys, some, strict=True)])


def _pieces(openings: Sequence[Opening]) -> Iterator[Sequence[Opening]]:
    """Pieces of few lengths, so that all their statements are kept prepared; most groups are one or two."""
    at = 0
    while at < len(openings):
        size = _LENGTHS[bisect_right(_LENGTHS, len(openings) - at) - 1]
        yield openings[at : at + size]
        at += size


def _insert(connection: sqlite3.Connection, into: tuple[str, tuple[str, ...]], rows: Sequence[tuple[Any, ...]]) -> int:
    """Write rows; returns the key of the last one."""
    written = connection.execute(_statement(*into, len(rows)), tuple(chain.from_iterable(rows)))
    return written.lastrowid or 0


@lru_cache(maxsize=256)
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - our own text
