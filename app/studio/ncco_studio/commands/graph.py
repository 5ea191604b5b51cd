"""`ncco graph`: draws flows."""

from __future__ import annotations

from importlib.resources import files as files_of
from pathlib import Path

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, print_result
from ncco_server.desk.project import FlowsHaveErrors, Source, flow_named
from ncco_server.flow.files import named_flows
from ncco_studio.pictures.graph import as_dot, as_mermaid, draw
from ncco_studio.pictures.svg import as_svg


@click.command(
    "graph",
    epilog="""\b
Examples:
  ncco graph reception                           Mermaid, for a Markdown page
  ncco graph reception --errors                  with the error paths
  ncco graph reception --format dot | dot -Tpng -o reception.png
  ncco graph --format svg > flows.svg            every flow, for a browser

Exit codes: 0 drawn, 1 the flows have errors, 2 there is no such flow.""",
)
@click.argument("flow", required=False)
@click.option("--errors", is_flag=True, help="Draw the error paths too.")
@options.flows
@options.templates
@options.output("mermaid", "dot", "svg")
def command(flow: str | None, flows: Path | None, templates: Path | None, form: str, *, errors: bool) -> int:
    """Draw FLOW with the flows that it runs. Without FLOW, draw every flow of the project."""
    found = Source.here(flows, templates).load()
    known = found.project.flows
    if flow not in known and found.has_errors and (flow is None or flow in named_flows(found.texts)):
        raise FlowsHaveErrors(found)
    drawn = tuple(known[name] for name in sorted(known)) if flow is None else (flow_named(flow, known),)
    drawing = draw(drawn, errors=errors)
    match form:
        case "dot":
            text = as_dot(drawing)
        case "svg":
            text = as_svg(drawing, (files_of("ncco_studio.console") / "static" / "picture.css").read_text())
        case _:
            text = as_mermaid(drawing)
    print_result(text)
    return FINE
