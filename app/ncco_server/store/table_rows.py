"""The rows of the tables that flow files declare: read in a turn, and changed by its transaction.

Rows are locked in the order of their names before a group of turns changes them, which prevents deadlocks.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from ncco_server.errors import HashKeyLost, RowChanged, RowTaken
from ncco_server.store.database import Database, InDatabase, Keyed, Many, Row, Work, give_way
from ncco_server.store.sql import ROWS_TABLE, ListSql, Sql
from ncco_server.table_rows import RowChange, has_number_as_key, hash_of_row, key_id, key_of, table_of

PIECE: Final = 500
CHANGED_SIZE: Final = 200
"""Rows per transaction of a long change, which then takes two or three milliseconds."""
CHANGED_REST: Final = 0.25
"""How long a long change rests after each transaction, as a part of the time that it took."""
CHANGED_REST_S: Final = 0.008
"""The shortest rest."""

SEARCHED: Final = 2_000
MOST_SEARCHED: Final = 100_000
"""Limits how long one search takes, to a fraction of a second."""
LONGEST_PATTERN: Final = 200
"""Characters of a text that the database compares. SQLite's limit is 50,000."""

_UNSEARCHABLE: Final = re.compile(r'["%_\\]|[^ -~]')
ABSENT: Final = ""
"""The stamp of a row that does not exist."""

HASH_KEY: Final = "#key"
"""The row with the key of the hashes, in hexadecimal digits. No table has such a name."""


class TableRow(NamedTuple):
    """A stored row. `columns` without a value are missing; `version` counts the changes from 1.

    `changed_by` is `call` and the call's ID, or someone else's name. `expires_at` is when the row counts as removed
    (None: never). Times are milliseconds since 1970. `nonce` is random, of the last change; "" if an older host made
    it.
    """

    name: str
    columns: Mapping[str, Any]
    version: int
    changed_at: int
    changed_by: str
    expires_at: int | None
    nonce: str

    @property
    def stamp(self) -> str:
        """Never that of another state of the row, even if it is removed and added again within a millisecond."""
        return _stamp(self.version, self.nonce)


def _stamp(version: int, nonce: str) -> str:
    return f"{version}-{nonce}"


_COLUMNS: Final = ", ".join(TableRow._fields)

SELECT_ROW: Final = Sql(f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE} WHERE name = $1 AND (expires_at IS NULL OR expires_at > $2)
""")

# One statement: another transaction may replace the row by a hash and create the key.
SELECT_ROW_OR_KEY: Final = Sql(f"""
    SELECT {_COLUMNS}
    FROM {ROWS_TABLE}
    WHERE name IN ($1, '{HASH_KEY}') AND (expires_at IS NULL OR expires_at > $2)
""")

SELECT_KEY: Final = Sql(f"SELECT CAST($1 AS text), columns FROM {ROWS_TABLE} WHERE name = '{HASH_KEY}'")

INSERT_KEY: Final = Sql(f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS}) VALUES ('{HASH_KEY}', $1, 1, $2, '', NULL, '') ON CONFLICT (name) DO NOTHING
""")

INSERT_HASH: Final = Sql(f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS})
    SELECT CAST($2 AS text), '{{}}', 1, changed_at, '', expires_at, CAST($3 AS text) FROM {ROWS_TABLE} WHERE name = $1
    ON CONFLICT (name) DO UPDATE
    SET changed_at = excluded.changed_at, expires_at = excluded.expires_at, nonce = excluded.nonce
""")

SELECT_OTHER_HASH: Final = Sql(f"""
    SELECT name FROM {ROWS_TABLE} WHERE name > $1 AND name < $2 OR name > $3 AND name < $4 LIMIT 1
""")

LOCK_ROWS: Final = ListSql(f"SELECT name, columns, expires_at FROM {ROWS_TABLE} WHERE name IN (%s) ORDER BY name")

LOCK_ROW: Final = Sql(f"""
    SELECT name, columns, expires_at, version, nonce FROM {ROWS_TABLE} WHERE name = $1
