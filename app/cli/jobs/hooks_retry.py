"""`ncco hooks retry`: lets hooks be tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.outbox import find_store, opened
from app.cli.work import FINE, ISSUES
from app.store import Store

MOST: Final = 100_000
"""Hooks that are looked at; parked ones come first."""


def run(ids: Sequence[str] | None) -> int:
    """Let the hooks with these ids (None: all) be due now; ISSUES when some cannot be. Raises CannotRun."""
    count, unsendable = asyncio.run(_retry(find_store(), ids))
    click.echo(f"{counted(count, 'hook is', 'hooks are')} tried again now, or when the server starts")
    missed = 0 if ids is None else len(set(ids)) - count - unsendable
    if missed:
        which = "one is not there, or waits" if missed == 1 else f"{missed} are not there, or wait"
        click.echo(f"{which} for an earlier hook of the same call", err=True)
    if unsendable:
        which = "one was" if unsendable == 1 else f"{unsendable} were"
        click.echo(
            f"{which} not complete when the call was on, and no try can send that: `ncco hooks` says why", err=True
        )
    return ISSUES if missed or unsendable else FINE


async def _retry(store: Store, ids: Sequence[str] | None) -> tuple[int, int]:
    """How many are tried again, and how many of those that are meant no try can send."""
    async with opened(store) as outbox:
        found = await outbox.hooks(MOST)
        meant = [hook for hook in found if ids is None or hook.id in ids]
        unsendable = {hook.id for hook in meant if not hook.url}
        wanted = ids if ids is not None or not unsendable else [hook.id for hook in meant]
        rest = wanted if wanted is None else [id_ for id_ in wanted if id_ not in unsendable]
        return await outbox.retry_hooks(rest, time.time_ns() // 1_000_000), len(unsendable)
