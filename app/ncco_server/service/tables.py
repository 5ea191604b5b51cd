"""Rows of declared tables, as people and programs read and change them: typed, with each fault at its column.

Values of sensitive columns are never shown; `hidden` names those that a row has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from ncco_server.errors import AppError
from ncco_server.flow.language.returns import Misfit, read_answer
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.ncco.value_types import Kind
from ncco_server.service.phone_numbers import sought_digits
from ncco_server.store import Store, milliseconds, moment_of
from ncco_server.store.table_rows import PIECE, TableRow
from ncco_server.suggest import near_or_all
from ncco_server.table_rows import MAX_NAME, RowChange, key_of, row_name
from ncco_server.wording import as_sentence, counted

MOST_FAULTS: Final = 100
"""Limits the faults of a file; our choice."""


class RowFault(NamedTuple):
    """What is wrong with a value of a row.

    Attributes:
        row: of several, such as `line 3`; "" for a single one.
        column: the column or the value of the key; "" if the whole row is wrong.
    """

    row: str
    column: str
    problem: str
    cure: str

    @property
    def where(self) -> str:
        return ".".join(filter(None, (self.row, self.column)))

    def __str__(self) -> str:
        where = ": ".join(filter(None, (self.row, f"column {self.column}" if self.column else "")))
        return f"{where}: {self.problem}" if where else self.problem


class RefusedRows(AppError):
    """Every fault of rows that cannot be written. Nothing was written."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        super().__init__(str(faults[0]), faults[0].cure)
        self.faults = tuple(faults)


class TableRowDocument(BaseModel):
    """A row of a table."""

    model_config = ConfigDict(extra="forbid")

    key: dict[str, str | int] = Field(description="The values of the row's key, by name.")
    columns: dict[str, Any] = Field(description="The values of the columns that have one and are not sensitive.")
    hidden: list[str] = Field(description="The sensitive columns that have a value, which is never shown.")
    version: int = Field(description="How often the row has been changed, from 1.")
    changed_at: datetime = Field(description="When it was changed last.")
    changed_by: str = Field(description="Who has changed it last: `call ID`, a login, an API key or a command.")
    expires_at: datetime | None = Field(description="When it is removed because of `keep`; null for never.")
    _stamp: str = PrivateAttr()

    @classmethod
    def of(cls, table: TableDefinition, row: TableRow) -> TableRowDocument:
        columns = {name: value for name, value in row.columns.items() if name in table.columns}
        hidden = [name for name in columns if table.columns[name].sensitive]
        document = cls(
            key=dict(zip(table.key, key_of(row.name), strict=False)),
            columns={name: value for name, value in columns.items() if name not in hidden},
            hidden=sorted(hidden),
            version=row.version,
            changed_at=moment_of(row.changed_at),
            changed_by=row.changed_by,
            expires_at=None if row.expires_at is None else moment_of(row.expires_at),
        )
        document._stamp = row.stamp
        return document

    @property
    def stamp(self) -> str:
        return self._stamp


class RowsPage(NamedTuple):
    """Rows in the order of their keys; `after` is where the next page starts, "" on the last one.

    A page that is not the last may have fewer rows than were asked for, or none.
    """

    rows: Sequence[TableRowDocument]
    after: str


class Table:
    """A declared table in an open store: its `rows`, and their columns. Reading may raise StoreUnavailable."""

    def __init__(self, store: Store, definition: TableDefinition, line: str = "") -> None:
        """`line` is a number of ours: people may write numbers of its country as they dial them there."""
        self.definition = definition
        self._line = line
        self.rows = store.tables
        keys = {name: each.type for name, each in definition.key.items()}
        self._types: Mapping[str, Kind] = {**keys, **definition.returned.fields}

    def name_of(self, key: Sequence[str]) -> str:
        """The key is text, value by value. Raises RefusedRows."""
        if len(key) != len(self.definition.key):
            expected = ", ".join(self.definition.key)
            raise RefusedRows([RowFault("", "", f"the key has {counted(len(key), 'value')}", f"Write: {expected}.")])
        return self.change(dict(zip(self.definition.key, key, strict=True))).row

    def change(self, values: Mapping[str, Any], row: str = "", *, replaces: bool = False) -> RowChange:
        """The change that writes a row with these values of its key and columns; None removes a value.

        Args:
            values: as JSON, or as text.
            row: what faults call the row.
            replaces: whether columns that are not given lose their values.

        Raises RefusedRows with each fault.
        """
        table = self.definition
        unknown = [name for name in values if name not in self._types]
        faults = [self.no_such_column(name, row) for name in unknown[:MOST_FAULTS]]
        found = dict[str, Any]()
        for name, value in values.items():
            if name not in self._types:
                continue
            if value is None and name in table.columns:
                found[name] = None
                continue
            try:
                found[name] = read_answer(self._types[name], value, line=self._line)
            except Misfit as error:
                cure = as_sentence(error.needed or f"write {self._types[name].described}")
                cure += "" if cure.endswith("?") else "."
                faults.append(RowFault(row, name, f"it {error.problem}", cure))
        for name in table.key:
            if name not in values or found.get(name) == "":
                faults.append(RowFault(row, name, "it is in the key and has no value", f"Write a value for {name}."))
        if faults:
            raise RefusedRows(faults)
        full = row_name(table.name, [found[name] for name in table.key])
        if len(full) > MAX_NAME:
            problem = f"the key is {len(full) - MAX_NAME:,} characters too long"
            cure = f"Shorten it: with the table's name, quotes and commas, it has at most {MAX_NAME} characters."
            raise RefusedRows([RowFault(row, next(iter(table.key)), problem, cure)])
        sets = {name: value for name, value in found.items() if name in table.columns}
        if replaces:
            sets = {**dict.fromkeys(table.columns), **sets}
        return RowChange(full, sets, keep_ms=table.keep_ms)

    def knows(self, column: str) -> bool:
        return column in self._types

    def no_such_column(self, name: str, row: str) -> RowFault:
        cure = as_sentence(near_or_all(name, self._types))
        return RowFault(row, name, f"the table {self.definition.name} has no such column", cure)

    def changes(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[RowChange]:
        """Each row has what faults call it. Raises RefusedRows with the faults of all."""
        faults = list[RowFault]()
        found = dict[str, RowChange]()
        for label, values in rows:
            try:
                change = self.change(values, label)
            except RefusedRows as error:
                faults += error.faults
                if len(faults) >= MOST_FAULTS:
                    break
                continue
            if change.row in found:
                faults.append(RowFault(label, "", "an earlier row has the same key", "Delete one of them."))
            found[change.row] = change
        if faults:
            raise RefusedRows(faults)
        return list(found.values())

    async def get(self, name: str, now: datetime) -> TableRowDocument | None:
        row = await self.rows.row(name, milliseconds(now))
        return None if row is None else TableRowDocument.of(self.definition, row)

    async def page(self, now: datetime, *, after: str = "", limit: int = PIECE, text: str = "") -> RowsPage:
        """Rows after the row `after` with `text`, or a number in any notation, in a shown value.

        See `TableRows.search`.
        """
        texts = {text.strip(), sought_digits(text) or text.strip()}
        columns = {name: not column.sensitive for name, column in self.definition.columns.items()}
        rows, last = await self.rows.search(
            self.definition.name, texts, columns, milliseconds(now), after=after, limit=limit
        )
        return RowsPage([TableRowDocument.of(self.definition, row) for row in rows], last)
