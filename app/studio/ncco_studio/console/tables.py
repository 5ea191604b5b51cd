"""Tables: their rows in a searchable list, a form for one row, and CSV files in and out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from ncco_server.desk.table_files import changes_in, row_pages, shown_names
from ncco_server.errors import RowChanged
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.model import Project
from ncco_server.flow.scope import Variable
from ncco_server.ncco.value_types import Kind, PointInTime, point_of
from ncco_server.service.phone_numbers import digits_of, line_of, readable
from ncco_server.service.tables import MOST_FAULTS, RefusedRows, RowFault, Table, TableRowDocument
from ncco_server.store import milliseconds
from ncco_server.store.table_rows import ABSENT
from ncco_server.table_rows import RowChange, key_of
from ncco_server.wording import counted
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.download import csv_response
from ncco_studio.console.history import Change, UndoRequest, record
from ncco_studio.console.pages import render
from ncco_studio.console.polled import ListSearch
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import Console, TheConsole, console_of

router = APIRouter()

PAGE: Final = 50
LONG: Final = 80
"""From this length, a text has a field of several lines; our choice."""
_CHANGED: Final = RowFault("", "", "somebody else has changed this row meanwhile", "Look at it, and repeat the change.")
_EXISTS: Final = RowFault("", "", "there is such a row already", "Open it, and change it.")


class RowSearch(ListSearch):
    """Which rows to list, as in the URL's query."""

    q: Annotated[str, Query(max_length=200)] = ""
    """A text in a value, or a phone number."""
    after: Annotated[str, Query(max_length=600)] = ""
    """The name of the row after which the page starts."""


Search: TypeAlias = Annotated[RowSearch, Query()]


class OpenTable(NamedTuple):
    """The table in the path. `zone` is that of the points in time in its forms."""

    table: Table
    project: Project
    zone: ZoneInfo
    line: str
    search: RowSearch

    @property
    def definition(self) -> TableDefinition:
        return self.table.definition

    @property
    def page(self) -> dict[str, Any]:
        return {"table": self.definition, "uses": _uses(self.project), "search": self.search}


async def _open_table(console: TheConsole, name: Annotated[str, Path(alias="table")], search: Search) -> OpenTable:
    project = (await console.read_project()).project
    if name not in project.tables:
        raise HTTPException(404, "there is no such table")
    if console.settings.has_memory_store:
        raise HTTPException(409, "this server only keeps rows in memory, so they cannot be shown here")
    line = line_of(project.flows.values())
    table = Table(await console.opened_store(), project.tables[name], line)
    return OpenTable(table, project, project.zone_of(), line, search)


Opened: TypeAlias = Annotated[OpenTable, Depends(_open_table)]


@router.get("/tables")
async def list_tables(request: Request, console: TheConsole, _: CanLook) -> Response:
    project = (await console.read_project()).project
    store, now = await console.opened_store(), datetime.now(UTC)
    sizes = {name: await _size(Table(store, project.tables[name]), now) for name in sorted(project.tables)}
    return render(request, "tables.html", sizes=sizes, uses=_uses(project))


async def _size(table: Table, now: datetime) -> str:
    page = await table.page(now)
    return f"more than {len(page.rows)} rows" if page.after else counted(len(page.rows), "row")


def _uses(project: Project) -> Mapping[str, Sequence[str]]:
    """What the server itself uses tables for, by their names."""
    found = defaultdict[str, list[str]](list)
    for name in _refusing(project):
        found[name].append("callers whose calls are not taken")
    for name in _sparing(project):
        found[name].append("numbers that are not called")
    return found


def _refusing(project: Project) -> list[str]:
    return list(dict.fromkeys(refusal.table.name for refusal in project.refusals))


def _sparing(project: Project) -> list[str]:
    outbound = (flow.outbound for flow in project.flows.values())
    return list(dict.fromkeys(table.name for each in outbound if each is not None for table in each.unless or ()))


@router.get("/tables/{table}")
async def list_rows(request: Request, opened: Opened, _: CanLook) -> Response:
    """Show some rows, in the order of their keys; only the rows for a request of the search form."""
    search, now = opened.search, datetime.now(UTC)
    page = await opened.table.page(now, after=search.after, limit=PAGE, text=search.q)
    return render(
        request,
        "table_rows.html" if request.headers.get("hx-request") else "table.html",
        rows=[_shown(opened, row) for row in page.rows],
        next=f"/tables/{opened.definition.name}{search.address(after=page.after)}" if page.after else "",
        size=await _size(opened.table, now),
        **opened.page,
    )


