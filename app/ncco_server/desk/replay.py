"""Replays the turns of a recorded call and compares the replies."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

import orjson

from ncco_server.desk.recorded_calls import TimelineEntry, by_hand_in, entries_of
from ncco_server.engine import Lookup, LookupAnswer, Session, Turn, TurnContext, begin, fail, noted, played, resume
from ncco_server.engine.session import CalledFunction, StoredAnswer, from_json
from ncco_server.engine.waits import kind_of
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.ncco.webhooks import FallbackWebhook, recognise
from ncco_server.service.agents import HANDED_BACK
from ncco_server.service.masks import has_token, without_hand_back
from ncco_server.service.tokens import MAC_BYTES
from ncco_server.service.turns import Policy, ncco_of_reply
from ncco_server.service.written_rows import REFUSED
from ncco_server.store import Timeline, WebhookRow, moment_of

REPLAY_KEY: Final = b"ncco replay signs callbacks that nobody calls"
_CALLBACK_URL: Final = re.compile(rb"/webhooks/(input|notify|event|onanswer)/([A-Za-z0-9_=-]+)")

Playing = Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Turn | None]


class CannotReplay(Exception):
    """Something that a turn needs was not stored."""


def replay(timeline: Timeline, flow: Flow, policy: Policy) -> Iterator[dict[str, Any]]:
    """Stop at the first turn that cannot be replayed."""
    session: Session | None = None
    final = from_json(timeline.call.session.state)
    before: list[WebhookRow] = []
    for entry in entries_of(timeline):
        before.append(entry.webhook)
        if entry.turn is None:
            session = session and _noted(session, entry)
            continue
        document = {"number": entry.turn.number, "same": False, "because": "", "differs": None}
        context = policy.turn_context(
            datetime.fromisoformat(str(entry.inputs["now"])), str(entry.inputs.get("base_url", ""))
        )._replace(by_hand=by_hand_in(entry.inputs))
        try:
            if session is None:
                turn = _played(_begun(final, entry, flow, context), entry)
            else:
                turn = _played(_resumed(session, entry, flow, context, before), entry)
        except CannotReplay as reason:
            yield {**document, "because": str(reason)}
            return
        if session is None:
            sent = orjson.dumps(turn.ncco)
        else:
            is_refused = entry.turn.cause_status == REFUSED
            asks = is_refused or kind_of(session.waits[entry.webhook.wait]).asks
            sent = ncco_of_reply(turn, needs_action=asks)
        session = turn.session
        sent = without_hand_back(sent, session.turn)
        then, now = _unsigned(entry.turn.ncco), _unsigned(sent)
        if then == now:
            yield {**document, "same": True}
        else:
            path, was, is_ = first_difference(orjson.loads(then or b"null"), orjson.loads(now or b"null"))
            yield {**document, "differs": {"path": path, "then": was, "now": is_}}


def _noted(session: Session, entry: TimelineEntry) -> Session:
    """The session with what a webhook without a turn says about an agent."""
    row = entry.webhook
    if row.turn != session.turn:
        return session
    if row.kind == HANDED_BACK:
        return session._replace(agent={**session.agent, **entry.fields})
    if not 0 <= row.wait < len(session.waits):
        return session
    return noted(session, session.waits[row.wait], recognise(entry.fields), moment_of(row.received_at))


def _played(playing: Playing, entry: TimelineEntry) -> Turn:
    recorded = entry.answers
    called = iter(entry.functions)
    turn = played(playing, lambda lookup: _answer(lookup, recorded, called))
    if turn is None:
        raise CannotReplay("its webhook no longer steers the call")
    return turn


def _begun(final: Session, entry: TimelineEntry, flow: Flow, context: TurnContext) -> Playing:
    """`final` is the call's last session, `entry` its answer."""
    if final.parent:
        raise CannotReplay("it is the leg of a called party, whose parameters belong to another call")
    if final.call.request:
        raise CannotReplay("the server placed it, with params that are not stored with the call")
    given = {name: text for name, text in entry.params.items() if name in flow.params or flow.is_line}
    if any(param.sensitive for name, param in flow.params.items() if name in given):
        raise CannotReplay("a param in the answer URL is sensitive, so it was not stored")
    return begin(flow, final.id, final.call, context, given)


