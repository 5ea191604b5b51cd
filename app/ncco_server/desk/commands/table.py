"""`ncco table`: the rows of a table that the flow files declare."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, server_store
from ncco_server.desk.output import (
    FINE,
    ISSUES,
    CannotRun,
    NotFound,
    columns,
    keep_for_results,
    print_json,
    print_result,
    read_bytes,
)
from ncco_server.desk.project import Source
from ncco_server.desk.table_files import changes_in, csv_of
from ncco_server.errors import RowChanged
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.tables import RefusedRows, Table, TableRowDocument
from ncco_server.store import milliseconds
from ncco_server.suggest import near_or_all
from ncco_server.table_rows import RowChange
from ncco_server.terminal import printable
from ncco_server.wording import counted

SHOWN: Final = 100
MOST_FAULTS_SHOWN: Final = 20
BY: Final = "ncco table"


@click.command(
    "table",
    epilog="""\b
Examples:
  ncco table                                              the tables of the project
  ncco table customers                                    the first rows
  ncco table customers show 447700900123                  one row
  ncco table customers show --search ada                  rows with this text in a value
  ncco table customers set 447700900123 name=Ada tier=gold    adds the row, or changes these columns
  ncco table customers set 447700900123 name=             removes a value
  ncco table pairs set 442079460000 447700900123 other=447700900124    a key of two values
  ncco table blocked remove 447700900123
  ncco table do_not_call import numbers.csv               adds and changes rows, if all are valid
  ncco table customers export > customers.csv             without sensitive columns

It uses the database in NCCO_DATABASE_URL, and a server may be running. Values of sensitive columns can be set, but are
never shown. Exit codes: 0 done, 1 there is no such row, or a row cannot be written, 2 there is no such table or
database.""",
)
@click.argument("name", required=False)
@click.argument("action", type=click.Choice(["show", "set", "remove", "import", "export"]), default="show")
@click.argument("words", nargs=-1)
@click.option("--search", default="", metavar="TEXT", help="Rows with this text or number in a value that is shown.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help="How many rows to show.")
@options.output("text", "json", by_terminal=True)
@options.flows
@asynchronous
async def command(
    *, name: str | None, action: str, words: tuple[str, ...], search: str, limit: int, form: str, flows: Path | None
) -> int:
    """Show the rows of a table, change or remove one, or import and export all of them as CSV."""
    is_json = form == "json"
    if action != "show" and search:
        raise CannotRun("--search chooses what `show` prints", f"leave it out of `{action}`")
    if action == "export":
        keep_for_results()
    project = Source.here(flows, None).load_sound().project
    tables = project.tables
    if name is None:
        _list(tables.values(), is_json=is_json)
        return FINE
    if name not in tables:
        cure = near_or_all(name, tables) if tables else "declare it in a shared file, under `tables`"
        raise CannotRun(f"there is no table {name}", cure)
    async with server_store() as store:
        table = Table(store, tables[name], line_of(project.flows.values()))
        now = datetime.now(project.zone_of())
        try:
            match action:
                case "show":
                    return await _show(table, words, now, search=search, limit=limit, is_json=is_json)
                case "set":
                    return await _set(table, words, now)
                case "remove":
                    return await _remove(table, words, now)
                case "import":
                    return await _import(table, words, now)
            await _export(table, now)
        except RefusedRows as error:
            return _tell(error)
    return FINE


def _list(tables: Iterable[TableDefinition], *, is_json: bool) -> None:
    if is_json:
        print_json([{"name": each.name, "key": list(each.key), "columns": list(each.columns)} for each in tables])
        return
    for each in tables:
        click.echo(f"{each.name:<20} key: {', '.join(each.key)}  columns: {', '.join(each.columns) or 'none'}")


async def _show(table: Table, key: tuple[str, ...], now: datetime, *, search: str, limit: int, is_json: bool) -> int:
    if key:
        row = await table.get(table.name_of(key), now)
        if row is None:
            raise _no_row(table)
        rows, more = [row], ""
    else:
        rows, more, is_first = list[TableRowDocument](), "", True
        while is_first or (more and len(rows) < limit):
            page = await table.page(now, after=more, limit=limit - len(rows), text=search)
            rows, more, is_first = [*rows, *page.rows], page.after, False
    if is_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return FINE
    shown = [name for name, column in table.definition.columns.items() if not column.sensitive]
    head = (*table.definition.key, *shown, "changed", "by")
    for line in columns([head, *(_line(row, shown, now.tzinfo) for row in rows)]):
        click.echo(printable(line))
    if more:
        click.echo(f"these are the first {limit:,} rows; --limit shows more", err=True)
    return FINE


def _line(row: TableRowDocument, shown: list[str], zone: tzinfo | None) -> tuple[str, ...]:
    values = (*row.key.values(), *(row.columns.get(name, "") for name in shown))
    return (*map(str, values), f"{row.changed_at.astimezone(zone):%Y-%m-%d %H:%M}", row.changed_by)


async def _set(table: Table, words: tuple[str, ...], now: datetime) -> int:
    size = len(table.definition.key)
    key, given = words[:size], words[size:]
    values = {column: text or None for column, _, text in (word.partition("=") for word in given)}
    is_key = not any("=" in word and table.knows(word.partition("=")[0]) for word in key)
    is_given = all("=" in word for word in given) and len(values) == len(given)
    if not (is_key and is_given) or values.keys() & table.definition.key.keys():
        names = " ".join(table.definition.key)
        raise CannotRun("these are not a key and columns", f"write the values of the key ({names}), then column=value")
    table.name_of(key)
    change = table.change({**dict(zip(table.definition.key, key, strict=True)), **values})
    await table.rows.change([change], milliseconds(now), BY)
    return FINE


async def _remove(table: Table, key: tuple[str, ...], now: datetime) -> int:
    name = table.name_of(key)
    try:
        await table.rows.change([RowChange(name, is_removal=True)], milliseconds(now), BY, {name: None})
    except RowChanged as error:
        raise _no_row(table) from error
    return FINE


def _no_row(table: Table) -> NotFound:
    return NotFound(f"the table {table.definition.name} has no such row", "`ncco table NAME` lists the rows")


async def _import(table: Table, words: tuple[str, ...], now: datetime) -> int:
    if len(words) != 1:
        raise CannotRun("import needs one file", "write `ncco table NAME import FILE`, or - for standard input")
    changes = changes_in(table, read_bytes(words[0]))
    await table.rows.change_many(changes, milliseconds(now), BY)
    click.echo(f"{counted(len(changes), 'row is', 'rows are')} written")
    return FINE


async def _export(table: Table, now: datetime) -> None:
    async for text in csv_of(table, now):
        print_result(text)


def _tell(error: RefusedRows) -> int:
    for fault in error.faults[:MOST_FAULTS_SHOWN]:
        click.echo(f"{printable(str(fault))}\n  fix: {printable(fault.cure)}", err=True)
    if (more := len(error.faults) - MOST_FAULTS_SHOWN) > 0:
        click.echo(f"and {more:,} more", err=True)
    click.echo("nothing was written", err=True)
    return ISSUES