def _shown(opened: OpenTable, row: TableRowDocument) -> dict[str, Any]:
    """A value that is not shown is None."""
    table = opened.definition
    columns = {name: _text(row.columns.get(name), column, opened.line) for name, column in table.columns.items()}
    return {
        "key": {name: _text(value, table.key[name], opened.line) for name, value in row.key.items()},
        "columns": {name: None if name in row.hidden else text for name, text in columns.items()},
        "url": _url(opened, row.key.values()),
        "stored": row,
    }


def _text(value: object, column: Variable, line: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    if column.type.name != "phone":
        return text
    shown = readable(text, line)
    return shown if digits_of(shown, line) == text else text  # a form or a file with it may come back


def _url(opened: OpenTable, key: Any) -> str:
    """Keep the place in the list."""
    place = opened.search.address().replace("?", "&")
    return f"/tables/{opened.definition.name}/row?{urlencode([('key', str(value)) for value in key])}{place}"


@router.get("/tables/{table}/rows.csv")
async def rows_csv(request: Request, opened: Opened, _: CanLook) -> Response:
    """Leave out sensitive columns. The file can be imported again."""
    name = opened.definition.name
    titles = {each: group_title(each) for each in shown_names(opened.table)}
    return await csv_response(request, "table", titles, _cells(opened), opened.zone, name=name, table=name)


async def _cells(opened: OpenTable) -> AsyncIterator[list[dict[str, object]]]:
    kinds = {**opened.definition.key, **opened.definition.columns}

    def cell(name: str, value: object) -> object:
        return _text(value, kinds[name], opened.line) if isinstance(value, str) else value

    async for rows in row_pages(opened.table, datetime.now(UTC)):
        yield [{name: cell(name, value) for name, value in row.items()} for row in rows]


@router.get("/tables/{table}/row")
async def row_form(
    request: Request,
    opened: Opened,
    _: CanLook,
    key: Annotated[tuple[str, ...], Query(max_length=4)] = (),
) -> Response:
    table = opened.definition
    row = None
    if key:
        try:
            row = await opened.table.get(opened.table.name_of(key), datetime.now(UTC))
        except RefusedRows as error:
            raise HTTPException(404, f"No row can have this key: {error}.") from error
    given = zip(table.key, key, strict=False)
    typed = {f"key.{name}": _as_typed(value, table.key[name], opened) for name, value in given}
    typed |= _typed(opened, row) if row else {}
    return _form(request, opened, SentRow(typed, {}, row))


def _typed(opened: OpenTable, row: TableRowDocument) -> dict[str, str]:
    columns = opened.definition.columns
    texts = {f"column.{name}": _as_typed(value, columns[name], opened) for name, value in row.columns.items()}
    keys = {f"key.{name}": _as_typed(value, opened.definition.key[name], opened) for name, value in row.key.items()}
    return {**keys, **texts, "stamp": row.stamp}


def _as_typed(value: object, column: Variable, opened: OpenTable) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    moment = point_of(value)
    if isinstance(column.type, PointInTime) and isinstance(moment, datetime) and moment.tzinfo is not None:
        zone = ZoneInfo(column.type.zone) if column.type.zone else opened.zone
        return moment.astimezone(zone).replace(tzinfo=None).isoformat()
    return _text(value, column, opened.line)


class SentRow(NamedTuple):
    """A row's form as it was filled in: the fields, the key, and the row as it is now."""

    typed: Mapping[str, str]
    key: Mapping[str, str]
    row: TableRowDocument | None


def _form(request: Request, opened: OpenTable, sent: SentRow, faults: Sequence[RowFault] = ()) -> Response:
    table = opened.definition
    shown = defaultdict(str, sent.typed)
    for name, column in table.columns.items():
        if column.sensitive:
            shown.pop(f"column.{name}", None)
    return render(
        request,
        "table_row.html",
        422 if faults else 200,
        row=sent.row,
        url=_url(opened, [shown[f"key.{name}"] for name in table.key]),
        columns=[*table.key.values(), *table.columns.values()],
        zone=opened.zone,
        long=LONG,
        typed=shown,
        faults={fault.column: f"{fault.problem}. {fault.cure}" for fault in faults},
        **opened.page,
    )


async def _sent(request: Request, opened: OpenTable, now: datetime) -> SentRow:
    """Raises RefusedRows if the form changes a row, and no row can have its key."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    key = {name: typed.get(f"key.{name}", "").strip() for name in opened.definition.key}
    row = await opened.table.get(opened.table.name_of([*key.values()]), now) if typed.get("stamp") else None
    return SentRow(typed, key, row)


@router.post("/tables/{table}/row")
@router.post("/tables/{table}/remove")
async def write_row(request: Request, opened: Opened, session: CanChange) -> Response:
    """Add or remove a row, or change its columns that differ from what its form showed, unless it changed since."""
    is_removal = request.url.path.endswith("/remove")
    sent = SentRow({}, {}, None)
    try:
        sent = await _sent(request, opened, datetime.now(UTC))
        stamp = sent.typed.get("stamp", ABSENT)
        if is_removal:
            change = RowChange(opened.table.name_of([*sent.key.values()]), is_removal=True)
        elif stamp and sent.row is None:
            raise RowChanged(opened.definition.name)
        else:
            change = opened.table.change({**sent.key, **_changed_columns(opened, sent)})
        done = await _written(opened, session, change, sent.row, (stamp, ABSENT) if is_removal else (stamp,))
    except RefusedRows as error:
        return _form(request, opened, sent, error.faults)
    except RowChanged:
        is_known = is_removal or sent.typed.get("stamp")
        return _form(request, opened, sent, [_CHANGED if is_known else _EXISTS])
    return await record(request, done, table=opened.definition.name)


async def _written(
    opened: OpenTable,
    session: ConsoleSession,
    change: RowChange,
    before: TableRowDocument | None,
    stamps: Collection[str] | None = None,
) -> Change:
    """Change a row whose stamp is one of these; None for any row, or none. Raises RowChanged."""
    now = datetime.now(UTC)
    known = {} if stamps is None else {change.row: stamps}
    written = await opened.table.rows.change([change], milliseconds(now), session.shown_name, known)
    return await _row_change(opened, change, before, written[change.row], now)


async def _row_change(
    opened: OpenTable, change: RowChange, before: TableRowDocument | None, stamp: str, now: datetime
) -> Change:
    """Say what has changed in a row, which has a new stamp. Values of sensitive columns cannot be undone.

    Numbers have their country codes, so that `ncco forget` finds them.
    """
    opened = opened._replace(line="")
    table = opened.definition
    after = None if change.is_removal else await opened.table.get(change.row, now)
    old, new = ({} if row is None else _shown(opened, row)["columns"] for row in (before, after))
    texts = [(group_title(name), old.get(name) or "", new.get(name) or "") for name in table.columns]
    hidden = (group_title(name) for name in change.sets if table.columns[name].sensitive)
    differences = [each for each in texts if each[1] != each[2]] + [(name, "", "a hidden value") for name in hidden]
    key = dict(zip(table.key, key_of(change.row), strict=True))
    sent = dict.fromkeys((f"column.{name}" for name in table.columns), "") | (_typed(opened, before) if before else {})
    sent |= {f"key.{name}": str(value) for name, value in key.items()} | {"stamp": stamp}
    did = "removed" if change.is_removal else "saved"
    row = ", ".join(_text(value, table.key[name], opened.line) for name, value in key.items())
    return Change(
        f"row {did}",
        f"{group_title(table.name)}: {row} is {did}.",
        f"/tables/{table.name}{opened.search.address()}" if change.is_removal else _url(opened, key.values()),
        UndoRequest(f"/tables/{table.name}/{'row' if before else 'remove'}", sent),
        differences,
        keep_ms=table.keep_ms,
    )


def _changed_columns(opened: OpenTable, sent: SentRow) -> dict[str, Any]:
    """Return the columns whose fields have been edited; None for one without a value."""
    before = _typed(opened, sent.row) if sent.row else {}
    found: dict[str, Any] = {}
    for name, column in opened.definition.columns.items():
        text = _lines(sent.typed.get(f"column.{name}", ""))
        if text == _lines(before.get(f"column.{name}", "")):
            if f"clear.{name}" in sent.typed:
                found[name] = None
            continue
        found[name] = in_zone(text, column.type, opened.zone) or None
    return found


def in_zone(text: str, type_: Kind, zone: ZoneInfo) -> str:
    """In a type without a time zone, a date and a time without a UTC offset are in the form's `zone`."""
    if not isinstance(type_, PointInTime) or type_.zone:
        return text
    try:
        return type_.with_zone(zone.key).cast(text)
    except ValueError:
        return text


def _lines(text: str) -> str:
    """Use the line breaks that forms send."""
    return re.sub("\r\n?", "\n", text)


@router.get("/tables/{table}/import")
async def import_form(request: Request, opened: Opened, _: CanChange) -> Response:
    return _import(request, opened)


@router.post("/tables/{table}/import")
async def import_rows(request: Request, opened: Opened, session: CanChange) -> Response:
    """Write the rows of a CSV file, or show everything that is wrong in it."""
    async with request.form() as form:
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
    try:
        changes = await run_in_threadpool(changes_in, opened.table, content)
    except RefusedRows as error:
        return _import(request, opened, faults=error.faults)
    await opened.table.rows.change_many(changes, milliseconds(datetime.now(UTC)), session.shown_name)
    name = opened.definition.name
    said = f"{group_title(name)}: {counted(len(changes), 'row')} {'is' if len(changes) == 1 else 'are'} imported."
    change = Change("table imported", said, f"/tables/{name}")
    return await record(request, change, _import(request, opened, written=len(changes)), table=name, rows=len(changes))


def _import(
    request: Request, opened: OpenTable, *, faults: Sequence[RowFault] = (), written: int | None = None
) -> Response:
    table = opened.definition
    return render(
        request,
        "table_import.html",
        422 if faults else 200,
        faults=faults[:MOST_FAULTS],
        most_faults=MOST_FAULTS,
        written=written,
        columns=[*table.key, *table.columns],
        **opened.page,
    )


BLOCK: Final = ("Block this caller", "blocked", "Unblock")
SPARE: Final = ("Never call again", "is not called", "May be called again")
"""How a table of numbers is offered beside a call: to add one, what one in it is, and to remove it."""


class NumberTable(NamedTuple):
    """A table that may have a row of a number. `words` are `BLOCK`, `SPARE`, or None for a table of the line's own."""

    name: str
    is_in: bool
    words: tuple[str, str, str] | None


async def tables_of_number(console: Console, project: Project, number: str) -> list[NumberTable]:
    """Return the tables that are found by a phone number, for the page of a call. Raises StoreError."""
    refusing, sparing = _refusing(project), _sparing(project)
    words = {**dict.fromkeys(sparing, SPARE), **dict.fromkeys(refusing, BLOCK)}
    by_number = [name for name in sorted(project.tables) if name not in words and _is_of_numbers(project, name)]
    store = await console.opened_store()
    now = datetime.now(UTC)
    found = []
    for name in (*words, *by_number):
        table = Table(store, project.tables[name])
        try:
            row = await table.get(table.name_of([number]), now)
        except RefusedRows:  # not a phone number, such as the name of a user
            return []
        found.append(NumberTable(name, is_in=row is not None, words=words.get(name)))
    return found


def _is_of_numbers(project: Project, name: str) -> bool:
    return [each.type.name for each in project.tables[name].key.values()] == ["phone"]


@router.post("/tables/{table}/number")
async def change_number(
    request: Request,
    opened: Opened,
    session: CanChange,
    number: Annotated[str, Form(max_length=40)],
    wanted: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Add a number to a table, or remove it; the reply is what a call's page shows of all tables."""
    table = opened.definition
    if not _is_of_numbers(opened.project, table.name):
        raise HTTPException(404, "this table is not found by a phone number")
    try:
        change = opened.table.change({next(iter(table.key)): number})
    except RefusedRows as error:
        raise HTTPException(422, f"{error}. {error.cure}") from error
    if not wanted:
        change = RowChange(change.row, is_removal=True)
    before = await opened.table.get(change.row, datetime.now(UTC))
    done = await _written(opened, session, change, before)
    tables = await tables_of_number(console_of(request), opened.project, number)
    reply = render(request, "number_tables.html", tables=tables, person=number)
    return await record(request, done, reply, table=table.name)
