"""`ncco hooks retry`: lets hooks be tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import click

from app.cli.jobs.database import Kept
from app.cli.jobs.outbox import find_store, opened
from app.cli.work import FINE, ISSUES


def run(ids: Sequence[str] | None) -> int:
    """Let the hooks with these ids (None: all) be due now; ISSUES when some cannot be. Raises CannotRun."""
    count = asyncio.run(_retry(find_store(), ids))
    click.echo(f"{count} {'hook is' if count == 1 else 'hooks are'} tried again now, or when the server starts")
    missed = 0 if ids is None else len(set(ids)) - count
    if missed:
        which = "one is" if missed == 1 else f"{missed} are"
        click.echo(f"{which} sent already, or wait for an earlier hook of the same call", err=True)
    return ISSUES if missed else FINE


async def _retry(store: Kept, ids: Sequence[str] | None) -> int:
    async with opened(store) as outbox:
        return await outbox.retry_hooks(ids, time.time_ns() // 1_000_000)
