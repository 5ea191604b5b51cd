"""`ncco schema`: JSON Schemas, made from the tables that check the documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from app.cli.jobs.environment import folders
from app.cli.work import FINE
from app.flow.files import read_project
from app.flow.language.names import Names, names_in
from app.flow.language.schema import flow_schema
from app.ncco import json_schema
from app.verify.scenarios.schema import scenario_schema


def run(*, name: Literal["flow", "ncco", "scenario"], plain: bool, flows: Path | None, templates: Path | None) -> int:
    """Print the schema."""
    if name == "ncco":
        schema = json_schema()
    elif name == "scenario":
        schema = scenario_schema()
    else:
        schema = flow_schema(Names() if plain else project_names(*folders(flows, templates)))
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
    return FINE


def project_names(flows: Path, templates: Path) -> Names:
    """The names in a project, also in one with faults; none where there is no project."""
    texts, _ = read_project(flows, templates) if flows.is_dir() else ({}, [])
    return names_in(texts)