def _resumed(
    session: Session, entry: TimelineEntry, flow: Flow, context: TurnContext, before: Sequence[WebhookRow]
) -> Playing:
    """`before` contains the call's webhooks up to this one."""
    row = entry.webhook
    if entry.turn is not None and entry.turn.cause_status == REFUSED:
        return fail(flow, session, context, "Vonage refused it")
    if not 0 <= row.wait < len(session.waits):
        raise CannotReplay("with the current flows, the call does not wait for its webhook here")
    wait = session.waits[row.wait]
    if wait.sensitive or has_token(entry.fields):
        raise CannotReplay("what the caller said or pressed is sensitive, so it was not stored")
    webhook = None if "not_kept" in entry.fields else recognise(entry.fields)
    if isinstance(webhook, FallbackWebhook):
        webhook = webhook.original
    # Those of the step's waits before a checkpoint arrived.
    reported = (each for each in before[:-1] if each.turn >= session.entered_turn and each.wait >= 0)
    seen = {each.status.partition(":")[0] for each in reported}
    if any(each.runs is not None for each in session.waits):  # a party's refusal is stored with its own call
        seen |= {name for name in DIAL_FAILURES if name == entry.inputs.get("outcome")}
    return resume(flow, session, wait, webhook, context, seen=frozenset(seen))


def _answer(lookup: Lookup, recorded: list[StoredAnswer], called: Iterator[CalledFunction]) -> LookupAnswer:
    """Remove the answer from `recorded`, unless it is stored by name only."""
    if lookup.is_function:
        function = next((each for each in called if each[:2] == (lookup.flow, lookup.name)), None)
        if function is None:
            raise CannotReplay(f"the recorded call did not call the function {lookup.name} here")
        return LookupAnswer(function.value, function.problem)
    answer = next((each for each in recorded if each.name == lookup.name and each.flow in ("", lookup.flow)), None)
    if answer is None:
        raise CannotReplay(f"the recorded call did not make the lookup {lookup.name}")
    if answer.flow:
        recorded.remove(answer)
    record = answer.value
    if has_token(record):
        raise CannotReplay(f"the answer of the lookup {lookup.name} is sensitive, so it was not stored")
    if not record.get("ok"):
        return LookupAnswer(None) if lookup.request.method == "TABLE" else LookupAnswer(None, "it was not ok")
    return LookupAnswer({name: value for name, value in record.items() if name != "ok"})


def _unsigned(ncco: bytes) -> bytes:
    """Remove the signatures of callback URLs: the key may have changed."""

    def without_mac(url: re.Match[bytes]) -> bytes:
        token = url[2]
        try:
            payload = urlsafe_b64decode(token + b"=" * (-len(token) % 4))[:-MAC_BYTES]
        except ValueError:
            return url[0]
        # With an empty payload, the token is not ours: flows can name any URL.
        return b"/webhooks/" + url[1] + b"/" + payload.hex().encode() if payload else url[0]

    return _CALLBACK_URL.sub(without_mac, ncco)


def first_difference(then: Any, now: Any, place: str = "") -> tuple[str, Any, Any]:
    """Return a JSON Pointer and both values. A missing value is None."""
    pairs: list[tuple[str, Any, Any]] = []
    if isinstance(then, dict) and isinstance(now, dict):
        pairs = [(name, then.get(name), now.get(name)) for name in {**then, **now}]
    elif isinstance(then, list) and isinstance(now, list):
        pairs = [(str(index), *both) for index, both in enumerate(zip_longest(then, now))]
    for name, one, other in pairs:
        if one != other:
            return first_difference(one, other, f"{place}/{name}")
    return place, then, now
