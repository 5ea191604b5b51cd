"""`ncco place`: places calls."""

from __future__ import annotations

import csv
import getpass
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import click
import orjson

from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, find_database, now_ms, server_store
from ncco_server.desk.environment import server_settings
from ncco_server.desk.exports import cell_text, csv_cure, csv_reader
from ncco_server.desk.output import FINE, ISSUES, CannotRun, NotFound, Progress, read_bytes
from ncco_server.desk.project import Source
from ncco_server.flow.model import Flow
from ncco_server.flow.scope import Variable
from ncco_server.ncco.value_types import TYPES, Kind, duration_ms
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.placing.requests import LONGEST_AHEAD, RefusedRequest, WantedCall, checked
from ncco_server.settings.secrets import wait_keys
from ncco_server.store import PlacedFilter, PlacedRow, Store, moment_of
from ncco_server.terminal import printable
from ncco_server.wording import counted

LISTED_PROBLEMS: Final = 20
"""Problems that are shown."""
MOST_ROWS: Final = 1_000_000
PAGE: Final = 500
NUMBER_COLUMN: Final = "number"
ID_COLUMN: Final = "id"
_OWN_ID: Final = "Write an `id` of its own for each call."


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Read a duration such as 90m. Raises BadParameter."""
    if text is None:
        return None
    ms = duration_ms(text)
    if not ms or ms % 1000 or ms > LONGEST_AHEAD / timedelta(milliseconds=1):
        problem = f"{text} is not a whole number of seconds, up to {LONGEST_AHEAD.days} days"
        raise click.BadParameter(f"{problem}; write one such as 90m, 2h or 1d")
    return ms // 1000


@click.command(
    "place",
    epilog="""\b
Examples:
  ncco place reminder --to 447700900123 --with name=Ada --with at=10:30
  ncco place reminder --csv people.csv --batch monday     a column `number`, and one for each param
  ncco place --batch monday                               show its progress
  ncco place --stop monday                                cancel its waiting calls
  ncco place --pause "wrong list"                         pause all calls, until --resume

It writes to the database in NCCO_DATABASE_URL, and the server places the calls. Repeating a batch with the same rows
calls nobody twice. A column `id` distinguishes rows that are otherwise the same. Exit codes: 0 done, 1 a call or a row
is wrong and none was written, 2 there is no database or the project has errors.""",
)
@click.argument("flow", required=False)
@click.option("--to", "number", default="", metavar="NUMBER", help="Number to call, with its country code.")
@click.option(
    "--with",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.named_values(cure="leave one out, or place a call for each with --csv"),
    help="Value of a param.",
)
@click.option(
    "--csv", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Place a call for each row."
)
@click.option("--batch", default="", metavar="NAME", help="Name of the batch; required with --csv.")
@click.option(
    "--at", callback=lambda c, p, t: options.read_time(c, p, t) if t else None, help="Do not call before this time."
)
@click.option(
    "--expires", callback=_seconds, metavar="DURATION", help="How long after that the call may still be placed."
)
@click.option("--stop", default="", metavar="NAME", help="Cancel the waiting calls of a batch.")
@click.option("--pause", default="", metavar="REASON", help="Place no calls until --resume.")
@click.option("--resume", is_flag=True, help="Place calls again.")
@options.flows
@options.templates
@asynchronous
async def command(
    *,
    flow: str | None,
    number: str,
    values: Mapping[str, str],
    file: Path | None,
    batch: str,
    at: datetime | None,
    expires: int | None,
    stop: str,
    pause: str,
    resume: bool,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Have the server place calls; show or stop a batch; pause all placing."""
    if flow is not None and (stop or pause or resume):
        raise CannotRun("--stop, --pause and --resume place no call", "leave out the flow, or the option")
    if stop and batch:
        raise CannotRun("--stop names the batch", "leave out --batch")
    if flow is None:
        if number or file is not None or values or at or expires:
            raise CannotRun("no flow is named", "write, for example, `ncco place reminder --to 447700900123`")
        async with server_store() as store:
            return await _manage(store, batch, stop, pause, resume=resume)
    if (not number) == (file is None):
        raise CannotRun("no number is given", "add either --to NUMBER or --csv FILE")
    if file is not None and not batch:
        raise CannotRun("--csv needs the name of a batch", "add --batch NAME, by which repeated rows are recognised")
    found = Source.here(flows, templates).load_sound().project.flows
    now = datetime.now(UTC)
    settings = server_settings()
    progress = Progress()
    row_of = partial(checked, flows=found, allowed=settings.dial_allow, now=now, keys=wait_keys(settings))
    wanted = WantedCall(flow=flow, to=number, values=values, at=at, expires_s=expires, origin="cli", batch=batch)
    rows, problems = _checked(_rows_of(wanted, file, found), row_of, progress)
    if problems:
        return _refuse(problems)
    async with find_database() as store:
        if file is not None and (problems := await _taken(store, rows, batch)):
            return _refuse(problems)
        return await _write(store, [row for _, row in rows], batch, now, progress)


