"""Deletes all rows that contain a phone number. Only `ncco forget` does."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote_to_bytes

import orjson

from ncco_server.ncco.value_types import FILLING, parts_of_number
from ncco_server.store import changes, function_results, table_rows
from ncco_server.store.database import Database, Many, Row, Work
from ncco_server.store.placed import erase_placed
from ncco_server.store.recordings import erase
from ncco_server.store.results import subtract
from ncco_server.store.retention import DELETE_CALL, DELETE_WEBHOOK, INSERT_FORGOTTEN, PIECE, delete_all, delete_hooks
from ncco_server.store.rows import Forgotten, hash_of
from ncco_server.store.sql import PLACED_TABLE, RECORDINGS_TABLE, Sql
from ncco_server.table_rows import StoredTypes, key_of, table_of

ROUNDS: Final = 3
"""A call may write rows while it is being deleted."""

Key = TypeVar("Key", int, str)

LOCK_CALL: Final = Sql("SELECT key FROM calls WHERE key = $1").locking("FOR UPDATE")

LOOKED_AT: Final = 500
"""Keys whose rows are first looked at together, in one text."""
AT_ONCE: Final = 3
"""Pieces that are searched at the same time, each on a connection of its own."""
OVERLAP: Final = 1_000
"""Keys that the next round searches again.

Hosts may commit in another order, and SQLite gives the last key again once its row is deleted.
"""


class _Search(NamedTuple):
    """The least and the largest key; of the keys from `$1` (excluded) to `$2`, all documents in one text, and the rows.

    A row is its key, the key of its call, and its documents.
    """

    keys: Sql
    together: Sql
    rows: Sql


class _Piece(NamedTuple):
    """The keys from `low` (excluded) to `high`."""

    search: _Search
    low: int
    high: int


def _search(table: str, key: str, call: str, *documents: str) -> _Search:
    text = " || '|' || ".join(documents)
    of_keys = f"FROM {table} WHERE {key} > $1 AND {key} <= $2"
    return _Search(
        Sql(f"SELECT (SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table})"),
        Sql(
            f"SELECT string_agg({text}, '|') {of_keys}",
            sqlite=f"SELECT CAST(group_concat({text}, '|') AS blob) {of_keys}",
        ),
        Sql(f"SELECT {key}, {call}, {', '.join(documents)} {of_keys}"),
    )


_STATES: Final = _search("calls", "key", "key", "state")
_TURNS: Final = _search("turns", "call_key", "call_key", "ncco", "trace", "inputs")
_WEBHOOKS: Final = _search("webhooks", "key", "call_key", "body")
_CALLED: Final = Sql("SELECT DISTINCT call_key FROM webhooks WHERE key > $1 AND call_key <= $2")
_UNATTACHED: Final = Sql("""
    SELECT key, received_at, session, leg, conversation
    FROM webhooks
    WHERE key > $1 AND call_key IS NULL
    ORDER BY key
    LIMIT $2
""")
_HOOKS: Final = Sql("SELECT key, session, url, headers, body FROM hooks WHERE key > $1 ORDER BY key LIMIT $2")
_RECORDINGS: Final = Sql(f"""
    SELECT id, session, conversation, from_number, to_number, transcript, about, caller_name
    FROM {RECORDINGS_TABLE}
    WHERE id > $1 AND state <> 'deleted'
    ORDER BY id
    LIMIT $2
""")
_PLACED: Final = Sql(
    f"SELECT id, number, params FROM {PLACED_TABLE} WHERE id > $1 AND number <> '' ORDER BY id LIMIT $2"
)
_COUNTED: Final = Sql("""
    SELECT id, leg, conversation, is_over,
        (SELECT count(*) FROM turns WHERE call_key = calls.key),
        (SELECT count(*) FROM webhooks WHERE call_key = calls.key),
        updated_at
    FROM calls
    WHERE key = $1
