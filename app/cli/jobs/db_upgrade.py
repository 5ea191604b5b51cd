"""`ncco db upgrade`: brings the database to the newest schema."""

from __future__ import annotations

import asyncio

import click

from app.cli.jobs.database import find_kept, reaching, schema_of
from app.cli.work import FINE
from app.store import Schema, Store


def run() -> int:
    """Upgrade, and say from what to what. Raises CannotRun."""
    store = find_kept()
    before = asyncio.run(_upgrade(store))
    if not before.missing:
        told = f"has schema {before.found}, the newest: nothing to do"
    elif before.found:
        told = f"is brought from schema {before.found} to {before.newest}"
    else:
        told = f"is made, with schema {before.newest}"
    click.echo(f"{store.label} {told}")
    return FINE


async def _upgrade(store: Store) -> Schema:
    before = await schema_of(store)
    async with reaching():
        await store.open()
        await store.close()
    return before
