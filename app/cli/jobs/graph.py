"""`ncco graph`: loads the project, and draws it or one flow of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import click

from app.cli.jobs.naming import loaded_flows
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.graph import Drawing, as_dot, as_mermaid, draw

LONGEST_S: Final = 60.0
"""How long Graphviz may take."""


def run(
    *,
    flow: str | None,
    errors: bool,
    flows: Path | None,
    templates: Path | None,
    form: Literal["mermaid", "dot", "svg"],
) -> int:
    """Print the drawing. ISSUES when what is to be drawn has errors. Raises CannotRun."""
    found = loaded_flows(flow, flows, templates)
    if found is None:
        return ISSUES
    drawn = WRITERS[form](draw(found, errors=errors))
    click.echo(drawn, nl=False)
    return FINE


def _as_svg(drawing: Drawing) -> str:
    """The picture. Raises CannotRun when Graphviz is not there, or fails."""
    dot = shutil.which("dot")
    if dot is None:
        cure = "install Graphviz, or run: ncco graph --format dot | dot -Tsvg  where it is installed"
        raise CannotRun("an SVG is drawn by the program dot of Graphviz, which is not installed", cure)
    try:
        done = subprocess.run(  # noqa: S603 - the program that was asked for, with our own input
            [dot, "-Tsvg"], input=as_dot(drawing).encode(), capture_output=True, timeout=LONGEST_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRun(f"dot failed: {error}", "see whether `dot -V` works, or take --format dot") from error
    return done.stdout.decode()


WRITERS: Final[Mapping[str, Callable[[Drawing], str]]] = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}