""").locking("FOR UPDATE")

_PUT_ROW: Final = f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS})
    VALUES ($1, $2, 1, $3, $4, $5, $6)
    ON CONFLICT (name) DO UPDATE
    SET columns = excluded.columns, version = {ROWS_TABLE}.version + 1, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, expires_at = excluded.expires_at, nonce = excluded.nonce
"""

PUT_ROW: Final = Sql(_PUT_ROW)

# An expired row counts as missing.
INSERT_NEW_ROW: Final = Sql(f"""{_PUT_ROW}
    WHERE {ROWS_TABLE}.expires_at <= excluded.changed_at
    RETURNING name
""")

INSERT_EMPTY_ROW: Final = Sql(f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS}) VALUES ($1, '{{}}', 0, $2, '', NULL, '') ON CONFLICT (name) DO NOTHING
""")

SET_COLUMNS: Final = Sql(f"UPDATE {ROWS_TABLE} SET columns = $2, version = version + 1, nonce = $3 WHERE name = $1")

UPDATE_ROW: Final = Sql(f"""
    UPDATE {ROWS_TABLE}
    SET columns = $2, version = version + 1, changed_at = $3, changed_by = $4, expires_at = $5, nonce = $6
    WHERE name = $1
""")

DELETE_ROW: Final = Sql(f"DELETE FROM {ROWS_TABLE} WHERE name = $1")

# A table's rows are named with its name and `[`; `\` is the next character.
SELECT_ROWS: Final = Sql(f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE} WHERE name > $1 AND name < $2 ORDER BY name LIMIT $3
""")


