"""Replies while the store is unavailable: what a flow's `error` exit plays without a webhook, else the failsafe NCCO.

Such calls are kept in memory, and stored when the store is back.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

import orjson

from ncco_server import engine
from ncco_server.engine import CallData, Turn
from ncco_server.engine.interpreter import Playing
from ncco_server.errors import AlreadyOpen, StoreUnavailable, UnknownWait
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import FallbackWebhook
from ncco_server.results import UNKNOWN, TurnFacts
from ncco_server.service.answers import failsafe_turn
from ncco_server.service.delivery import Delivery, FailedUrl, Reply, session_id
from ncco_server.service.fallbacks import INVALID_NCCO, is_of_event
from ncco_server.service.tokens import read_token
from ncco_server.service.turns import Turns
from ncco_server.service.written_rows import answer_row

KEPT: Final = 10_000
"""Calls of one process. They are lost if it ends before the store is back."""


def reply_without_store(turns: Turns, delivery: Delivery, name: str | None, problem: str) -> Reply:
    """`name` is the flow that the URL names; `problem` says why the store is unavailable."""
    webhook = delivery.webhook
    call = delivery.call
    failed = delivery.failed_url
    if not isinstance(webhook, FallbackWebhook):
        return _reply(turns, delivery, turns.library.find_unstored(call.to, name), "answer", problem)
    if failed.is_called:
        return turns.failsafe_reply("fallback", problem, call, is_called=True)._replace(is_unstored=True)
    return _reply(turns, delivery.original, _flow_of(turns, webhook, failed, call), "fallback", problem)


def _flow_of(turns: Turns, webhook: FallbackWebhook, failed: FailedUrl, call: CallData) -> Flow | None:
    """Return None if only the store knows the flow, or Vonage has rejected our NCCO."""
    kind, name, _ = failed
    if webhook.reason == INVALID_NCCO:
        return None
    library = turns.library
    if kind == "answer" or not (name or is_of_event(webhook, kind)):
        return library.find_unstored(call.to, name or None)
    if kind != "input":  # only an input webhook contains the number that the caller dialled
        return None
    try:
        ref = read_token(turns.policy.keys, "input", name)
    except UnknownWait:
        return None
    leg, _, name = ref.session.partition("/")
    is_caller = leg == session_id(call.uuid, None)  # a party that a flow dialled must not hear the error exit
    return library.find_unstored(call.to, name or None, is_open=True) if is_caller else None


def _reply(turns: Turns, delivery: Delivery, flow: Flow | None, kind: str, problem: str) -> Reply:
    call = delivery.call
    context = turns.policy.turn_context(delivery.received_at, delivery.base_url)
    id_ = session_id(call.uuid, None)
    turn = engine.without_store(flow, id_, call, context) if flow is not None else None
    _keep(turns, delivery, turn or failsafe_turn(turns, call, id_, problem))
    if turn is None or flow is None:
        return turns.failsafe_reply(kind, problem, call)._replace(is_unstored=True)
    if turn.session.dialled:
        turns.add_dials(turn.session.dialled)
    place = (flow.name, turn.session.step, call.uuid, call.conversation_uuid)
    caller = call.caller
    return Reply(orjson.dumps(turn.ncco), kind, "no-store", *place, problem=problem, caller=caller, is_unstored=True)


def _keep(turns: Turns, delivery: Delivery, turn: Turn) -> None:
    """Nothing that the turn does is stored, and what happened afterwards is unknown."""
    if len(turns.unstored) < KEPT:
        session = turn.session._replace(waits=(), dialled=0)
        kept = turn._replace(session=session, hooks=(), saves=(), called=(), facts=TurnFacts(UNKNOWN), has_fault=True)
        turns.unstored[session.id] = (kept, delivery)


async def store_unstored(turns: Turns) -> None:
    """Store the calls that were answered without the store, unless it has them already."""
    if turns.library.is_awaited:
        return
    with suppress(StoreUnavailable):
        for id_, (turn, delivery) in [*turns.unstored.items()]:
            row = answer_row(delivery, id_, turns.policy.keys[0])
            try:
                await turns.begin(partial(_played, turn), row, delivery)
            except AlreadyOpen:
                await turns.record(row)
            turns.unstored.pop(id_, None)


def _played(turn: Turn) -> Playing[Turn]:
    yield from ()
    return turn