class _RowPlace(NamedTuple):
    """Where a call is requested: a row of a file, or the command line."""

    row: str = ""

    def of(self, fault: RefusedRequest) -> str:
        if not self.row:
            return f"{fault.where.replace('with.', '--with ')}: {fault.problem}"
        column = NUMBER_COLUMN if fault.where == "to" else fault.where.removeprefix("with.")
        is_cell = fault.where == "to" or fault.where != column
        return f"{self.row}: {f'column {column}' if is_cell else fault.where}: {fault.problem}"

    def problem(self, fault: RefusedRequest) -> str:
        return f"{self.of(fault)}\n  fix: {fault.cure}"


Placed: TypeAlias = tuple[_RowPlace, PlacedRow]


def _checked(
    calls: Iterable[tuple[_RowPlace, WantedCall | RefusedRequest]],
    row_of: Callable[[WantedCall], PlacedRow],
    progress: Progress,
) -> tuple[list[Placed], list[str]]:
    """The rows that can be stored, and every problem of all others, with its row and column."""
    rows: list[Placed] = []
    problems: list[str] = []
    digests = dict[str, str]()
    for number, (place, call) in enumerate(calls):
        progress.tell(f"rows checked: {number:,}")
        try:
            if isinstance(call, RefusedRequest):
                raise call
            row = row_of(call)
            if digests.setdefault(row.key, row.digest) != row.digest:
                raise RefusedRequest(
                    "row", "an earlier row has the same `id` or, without one, differs only in sensitive values", _OWN_ID
                )
            rows.append((place, row))
        except RefusedRequest as error:
            problems += map(place.problem, error.faults)
    return rows, problems


async def _taken(store: Store, rows: Sequence[Placed], batch: str) -> list[str]:
    """The problem of each row whose ID belongs to a stored call of the batch to another number."""
    numbers = dict[str, str]()
    before = ""
    while page := await store.placed.list(PAGE, before, PlacedFilter(batch=batch)):
        numbers |= {row.key: row.number for row in page if row.number}  # the number of a forgotten call is not known
        before = page[-1].id
    fault = RefusedRequest("row", "a call of this batch to another number has the same `id`", _OWN_ID)
    return [place.problem(fault) for place, row in rows if numbers.get(row.key, row.number) != row.number]


def _refuse(problems: Sequence[str]) -> int:
    for problem in problems[:LISTED_PROBLEMS]:
        click.echo("\n".join(map(printable, problem.split("\n"))), err=True)
    left = len(problems) - LISTED_PROBLEMS
    click.echo("no call was written" + (f"; there are {left:,} more problems" if left > 0 else ""), err=True)
    return ISSUES


def _rows_of(
    wanted: WantedCall, file: Path | None, flows: Mapping[str, Flow]
) -> Iterator[tuple[_RowPlace, WantedCall | RefusedRequest]]:
    """Each requested call with its place, or its row's problem.

    Raises CannotRun if the file is not a CSV file.
    """
    if file is None:
        yield _RowPlace(), wanted
        return
    flow = flows.get(wanted.flow)
    params: Mapping[str, Variable] = flow.params if flow is not None else {}
    our_line = line_of(flows.values(), flow)
    line = 0
    try:
        reader = csv_reader(read_bytes(file), (NUMBER_COLUMN, ID_COLUMN, *params))
        _require_number_column(file, reader.fieldnames or ())
        for row in reader:
            line = reader.line_num
            if line > MOST_ROWS:
                raise CannotRun(f"{file} has more than {MOST_ROWS:,} lines", "split it")
            if row.get(None):
                yield _RowPlace(f"{file}:{line}"), RefusedRequest("row", reader.SURPLUS, reader.surplus_cure)
            elif any(row.values()):
                yield _RowPlace(f"{file}:{line}"), _call_of(wanted, row, params, our_line)
    except csv.Error as error:
        message = f"{file} cannot be read as CSV after line {line}: {error}"
        raise CannotRun(message, csv_cure(error)) from error


