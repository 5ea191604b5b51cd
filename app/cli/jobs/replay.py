"""`ncco replay`: plays a recorded call again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import click
import orjson

from app.cli.jobs.environment import flow_variables
from app.cli.jobs.recorded.documents import dumped
from app.cli.jobs.recorded.entries import entries_of
from app.cli.jobs.recorded.finding import find_call
from app.cli.jobs.recorded.opening import find_records, reading
from app.cli.jobs.recorded.replaying import Replayed, replay
from app.cli.jobs.recorded.screen import plain
from app.cli.jobs.server_settings import server_settings
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.loader import load
from app.flow.model import Flow
from app.service.policy import Policy
from app.store import RevisionRow, Timeline

KEY: Final = b"ncco replay signs callbacks that nobody calls"


def run(session: str, form: Literal["text", "json"]) -> int:
    """Print what comes of each turn; ISSUES when one differs, or there is no such call. Raises CannotRun."""
    records = find_records()
    settings = server_settings()
    policy = Policy((KEY,), settings.failsafe, flow_variables(), settings.dial_allow)

    async def read() -> tuple[Timeline, RevisionRow | None] | None:
        async with reading(records) as opened:
            timeline = await find_call(opened, session)
            if timeline is None:
                return None
            return timeline, await opened.revision(timeline.call.session.revision)

    found = asyncio.run(read())
    if found is None:
        return ISSUES
    timeline, revision = found
    turns = tuple(replay(timeline, list(entries_of(timeline)), _flow(timeline, revision), policy))
    if form == "json":
        click.echo(dumped({"call": timeline.call.session.id, "turns": [_as_row(turn) for turn in turns]}))
    else:
        click.echo("\n".join(_as_text(turns, timeline.call.turns)))
    return FINE if all(turn.is_same for turn in turns) else ISSUES


def _flow(timeline: Timeline, revision: RevisionRow | None) -> Flow:
    """The flow of a call as it was. Raises CannotRun."""
    row = timeline.call.session
    flows = load(orjson.loads(revision.sources)).flows if revision is not None else {}
    if row.flow not in flows:
        message = f"revision {row.revision[:8]} of flow {plain(row.flow)} is not kept, or cannot be read any more"
        raise CannotRun(message, "play a later call, or use the version of ncco that recorded this one")
    return replace(flows[row.flow], revision=row.revision)


def _as_row(turn: Replayed) -> dict[str, Any]:
    place, then, now = first_difference(_read(turn.then), _read(turn.now))
    differs = None if turn.is_same else {"path": place, "then": then, "now": now}
    is_same = turn.is_same and not turn.because
    return {"number": turn.number, "same": is_same, "because": turn.because, "differs": differs}


def _as_text(turns: Sequence[Replayed], count: int) -> Iterator[str]:
    for turn in turns:
        if turn.because:
            yield f"turn {turn.number}: not played again: {turn.because}"
        elif turn.is_same:
            yield f"turn {turn.number}: the same {len(turn.then)} bytes"
        else:
            place, then, now = first_difference(_read(turn.then), _read(turn.now))
            yield f"turn {turn.number}: differs at {place or '/'}"
            yield f"  then  {_shown(then)}"
            yield f"  now   {_shown(now)}"
    if len(turns) < count:
        yield f"{count - len(turns)} more turns stand on it, and were not played"


def _read(ncco: bytes) -> Any:
    """The NCCO; None for an empty reply."""
    try:
        return orjson.loads(ncco)
    except orjson.JSONDecodeError:
        return None


def _shown(value: Any) -> str:
    return "nothing" if value is None else plain(json.dumps(value, ensure_ascii=False))


def first_difference(then: Any, now: Any, place: str = "") -> tuple[str, Any, Any]:
    """Where two JSON values differ first, by JSON Pointer, and what stands there; None where nothing does."""
    if isinstance(then, dict) and isinstance(now, dict):
        pairs = [(name, then.get(name), now.get(name)) for name in (*then, *(name for name in now if name not in then))]
    elif isinstance(then, list) and isinstance(now, list):
        longest = range(max(len(then), len(now)))
        pairs = [(str(i), then[i] if i < len(then) else None, now[i] if i < len(now) else None) for i in longest]
    else:
        return place, then, now
    for name, one, other in pairs:
        if one != other:
            return first_difference(one, other, f"{place}/{name}")
    return place, then, now
