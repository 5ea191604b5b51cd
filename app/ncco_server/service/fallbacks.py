"""Fallback webhooks, which Vonage sends after one of our replies failed. The call continues."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, cast

from ncco_server import engine
from ncco_server.engine import CallData, WaitRef
from ncco_server.engine.session import from_json
from ncco_server.engine.waits import OF_WORD
from ncco_server.engine.waits.detection import DetectionWait
from ncco_server.flow.frame import CallbackKind
from ncco_server.ncco.webhooks import FallbackWebhook
from ncco_server.service import answers, called_parties, placing, waits
from ncco_server.service.delivery import Delivery, Reply, session_id
from ncco_server.service.tokens import read_token
from ncco_server.service.turns import ANSWERED, Turns, without_conflict
from ncco_server.service.written_rows import REFUSED, webhook_row
from ncco_server.store import SessionRow

INVALID_NCCO: Final = "Invalid NCCO."
"""Why Vonage refused a reply. An "Invalid response code." never came with our NCCO.

Source: webhook reference, Fallback.
"""


async def fall_back(turns: Turns, delivery: Delivery) -> Reply:
    """Raise UnknownWait."""
    webhook = delivery.webhook
    if not isinstance(webhook, FallbackWebhook):
        return await answers.answer(turns, delivery)
    kind, name, _ = delivery.failed_url
    is_called = delivery.failed_url.is_called
    original = delivery.original
    cause = ANSWERED
    again: partial[Coroutine[Any, Any, Reply]]
    if kind == "placed-event":
        return await placing.note_event(turns, name, original) or await _record(turns, original)
    if kind == DetectionWait.word:
        id_ = session_id(original.call.uuid, None)
        again = partial(placing.answer, turns, name, original)
    elif name and kind in OF_WORD:
        word = cast(CallbackKind, kind)
        ref = read_token(turns.policy.keys, word, name)
        id_, cause = (called_parties.called_id(ref), ANSWERED) if is_called else (ref.session, (ref.turn, ref.index))
        again = partial(waits.resume, turns, word, name, original)
    elif is_of_event(webhook, kind):
        # The failed event does not affect the call: the current NCCO continues.
        leg = original.call.uuid
        row = await turns.store.load(session_id(leg, None)) if leg else None
        rows = [row] if row is not None else await turns.store.calls_of(leg)
        return await _record(turns, original, rows[0]) if rows else await answers.answer(turns, original)
    else:
        flow = name or None
        id_ = await answers.answered_session(turns, session_id(original.call.uuid, flow), original.call)
        again = partial(answers.answer, turns, original, flow)
    if webhook.reason != INVALID_NCCO:
        return await again()
    reply = await without_conflict(partial(_fail, turns, WaitRef("event", id_, *cause), original))
    problem = "the call that failed is not known"
    return reply or turns.failsafe_reply("fallback", problem, original.call, is_called=is_called)


def is_of_event(webhook: FallbackWebhook, kind: str) -> bool:
    """Whether an event failed, to which the reply would have been empty. `kind` is that of the failed URL."""
    return kind != "answer" and (webhook.original_type or kind) == "event"


async def _record(turns: Turns, delivery: Delivery, row: SessionRow | None = None) -> Reply:
    leg = delivery.call.uuid
    received = webhook_row(turns.policy.keys[0], delivery, "fallback", row.id if row is not None else leg, hides=True)
    await turns.record(received)
    if row is None:
        return Reply(None, "fallback", "recorded", call=CallData(uuid=leg), row=received)
    return Reply.recorded(from_json(row.state), "fallback", received)


async def _fail(turns: Turns, ref: WaitRef, delivery: Delivery) -> Reply | None:
    """None if the call or its flow's revision is not stored. Raises Conflict."""
    row = await turns.store.load(ref.session)
    if row is None:
        return None
    session = from_json(row.state)
    stored = await turns.stored_reply(row.id, ref.turn, ref.index, REFUSED, session.call.request)
    if stored is not None:
        return Reply.repeat(stored, "fallback", session.call, session)
    received = webhook_row(turns.policy.keys[0], delivery, "fallback", row.id, ref, status=REFUSED, hides=True)
    if row.is_over:
        await turns.record(received)
        return Reply.recorded(session, "fallback", received)
    flow = await turns.library.pinned(session.flow, session.revision)
    if flow is None:
        return None
    context = await turns.context(flow, delivery, await turns.cipher_of(session.call.request))
    turn = await turns.play(engine.fail(flow, session, context, "Vonage refused the NCCO it was sent"))
    return await turns.store_turn(turn, received, delivery, row, needs_action=True)