def _require_number_column(file: Path, columns: Sequence[str]) -> None:
    """Raises CannotRun."""
    if twice := [name for name, times in Counter(columns).items() if times > 1]:
        raise CannotRun(f"{file} has the column {twice[0]!r} twice", "delete one of them")
    if NUMBER_COLUMN not in columns:
        raise CannotRun(f"{file} has no column for the number", f"name it `{NUMBER_COLUMN}` in the first line")


def _call_of(
    wanted: WantedCall, row: Mapping[str, str | None], params: Mapping[str, Variable], line: str
) -> WantedCall:
    """Every column is a param, except the number, the ID, and empty ones without a param.

    Without an ID, a row is the same if its number and values are, however they are written.
    """
    cells = {name: cell_text(text) for name, text in row.items() if text is not None}
    values = {name: text for name, text in cells.items() if name in params or text}
    number = values.pop(NUMBER_COLUMN, "") if NUMBER_COLUMN not in params else cells.get(NUMBER_COLUMN, "")
    own_id = values.pop(ID_COLUMN, "") if ID_COLUMN not in params else cells.get(ID_COLUMN, "")
    values = {**wanted.values, **values}
    shown = {
        name: _plain(params[name].type, text, line) if name in params else text
        for name, text in values.items()
        if name not in params or not params[name].sensitive
    }
    said = [wanted.flow, _plain(TYPES["phone"], number, line), shown]
    key = own_id or sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return replace(wanted, to=number, values=values, key=key)


def _plain(kind: Kind, text: str, line: str) -> str:
    """One text for every way to write a value; a wrong value as it is written, because its row is refused."""
    try:
        value = kind.cast_at(text, line)
    except ValueError:
        return text
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


async def _write(store: Store, rows: Sequence[PlacedRow], batch: str, now: datetime, progress: Progress) -> int:
    stored = await store.placed.add_many(rows, lambda done: progress.tell(f"{done:,} of {len(rows):,} calls written"))
    new = sum(known.id == row.id for row, known in zip(rows, stored, strict=True))
    if not batch:
        first = moment_of(rows[0].due_at or 0)
        when = "now" if first <= now else f"at {first:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{rows[0].id}: {rows[0].number} will be called {when} by the server")
        _tell_hours(rows)
        return FINE
    known = len(rows) - new
    click.echo(f"{counted(new, 'call is', 'calls are')} to be placed" + (f"; {known:,} were known" if known else ""))
    click.echo(f"`ncco place --batch {batch}` shows the progress of the batch")
    _tell_hours(rows)
    return FINE


def _tell_hours(rows: Sequence[PlacedRow]) -> None:
    waiting = [row for row in rows if row.problem]
    if waiting:
        which = "it waits" if len(rows) == 1 else f"{counted(len(waiting), 'call waits', 'calls wait')}, for example"
        click.echo(f"note: {which} because {waiting[0].problem}", err=True)


async def _manage(store: Store, batch: str, stop: str, pause: str, *, resume: bool) -> int:
    now = now_ms()
    if stop:
        progress = Progress()
        stopped = await store.placed.stop_batch(stop, now, lambda done: progress.tell(f"{done:,} calls cancelled"))
        click.echo(f"{counted(stopped, 'call is', 'calls are')} cancelled")
    if pause:
        await store.placed.pause(now, getpass.getuser(), pause)
    if resume:
        await store.placed.resume()
    control = await store.placed.control()
    if control.paused_at is not None:
        at = moment_of(control.paused_at)
        click.echo(printable(f"paused since {at:%Y-%m-%d %H:%M} UTC by {control.paused_by}: {control.reason}"))
    if control.is_held(now):
        until = moment_of(control.held_until or 0)
        click.echo(printable(f"no calls before {until:%Y-%m-%d %H:%M:%S} UTC: {control.held_for}"))
    counts = await store.placed.count(batch or stop)
    if (batch or stop) and not counts:
        raise NotFound(f"no call belongs to a batch {batch or stop}", "write the name that its calls were placed with")
    for (state, outcome), count in counts.items():
        click.echo(f"{count:>9,}  {outcome or state}")
    return FINE
