"""`ncco explain`: what a code means, or where each value of a step comes from."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "explain",
    short_help="Tell what an issue's code means, or where each value of a step comes from.",
    epilog="""\b
Examples:
  ncco explain E214                  what it means, a file that has it, and the same file without it
  ncco explain N108                  the same for a rule of the NCCO
  ncco explain                       every code, one a line
  ncco explain reception menu        each value of step menu, with the file and the line it comes from

Exit codes: 0 told, 1 the flow has errors, 2 there is no such code, flow or step.""",
)
@click.argument("what", metavar="[CODE|FLOW]", required=False)
@click.argument("step", required=False)
@options.flows
@options.templates
@options.output("text", "json")
def command(what: str | None, step: str | None, flows: Path | None, templates: Path | None, form: str) -> None:
    """Tell what the issue CODE means, or where each value of STEP in FLOW comes from.

    Without either, list the codes.
    """
    hand_over("explain", what=what, step=step, flows=flows, templates=templates, form=form)
