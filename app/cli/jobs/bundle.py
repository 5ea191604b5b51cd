"""`ncco bundle`: writes what callers hear while the server is away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import click

from app.cli.jobs.bundling.folder import write_bundle
from app.cli.jobs.bundling.nccos import Saying, sayings
from app.cli.jobs.environment import folders
from app.cli.jobs.project import Source, find, show_errors
from app.cli.jobs.server_settings import server_settings
from app.cli.work import FINE, ISSUES


def run(*, output: Path, flows: Path | None, templates: Path | None, form: Literal["text", "json"]) -> int:
    """Write the bundle; ISSUES when the flows have errors, and nothing is written then. Raises CannotRun."""
    settings = server_settings()
    found = find(Source(*folders(flows, templates)), {})
    if found.has_errors:
        show_errors(found)
        click.echo("nothing is written while the flows have errors", err=True)
        return ISSUES
    said = sayings(found.project, settings)
    files = write_bundle(output, said)
    if form == "json":
        rows = [_as_row(each) for each in said]
        click.echo(json.dumps({"folder": str(output), "files": files, "nccos": rows}, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_as_text(output, said)))
    return FINE


def _as_row(said: Saying) -> dict[str, object]:
    return {
        "file": said.file,
        "about": said.about,
        "name": said.name,
        "says": f"the error exit of {said.flow}" if said.flow else "the failsafe NCCO",
        "because": said.because,
        "ncco": said.actions,
    }


def _as_text(output: Path, said: Sequence[Saying]) -> Iterator[str]:
    width = max(len(each.file) for each in said)
    for each in said:
        says = f"the error exit of {each.flow}" if each.flow else f"the failsafe NCCO: {each.because}"
        yield f"{each.file:<{width}}  {says}"
    yield f"written into {output}: see its README.md for the web host and for the URL to enter at Vonage (by GET)"
