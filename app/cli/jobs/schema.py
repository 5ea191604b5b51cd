"""`ncco schema`: JSON Schemas, made from the models that check the documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from app.cli.work import FINE
from app.ncco import json_schema

SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {"ncco": json_schema}


def run(name: str) -> int:
    """Print the schema; `name` is a key of SCHEMAS."""
    click.echo(json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False))
    return FINE
