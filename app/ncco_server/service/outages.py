"""Replies while the store is unavailable: what a flow's `error` exit plays without a webhook, else the failsafe NCCO.

Such calls are kept in memory, and stored when the store is back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import orjson

from ncco_server import engine
from ncco_server.engine import CallData, Turn
from ncco_server.engine.session import NOTHING
from ncco_server.engine.waits.input import InputWait
from ncco_server.errors import AlreadyOpen, StoreError, StoreUnavailable, UnknownWait
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import FallbackWebhook
from ncco_server.results import UNKNOWN, TurnFacts
from ncco_server.service.answers import failsafe_turn
from ncco_server.service.delivery import Delivery, FailedUrl, Reply, session_id
from ncco_server.service.fallbacks import INVALID_NCCO, is_of_event
from ncco_server.service.tokens import read_token
from ncco_server.service.turns import Turns, session_of
from ncco_server.service.written_rows import answer_row
from ncco_server.store import WebhookRow

KEPT: Final = 10_000
"""Calls of one process. They are lost if it ends before the store is back."""
UNSTORED: Final = "no-store"
"""The status of what replaced the NCCO of a running call."""
KEPT_BYTES: Final = 4_000
"""Of a call's webhook: several times what Vonage sends, so that all kept calls need less than 100 MB."""


def reply_without_store(turns: Turns, delivery: Delivery, name: str | None, problem: str) -> Reply:
    """`name` is the flow that the URL names; `problem` says why the store is unavailable."""
    webhook = delivery.webhook
    call = delivery.call
    failed = delivery.failed_url
    if not isinstance(webhook, FallbackWebhook):
        return _reply(turns, delivery, turns.library.find_unstored(call.to, name), "answer", problem)
    if failed.is_called:
        return turns.failsafe_reply("fallback", problem, call, is_called=True)._replace(is_unstored=True)
    original = delivery.original
    if failed.kind == "placed":
        original = replace(original, query={**original.query, "direction": "outbound"})
    is_event = failed.kind == "placed-event" or (not failed.name and is_of_event(webhook, failed.kind))
    flow = _flow_of(turns, webhook, failed, call)
    return _reply(turns, original, flow, "fallback", problem, opens_call=not is_event)


def _flow_of(turns: Turns, webhook: FallbackWebhook, failed: FailedUrl, call: CallData) -> Flow | None:
    """Return None if only the store knows the flow, or Vonage has rejected our NCCO."""
    kind, name, _ = failed
    if webhook.reason == INVALID_NCCO:
        return None
    library = turns.library
    if kind == "answer" or not (name or is_of_event(webhook, kind)):
        return library.find_unstored(call.to, name or None)
    if kind != InputWait.word:  # only an input webhook contains the number that the caller dialled
        return None
    try:
        ref = read_token(turns.policy.keys, InputWait.word, name)
    except UnknownWait:
        return None
    leg, _, name = ref.session.partition("/")
    is_caller = leg == session_id(call.uuid, None)  # a party that a flow dialled must not hear the error exit
    return library.find_unstored(call.to, name or None, is_open=True) if is_caller else None


def _reply(
    turns: Turns, delivery: Delivery, flow: Flow | None, kind: str, problem: str, *, opens_call: bool = True
) -> Reply:
    call = delivery.call
    context = turns.policy.turn_context(delivery.received_at, delivery.base_url)
    id_ = session_id(call.uuid, None)
    turn = engine.without_store(flow, id_, call, context) if flow is not None else None
    if opens_call:
        _keep(turns, delivery, turn or failsafe_turn(turns, call, id_, problem))
    if turn is None or flow is None:
        return turns.failsafe_reply(kind, problem, call)._replace(is_unstored=True)
    turns.dials += turn.dials
    step = turn.session.step
    return Reply(orjson.dumps(turn.ncco), kind, "no-store", flow.name, step, call, problem=problem, is_unstored=True)


def _keep(turns: Turns, delivery: Delivery, turn: Turn) -> None:
    """Nothing that the turn does is stored, and what happened afterwards is unknown."""
    session = turn.session._replace(waits=())
    if len(turns.unstored) >= KEPT or session.id in turns.unstored:
        return
    row = answer_row(delivery, session.id, turns.policy.keys[0])
    if len(row.body) > KEPT_BYTES:
        kept = {"not_kept": "too long to keep without the store", "bytes": len(row.body)}
        row = row._replace(body=orjson.dumps(kept))
        session = session._replace(call=session.call._replace(sip=NOTHING, custom_data=NOTHING))
    facts = TurnFacts(UNKNOWN)
    turn = turn._replace(session=session, hooks=(), saves=(), called=(), dials=0, facts=facts, has_fault=True)
    without_body = Delivery(delivery.method, b"", NOTHING, delivery.base_url, delivery.received_at)
    turns.unstored[session.id] = (turn, row, without_body)


async def store_unstored(turns: Turns) -> None:
    """Store the calls that were answered without the store, unless it has them already."""
    if turns.library.is_awaited:
        return
    for id_, (turn, row, delivery) in [*turns.unstored.items()]:
        try:
            try:
                await turns.store_turn(turn, row, delivery)
            except AlreadyOpen:
                await _add(turns, turn, row, delivery)
        except StoreUnavailable:
            return
        except StoreError:
            continue  # one call that cannot be written must not keep the others from it
        turns.unstored.pop(id_, None)


async def _add(turns: Turns, turn: Turn, received: WebhookRow, delivery: Delivery) -> None:
    """The call had begun before the outage: what it heard has replaced its NCCO."""
    row = await turns.store.load(turn.session.id)
    session = session_of(row) if row is not None else None
    received = received._replace(kind="fallback", status=UNSTORED)
    if row is None or row.is_over or session is None:
        await turns.record(received)
        return
    heard = turn._replace(session=session._replace(turn=session.turn + 1, waits=()))
    await turns.store_turn(heard, received, delivery, row, needs_action=True)
