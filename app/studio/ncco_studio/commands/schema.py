"""`ncco schema`: prints JSON Schemas for editors and other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, keep_for_results, print_json
from ncco_server.desk.project import Source
from ncco_server.ncco import json_schema
from ncco_studio.schema import flow_schema, project_names
from ncco_studio.verify.scenarios.model import scenario_schema
from ncco_studio.verify.scenarios.people import people_schema

_SCHEMAS: Final = {
    "ncco": json_schema,
    "people": people_schema,
    "scenario": scenario_schema,
}


@click.command(
    "schema",
    epilog="""\b
Examples:
  ncco schema flow > .vscode/flow.schema.json     with this project's names, which an editor can suggest
  ncco schema ncco > ncco.schema.json
  ncco schema scenario > .vscode/scenario.schema.json
  ncco schema people > people.schema.json         for the file of `ncco vonage --people`

Exit codes: 0 printed, 2 there is no such schema.""",
)
@click.argument("name", type=click.Choice(["flow", *_SCHEMAS]))
@options.flows
@options.templates
def command(name: str, flows: Path | None, templates: Path | None) -> int:
    """Print the JSON Schema of one of these files or of the NCCO, for editors and other programs.

    The schema of flow files includes the names in this folder's project, so that an editor can suggest them.
    """
    keep_for_results()
    if name in _SCHEMAS:
        print_json(_SCHEMAS[name]())
        return FINE
    source = Source.here(flows, templates)
    texts = source.read()[0] if source.exists else {}  # it may have errors
    print_json(flow_schema(project_names(texts)))
    return FINE
