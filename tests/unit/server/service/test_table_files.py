"""Rows of tables as CSV: an export can be imported, and each error in a file is reported before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.desk.table_files import changes_in, check_names, csv_of
from ncco_server.flow.loader import load
from ncco_server.service.tables import RefusedRows, Table
from ncco_server.store import RowChange, SqliteDatabase, Store, milliseconds
from tests.support.cases import each_case
from tests.support.examples import examples

TABLES = """\
shared: true
tables:
  notes:
    key: {title: text, number: int}
    columns: {text: text, calls: int, rate: number, open: bool, day: date, pin: {type: text, sensitive: true}}
"""
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
ROWS = st.fixed_dictionaries(
    {"title": st.text(min_size=1, max_size=20).filter(str.strip), "number": st.integers(-99, 99)},
    optional={
        "text": st.text(max_size=30)
        | st.sampled_from(["=1+1", "'=1", "''@x", "+44", "-", "a\r\nb", '"', ";", "\ufeffx"]),
        "calls": st.integers(-9, 9),
        "rate": st.integers(-90_000, 90_000).map(lambda number: number / 10_000),
        "open": st.booleans(),
        "day": st.dates().map(str),
    },
)


def table(store: Store) -> Table:
    project = load({"flows/shared.yaml": TABLES}, extent="files")
    return Table(store, project.tables["notes"])


async def exported(notes: Table) -> str:
    return "".join([piece async for piece in csv_of(notes, NOW)])


@examples(60)
@given(rows=st.lists(ROWS, max_size=6, unique_by=lambda row: (row["title"], row["number"])))
async def test_an_exported_table_is_imported_unchanged(rows: list[dict[str, Any]]) -> None:
    async with Store(SqliteDatabase(None)) as store:
        notes = table(store)
        try:
            changes = notes.changes((str(number), row) for number, row in enumerate(rows))
        except RefusedRows:  # a text that cannot be stored, or keys that are equal after parsing
            return
        await notes.rows.change(changes, milliseconds(NOW), "a test")
        before = [row.columns for row in (await notes.page(NOW)).rows]
        text = await exported(notes)
        for cell in text.replace("\r\n", ",").split(","):
            assert cell[:1] not in ("=", "@", "+")

        again = changes_in(notes, text.encode())
        assert [change.row for change in again] == [row.name for row in await store.tables.of_table("notes")]
        await notes.rows.change(again, milliseconds(NOW), "a test")
        after = [row.columns for row in (await notes.page(NOW)).rows]
        assert [{name: value for name, value in row.items() if value != ""} for row in before] == after


async def test_a_column_that_the_table_no_longer_has_is_not_shown() -> None:
    async with Store(SqliteDatabase(None)) as store:
        name = table(store).name_of(["a", "1"])
        await store.tables.change([RowChange(name, {"text": "kept", "former": 1})], 1, "a test")
        row = await table(store).get(name, NOW)

        assert row is not None
        assert {"text": "kept"} == row.columns


async def test_a_number_with_many_decimals_is_exported_as_it_can_be_imported() -> None:
    async with Store(SqliteDatabase(None)) as store:
        notes = table(store)
        row = {"title": "a", "number": 1, "rate": 0.1 + 0.2 - 0.3}
        await notes.rows.change([notes.change(row, "line 1")], milliseconds(NOW), "a test")
        text = await exported(notes)

        assert "0.000000000000000056" in text
        assert 1 == len(changes_in(notes, text.encode()))


@each_case(
    ("text", "faults"),
    [
        ("title,number\nx,1\nx,two\n,3\n", ["line 3: column number", "line 4: column title"]),
        ("title,number,nothing\nx,1,2\ny,2,3\n", ["line 1: column nothing"]),
        ("title\nx\n", ["line 1: column number"]),
        ("title,number,title\nx,1,y\n", ["line 1: column title"]),
        ("title,number\nx,1,2\n", ["line 2"]),
        ("title,number\nx,1\nx,1\n", ["line 3"]),
        ('title,number\n"x,1\n', ["line 2"]),
        ("", ["line 1: column title", "line 1: column number"]),
        ("title,number,day,calls\nx,1,yesterday,many\n", ["line 2: column day", "line 2: column calls"]),
    ],
)
async def test_every_error_in_a_file_is_reported_with_its_line_and_column(text: str, faults: list[str]) -> None:
    async with Store(SqliteDatabase(None)) as store:
        with pytest.raises(RefusedRows) as refused:
            changes_in(table(store), text.encode())

    found = [str(fault) for fault in refused.value.faults]
    assert len(faults) == len(found)
    assert [(fault, True) for fault in faults] == [
        (fault, it.startswith(fault)) for fault, it in zip(faults, found, strict=True)
    ]
    assert all(fault.cure for fault in refused.value.faults)


class CountedName(str):
    """A name that counts how often any is compared."""

    __slots__ = ()
    compared = 0

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        CountedName.compared += 1
        return str.__eq__(self, other)


@each_case("repeated", [False, True])
async def test_a_long_first_line_is_checked_with_a_few_comparisons_per_name(*, repeated: bool) -> None:
    names = [CountedName("x" if repeated else f"x{number}") for number in range(2_000)]
    CountedName.compared = 0
    async with Store(SqliteDatabase(None)) as store:
        with pytest.raises(RefusedRows):
            check_names(table(store), names)
    assert CountedName.compared < 10 * len(names)


@each_case(
    ("values", "column"),
    [
        ({"title": "", "number": 1}, "title"),
        ({"title": "a"}, "number"),
        ({"title": "a", "number": 1, "calls": "x"}, "calls"),
        ({"title": "a", "number": 1, "other": "x"}, "other"),
        ({"title": "a" * 2000, "number": 1}, "title"),
    ],
)
def test_a_row_that_cannot_be_written_names_the_column(values: dict[str, Any], column: str) -> None:
    with pytest.raises(RefusedRows) as refused:
        table(Store(SqliteDatabase())).change(values, "line 1")

    assert [("line 1", column)] == [(fault.row, fault.column) for fault in refused.value.faults]


def test_only_the_first_hundred_faults_are_reported() -> None:
    with pytest.raises(RefusedRows) as refused:
        table(Store(SqliteDatabase())).changes((f"line {number}", {"title": "a"}) for number in range(150))

    assert 100 == len(refused.value.faults)
