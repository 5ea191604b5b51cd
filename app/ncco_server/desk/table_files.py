"""Rows of tables as CSV files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ncco_server.desk.exports import CsvRows, cell_text, csv_cure, csv_reader, csv_text
from ncco_server.service.tables import MOST_FAULTS, RefusedRows, RowFault, Table
from ncco_server.suggest import nearest
from ncco_server.table_rows import RowChange
from ncco_server.wording import as_sentence


async def csv_of(table: Table, now: datetime) -> AsyncIterator[str]:
    """Leave out sensitive columns; the others' names come first.

    Raises StoreUnavailable.
    """
    is_first = True
    async for rows in row_pages(table, now):
        yield csv_text(shown_names(table), rows, has_names=is_first)
        is_first = False


def shown_names(table: Table) -> list[str]:
    """Of the key and the columns that are not sensitive."""
    return [*table.definition.key, *(name for name, each in table.definition.columns.items() if not each.sensitive)]


async def row_pages(table: Table, now: datetime) -> AsyncIterator[list[dict[str, Any]]]:
    """Raises StoreUnavailable."""
    after, is_first = "", True
    while after or is_first:
        page = await table.page(now, after=after)
        yield [{**dict.fromkeys(shown_names(table)), **row.key, **row.columns} for row in page.rows]
        after, is_first = page.after, False


def changes_in(table: Table, content: bytes) -> list[RowChange]:
    """An empty cell removes the value. Raises RefusedRows."""
    reader = None
    try:
        reader = csv_reader(content, (*table.definition.key, *table.definition.columns))
        check_names(table, list(reader.fieldnames or ()))
        return table.changes(_lines(reader))
    except csv.Error as error:
        line = reader.line_num if reader else 0
        raise RefusedRows([RowFault(f"line {line + 1}", "", str(error), f"{as_sentence(csv_cure(error))}.")]) from error


def check_names(table: Table, names: Sequence[str]) -> None:
    """Raises RefusedRows for a first line that lacks, repeats or invents columns."""
    missing = [name for name in table.definition.key if name not in names]
    twice = [name for name, times in Counter(names).items() if times > 1]
    faults = [RowFault("line 1", name, "there is no such column", "Add it: each row needs one.") for name in missing]
    faults += [RowFault("line 1", name, "the column is there twice", "Delete one of them.") for name in twice]
    unknown = [name for name in dict.fromkeys(names) if not table.knows(name)]
    for fault in (table.no_such_column(name, "line 1") for name in unknown[:MOST_FAULTS]):
        is_near = nearest(fault.column, (*table.definition.key, *table.definition.columns))
        faults.append(fault if is_near else fault._replace(cure="Delete the column, or add it to the table."))
    if faults:
        raise RefusedRows(faults[:MOST_FAULTS])


def _lines(reader: CsvRows) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in reader:
        cells: Mapping[str | None, Any] = row  # surplus cells are under None
        label = f"line {reader.line_num}"
        if not any(cells.values()):
            continue
        if cells.get(None):
            raise RefusedRows([RowFault(label, "", f"it {reader.SURPLUS}", reader.surplus_cure)])
        yield label, {name: cell_text(text) if text else None for name, text in cells.items() if name is not None}