""")
_SOURCES: Final = Sql("SELECT sources FROM revisions")

_TEXTS: Final = frozenset({"text", "url", "int", "number"})
"""The types of columns that may mention a number."""
_ESCAPED: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")
_NO_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_OTHER_DIGITS_BEGIN: Final = (b"\xd9", b"\xdb", b"\xdf", b"\xe0", b"\xe1", b"\xea", b"\xef", b"\xf0")
"""The first bytes of all digits of other scripts in UTF-8: texts in European languages have none of them."""
_BETWEEN: Final = rf"[{FILLING},+]{{0,3}}"
_CODE: Final = re.compile(rf"(?:\+|%2[Bb]|(?<![0-9])00){_BETWEEN}[1-9][0-9]{{0,2}}{_BETWEEN}\Z")
"""Another country's code, behind which the same digits are somebody else's number."""
_NO_PLUS: Final = r"(?<!\+)(?<!%2B)(?<!%2b)"


class Numbers:
    """Finds phone numbers (digits with the country code) in stored data, however people write them.

    They may have `+`, `00` or no country code, a trunk prefix, and blanks, dashes, dots or brackets between the digits,
    which may be those of another script.
    """

    def __init__(self, numbers: Sequence[str]) -> None:
        self.numbers: Final = frozenset(numbers)
        parts = [parts_of_number(number) for number in numbers]
        self._ends: Final = [national.encode() for _, national, _ in parts]
        whole = "|".join(f"{_spaced(code)}{_BETWEEN}(?:0{_BETWEEN})?{_spaced(national)}" for code, national, _ in parts)
        local = [each for *_, dialled in parts for each in dialled]
        written = [rf"(?P<whole>(?:0(?:0|11){_BETWEEN})?(?:{whole}))"]
        written += (f"{'' if each[0] == '0' else _NO_PLUS}{_spaced(each)}" for each in local)
        self._pattern: Final = re.compile(f"(?<![0-9])(?:{'|'.join(written)})(?![0-9])")

    def are_in(self, *documents: bytes) -> bool:
        """Find a whole number: verbatim, in a query string, or escaped in JSON."""
        return any(self._is_in(document) or self._is_hidden_in(document) for document in documents)

    def may_be_in(self, documents: bytes) -> bool:
        """Whether any of the documents in a text is worth a closer look."""
        if self._may_be_in(documents):
            return True
        plain = unquote_to_bytes(documents) if b"%" in documents else documents
        # a missing character is found out much faster than two, and most texts lack it
        plain = _ESCAPED.sub(_character, plain) if b"\\" in plain and b"\\u" in plain else plain
        return plain is not documents and self._may_be_in(plain)

    def _may_be_in(self, documents: bytes) -> bool:
        if any(byte in documents for byte in _OTHER_DIGITS_BEGIN):
            documents = _latin(documents.decode("utf-8", "replace")).encode()
        digits = documents.translate(None, _NO_DIGITS)
        return any(end in digits for end in self._ends)

    def _is_hidden_in(self, document: bytes) -> bool:
        plain = unquote_to_bytes(document.replace(b"+", b" ")) if b"%" in document else document
        plain = _ESCAPED.sub(_character, plain) if b"\\u" in plain else plain
        return plain is not document and self._is_in(plain)

    def _is_in(self, document: bytes) -> bool:
        if not self._may_be_in(document):
            return False
        text = _latin(document.decode("utf-8", "replace"))
        return any(
            found["whole"] or not _CODE.search(text, max(0, found.start() - 12), found.start())
            for found in self._pattern.finditer(text)
        )


def _document(column: str | bytes) -> bytes:
    return column.encode("utf-8", "replace") if isinstance(column, str) else column


def _latin(text: str) -> str:
    """With the digits 0 to 9 instead of those of another script, and of full width."""
    return _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)


def _spaced(digits: str) -> str:
    return _BETWEEN.join(digits)


def _character(escape: re.Match[bytes]) -> bytes:
    return chr(int(escape[1], 16)).encode("utf-8", "replace")


class _FoundRow(NamedTuple):
    """A row of a table that is about a person, or mentions them.

    Attributes:
        values: the columns whose text mentions the number; () if the whole row is about the person.
        keeps_hash: whether a hash takes the row's place.
    """

    name: str
    values: tuple[str, ...] = ()
    keeps_hash: bool = False


@dataclass(frozen=True, slots=True)
class _MatchingRows:
    """The rows that contain a phone number.

    `keys` has the keys of each kind in `_DELETE`. `counted` has each call's result of `_COUNTED`; `names` the sessions,
    legs and conversations with their latest time in milliseconds.
    """

    keys: Mapping[str, Collection[Any]]
    rows: Sequence[_FoundRow]
    counted: Sequence[Row]
    names: Mapping[str, int]

    def count(self) -> Forgotten:
        counts: dict[str, Any] = {kind: len(keys) for kind, keys in self.keys.items() if kind in Forgotten._fields}
        counts["webhooks"] += sum(row[5] for row in self.counted)
        return Forgotten(
            **counts,
            running=sum(not row[3] for row in self.counted),
            turns=sum(row[4] for row in self.counted),
            rows=sum(not row.values for row in self.rows),
            hashes=sum(row.keeps_hash for row in self.rows),
            texts=sum(len(row.values) for row in self.rows),
        )


async def forget(
    database: Database,
    numbers: Sequence[str],
    *,
    tables: Mapping[str, StoredTypes],
    now: int,
    dry_run: bool,
    rewrite: bool,
    tell: Callable[[str], None],
) -> Forgotten:
    """See `Store.forget`. Short transactions let others write meanwhile."""
    wanted = Numbers(numbers)
    calls = _CallSearch(database, wanted, tell)
    total = Forgotten()
    hashed = [name for name, table in tables.items() if table.keeps_hash]
    key = await table_rows.TableRows(database).hash_key(hashed, now) if hashed and not dry_run else None
    for _ in range(ROUNDS):
        found = await _find(database, wanted, tables, calls)
        if not (any(found.keys.values()) or found.rows):
            break
        total = Forgotten(*map(add, total[:-1], found.count()[:-1]))
        if dry_run:
            break
        tell(f"{len(found.keys['calls']):,} calls found, which are deleted now")
        await _delete(database, found, key)
    revisions = sum(wanted.are_in(row[0]) for row in await database.read(_SOURCES))
    purged = None if dry_run else await database.purge(rewrite=rewrite)
    return total._replace(revisions=revisions, purged=purged)


class _CallSearch:
    """Finds the calls and webhooks that contain a number: first all of them, and then those that were added since."""

    def __init__(self, database: Database, wanted: Numbers, tell: Callable[[str], None]) -> None:
        self._database = database
        self._wanted = wanted
        self._tell = tell
        self._last: dict[_Search, int] = {}

    async def find(self) -> tuple[set[int], set[int]]:
        """The keys of calls, and of webhooks without a call."""
        changed = set[int]()
        if self._last:  # every change of a call is written with a webhook
            after, until = self._last.get(_WEBHOOKS, 0) - OVERLAP, self._last.get(_STATES, 0) - OVERLAP
            changed = {call for (call,) in await self._database.read(_CALLED, after, until)}
        pieces = [piece for search in (_WEBHOOKS, _STATES, _TURNS) for piece in await self._pieces(search)]
        pieces += [_Piece(search, call - 1, call) for search in (_STATES, _TURNS) for call in sorted(changed)]
        waiting = iter(enumerate(pieces))
        found = await asyncio.gather(*(self._search(waiting, len(pieces)) for _ in range(AT_ONCE)))
        calls = {call for each in found for _, _, call in each if call is not None}
        return calls, {key for each in found for search, key, call in each if search is _WEBHOOKS and call is None}

    async def _pieces(self, search: _Search) -> list[_Piece]:
        ((first, last),) = await self._database.read(search.keys)
        if first is None:
            return []
        before = max(first - 1, self._last.get(search, 0) - OVERLAP)
        self._last[search] = last
        return [_Piece(search, low, min(low + LOOKED_AT, last)) for low in range(before, last, LOOKED_AT)]

    async def _search(self, waiting: Iterator[tuple[int, _Piece]], count: int) -> list[tuple[_Search, int, int | None]]:
        """Search pieces while others do the same: PostgreSQL reads the next ones while one is searched here."""
        found = []
        for number, (search, low, high) in waiting:
            self._tell(f"{100 * number // count} % of the calls searched")
            ((documents,),) = await self._database.read(search.together, low, high)
            if documents is None or not self._wanted.may_be_in(documents):
                continue
            rows = await self._database.read(search.rows, low, high)
            found += [(search, key, call) for key, call, *each in rows if self._wanted.are_in(*each)]
        return found


async def _find(
    database: Database, wanted: Numbers, tables: Mapping[str, StoredTypes], search: _CallSearch
) -> _MatchingRows:
    """Include the webhooks of the same legs and conversations."""
    calls, webhooks = await search.find()
    counted = [row for key in sorted(calls) for row in await database.read(_COUNTED, key)]
    names = {name: row[6] for row in counted for name in row[:3] if name}
    related = frozenset(names)
    async for key, received_at, *others in _rows_in_batches(database, _UNATTACHED):
        if key in webhooks or not related.isdisjoint(others):
            webhooks.add(key)
            names |= {name: max(received_at, names.get(name, 0)) for name in others if name}
    find = partial(_find_texts, database, wanted, related)
    recordings = await find(_RECORDINGS, names=2, first="")
    placed = await find(_PLACED, names=0, first="")
    functions = await database.read(function_results.SELECT_ALL)
    keys: dict[str, Collection[Any]] = {
        "calls": calls,
        "webhooks": webhooks,
        "hooks": await find(_HOOKS, names=1, first=-1),
        "recordings": recordings,
        "placed": placed,
        "functions": {each for each, result in functions if each in related or wanted.are_in(result.encode())},
        "changes": await _find_changes(database, wanted, related.union(recordings, placed)),
    }
    rows = [
        row
        async for piece in table_rows.pieces_of_rows(database)
        if wanted.may_be_in("|".join(map("|".join, piece)).encode())
        for name, columns in piece
        if (row := _match(wanted, tables.get(table_of(name)), name, columns)) is not None
    ]
    return _MatchingRows(keys, rows, counted, names)


def _match(wanted: Numbers, table: StoredTypes | None, name: str, columns: str) -> _FoundRow | None:
    """Match a row by its key or its phone numbers, and otherwise by its texts.

    Of a table that is not declared, any mention counts.
    """
    if table is None:
        return _FoundRow(name) if wanted.are_in(name.encode(), columns.encode()) else None
    values: dict[str, Any] = orjson.loads(columns)
    of_key = zip(table.key, key_of(name), strict=False)
    phones = {value for type_, value in of_key if type_ == "phone"}
    phones |= {value for column, value in values.items() if table.columns.get(column) == "phone"}
    texts = {column: value for column, value in values.items() if table.columns.get(column, "text") in _TEXTS}
    if not wanted.numbers.isdisjoint(phones) or wanted.are_in(*_texts_of_key(table, name)):
        return _FoundRow(name, keeps_hash=table.keeps_hash and not wanted.numbers.isdisjoint(key_of(name)))
    found = tuple(column for column, value in texts.items() if wanted.are_in(str(value).encode()))
    return _FoundRow(name, found) if found else None


def _texts_of_key(table: StoredTypes, name: str) -> list[bytes]:
    of_key = zip(table.key, key_of(name), strict=False)
    return [str(value).encode() for type_, value in of_key if type_ in _TEXTS]


async def _find_texts(
    database: Database, wanted: Numbers, related: frozenset[str], sql: Sql, *, names: int, first: Any
) -> list[Any]:
    """The keys of the rows with one of the `related` in the next `names` columns, or with a number in the others."""
    return [
        row[0]
        async for row in _rows_in_batches(database, sql, first)
        if not related.isdisjoint(row[1 : 1 + names]) or wanted.are_in(*map(_document, row[1 + names :]))
    ]


async def _find_changes(database: Database, wanted: Numbers, names: Collection[str]) -> list[str]:
    """Those that mention a number, or one of the `names` of calls, recordings and placed calls."""
    names = {*names, *map(quote, names)}
    return [
        id_
        async for id_, *texts in _rows_in_batches(database, changes.SELECT_TEXTS, first="")
        if wanted.are_in(*map(_document, texts)) or any(name in text for name in names for text in texts)
    ]


async def _rows_in_batches(database: Database, sql: Sql, first: int | str = -1) -> AsyncIterator[Row]:
    """The rows are sorted by their first column, and come after `first`."""
    key = first
    while rows := await database.read(sql, key, PIECE):
        for row in rows:
            yield row
        key = rows[-1][0]


async def _delete(database: Database, found: _MatchingRows, key: bytes | None) -> None:
    marks = [(hash_of(name), at) for name, at in found.names.items()]
    if marks:
        await database.write(partial(delete_all, INSERT_FORGOTTEN, marks))
    for kind, work in _DELETE.items():
        for batch in _batches(found.keys[kind]):
            await database.write(partial(work, batch))
    for row in found.rows:  # one at a time: a transaction that waits for a turn must not make a turn wait
        if row.values:
            await database.write(partial(table_rows.forget_values, row.name, row.values))
        else:
            await database.write(partial(table_rows.forget_row, row.name, key if row.keeps_hash else None))


def _delete_calls(keys: Sequence[int]) -> Work[None]:
    yield Many(LOCK_CALL, [(key,) for key in keys])  # in the order of later facts: first the call, then its row
    yield from subtract(keys)
    yield Many(DELETE_CALL, [(key,) for key in keys])


def _delete_keys(sql: Sql, keys: Iterable[Any]) -> Work[int]:
    return delete_all(sql, [(key,) for key in keys])


_DELETE: Final[Mapping[str, Callable[[list[Any]], Work[Any]]]] = {
    "hooks": delete_hooks,
    "calls": _delete_calls,
    "webhooks": partial(_delete_keys, DELETE_WEBHOOK),
    "changes": partial(_delete_keys, changes.DELETE),
    "functions": partial(_delete_keys, function_results.DELETE_OF_SESSION),
    "recordings": partial(erase, with_uuid=True),
    "placed": erase_placed,
}
"""How rows are deleted, by what `Forgotten` counts, in this order."""


def _batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), PIECE):
        yield ordered[start : start + PIECE]
