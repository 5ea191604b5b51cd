"""`ncco hours`: when opening hours are open in a year."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "hours",
    short_help="Show when opening hours are open, with holidays, gaps and overlaps.",
    epilog="""\b
Examples:
  ncco hours                         all opening hours of the project, and whether they are open now
  ncco hours office                  this year of `hours: office` in flows/shared.yaml
  ncco hours office --year 2027      another year
  ncco hours shop.office             the hours that flow shop declares itself

Exit codes: 0 shown, 1 the flows have errors, 2 there are no such hours.""",
)
@click.argument("name", required=False)
@click.option("--year", type=click.IntRange(2000, 2100), help="Which year [this one].")
@options.flows
@options.templates
@options.output("text", "json")
def command(name: str | None, year: int | None, flows: Path | None, templates: Path | None, form: str) -> None:
    """Show when the opening hours NAME are open in a year; without NAME, list all opening hours."""
    if name is None and year is not None:
        raise click.UsageError("--year is for the opening hours that are named")
    hand_over("hours", name=name, year=year, flows=flows, templates=templates, form=form)
