"""Changes of a table's rows, which a turn makes and its transaction writes.

A row's name is its table and the values of its key as JSON: `customers["447700900123"]`. So the rows of a table are
next to each other in the order of their names. A row contains only the columns that have been given a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

MAX_NAME: Final = 500
"""PostgreSQL's index takes 2,704 bytes, of up to four per character."""
LARGEST: Final = 2**53
"""The limit of a counter: larger whole numbers are not exact in every program that reads JSON. Source: RFC 8259, 6."""
_NOTHING: Final[Mapping[str, Any]] = {}


class RowChange(NamedTuple):
    """A change of one row.

    Attributes:
        sets: the new values of columns, as JSON values. Other columns stay as they are.
        increases: what is added to columns with numbers.
        starts: the values from which columns in `increases` start, if they have none.
        is_new: whether the turn has seen that there is no such row; if there is one, the turn is played again.
        keep_ms: for how many milliseconds the row is kept after this change; 0 for ever.
    """

    row: str
    sets: Mapping[str, Any] = _NOTHING
    increases: Mapping[str, float] = _NOTHING
    starts: Mapping[str, float] = _NOTHING
    is_removal: bool = False
    is_new: bool = False
    keep_ms: int = 0

    def __repr__(self) -> str:
        """The key and values are left out, because they may be sensitive."""
        return f"<change of a row of {table_of(self.row)}>"

    def apply(self, columns: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """None, before or after the change, stands for no row."""
        if self.is_removal:
            return None
        found = {**(columns or {}), **self.sets}
        for name, step in self.increases.items():
            before = found.get(name, self.starts.get(name, 0))
            is_number = isinstance(before, int | float) and not isinstance(before, bool)
            found[name] = max(-LARGEST, min(LARGEST, (before if is_number else 0) + step))
        return found


def row_name(table: str, key: Sequence[str | int]) -> str:
    return table + json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def table_of(row: str) -> str:
    return row.partition("[")[0]


def key_of(row: str) -> list[str | int]:
    key: list[str | int] = json.loads(row[row.index("[") :])
    return key


def applied(columns: Mapping[str, Any] | None, row: str, changes: Iterable[RowChange]) -> Mapping[str, Any] | None:
    """Apply those `changes` that are the row's own; None stands for no row."""
    for change in changes:
        if change.row == row:
            columns = change.apply(columns)
    return columns
