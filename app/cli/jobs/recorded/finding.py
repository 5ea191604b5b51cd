"""Finds the call that a person means."""

from __future__ import annotations

from typing import Final

import click

from app.cli.jobs.recorded.screen import plain
from app.store import Records, Timeline

LIKE_LIMIT: Final = 10
"""Calls that are named when what was given fits several."""


async def find_call(records: Records, name: str) -> Timeline | None:
    """The call with this id, or whose id alone begins so; None once it is said that there is none."""
    found = await records.calls_like(name, LIKE_LIMIT)
    if len(found) == 1:
        return await records.timeline(found[0].session.id)
    if not found:
        click.echo(f'there is no call "{plain(name)}"\n  cure: `ncco calls` lists the newest', err=True)
    else:
        named = ", ".join(plain(call.session.id) for call in found)
        click.echo(f'several calls begin with "{plain(name)}": {named}', err=True)
    return None
