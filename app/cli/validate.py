"""`ncco validate`: one NCCO document against every rule."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "validate",
    short_help="Check an NCCO document (JSON) against every rule.",
    epilog="""\b
Examples:
  ncco validate answer.json
  curl -s https://example.com/webhooks/answer | ncco validate -
  ncco validate answer.json --format json

Exit codes: 0 no errors (there may be warnings), 1 errors, 2 the file is missing or is not JSON.""",
)
@click.argument("file", type=click.Path(allow_dash=True))
@options.output("text", "json", "github")
def command(file: str, form: str) -> None:
    """Check the NCCO in FILE (JSON; - reads standard input) against every rule of the platform."""
    hand_over("validate", file=file, form=form)
