"""`ncco db status`: says which schema the database has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Literal

import click

from app.cli.jobs.database import find_kept, schema_of
from app.cli.work import FINE, ISSUES
from app.store import Schema


def run(form: Literal["text", "json"]) -> int:
    """Print the schema; ISSUES unless it is the newest. Raises CannotRun."""
    store = find_kept()
    schema = asyncio.run(schema_of(store))
    if form == "json":
        click.echo(json.dumps({"database": store.label, **schema._asdict()}, indent=2))
    else:
        click.echo("\n".join(_told(store.label, schema)))
    return ISSUES if schema.missing else FINE


def _told(name: str, schema: Schema) -> Iterator[str]:
    if not schema.missing:
        yield f"{name} has schema {schema.found}, the newest"
        return
    has = f"has schema {schema.found}" if schema.found else "has no tables yet"
    yield f"{name} {has}; this version needs {schema.newest}"
    yield "  cure: run `ncco db upgrade`, or start the server, which does it by itself"
