"""Changes of a table's rows, which a turn makes and its transaction writes.

A row's name, such as `customers["447700900123"]`, is its table and the JSON of its key, so a table's rows sort
together. A row contains only the columns that have a value.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

MAX_NAME: Final = 500
"""PostgreSQL's index takes 2,704 bytes, of up to four per character."""
LARGEST: Final = 2**53
"""Larger whole numbers are not exact in every program that reads JSON. Source: RFC 8259, 6."""
_NOTHING: Final[Mapping[str, Any]] = {}
_KEY: Final = json.JSONEncoder(ensure_ascii=False)
_NAME_BY_NUMBER: Final = re.compile(r'[a-z0-9_]+\["[0-9]+"\]')


class RowChange(NamedTuple):
    """A change of one row.

    Attributes:
        sets: new values of columns, as JSON values; others stay.
        increases: what is added to columns with numbers, which start from `starts` if they have none.
        is_new: whether the turn has seen no such row; if there is one, the turn is played again.
        keep_ms: how long the row is kept after this change; 0 for ever.
    """

    row: str
    sets: Mapping[str, Any] = _NOTHING
    increases: Mapping[str, float] = _NOTHING
    starts: Mapping[str, float] = _NOTHING
    is_removal: bool = False
    is_new: bool = False
    keep_ms: int = 0

    def __repr__(self) -> str:
        """The key and values may be sensitive."""
        return f"<change of a row of {table_of(self.row)}>"

    def apply(self, columns: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """None stands for no row."""
        if self.is_removal:
            return None
        merged = {**(columns or {}), **self.sets}
        found = {name: value for name, value in merged.items() if value is not None}
        for name, step in self.increases.items():
            before = found.get(name, self.starts.get(name, 0))
            is_number = isinstance(before, int | float) and not isinstance(before, bool)
            found[name] = max(-LARGEST, min(LARGEST, (before if is_number else 0) + step))
        return found


class StoredTypes(NamedTuple):
    """The types of a table's values, by which `ncco forget` finds a person.

    Attributes:
        key: of the key's values, in order.
        columns: by name.
        keeps_hash: whether the number must match even once it is forgotten.
    """

    key: Sequence[str]
    columns: Mapping[str, str]
    keeps_hash: bool = False


def row_name(table: str, key: Sequence[str | int]) -> str:
    return f"{table}[{','.join(map(_KEY.encode, key))}]"


def table_of(row: str) -> str:
    return row.partition("[")[0]


def key_of(row: str) -> list[str | int]:
    key: list[str | int] = json.loads(row[row.index("[") :])
    return key


def has_number_as_key(row: str) -> bool:
    """Whether one number is the key, so that a hash can take the row's place."""
    return bool(_NAME_BY_NUMBER.fullmatch(row))


def key_id(key: bytes) -> str:
    """In the name of each hash."""
    return sha256(key).hexdigest()[:8]


def hash_of_row(row: str, key: bytes) -> str:
    """The name of the hash that replaces a row when its number is forgotten."""
    return f"{table_of(row)}#{key_id(key)}.{hmac.new(key, row.encode(), sha256).hexdigest()}"


def applied(columns: Mapping[str, Any] | None, row: str, changes: Iterable[RowChange]) -> Mapping[str, Any] | None:
    """Apply the row's own `changes`; None stands for no row."""
    for change in changes:
        if change.row == row:
            columns = change.apply(columns)
    return columns
