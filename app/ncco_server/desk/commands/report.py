"""`ncco report`: counts the calls of a period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import click

from ncco_server.desk import options
from ncco_server.desk.call_report import COLUMNS, COUNTED, FORGOTTEN, count_calls, read_period
from ncco_server.desk.database import asynchronous, find_database
from ncco_server.desk.output import FINE, columns, print_json, print_result
from ncco_server.desk.project import Source
from ncco_server.desk.recorded_calls import number_text
from ncco_server.flow.model import Project
from ncco_server.results import MISSED, RESULTS
from ncco_server.store import milliseconds
from ncco_server.terminal import printable

WIDTH: Final = 100
ALWAYS: Final = ("by", "name", "calls")
LEFT_OUT: Final = ("person_p90_s", "person_median_s", "minutes")
"""In this order, if they are too much for a line."""

_ENDINGS = "\n".join(f"  {name:<10} {meaning}" for name, meaning in RESULTS.items() if name in COUNTED)
_REASONS = "\n".join(f"  {name:<10} {meaning}" for name, meaning in MISSED.items())


@click.command(
    "report",
    epilog=f"""\b
Examples:
  ncco report                                    the last seven days, including today
  ncco report --from 2026-11-01 --to 2026-11-30  November
  ncco report --flow reception --format csv      one flow, as CSV for a spreadsheet

\b
Each call is counted once, as the first of these that applies:
{_ENDINGS}

\b
Missed calls are counted by reason, the first of these that applies:
{_REASONS}
  {FORGOTTEN:<10} the call is no longer stored

Minutes cover finished calls, from the answer webhook to the end. The time until a person answered also
starts with the answer webhook: of the callers who reached a person, half waited no longer than `median`, and 90% no
longer than `p90`. Exit codes: 0 shown, 2 no database can be read.""",
)
@click.option(
    "--from", "first", callback=options.read_day, help="First day, such as 2026-11-01 [six days before --to]."
)
@click.option("--to", "last", callback=options.read_day, help="Last day, inclusive [today].")
@click.option("--flow", default="", help="Calls that began in this flow.")
@click.option(
    "--timezone",
    "zone",
    callback=lambda context, parameter, name: name and options.read_zone(context, parameter, name),
    help="Time zone of the days [that of the flows' opening hours; UTC if there is none, or more than one].",
)
@options.flows
@options.templates
@options.output("text", "csv", "json", by_terminal=True)
@asynchronous
async def command(
    *,
    first: date | None,
    last: date | None,
    flow: str,
    zone: tzinfo | None,
    flows: Path | None,
    templates: Path | None,
    form: str,
) -> int:
    """Count the calls of a period: how many minutes, with which results, and how long until a person answered.

    A day begins at midnight in the time zone of the opening hours. Calls are counted in total, by flow and by called
    number, and missed calls by reason.
    """
    now = datetime.now(UTC)
    source = Source.here(flows, templates)
    project = source.load().project if source.exists else Project({}, (), {})
    zone = zone or project.zone_of(flow)
    try:
        period = read_period(first, last, zone, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    async with find_database().records() as records:
        report = await count_calls(records, period, milliseconds(now), flow)
    if form == "json":
        print_json(report.document)
    elif form == "csv":
        print_result(report.csv)
    else:
        click.echo(f"from {period.first} to {period.last}, {zone}")
        click.echo("\n".join(_table(report.rows)))
    return FINE


def _table(counts: Sequence[dict[str, Any]]) -> list[str]:
    """The columns that have a number, as far as a line has room for them."""
    counts = [row | {"name": number_text(row["name"], row["name"])} for row in counts]
    shown = [name for name in COLUMNS if name in ALWAYS or any(row[name] for row in counts)]
    lines = list(columns(_cells(counts, shown)))
    for name in LEFT_OUT:
        if max(map(len, lines)) > WIDTH and name in shown:
            shown.remove(name)
            lines = list(columns(_cells(counts, shown)))
    return lines


def _cells(counts: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> Iterator[tuple[str, ...]]:
    yield tuple(name.replace("_", " ") for name in shown)
    for row in counts:
        yield tuple("-" if row[name] is None else printable(str(row[name])) for name in shown)
