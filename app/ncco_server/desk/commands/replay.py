"""`ncco replay`: replays a recorded call with its revision and inputs, and compares the replies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click
import orjson

from ncco_server.assembly import policy_of
from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, find_call, find_database
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, ISSUES, CannotRun, print_json
from ncco_server.desk.replay import REPLAY_KEY, replay
from ncco_server.flow.loader import load_stored
from ncco_server.flow.model import Flow
from ncco_server.service.turns import Policy
from ncco_server.store import RevisionRow, Timeline
from ncco_server.terminal import printable


@click.command(
    "replay",
    epilog="""\b
Examples:
  ncco replay 3f9a1c77                     shows for each turn that the reply is the same, or the first difference
  ncco replay 3f9a1c77 --format json       the same for a program

This only reads the database in NCCO_DATABASE_URL; it makes no lookups and sends nothing. Exit codes: 0 all turns that
could be replayed are the same, 1 something differs or there is no such call, 2 no database can be read.""",
)
@click.argument("session")
@options.output("text", "json")
@asynchronous
async def command(*, session: str, form: str) -> int:
    """Play the turns of a call again and compare the replies. SESSION is its leg's uuid, or the start of it.

    The replay uses the flow revision with which the call began, the recorded times, webhooks and lookup answers, and
    the current settings. It ends at a turn that needs a sensitive value, because those are not stored. Signatures in
    callback URLs are not compared.
    """
    async with find_database().records() as records:
        timeline = await find_call(records, session)
        revision = await records.revision(timeline.call.session.revision)
    settings = server_settings()
    policy = policy_of(settings, (REPLAY_KEY,))
    turns = list(replay(timeline, _flow(timeline, revision, policy), policy))
    if form == "json":
        print_json({"call": timeline.call.session.id, "turns": turns})
    else:
        click.echo("\n".join(_shown(turns, timeline.call.turns)))
    return FINE if all(turn["differs"] is None for turn in turns) else ISSUES


def _flow(timeline: Timeline, revision: RevisionRow | None, policy: Policy) -> Flow:
    """Raises CannotRun."""
    row = timeline.call.session
    sources = orjson.loads(revision.sources) if revision is not None else {}
    flow = load_stored(sources, row.flow, policy.handlers)
    if flow is None:
        message = f"revision {row.revision[:8]} of flow {row.flow} is not stored, or can no longer be read"
        raise CannotRun(message, "replay a newer call, or use the version of ncco that recorded this call")
    return replace(flow, revision=row.revision)


def _shown(turns: Sequence[Mapping[str, Any]], count: int) -> Iterator[str]:
    for turn in turns:
        differs = turn["differs"]
        if turn["because"]:
            yield f"turn {turn['number']}: not replayed: {turn['because']}"
        elif differs is None:
            yield f"turn {turn['number']}: the same bytes"
        else:
            yield f"turn {turn['number']}: differs at {differs['path'] or '/'}"
            for name in ("then", "now"):
                value = differs[name]
                shown = "nothing" if value is None else printable(json.dumps(value, ensure_ascii=False))
                yield f"  {name:<4}  {shown}"
    if len(turns) < count:
        yield f"{count - len(turns)} more turns depend on it and were not replayed"
