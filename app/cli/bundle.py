"""`ncco bundle`: what callers hear while the server is away, as files for any web host."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "bundle",
    short_help="Write static NCCOs for the fallback URL, for when the server is away.",
    epilog="""\b
Examples:
  ncco bundle                              into the folder bundle/
  ncco bundle --output /srv/ncco           somewhere else
  ncco bundle --format json                which file says what, for a program

Put the folder on a web host that does not fall together with the server, and enter the address of its all.json
as the fallback URL of the application, by GET. The same flows always make the same bytes. Exit codes: 0 written,
1 the flows have errors, 2 the folder cannot be written or holds other files.""",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("bundle"),
    show_default=True,
    help="Folder to write; files of an earlier bundle in it are replaced.",
)
@options.flows
@options.templates
@options.output("text", "json")
def command(*, output: Path, flows: Path | None, templates: Path | None, form: str) -> None:
    """Write a static NCCO for every number, every flow that calls can start in, and all of them together.

    A file says what the `error` exit of its flow says, when that is the same for every caller and needs no webhook of
    this server; else the failsafe NCCO.
    """
    hand_over("bundle", output=output, flows=flows, templates=templates, form=form)
