"""Fallback webhooks, which Vonage sends after one of our replies failed. The call continues."""

from __future__ import annotations

from functools import partial
from typing import Final, cast

from ncco_server import engine
from ncco_server.engine import CallData, WaitRef
from ncco_server.engine.session import from_json
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
    reason = webhook.reason or ""
    original = delivery.original
    match kind:
        case "placed":
            return await _fall_back_on_placed(turns, name, reason, original)
        case "placed-event":
            return await placing.note_event(turns, name, original) or await _record(turns, original)
        case "input" | "notify" | "onanswer" | "event" if name:
            return await _fall_back_on_wait(turns, cast(CallbackKind, kind), name, reason, original)
    if is_of_event(webhook, kind):
        return await _fall_back_on_event(turns, original)
    flow = name or None
    id_ = await answers.answered_session(turns, session_id(original.call.uuid, flow), original.call)
    if reason == INVALID_NCCO:
        return await _take_error_exit(turns, id_, ANSWERED, original)
    return await answers.answer(turns, original, flow)


def is_of_event(webhook: FallbackWebhook, kind: str) -> bool:
    """Whether an event failed, to which the reply would have been empty. `kind` is that of the failed URL."""
    return kind != "answer" and (webhook.original_type or kind) == "event"


async def _fall_back_on_wait(turns: Turns, kind: CallbackKind, token: str, reason: str, delivery: Delivery) -> Reply:
    ref = read_token(turns.policy.keys, kind, token)
    is_called = kind == "onanswer"
    id_, cause = (called_parties.called_id(ref), ANSWERED) if is_called else (ref.session, (ref.turn, ref.index))
    if reason == INVALID_NCCO:
        return await _take_error_exit(turns, id_, cause, delivery, is_called=is_called)
    return await waits.resume(turns, kind, token, delivery)


async def _fall_back_on_placed(turns: Turns, token: str, reason: str, delivery: Delivery) -> Reply:
    id_ = session_id(delivery.call.uuid, None)
    if reason == INVALID_NCCO:
        return await _take_error_exit(turns, id_, ANSWERED, delivery)
    return await placing.answer(turns, token, delivery)


async def _fall_back_on_event(turns: Turns, delivery: Delivery) -> Reply:
    """The failed event does not affect the call: the current NCCO continues."""
    leg = delivery.call.uuid
    row = await turns.store.load(session_id(leg, None)) if leg else None
    rows = [row] if row is not None else await turns.store.calls_of(leg)
    if not rows:
        return await answers.answer(turns, delivery)
    return await _record(turns, delivery, rows[0])


async def _record(turns: Turns, delivery: Delivery, row: SessionRow | None = None) -> Reply:
    leg = delivery.call.uuid
    received = webhook_row(turns.policy.keys[0], delivery, "fallback", row.id if row is not None else leg, hides=True)
    await turns.record(received)
    if row is None:
        return Reply(None, "fallback", "recorded", call=CallData(uuid=leg), row=received)
    return Reply.recorded(from_json(row.state), "fallback", received)


async def _take_error_exit(
    turns: Turns, id_: str, cause: tuple[int, int], delivery: Delivery, *, is_called: bool = False
) -> Reply:
    reply = await without_conflict(partial(_fail, turns, WaitRef("event", id_, *cause), delivery))
    problem = "the call that failed is not known"
    return reply or turns.failsafe_reply("fallback", problem, delivery.call, is_called=is_called)


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
    return await turns.advance(row, turn, received, delivery, "input")
