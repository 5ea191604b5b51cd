"""`ncco init`: a new project."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.work import hand_over


@click.command(
    "init",
    short_help="Write a new project that works at once.",
    epilog="""\b
Examples:
  ncco init shop             a new folder
  ncco init . --force        this folder, beside the files that are there

Exit codes: 0 written, 2 the folder has files already, or cannot be written.""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Write into a folder that has files; each of those stays as it is.")
def command(folder: Path, *, force: bool) -> None:
    """Write a new project into DIR: a flow, a template, settings, an editor's schema, a compose file."""
    hand_over("init", folder=folder, force=force)
