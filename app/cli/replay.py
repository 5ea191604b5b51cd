"""`ncco replay`: play a recorded call again, with the revision and the inputs that it had, and compare the bytes."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import click
import orjson

from app.cli import options
from app.cli.database import find_call, find_database, opened
from app.cli.environment import flow_variables, server_settings
from app.cli.output import FINE, ISSUES, CannotRun, print_json
from app.cli.recorded_calls import MASKED, TimelineEntry, entries_of
from app.engine import Lookup, LookupAnswer, Session, Turn, TurnContext, WaitRef, begin, fail, resume
from app.engine.session import from_json
from app.flow.loader import load
from app.flow.model import Flow
from app.flow.report import printable
from app.ncco.webhooks import FallbackWebhook, recognise
from app.service.calls import Policy
from app.service.delivery import REFUSED, mask
from app.service.tokens import MAC_BYTES, make_token
from app.store import RevisionRow, Timeline

KEY: Final = b"ncco replay signs callbacks that nobody calls"
_CALLBACK_URL: Final = re.compile(rb"/webhooks/(input|notify|event|onanswer)/([A-Za-z0-9_=-]+)")

Playing = Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Turn | None]


@click.command(
    "replay",
    epilog="""\b
Examples:
  ncco replay 3f9a1c77                     each turn: the same bytes, or the first difference
  ncco replay 3f9a1c77 --format json       the same for a program

