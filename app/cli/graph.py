"""`ncco graph`: flows as a drawing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from app.cli import options
from app.cli.environment import folders
from app.cli.output import FINE, CannotRun
from app.cli.project import FlowsHaveErrors, Source, flow_named
from app.flow.graph import Drawing, as_dot, as_mermaid, draw

GRAPHVIZ_LIMIT_S: Final = 60.0


@click.command(
    "graph",
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
def command(flow: str | None, flows: Path | None, templates: Path | None, form: str, *, errors: bool) -> int:
    """Draw FLOW with the flows that it runs; without FLOW, every flow of the project."""
    found = Source(*folders(flows, templates)).load()
    known = found.project.flows
    if flow not in known and found.has_errors and (flow is None or _is_in_a_file(flow, found.texts.values())):
        raise FlowsHaveErrors(found)
    drawn = tuple(known[name] for name in sorted(known)) if flow is None else (flow_named(flow, known),)
    writers = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}
    click.echo(writers[form](draw(drawn, errors=errors)), nl=False)
    return FINE


def _is_in_a_file(flow: str, texts: Iterable[str]) -> bool:
    """Whether a file starts a flow of that name, whatever its faults."""
    pattern = re.compile(rf"^flow:\s*[\"']?{re.escape(flow)}[\"']?\s*(?:#|$)", re.MULTILINE)
    return any(pattern.search(text) for text in texts)


def _as_svg(drawing: Drawing) -> str:
    """Raises CannotRun when Graphviz is missing or fails."""
    dot = shutil.which("dot")
    if dot is None:
        cure = "install Graphviz, or run: ncco graph --format dot | dot -Tsvg  where it is installed"
        raise CannotRun("an SVG is drawn by the program dot of Graphviz, which is not installed", cure)
    try:
        done = subprocess.run(  # noqa: S603 - the program that was asked for, with our own input
            [dot, "-Tsvg"], input=as_dot(drawing).encode(), capture_output=True, timeout=GRAPHVIZ_LIMIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRun(f"dot failed: {error}", "see whether `dot -V` works, or use --format dot") from error
    return done.stdout.decode()
