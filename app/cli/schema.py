"""`ncco schema`: JSON Schemas for editors and other programs."""

from __future__ import annotations

import click

from app.cli.work import hand_over


@click.command(
    "schema",
    short_help="Print the JSON Schema of the NCCO.",
    epilog="""\b
Examples:
  ncco schema ncco > ncco.schema.json

Exit codes: 0 printed, 2 there is no such schema.""",
)
@click.argument("name", type=click.Choice(["ncco"]))
def command(name: str) -> None:
    """Print the JSON Schema called NAME, for editors and other programs."""
    hand_over("schema", name=name)