def _select_rows_like(texts: int, names: int) -> Sql:
    """Leave out the names of columns, which come last, after the texts.

    It only ignores the case of ASCII letters; with C as its locale, PostgreSQL knows no others.
    """
    values = "columns"
    for number in range(names):
        values = f"replace({values}, ${number + texts + 4}, '')"
    like = " OR ".join(f"{value} LIKE ${number + 4}" for number in range(texts) for value in ("name", values))
    text = f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE}
    WHERE name > $1 AND name < $2 AND ({like}) ORDER BY name LIMIT $3
    """
    return Sql(text.replace("LIKE", "ILIKE"), sqlite=text)


SELECT_ALL_ROWS: Final = Sql(f"SELECT name, columns FROM {ROWS_TABLE} WHERE name > $1 ORDER BY name LIMIT $2")


class TableRows(InDatabase):
    """The rows of all tables in an open database."""

    async def get(self, name: str, now: int) -> dict[str, Any] | None:
        """The columns as of the last commit; None without a row, or if it expired before `now`.

        A row whose number is forgotten has no columns.
        """
        row = await self.row(name, now)
        return None if row is None else dict(row.columns)

    async def of_table(self, table: str, after: str = "", limit: int = PIECE) -> list[TableRow]:
        """Expired ones too, in the order of their names."""
        return await self.all(_row, SELECT_ROWS, max(f"{table}[", after), f"{table}\\", limit)

    async def search(
        self,
        table: str,
        texts: Collection[str],
        columns: Mapping[str, bool],
        now: int,
        *,
        after: str = "",
        limit: int = PIECE,
    ) -> tuple[list[TableRow], str]:
        """The first rows after the row `after` with one of `texts`, in any case, in the key or a column that is True.

        The second value is where the search goes on; "" at the end of the table. After MOST_SEARCHED rows that contain
        a text elsewhere, such as in a column that is False, there may be fewer rows than `limit`, or none.
        """
        wanted = {text.lower() for text in texts}
        written = [json.dumps(text, ensure_ascii=False)[1:-1].lower() for text in texts]
        piece = SEARCHED if all(texts) else PIECE
        names = [f'"{name}":' for name in columns if any(text in f',"{name}":"' for text in written)]
        sql = _select_rows_like(len(texts), len(names))
        patterns = [f"%{_UNSEARCHABLE.sub('%', text[:LONGEST_PATTERN])}%" for text in texts]
        found = list[TableRow]()
        for _ in range(0, MOST_SEARCHED, piece):
            first = max(f"{table}[", after)
            rows = await self.read(sql, first, f"{table}\\", piece, *patterns, *names)
            for each in rows:
                stored_text = f"{each[0]}{each[1]}".lower()
                if _is_expired(each[5], now) or not any(text in stored_text for text in written):
                    continue
                stored = orjson.loads(each[1])
                values = (stored[name] for name, is_shown in columns.items() if is_shown and name in stored)
                shown = [str(value).lower() for value in (*values, *key_of(each[0]))]
                if all(texts) and not any(text in value for text in wanted for value in shown):
                    continue
                if len(found) == limit:
                    return found, found[-1].name
                found.append(_row(each))
            if len(rows) < piece:
                return found, ""
            after = rows[-1][0]
        return found, after

    async def row(self, name: str, now: int) -> TableRow | None:
        """A hash in its place counts; None without either, or if it expired before `now`."""
        found = {row[0]: row for row in await self.read(SELECT_ROW_OR_KEY, name, now)}
        if name in found:
            return _row(found[name])
        hashed = _hash_of(name, found[HASH_KEY][1] if HASH_KEY in found else None)
        rows = await self.read(SELECT_ROW, hashed, now) if hashed else []
        return _row(rows[0])._replace(name=name) if rows else None

    async def has_rows(self, table: str) -> bool:
        if await self.of_table(table, limit=1):
            return True
        return bool(await self.read(SELECT_OTHER_HASH, *_other_hashes(table, None)))

    async def hash_key(self, tables: Collection[str], now: int) -> bytes:
        """Raise HashKeyLost if the key is missing and these tables need it."""

        def work() -> Work[bytes]:
            found = yield SELECT_KEY, ("",)
            for table in tables:
                if (yield from lacks_key(table, found[0][1] if found else None)):
                    raise HashKeyLost(table)
            if not found:
                yield INSERT_KEY, (orjson.dumps({"key": secrets.token_hex(32)}).decode(), now)
                found = yield SELECT_KEY, ("",)
            return _key_in(found[0][1])

        return await self.database.write(work)

    async def change(
        self,
        changes: Sequence[RowChange],
        now: int,
        changed_by: str,
        stamps: Mapping[str, Collection[str] | None] = MappingProxyType({}),
    ) -> Mapping[str, str]:
        """Change rows in one transaction; return the new stamp of each, by name, ABSENT if it is removed.

        Rows must have one of the `stamps`, by name, or any if they are None. Otherwise raises RowTaken or RowChanged,
        and writes nothing.
        """

        def work() -> Work[Mapping[str, str]]:
            yield from _require(stamps, now)
            taken = yield from claim(changes, now, changed_by)
            return (yield from write(changes, taken, now, changed_by))

        return await self.database.write(work, names_of(changes))

    async def change_together(
        self, changes: Sequence[RowChange], now: int, changed_by: str, *, is_flushed: bool = True
    ) -> None:
        """Change many rows in one transaction, with few statements. None of them must be new (`is_new`)."""
        work = partial(write_together, changes, now, changed_by)
        await self.database.write(work, names_of(changes), is_long=True, is_flushed=is_flushed)

    async def change_many(self, changes: Sequence[RowChange], now: int, changed_by: str) -> None:
        """Use several transactions, so that callers can use the store."""
        for start in range(0, len(changes), CHANGED_SIZE):
            began = time.monotonic()
            after = start + CHANGED_SIZE
            await self.change_together(changes[start:after], now, changed_by, is_flushed=after >= len(changes))
            await give_way(began, CHANGED_REST, CHANGED_REST_S)


def _require(stamps: Mapping[str, Collection[str] | None], now: int) -> Work[None]:
    """Keep the order of names. Raises RowChanged if one has another stamp."""
    for name in sorted(stamps):
        found = yield Keyed(LOCK_ROW, (name,))
        if not found and (hashed := (yield from _hash_in_place(name))):
            found = yield Keyed(LOCK_ROW, (hashed,))
        is_there = bool(found) and not _is_expired(found[0][2], now)
        allowed = stamps[name]
        if not is_there if allowed is None else (_stamp(*found[0][3:]) if is_there else ABSENT) not in allowed:
            raise RowChanged(table_of(name))


def _is_expired(expires_at: int | None, now: int) -> bool:
    return expires_at is not None and expires_at <= now


def _row(row: Row) -> TableRow:
    name, columns, *others = row
    return TableRow(name, orjson.loads(columns), *others)


def _key_in(columns: str) -> bytes:
    return bytes.fromhex(orjson.loads(columns)["key"])


def _hash_of(name: str, key: str | None) -> str:
    """Return "" if there can be none. `key` is the row of the key."""
    return hash_of_row(name, _key_in(key)) if key is not None and has_number_as_key(name) else ""


def find(name: str, now: int) -> Work[bool]:
    """A hash in its place counts. Raises HashKeyLost if hashes cannot be matched."""
    found: dict[str, str] = {row[0]: row[1] for row in (yield SELECT_ROW_OR_KEY, (name, now))}
    if name in found:
        return True
    key = found.get(HASH_KEY)
    if (yield from lacks_key(table_of(name), key)):
        raise HashKeyLost(table_of(name))
    hashed = _hash_of(name, key)
    return bool(hashed and (yield SELECT_ROW, (hashed, now)))


def lacks_key(table: str, key: str | None) -> Work[bool]:
    """Return whether a table has hashes of another key. `key` is the row of the key."""
    return bool((yield SELECT_OTHER_HASH, _other_hashes(table, key)))


def _other_hashes(table: str, key: str | None) -> tuple[str, str, str, str]:
    """Hashes of other keys are between these names: `#` comes before `$`, and `.` before `/`."""
    first = f"{table}#"
    own = first if key is None else first + key_id(_key_in(key))
    return first, own, first if key is None else f"{own}/", f"{table}$"


def names_of(changes: Iterable[RowChange]) -> tuple[str, ...]:
    return tuple(sorted({change.row for change in changes}))


def claim(changes: Sequence[RowChange], now: int, changed_by: str) -> Work[tuple[str, ...]]:
    """Write the rows that must be new, before anything else; return their names.

    Raises RowTaken, after undoing what it has written, if one exists.
    """
    taken: list[str] = []
    for row in sorted({change.row for change in changes if change.is_new}):
        own = [change for change in changes if change.row == row]
        if not own[0].is_new:  # the turn itself has removed it before
            continue
        values = _values(row, own[0].apply(None), own[0].keep_ms, now, changed_by)
        is_written = bool((yield Keyed(INSERT_NEW_ROW, values)))
        if is_written:
            taken.append(row)
        if not is_written or (yield from _has_hash(row, now)):  # only now: the INSERT may have waited for `forget_row`
            yield from release(taken)
            raise RowTaken(table_of(row))
    return tuple(taken)


def _hash_in_place(row: str) -> Work[str]:
    """Return "" if there can be none."""
    key = (yield Keyed(SELECT_KEY, (row,))) if has_number_as_key(row) else []
    return _hash_of(row, key[0][1]) if key else ""


def _has_hash(row: str, now: int) -> Work[bool]:
    hashed = yield from _hash_in_place(row)
    return bool(hashed and (yield Keyed(SELECT_ROW, (hashed, now))))


def release(taken: Iterable[str]) -> Work[None]:
    for row in taken:
        yield DELETE_ROW, (row,)


def write(changes: Sequence[RowChange], taken: Sequence[str], now: int, changed_by: str) -> Work[Mapping[str, str]]:
    """Return the new stamps by name, without those of rows that were only `taken`."""
    stamps = dict[str, str]()
    for row in names_of(changes):
        own = [change for change in changes if change.row == row]
        if row in taken:
            own = own[1:]
        if not own:
            continue
        stamps[row] = ABSENT
        if not any(not change.is_removal for change in own):
            yield DELETE_ROW, (row,)
            yield from _delete_hash(row)
            continue
        yield INSERT_EMPTY_ROW, (row, now)
        ((_, columns, expires_at, version, _),) = yield Keyed(LOCK_ROW, (row,))
        found = _changed(own, columns, expires_at, now)
        if found is None:
            yield DELETE_ROW, (row,)
        else:
            values = _values(row, found, own[-1].keep_ms, now, changed_by)
            yield UPDATE_ROW, values
            stamps[row] = _stamp(version + 1, values[-1])
        if any(change.is_removal for change in own):
            yield from _delete_hash(row)
    return stamps


def write_together(changes: Sequence[RowChange], now: int, changed_by: str) -> Work[None]:
    """See `TableRows.change_together`."""
    own: dict[str, list[RowChange]] = {name: [] for name in names_of(changes)}
    for change in changes:
        own[change.row].append(change)
    locked = yield LOCK_ROWS.of(len(own)).locking("FOR UPDATE"), tuple(own)
    before = {name: (columns, expires_at) for name, columns, expires_at in locked}
    written = []
    removed = list[str]()
    for name, each in own.items():
        found = _changed(each, *before.get(name, (None, None)), now)
        if found is None:
            removed.append(name)
        else:
            written.append(_values(name, found, each[-1].keep_ms, now, changed_by))
    yield Many(PUT_ROW, written)
    freed = [name for name, each in own.items() if any(change.is_removal for change in each)]
    key = (yield SELECT_KEY, ("",)) if freed else []
    hashes = [_hash_of(name, key[0][1]) for name in freed] if key else []
    yield Many(DELETE_ROW, [(name,) for name in (*removed, *filter(None, hashes))])


def _changed(
    changes: Iterable[RowChange], columns: str | None, expires_at: int | None, now: int
) -> Mapping[str, Any] | None:
    """Apply a row's changes. `columns` is JSON; None stands for no row."""
    found: Mapping[str, Any] | None = None
    if columns is not None and not _is_expired(expires_at, now):
        found = orjson.loads(columns)
    for change in changes:
        found = change.apply(found)
    return found


