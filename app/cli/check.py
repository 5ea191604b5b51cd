"""`ncco check`: every fault of flow files, with its place and its cure."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "check",
    short_help="Show every fault of the flow files, with its place and its cure.",
    epilog="""\b
Examples:
  ncco check                               the project in this folder: flows/ and templates/
  ncco check examples/shop                 the project in that folder
  ncco check flows/acme.yaml               one flow file with the project's templates
  ncco check --format github               annotations for GitHub Actions
  ncco check --watch                       again whenever a file is saved; Ctrl-C ends

Exit codes: 0 no errors (there may be warnings), 1 errors, 2 nothing could be read; with --watch that of the last check.
What a code means tells: ncco explain E214""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@options.flows
@options.templates
@options.output("text", "json", "github")
@click.option("--watch", "-w", is_flag=True, help="Check again whenever a file is saved, until Ctrl-C.")
def command(paths: tuple[Path, ...], flows: Path | None, templates: Path | None, form: str, *, watch: bool) -> None:
    """Show every fault of flows and templates, with its place and its cure.

    PATHS are project folders (with a flows folder in them), folders of flow files, or flow files.
    """
    hand_over("recheck" if watch else "check", paths=paths, flows=flows, templates=templates, form=form)
