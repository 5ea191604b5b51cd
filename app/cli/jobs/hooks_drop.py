"""`ncco hooks drop`: deletes hooks that were given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.outbox import find_store, opened
from app.cli.work import FINE, ISSUES
from app.store import Store


def run(ids: Sequence[str] | None) -> int:
    """Delete the parked hooks with these ids (None: all); ISSUES when some are not there. Raises CannotRun."""
    count = asyncio.run(_drop(find_store(), ids))
    click.echo(f"{counted(count, 'hook is', 'hooks are')} gone")
    missed = 0 if ids is None else len(set(ids)) - count
    if missed:
        click.echo(f"{missed} {'is' if missed == 1 else 'are'} not parked: sent already, or still waiting", err=True)
    return ISSUES if missed else FINE


async def _drop(store: Store, ids: Sequence[str] | None) -> int:
    async with opened(store) as outbox:
        return await outbox.drop_hooks(ids)
