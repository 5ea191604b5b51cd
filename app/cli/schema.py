"""`ncco schema`: JSON Schemas for editors and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "schema",
    short_help="Print the JSON Schema of flow files, of scenarios, or of the NCCO.",
    epilog="""\b
Examples:
  ncco schema flow > .vscode/flow.schema.json     with the names of this project, for an editor to offer
  ncco schema flow --plain                        without them
  ncco schema ncco > ncco.schema.json
  ncco schema scenario > .vscode/scenario.schema.json

Exit codes: 0 printed, 2 there is no such schema.""",
)
@click.argument("name", type=click.Choice(["flow", "ncco", "scenario"]))
@click.option("--plain", is_flag=True, help="Leave out the names of steps, flows, look-ups, ... of this project.")
@options.flows
@options.templates
def command(name: str, flows: Path | None, templates: Path | None, *, plain: bool) -> None:
    """Print the JSON Schema of flow files, of scenarios or of the NCCO, for editors and other programs.

    That of flow files reads the project in this folder, so that an editor can offer its names; outside of one it goes
    without.
    """
    hand_over("schema", name=name, plain=plain, flows=flows, templates=templates)
