"""Answers lookups in tables."""

from __future__ import annotations

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.language.selection import MOST_READ, TableSearch
from ncco_server.store.table_rows import TableRows
from ncco_server.table_rows import applied, key_of, table_of


async def rows_of(tables: TableRows, wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
    """Include the turn's own changes; None for a missing row.

    Raises StoreUnavailable.
    """
    found = []
    for lookup in wanted:
        request = lookup.request
        if isinstance(request, TableSearch):
            found.append(await _search(tables, request, MOST_READ))
            continue
        columns = await tables.get(request.row, request.at_ms) if request.row else None
        found.append(LookupAnswer(applied(columns, request.row, request.pending)))
    return tuple(found)


async def _search(tables: TableRows, request: TableSearch, most: int) -> LookupAnswer:
    rows = await tables.of_table(request.table, limit=most + 1)
    if len(rows) > most:
        return LookupAnswer(None, f"the table {request.table} has more than {most:,} rows: find rows by their key")
    kept = {row.name: row.columns for row in rows if row.expires_at is None or row.expires_at > request.at_ms}
    names = {*kept, *(each.row for each in request.pending if table_of(each.row) == request.table)}
    changed = ((name, applied(kept.get(name), name, request.pending)) for name in sorted(names))
    return LookupAnswer(request.choose([(key_of(name), columns) for name, columns in changed if columns is not None]))
