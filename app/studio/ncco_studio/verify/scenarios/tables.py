"""Rows of tables in scenarios: at a call's beginning, and expected at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.language.returns import Misfit, read_answer
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.nodes import Map, Text
from ncco_server.suggest import near_or_all
from ncco_server.table_rows import MAX_NAME, RowChange, key_of, row_name, table_of
from ncco_studio.verify.scenarios.answers import answer_of
from ncco_studio.verify.scenarios.expectations import is_part, shown
from ncco_studio.verify.scenarios.model import Rows
from ncco_studio.verify.scenarios.result import Difference, Result
from ncco_studio.verify.scenarios.values import ScenarioReader

Tables = Mapping[str, TableDefinition]


def check_rows(rows: Rows, tables: Tables, reader: Reader, line: str) -> None:
    """Report S114 for unknown tables and columns, incomplete keys, and values of the wrong type."""
    for name, (place, given) in rows.items():
        table = tables.get(name)
        if table is None:
            reader.report("S114", place, f'there is no table "{name}"', near_or_all(name, tables))
            continue
        for row in given:
            _read_row(table, row, reader, line)
            missing = [column for column in table.key if row.get(column) is None]
            if missing and {*table.key, *table.columns} >= {*row.keys()}:  # otherwise, another word was meant for it
                message = f"a row of the table {table.name} has no `{missing[0]}`, which is in its key"
                reader.report("S114", row.place, message, f"add `{missing[0]}: ..`")


def _read_row(table: TableDefinition, row: Map, reader: Reader, line: str) -> dict[str, Any]:
    """Leave out the values of unknown columns and wrong types, and report them."""
    found: dict[str, Any] = {}
    known = {**table.key, **table.columns}
    for key, value in row.entries:
        if key.value not in known:
            message = f'the table {table.name} has no column "{key.value}"'
            reader.report("S114", key.place, message, near_or_all(key.value, known))
            continue
        type_ = table.key[key.value].type if key.value in table.key else table.returned.fields[key.value]
        try:
            found[key.value] = read_answer(type_, answer_of(value, type_), line=line)
        except Misfit as misfit:
            what = f"`{key.value}` of the table {table.name}"
            written = f'"{value.value}"' if isinstance(value, Text) else "a list or a map"
            cure = misfit.needed or f"write {type_.described}"
            reader.report("S114", value.place, f"{what} cannot be {written}", cure)
    return found


def _values(table: TableDefinition, rows: Iterable[Map], line: str) -> list[dict[str, Any]]:
    """Without what is wrong, which `check_rows` has reported."""
    return [_read_row(table, row, ScenarioReader(), line) for row in rows]


def changes_of(rows: Rows, tables: Tables, line: str) -> Iterator[RowChange]:
    """Leave out wrong rows; they were reported."""
    for name, (_, given) in rows.items():
        for values in _values(tables[name], given, line) if name in tables else ():
            full = _name(tables[name], values)
            if full:
                columns = {column: value for column, value in values.items() if column in tables[name].columns}
                yield RowChange(full, columns, keep_ms=tables[name].keep_ms)


def _name(table: TableDefinition, values: Mapping[str, Any]) -> str:
    if not table.key.keys() <= values.keys():
        return ""
    name = row_name(table.name, [values[each] for each in table.key])
    return name if len(name) <= MAX_NAME else ""


def check_tables(result: Result, tables: Tables, line: str) -> Iterator[Difference]:
    for name, (place, expected) in result.scenario.expect.tables.items():
        table = tables.get(name)
        if table is None:
            continue
        found = [_shown(table, row, result.rows[row]) for row in sorted(result.rows) if table_of(row) == name]
        wanted = _values(table, expected, line)
        # a row is found by its key, so at most once
        if len(wanted) != len(found) or not all(any(is_part(one, other) for other in found) for one in wanted):
            sides = (_text(wanted), _text(found))
            yield Difference(place, f"the table {name} has other rows", *sides, at=result.seconds)


def _shown(table: TableDefinition, row: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict(zip(table.key, key_of(row), strict=False)), **columns}


def _text(rows: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(map(shown, rows)) or "no rows"
