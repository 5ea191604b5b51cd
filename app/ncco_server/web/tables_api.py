"""The API for rows of tables: `GET /tables`, and GET, PUT, PATCH and DELETE of `/tables/{table}/{key}`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ncco_server.errors import RowChanged
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.tables import Table, TableRowDocument
from ncco_server.store import milliseconds
from ncco_server.store.api_keys import READ, ApiKeyRow
from ncco_server.store.table_rows import ABSENT
from ncco_server.table_rows import RowChange
from ncco_server.web.programs import REFUSALS, Api, ApiState, Key, Refused, audit, json_body, not_for_key, read_body

MOST_ROWS: Final = 200
"""Maximum number of rows per page, and per request that changes several; our choice."""
KEY: Final = (
    "The values of the row's key, each percent-encoded, with `/` between them: `447700900123`, or "
    "`442079460000/447700900123`."
)
IF_MATCH: Final = "The ETag that the row must have, or several with commas between them, or `*` if it must exist."
IF_NONE_MATCH: Final = "`*` if the row must not exist."
_ANY: Final = "*"
_ETAG: Final = re.compile(r'(?<![^ \t,])"([^"]+)"')
"""A weak one (`W/"..."`) matches nothing. Source: RFC 9110, 13.1.1."""


class DeclaredTable(BaseModel):
    """A table that the key may use."""

    name: str
    key: dict[str, str] = Field(description="The types of the values of the key, by name.")
    columns: dict[str, str] = Field(description="The types of the columns, by name.")
    can_change: bool = Field(description="Whether the key may change rows; otherwise it may only read them.")

    @classmethod
    def of(cls, table: TableDefinition, *, can_change: bool) -> DeclaredTable:
        key = {name: each.type.described for name, each in table.key.items()}
        columns = {name: each.type.described for name, each in table.columns.items()}
        return cls(name=table.name, key=key, columns=columns, can_change=can_change)


class TableRowsPage(BaseModel):
    """Some rows in the order of their keys; `next` is the `after` of the next page, or null after the last one.

    A page of a search may have no rows although there is a next one.
    """

    rows: list[TableRowDocument]
    next: str | None


class WantedRows(BaseModel):
    """Which rows to list."""

    model_config = ConfigDict(extra="forbid")

    search: str = Field(
        default="", max_length=200, description="Only rows with this text or number in a value that is shown."
    )
    after: str = Field(default="", max_length=600, description="The `next` of the page before.")
    limit: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS, description="Maximum number of rows.")


class ChangedRows(BaseModel):
    """Rows to change in one transaction: all of them, or none."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]] = Field(
        default=[], max_length=MOST_ROWS, description="Rows to add or change: the values of the key and of columns."
    )
    remove: list[dict[str, Any]] = Field(default=[], max_length=MOST_ROWS, description="Keys of rows to remove.")


COLUMNS: Final = TypeAdapter(dict[str, Any])
CHANGED: Final = TypeAdapter(ChangedRows)


async def _table(
    api: Api, key: Key, name: Annotated[str, Path(alias="table", description="The name of a table.")]
) -> Table:
    """Raise Refused if there is no such table, or the key may not read it."""
    if not key.may_read(name):
        allowed = (each.removesuffix(READ) for each in key.tables)
        raise not_for_key("this key may not use this table", name, allowed)
    project = await api.project.current()
    definition = project.tables.get(name)
    if definition is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such table", "Check its name, and that a server has started.")
    return Table(api.store, definition, line_of(project.flows.values()))


OneTable: TypeAlias = Annotated[Table, Depends(_table)]


async def _changed_table(table: OneTable, key: Key) -> Table:
    if not key.may_change(table.definition.name):
        raise Refused(HTTPStatus.FORBIDDEN, "this key may only read this table", "Use a key that may change it.")
    return table


ChangedTable: TypeAlias = Annotated[Table, Depends(_changed_table)]


async def _key_values(request: Request, _: Annotated[str, Path(alias="key", description=KEY)]) -> Sequence[str]:
    """The key's values in the path, which may contain an encoded `/`."""
    path: str = request.scope["raw_path"].decode("ascii")
    return [unquote(part) for part in path.partition("/tables/")[2].split("/")[1:]]


class NamedRow(NamedTuple):
    """The row in the path: its table, its name, and its key's values."""

    table: Table
    name: str
    key: Mapping[str, str]


async def _row(table: OneTable, values: Annotated[Sequence[str], Depends(_key_values)]) -> NamedRow:
    """Raises RefusedRows if no row can have this key."""
    return NamedRow(table, table.name_of(values), dict(zip(table.definition.key, values, strict=True)))


OneRow: TypeAlias = Annotated[NamedRow, Depends(_row)]


