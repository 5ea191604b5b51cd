"""`ncco prove`: walk every way through flows."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "prove",
    short_help="Walk every way through flows, and show the shortest call in which something goes wrong.",
    epilog="""\b
Examples:
  ncco prove                             every flow of the project that calls begin in
  ncco prove reception                   one flow, with those that it runs
  ncco prove examples/shop               every flow of another project
  ncco prove --save tests/scenarios      each fault as a scenario that `ncco test` plays
  ncco prove --tests tests/scenarios     a few scenarios that take every outcome of the flows
  ncco prove --format github             annotations for GitHub Actions

Exit codes: 0 nothing is wrong, 1 something is, or it has stopped early, 2 there is no such flow, or nothing could be
read.

It says `refuted` when something is wrong, `proved` when everything that can happen was walked, `walked` when texts,
numbers and digits were walked by values that stand for others, and `stopped` when --states or --seconds did not
suffice. What --save and --tests write was played first.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT]")
@options.flows
@options.templates
@options.output("text", "json", "github")
@click.option("--states", type=click.IntRange(1), default=200_000, show_default=True, help="Stop after so many states.")
@click.option("--seconds", type=click.FloatRange(0.1), default=300.0, show_default=True, help="Stop after so long.")
@click.option(
    "--silence",
    type=click.FloatRange(1),
    default=20.0,
    show_default=True,
    help="Seconds for which a caller may hear nothing.",
)
@click.option(
    "--steps", type=click.IntRange(1), default=500, show_default=True, help="Steps that a call may enter at most."
)
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="Write each fault there as a scenario.")
@click.option(
    "--tests", type=click.Path(path_type=Path, file_okay=False), help="Write scenarios there that take every outcome."
)
def command(
    *,
    what: str | None,
    flows: Path | None,
    templates: Path | None,
    form: str,
    states: int,
    seconds: float,
    silence: float,
    steps: int,
    save: Path | None,
    tests: Path | None,
) -> None:
    """Walk every way through FLOW, or through every flow of PROJECT, with the engine that answers the phone.

    Every caller, look-up, opening hour and dialled party is tried, also with what may fail on the way.
    """
    hand_over(
        "prove",
        what=what,
        flows=flows,
        templates=templates,
        form=form,
        bounds=(states, seconds),
        permitted=(silence, steps),
        save=save,
        tests=tests,
    )
