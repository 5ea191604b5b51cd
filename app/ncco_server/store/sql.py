"""SQL as readable text: where PostgreSQL and SQLite need different statements, both are written out.

    LOCK_CALL = Sql("SELECT id FROM calls WHERE id = $1").locking("FOR NO KEY UPDATE")
    LIST_TABLES = Sql("... FROM pg_class", sqlite="... FROM sqlite_master")

A part of a statement is a plain `str`, so a test can find all statements and have both databases plan them.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Dialect: TypeAlias = Literal["postgres", "sqlite"]

_MARK: Final = re.compile(r"\$(?=[0-9])")
_UNSET_FLAG: Final = re.compile(r"NOT ((?:\w+\.)?is_(?:over|parked))")
"""SQLite uses a partial index only if the query repeats its condition, such as `is_over = 0`."""


class Sql:
    """A statement, with `$1` for its first value; `sqlite` is what SQLite needs in its place.

    SQLite's values become `?1`, because Python binds `$1` only from a dict, which is slow.
    """

    __slots__ = ("postgres", "sqlite")

    def __init__(self, text: str, *, sqlite: str = "") -> None:
        self.postgres: Final = text
        self.sqlite: Final = _UNSET_FLAG.sub(r"\1 = 0", _MARK.sub("?", sqlite or text))

    @classmethod
    def of_leg(cls, leg: str, text: str) -> Sql:
        """Write `leg = ..` in PostgreSQL for its index of a leg's first 200 characters: it refuses long texts."""
        return cls(text.replace(f"leg = {leg}", f"left(leg, 200) = left({leg}, 200) AND leg = {leg}"), sqlite=text)

    def locking(self, lock: str) -> Sql:
        """Lock the rows in PostgreSQL: SQLite has one writer and no row locks."""
        return Sql(f"{self.postgres} {lock}", sqlite=self.sqlite)


class ListSql:
    """A statement for a list of values, which come last: `IN (%s)` once, after `values` other values."""

    def __init__(self, text: str, values: int = 0) -> None:
        self._text = text
        self._values = values

    def of(self, length: int) -> Sql:
        return Sql(self._text % marks(length, self._values + 1))


def marks(count: int, first: int = 1) -> str:
    """Return marks such as `$1, $2, $3`."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def contains(dialect: Dialect, column: str, value: str) -> str:
    return f'"position"({column}, {value}) > 0' if dialect == "postgres" else f"instr({column}, {value}) > 0"


def has_word(dialect: Dialect, column: str, word: str) -> str:
    """The condition that a binary column, maybe invalid text, contains a word in any ASCII case."""
    if dialect == "postgres":
        column, word = (f"lower(encode({each}, 'escape') COLLATE \"C\")" for each in (column, word))
        return contains(dialect, column, word)
    return contains(dialect, f"lower({column})", f"lower({word})")


VERSION_TABLE: Final = "ncco_schema"
"""A database that has our tables but not this one belongs to another program."""
PROBES_TABLE: Final = "probes"
"""It is always empty: a probe writes a row and deletes it."""
ADDITIONS_TABLE: Final = "ncco_additions"
"""The version of the schema, which its additions changed last."""
FORGOTTEN_TABLE: Final = "ncco_forgotten"
"""They recognise late webhooks of forgotten calls by hashes."""
RECORDINGS_TABLE: Final = "ncco_recordings"
BACKUPS_TABLE: Final = "ncco_backups"
PLACED_TABLE: Final = "ncco_placed"
ATTEMPTS_TABLE: Final = "ncco_attempts"
PLACING_TABLE: Final = "ncco_placing"
API_KEYS_TABLE: Final = "ncco_api_keys"
RESULTS_TABLE: Final = "ncco_results"
SUMS_TABLE: Final = "ncco_sums"
LEASES_TABLE: Final = "ncco_leases"
FUNCTION_RESULTS_TABLE: Final = "ncco_function_results"
ROWS_TABLE: Final = "ncco_rows"
CHANGES_TABLE: Final = "ncco_changes"

TABLES: Final = (
    *("calls", "turns", "webhooks", "revisions", PROBES_TABLE, "hooks"),
    *(VERSION_TABLE, ADDITIONS_TABLE, RECORDINGS_TABLE, BACKUPS_TABLE, FORGOTTEN_TABLE),
    *(PLACED_TABLE, ATTEMPTS_TABLE, PLACING_TABLE, API_KEYS_TABLE),
    *(RESULTS_TABLE, SUMS_TABLE, LEASES_TABLE, FUNCTION_RESULTS_TABLE, ROWS_TABLE, CHANGES_TABLE),
)
