"""Long lists of calls and recordings, a page at a time, and CSV files of people."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final, TypeVar

from ncco_server.ncco.value_types.scalars import MOST_DIGITS
from ncco_server.service.call_search import FoundCalls
from ncco_server.store import CallRow, RecordingFilter, RecordingRow, Recordings, ResultRow

BATCH: Final = 500
DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""The first that fits is used."""
_WORKBOOK: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""

T = TypeVar("T")

_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""They start a formula; some are full-width. Source: OWASP, CSV Injection."""


async def call_pages(
    find: Callable[[int | None, int], Awaitable[FoundCalls]],
    shown: Callable[[CallRow, ResultRow | None, int], T],
    now_ms: int,
) -> AsyncIterator[list[T]]:
    """`find` gets the `before` and the `limit` of `find_calls`."""
    found = FoundCalls()
    while True:
        found = await find(found.next, BATCH)
        yield [shown(row, result, now_ms) for row, result in found.calls]
        if found.next is None:
            return


async def recording_pages(
    recordings: Recordings,
    wanted: RecordingFilter,
    shown: Callable[[RecordingRow, int], T],
    now_ms: int,
) -> AsyncIterator[list[T]]:
    """Raise StoreError."""
    before = ""
    while True:
        rows = await recordings.list(BATCH, before, wanted)
        yield [shown(row, now_ms) for row in rows]
        if len(rows) < BATCH:
            return
        before = rows[-1].id


def csv_text(
    names: Sequence[str], rows: Iterable[Mapping[str, object]], zone: tzinfo = UTC, *, has_names: bool = True
) -> str:
    """An apostrophe marks what a spreadsheet would read as a formula. Times are in `zone`."""
    text = io.StringIO()
    table = csv.writer(text)
    if has_names:
        table.writerow(names)
    for row in rows:
        table.writerow(_cell(row[name], zone) for name in names)
    return text.getvalue()


def _cell(value: object, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{Decimal(str(round(value, MOST_DIGITS))):f}"
    text = "" if value is None else str(value)
    return f"'{text}" if _is_formula(text) else text


class NotText(csv.Error):
    """The file is of another kind."""


def csv_cure(error: csv.Error) -> str:
    if isinstance(error, NotText):
        return "save it as CSV (File, Save as)"
    return f"check the quotes there, or export it again; a cell has at most {csv.field_size_limit():,} characters"


class CsvRows(csv.DictReader):  # type: ignore[type-arg]  # it is only generic from Python 3.12 on
    """Rows by the names of their columns. Cells after the last title are under None, unless they are empty."""

    SURPLUS: Final = "has more cells than the first line"

    def __next__(self) -> dict[Any, Any]:
        row = super().__next__()
        if not any(cell.strip() for cell in row.get(None, ())):
            row.pop(None, None)
        return row

    @property
    def surplus_cure(self) -> str:
        used = self.reader.dialect.delimiter
        return f"Delete the cells after the last title, or put text with {DELIMITERS.get(used, used)} in quotes."


def csv_reader(content: bytes, names: Iterable[str]) -> CsvRows:
    """Read a file as spreadsheets of any country save it: with commas, semicolons or tabs, in UTF-8 or Windows-1252.

    A title may differ from its name in case, spaces or hyphens.

    Raises csv.Error, as does the reader.
    """
    text = _csv_text(content)
    named = {_plain_name(name): name for name in names}
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]

    def titles(delimiter: str) -> list[str]:
        found = next(csv.reader([first], delimiter=delimiter), [])
        while found and not found[-1].strip():
            found.pop()
        return found

    def known(delimiter: str) -> tuple[int, int]:
        with suppress(csv.Error):  # with another delimiter, a long line is one cell
            found = titles(delimiter)
            return sum(_plain_name(title) in named for title in found), len(found)
        return 0, 0

    delimiter = max(DELIMITERS, key=known)
    columns = [named.get(_plain_name(title), title) for title in titles(delimiter)]
    reader = CsvRows(io.StringIO(text, newline=""), columns, delimiter=delimiter, strict=True)
    next(reader.reader, None)
    return reader


def _csv_text(content: bytes) -> str:
    if content.startswith(_WORKBOOK):
        raise NotText("this is an Excel file")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in re.split(rb"[\r\n]", content, maxsplit=1)[0]:
        raise NotText("it is not a text file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _plain_name(title: str) -> str:
    return re.sub(r"[\s_-]+", "_", title.strip()).casefold()


def cell_text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip("'")[:1] in _FORMULA