It only reads the database that NCCO_DATABASE_URL names, asks no lookup and sends nothing. Exit codes: 0 what could
be played again is the same, 1 something differs or there is no such call, 2 there is no database that can be read.""",
)
@click.argument("session")
@options.output("text", "json")
def command(*, session: str, form: Literal["text", "json"]) -> int:
    """Play the turns of a call again, and compare what goes out. SESSION is its leg's uuid, or how that begins.

    The flow has the revision that the call began with; times, webhooks and the answers of lookups are the recorded
    ones, settings the current ones. A turn that needs something sensitive, which is not stored, ends it. Callback URLs
    are compared without their signature.
    """
    database, settings = find_database(), server_settings()

    async def read() -> tuple[Timeline, RevisionRow | None]:
        async with opened(database.records()) as records:
            timeline = await find_call(records, session)
            return timeline, await records.revision(timeline.call.session.revision)

    timeline, revision = asyncio.run(read())
    policy = Policy((KEY,), settings.failsafe, flow_variables(), settings.dial_allow)
    turns = list(replay(timeline, _flow(timeline, revision), policy))
    if form == "json":
        print_json({"call": timeline.call.session.id, "turns": turns})
    else:
        click.echo("\n".join(_shown(turns, timeline.call.turns)))
    return FINE if all(turn["differs"] is None for turn in turns) else ISSUES


def _flow(timeline: Timeline, revision: RevisionRow | None) -> Flow:
    """The flow of a call as it was. Raises CannotRun."""
    row = timeline.call.session
    flows = load(orjson.loads(revision.sources)).flows if revision is not None else {}
    if row.flow not in flows:
        message = f"revision {row.revision[:8]} of flow {printable(row.flow)} is not stored, or cannot be read any more"
        raise CannotRun(message, "play a later call, or use the version of ncco that recorded this one")
    return replace(flows[row.flow], revision=row.revision)


def first_difference(then: Any, now: Any, place: str = "") -> tuple[str, Any, Any]:
    """Where two JSON values differ first, as a JSON Pointer, and both values there; None where one has nothing."""
    pairs: list[tuple[str, Any, Any]] = []
    if isinstance(then, dict) and isinstance(now, dict):
        pairs = [(name, then.get(name), now.get(name)) for name in {**then, **now}]
    elif isinstance(then, list) and isinstance(now, list):
        size = max(len(then), len(now))
        padded = (each + [None] * (size - len(each)) for each in (then, now))
        pairs = [(str(index), *both) for index, both in enumerate(zip(*padded, strict=True))]
    for name, one, other in pairs:
        if one != other:
            return first_difference(one, other, f"{place}/{name}")
    return place, then, now


def _shown(turns: Sequence[Mapping[str, Any]], count: int) -> Iterator[str]:
    """What became of each turn, in lines."""
    for turn in turns:
        differs = turn["differs"]
        if turn["because"]:
            yield f"turn {turn['number']}: not played again: {turn['because']}"
        elif differs is None:
            yield f"turn {turn['number']}: the same bytes"
        else:
            yield f"turn {turn['number']}: differs at {differs['path'] or '/'}"
            for name in ("then", "now"):
                value = differs[name]
                shown = "nothing" if value is None else printable(json.dumps(value, ensure_ascii=False))
                yield f"  {name:<4}  {shown}"
    if len(turns) < count:
        yield f"{count - len(turns)} more turns depend on it, and were not played"


class CannotReplay(Exception):
    """A turn needs something that was not stored."""


def replay(timeline: Timeline, flow: Flow, policy: Policy) -> Iterator[dict[str, Any]]:
    """Every turn again as a document, up to one that cannot be played: the turns after it depend on it."""
    entries = list(entries_of(timeline))
    player = _Player(entries, from_json(timeline.call.session.state), flow, policy)
    for entry in entries:
        if entry.turn is None:
            continue
        document = {"number": entry.turn.number, "same": False, "because": "", "differs": None}
        try:
            then, now = _unsigned(entry.turn.ncco), _unsigned(player.play(entry))
        except CannotReplay as reason:
            yield {**document, "because": str(reason)}
            return
        if then == now:
            yield {**document, "same": True}
        else:
            path, before, after = first_difference(_parsed(then), _parsed(now))
            yield {**document, "differs": {"path": path, "then": before, "now": after}}


def _parsed(ncco: bytes) -> Any:
    """The NCCO; None for an empty reply."""
    try:
        return orjson.loads(ncco)
    except orjson.JSONDecodeError:
        return None


class _Player:
    """Plays one turn after another.

    Args:
        entries: of the whole call.
        final: its session after the last turn.
        flow: as it was then. policy: the current settings.
    """

    def __init__(self, entries: list[TimelineEntry], final: Session, flow: Flow, policy: Policy) -> None:
        self._entries = entries
        self._final = final
        self._flow = flow
        self._policy = policy
        self._session: Session | None = None

    def play(self, entry: TimelineEntry) -> bytes:
        """The bytes that go out now. Raises CannotReplay."""
        playing, recorded = self._start(entry), entry.inputs.get("lookups", {})
        try:
            lookups = next(playing)
            while True:
                lookups = playing.send(tuple(_answer(lookup, recorded.get(lookup.name)) for lookup in lookups))
        except StopIteration as done:
            turn: Turn | None = done.value
        if turn is None:
            raise CannotReplay("its webhook does not steer the call now")
        is_first, self._session = self._session is None, turn.session
        is_sent = is_first or turn.ncco or entry.webhook.kind.startswith("input")
        return orjson.dumps(turn.ncco) if is_sent else b""

    def _start(self, entry: TimelineEntry) -> Playing:
        """The turn, before its first lookup. Raises CannotReplay."""
        session, row, surroundings = self._session, entry.webhook, self._surroundings(entry)
        if session is None:
            if self._final.parent:
                raise CannotReplay("it is the leg of a dialled party, whose parameters are part of another call")
            return begin(self._flow, self._final.id, self._final.call, surroundings)
        if entry.turn is not None and entry.turn.cause_status == REFUSED:
            return fail(self._flow, session, surroundings, "Vonage refused it")
        if not 0 <= row.wait < len(session.waits):
            raise CannotReplay("its webhook answered a wait that is not open now")
        wait = session.waits[row.wait]
        if wait.sensitive or MASKED.encode() in row.body:
            raise CannotReplay("what the caller gave is sensitive, and was not stored")
        webhook = None if "not_kept" in entry.fields else recognise(entry.fields)
        if isinstance(webhook, FallbackWebhook):
            webhook = webhook.original
        return resume(self._flow, session, wait, webhook, surroundings, seen=self._statuses_before(entry))

    def _statuses_before(self, entry: TimelineEntry) -> frozenset[str]:
        """The statuses that were recorded for the waits of the turn before a checkpoint came."""
        row = entry.webhook
        if row.kind != "notify":
            return frozenset()
        before = (each.webhook for each in self._entries[: self._entries.index(entry)])
        return frozenset(each.status.partition(":")[0] for each in before if each.turn == row.turn and each.wait >= 0)

    def _surroundings(self, entry: TimelineEntry) -> TurnContext:
        """The time and base URL of the turn, with the current settings."""
        base, key, policy = str(entry.inputs.get("base_url", "")), self._policy.keys[0], self._policy

        def link(ref: WaitRef) -> str:
            return f"{base}/webhooks/{ref.kind}/{make_token(key, ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(key, session, secret)

        now = datetime.fromisoformat(str(entry.inputs["now"]))
        return TurnContext(now, link, hide, policy.env, policy.failsafe, policy.dial_allow, policy.dial_limit)


def _answer(lookup: Lookup, record: Any) -> LookupAnswer:
    """The recorded answer. Raises CannotReplay when the lookup was not asked then, or its answer was not stored."""
    if not isinstance(record, dict):
        raise CannotReplay(f"it asks the lookup {lookup.name} now, and did not then")
    if f'"{MASKED}'.encode() in orjson.dumps(record):
        raise CannotReplay(f"the answer of the lookup {lookup.name} is sensitive, and was not stored")
    if not record.get("ok"):
        return LookupAnswer(None, "it was not ok")
    return LookupAnswer({name: value for name, value in record.items() if name != "ok"})


def _unsigned(ncco: bytes) -> bytes:
    """An NCCO whose callback URLs name their wait without a signature: the key may have changed since."""

    def without_mac(url: re.Match[bytes]) -> bytes:
        token = url[2]
        try:
            payload = urlsafe_b64decode(token + b"=" * (-len(token) % 4))[:-MAC_BYTES]
        except ValueError:
            return url[0]
        # A token that is too short is not ours: a flow may name any URL.
        return b"/webhooks/" + url[1] + b"/" + payload.hex().encode() if payload else url[0]

    return _CALLBACK_URL.sub(without_mac, ncco)