async def _stamps(
    row: OneRow,
    _: ChangedTable,
    if_match: Annotated[str | None, Header(max_length=100, description=IF_MATCH)] = None,
    if_none_match: Annotated[str | None, Header(max_length=100, description=IF_NONE_MATCH)] = None,
) -> Mapping[str, Collection[str] | None]:
    """The stamps that the row may have, by name. Raises Refused."""
    if if_none_match is not None and (if_none_match != _ANY or if_match is not None):
        cure = "Write `If-None-Match: *`, or `If-Match` with an ETag."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no change has such a condition", cure, "if-none-match")
    if if_none_match is not None:
        return {row.name: (ABSENT,)}
    if if_match is None:
        return {}
    return {row.name: None if if_match == _ANY else _ETAG.findall(if_match)}


Stamps: TypeAlias = Annotated[Mapping[str, Collection[str] | None], Depends(_stamps)]

router = APIRouter(responses=REFUSALS)


@router.get("/tables")
async def list_tables(api: Api, key: Key) -> list[DeclaredTable]:
    """List the tables that this key may use."""
    tables = (await api.project.current()).tables.values()
    return [
        DeclaredTable.of(table, can_change=key.may_change(table.name)) for table in tables if key.may_read(table.name)
    ]


@router.get("/tables/{table}")
async def list_rows(api: Api, table: OneTable, wanted: Annotated[WantedRows, Query()]) -> TableRowsPage:
    """List rows in the order of their keys."""
    name = table.definition.name
    after = f"{name}{wanted.after}" if wanted.after else ""
    page = await table.page(api.clock(), after=after, limit=wanted.limit, text=wanted.search)
    return TableRowsPage(rows=list(page.rows), next=page.after.removeprefix(name) or None)


@router.post("/tables/{table}", openapi_extra=json_body(CHANGED), status_code=HTTPStatus.NO_CONTENT)
async def change_rows(request: Request, api: Api, key: Key, table: ChangedTable) -> None:
    """Add, change and remove several rows in one transaction. Columns that are not given stay as they are."""
    changed: ChangedRows = await read_body(request, CHANGED)
    changes = table.changes(
        [
            *((f"rows.{number}", row) for number, row in enumerate(changed.rows)),
            *((f"remove.{number}", row) for number, row in enumerate(changed.remove)),
        ]
    )
    removed = len(changed.remove)
    changes[len(changes) - removed :] = [
        RowChange(change.row, is_removal=True) for change in changes[len(changes) - removed :]
    ]
    await table.rows.change_together(changes, milliseconds(api.clock()), f"API key {key.name}")
    audit(request, "rows changed", key=key.name, table=table.definition.name, rows=str(len(changes)))


@router.get("/tables/{table}/{key:path}")
async def get_row(api: Api, response: Response, row: OneRow) -> TableRowDocument:
    """Get a row, with its ETag."""
    found = await row.table.get(row.name, api.clock())
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such row", "Check its key.")
    response.headers["ETag"] = f'"{found.stamp}"'
    return found


@router.put("/tables/{table}/{key:path}", status_code=HTTPStatus.NO_CONTENT, openapi_extra=json_body(COLUMNS))
async def put_row(request: Request, api: Api, key: Key, row: OneRow, stamps: Stamps) -> Response:
    """Add a row, or replace all columns of one: those that are not given lose their values."""
    change = row.table.change({**await _columns(request, row), **row.key}, replaces=True)
    return await _write(request, api, key, row, change, stamps)


@router.patch("/tables/{table}/{key:path}", status_code=HTTPStatus.NO_CONTENT, openapi_extra=json_body(COLUMNS))
async def patch_row(request: Request, api: Api, key: Key, row: OneRow, stamps: Stamps) -> Response:
    """Add a row, or change columns of one. null removes a value."""
    change = row.table.change({**await _columns(request, row), **row.key})
    return await _write(request, api, key, row, change, stamps)


@router.delete("/tables/{table}/{key:path}", status_code=HTTPStatus.NO_CONTENT)
async def delete_row(request: Request, api: Api, key: Key, row: OneRow, stamps: Stamps) -> Response:
    """Remove a row. Removing it again changes nothing."""
    return await _write(request, api, key, row, RowChange(row.name, is_removal=True), stamps)


async def _columns(request: Request, row: NamedRow) -> Mapping[str, Any]:
    given: dict[str, Any] = await read_body(request, COLUMNS)
    if both := next((column for column in given if column in row.key), None):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "it is in the key", "Write it in the path alone.", both)
    return given


async def _write(  # noqa: PLR0917 - what three routes have in common
    request: Request,
    api: ApiState,
    key: ApiKeyRow,
    row: NamedRow,
    change: RowChange,
    stamps: Mapping[str, Collection[str] | None],
) -> Response:
    """Change a row; the reply has its new ETag. Raises Refused if it has changed."""
    try:
        now = milliseconds(api.clock())
        written = await row.table.rows.change([change], now, f"API key {key.name}", stamps)
    except RowChanged as error:
        problem = "the row is another one now"
        raise Refused(HTTPStatus.PRECONDITION_FAILED, problem, "Get it again, and repeat the change.") from error
    audit(request, "row changed", key=key.name, table=row.table.definition.name)
    stamp = written[row.name]
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"ETag": f'"{stamp}"'} if stamp else None)
