"""`ncco graph`: flows as a drawing."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "graph",
    short_help="Draw flows: steps, and the ways from one to the next.",
    epilog="""\b
Examples:
  ncco graph reception                           Mermaid, for a Markdown page
  ncco graph reception --errors                  also where a fault of the call leads
  ncco graph reception --format dot | dot -Tpng -o reception.png
  ncco graph --format svg > flows.svg            every flow; needs the program dot of Graphviz

Exit codes: 0 drawn, 1 the flows have errors, 2 there is no such flow, or dot is missing.""",
)
@click.argument("flow", required=False)
@click.option("--errors", is_flag=True, help="Draw where a value that cannot be computed leads, too.")
@options.flows
@options.templates
@options.output("mermaid", "dot", "svg")
def command(flow: str | None, flows: Path | None, templates: Path | None, form: str, *, errors: bool) -> None:
    """Draw FLOW with the flows that it runs; without FLOW, every flow of the project."""
    hand_over("graph", flow=flow, errors=errors, flows=flows, templates=templates, form=form)