def _values(
    row: str, columns: Mapping[str, Any] | None, keep_ms: int, now: int, changed_by: str
) -> tuple[str, str, int, str, int | None, str]:
    """Those of PUT_ROW and UPDATE_ROW; the nonce comes last."""
    return row, orjson.dumps(columns).decode(), now, changed_by, now + keep_ms if keep_ms else None, _nonce()


def _nonce() -> str:
    return secrets.token_hex(8)


def _delete_hash(row: str) -> Work[None]:
    """Delete it after the row, which may have to wait for `forget_row`."""
    hashed = yield from _hash_in_place(row)
    if hashed:
        yield DELETE_ROW, (hashed,)


def forget_row(row: str, key: bytes | None) -> Work[None]:
    """Delete a row; with a key, a hash takes its place."""
    yield Keyed(LOCK_ROW, (row,))  # a turn may be changing it
    if key is not None:
        yield INSERT_HASH, (row, hash_of_row(row, key), _nonce())
    yield DELETE_ROW, (row,)


def forget_values(row: str, names: Collection[str]) -> Work[None]:
    found = yield Keyed(LOCK_ROW, (row,))
    if found:
        columns = {name: value for name, value in orjson.loads(found[0][1]).items() if name not in names}
        yield SET_COLUMNS, (row, orjson.dumps(columns).decode(), _nonce())


async def all_rows(database: Database) -> AsyncIterator[tuple[str, str]]:
    """Leave out the hashes and their key. The columns are JSON."""
    async for piece in pieces_of_rows(database):
        for name, columns in piece:
            yield name, columns


async def pieces_of_rows(database: Database) -> AsyncIterator[list[tuple[str, str]]]:
    """As `all_rows`; a piece may be empty."""
    name = ""
    while rows := await database.read(SELECT_ALL_ROWS, name, PIECE):
        name = rows[-1][0]
        yield [(name, columns) for name, columns in rows if "#" not in table_of(name)]
