"""Forgets phone numbers in a SQLite file: finds the rows, deletes them in small transactions, and looks at the bytes.

It works beside a running server, on a connection of its own. Each transaction is short, so that a writer waits for a
moment only, and what is read is read in pieces, so that the log can be written back meanwhile.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.store.retention import Forgotten, Numbers
from app.store.sqlite.hook_statements import delete_hooks

PIECE: Final = 500
"""Rows that are read at once, and deleted in one transaction."""

ROUNDS: Final = 3
"""How often to look anew: a running call may have written on while it was being deleted."""

BLOCK: Final = 1 << 20
OVERLAP: Final = 64
"""Bytes of a file that are searched at once, and how many of them once more with the next ones."""

_CALLS: Final = "SELECT key, state FROM calls WHERE key > ? ORDER BY key LIMIT ?"
_TURNS: Final = "SELECT key, call_key, ncco, trace, inputs FROM turns WHERE key > ? ORDER BY key LIMIT ?"
_WEBHOOKS: Final = "SELECT key, call_key, body FROM webhooks WHERE key > ? ORDER BY key LIMIT ?"
_HOOKS: Final = "SELECT key, session, url, headers, body FROM hooks WHERE key > ? ORDER BY key LIMIT ?"
_UNATTACHED: Final = """
    SELECT key, session, leg, conversation
    FROM webhooks
    WHERE key > ? AND call_key IS NULL
    ORDER BY key
    LIMIT ?
"""


@dataclass(slots=True)
class Found:
    """The keys of the rows that name a number."""

    calls: set[int]
    webhooks: set[int]
    hooks: set[int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing names it."""
        return not (self.calls or self.webhooks or self.hooks)


def forget(
    connection: sqlite3.Connection,
    path: Path,
    numbers: Sequence[str],
    *,
    dry_run: bool,
    may_rewrite: bool,
    patience_s: float,
) -> Forgotten:
    """See `app.store.retention.Retention.forget`. Raises sqlite3.Error. Blocks.

    The log is emptied within `patience_s`, unless others read from it all the time.
    """
    wanted, total = Numbers(numbers), Forgotten()
    for _ in range(ROUNDS):
        found = find(connection, wanted)
        if found.is_empty:
            break
        total = _sum(total, _counted(connection, found))
        if dry_run:
            return total._replace(revisions=_revisions(connection, wanted)[0])
        delete(connection, found)
    revisions, named = _revisions(connection, wanted)
    if dry_run:
        return total._replace(revisions=revisions)
    empty_log(connection, patience_s)
    traces = _hits(path, wanted) - named
    if traces > 0 and may_rewrite:
        connection.execute("VACUUM")
        empty_log(connection, patience_s)
        traces = _hits(path, wanted) - named
    return total._replace(revisions=revisions, traces=max(traces, 0))


def find(connection: sqlite3.Connection, wanted: Numbers) -> Found:
    """Every row that names one of the numbers, and the webhooks that are of the same leg or conversation."""
    calls = {key for key, state in _pieces(connection, _CALLS) if wanted.are_in(state)}
    calls |= {call for _, call, *documents in _pieces(connection, _TURNS) if wanted.are_in(*documents)}
    named = [(key, call) for key, call, body in _pieces(connection, _WEBHOOKS) if wanted.are_in(body)]
    calls |= {call for _, call in named if call is not None}
    sessions, related = _names(connection, calls)
    webhooks = {key for key, call in named if call is None}
    webhooks |= {key for key, *names in _pieces(connection, _UNATTACHED) if not related.isdisjoint(names)}
    hooks = {
        key
        for key, session, url, *documents in _pieces(connection, _HOOKS)
        if session in sessions or wanted.are_in(url.encode(), *documents)
    }
    return Found(calls, webhooks, hooks)


def _names(connection: sqlite3.Connection, calls: Iterable[int]) -> tuple[set[str], set[str]]:
    """The ids of these calls; and their legs and conversations."""
    ids, others = set[str](), set[str]()
    for keys in _batches(calls):
        rows = connection.execute(_with("SELECT id, leg, conversation FROM calls WHERE key IN", keys), keys)
        for id_, *names in rows.fetchall():
            ids.add(id_)
            others.update(name for name in names if name)
    return ids, others | ids


def _pieces(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    key = -1
    while rows := connection.execute(sql, (key, PIECE)).fetchall():
        yield from rows
        key = rows[-1][0]


def delete(connection: sqlite3.Connection, found: Found) -> None:
    """Delete the rows; with a call go its turns and webhooks."""
    for batch in _batches(found.hooks):
        connection.execute("BEGIN IMMEDIATE")
        delete_hooks(connection, batch)
        connection.execute("COMMIT")
    for sql, keys in (
        ("DELETE FROM calls WHERE key IN", found.calls),
        ("DELETE FROM webhooks WHERE key IN", found.webhooks),
    ):
        for batch in _batches(keys):
            connection.execute(_with(sql, batch), batch)


def _counted(connection: sqlite3.Connection, found: Found) -> Forgotten:
    def count(sql: str) -> int:
        return sum(connection.execute(_with(sql, keys), keys).fetchone()[0] for keys in _batches(found.calls))

    return Forgotten(
        calls=len(found.calls),
        running=count("SELECT count(*) FROM calls WHERE is_over = 0 AND key IN"),
        turns=count("SELECT count(*) FROM turns WHERE call_key IN"),
        webhooks=len(found.webhooks) + count("SELECT count(*) FROM webhooks WHERE call_key IN"),
        hooks=len(found.hooks),
    )


def _sum(one: Forgotten, other: Forgotten) -> Forgotten:
    return Forgotten(*(mine + its for mine, its in zip(one, other, strict=True)))


def _batches(keys: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), PIECE):
        yield ordered[start : start + PIECE]


def _with(sql: str, keys: Sequence[int]) -> str:
    return f"{sql} ({','.join('?' * len(keys))})"


def _revisions(connection: sqlite3.Connection, wanted: Numbers) -> tuple[int, int]:
    """How many revisions name a number, and how often all of them do."""
    found = [len(wanted.pattern.findall(row[0])) for row in connection.execute("SELECT sources FROM revisions")]
    return sum(map(bool, found)), sum(found)


def empty_log(connection: sqlite3.Connection, patience_s: float) -> bool:
    """Write the log back and cut it to nothing; while somebody reads from it, try again for a while. Whether it is."""
    until = time.monotonic() + patience_s
    while is_busy := bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]):
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return not is_busy


def _hits(path: Path, wanted: Numbers) -> int:
    """How often a number stands in the bytes of the file and of its log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(_hits_in(file, wanted.pattern) for file in files if file.exists())


def _hits_in(file: Path, pattern: re.Pattern[bytes]) -> int:
    hits, tail = 0, b""
    with file.open("rb") as data:
        while block := data.read(BLOCK):
            text = tail + block
            hits += sum(match.end() > len(tail) for match in pattern.finditer(text))
            tail = text[-OVERLAP:]
    return hits
