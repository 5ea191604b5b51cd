"""`ncco prove`: explores every path through flows. Every scenario that it writes has been played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, ISSUES
from ncco_server.desk.project import source_of
from ncco_studio.verify.faults import LIMITS


@click.command(
    "prove",
    epilog="""\b
Examples:
  ncco prove                             every flow of the project that takes calls
  ncco prove reception                   one flow and the flows that it runs
  ncco prove examples/queue              every flow of another project
  ncco prove --save tests/scenarios      writes each fault as a scenario for `ncco test`
  ncco prove --tests tests/scenarios     writes a few scenarios that cover all outcomes of the flows
  ncco prove --format github             annotations for GitHub Actions

Exit codes: 0 nothing is wrong, 1 something is wrong or it stopped early, 2 there is no such flow, or nothing could be
read.

Verdicts: `refuted` if something is wrong, `proved` if everything was explored, `walked` if sample values stood in
for text, numbers or digits, and `stopped` if --states or --seconds was too low. Handlers in Python have scenarios
instead: in a flow that runs one, a question with a choice for each of its outcomes stands for it. Scenarios from
--save and --tests are played before they are written.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT]")
@options.flows
@options.templates
@options.output("text", "json", "github")
@click.option(
    "--states", type=click.IntRange(1), default=200_000, show_default=True, help="Stop after this many states."
)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=300.0, show_default=True, help="Stop after this many seconds."
)
@click.option(
    "--silence",
    type=click.FloatRange(1),
    default=LIMITS["silence"],
    show_default=True,
    help="Maximum silence for a caller, in seconds.",
)
@click.option(
    "--save", type=click.Path(path_type=Path, file_okay=False), help="Write each fault to this folder as a scenario."
)
@click.option(
    "--tests",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write scenarios to this folder that cover every outcome.",
)
def command(*, what: str | None, flows: Path | None, templates: Path | None, **options: Any) -> int:
    """Explore every path through FLOW, or through every flow of PROJECT, with the engine that answers real calls.

    It tries whatever callers, lookups, opening hours and dialled parties may do, and everything that may fail on the
    way.
    """
    from ncco_studio.commands.proofs import prove_project  # noqa: PLC0415 - takes a second, which --help need not wait for

    source, name = source_of(what, flows, templates)
    return FINE if prove_project(source, name, **options) else ISSUES
