"""Webhooks of placed calls. Their URLs contain an attempt's signed ID; it accepts only its first leg."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import orjson

from ncco_server import engine
from ncco_server.engine import CallData, WaitRef
from ncco_server.engine.session import OWN_LEG, from_json
from ncco_server.engine.waits.kind import event_of, status_of
from ncco_server.errors import AlreadyOpen
from ncco_server.ncco.statuses import DETECTIONS, OVER, PICKED_UP
from ncco_server.ncco.webhooks import StatusWebhook
from ncco_server.service.answers import open_call, repeat_answer
from ncco_server.service.delivery import Delivery, Reply, session_id
from ncco_server.service.placed_values import PlacedCipher
from ncco_server.service.placing.attempts import ANSWERED, SILENT_S, STATUS_POLL_S, missed_outcome, outbound_of
from ncco_server.service.placing.ends import end_attempt, values_of
from ncco_server.service.tokens import make_token, read_token
from ncco_server.service.turns import Turns, without_conflict
from ncco_server.service.written_rows import answer_row, webhook_row
from ncco_server.store import AttemptRow, PlacedRow, milliseconds

GOODBYE: Final = orjson.dumps([{"action": "talk", "text": "Goodbye."}])
"""For somebody whose call was cancelled, or who is called twice for one attempt."""
FORGOTTEN: Final = "forgotten"
"""The outcome of a webhook whose placed call was forgotten or deleted."""
FIRST_TURN: Final = 1
"""The turn that the result of machine detection can interrupt."""


def urls_of(base_url: str, key: bytes, attempt: AttemptRow) -> tuple[str, str]:
    token = make_token(key, WaitRef("placed", attempt.placed, attempt.number, 0))
    url = f"{base_url}/webhooks/placed/{token}"
    return url, f"{url}/event"


async def answer(turns: Turns, token: str, delivery: Delivery) -> Reply:
    """Raises UnknownWait."""
    ref = read_token(turns.policy.keys, "placed", token)
    leg = delivery.call.uuid
    id_ = session_id(leg, None)
    if (repeat := await repeat_answer(turns, id_, delivery, request=ref.session)) is not None:
        return repeat
    row = await turns.store.placed.get(ref.session)  # before a late answer ends the call and its key
    attempt = await _pick_up(turns, ref, leg, delivery, is_certain=True) if leg else None
    if row is None or not row.number:
        return Reply(GOODBYE, "answer", FORGOTTEN, call=CallData(uuid=leg))
    if attempt is None:
        return await _say_goodbye(turns, id_, delivery)
    flow = await turns.library.pinned(row.flow, attempt.revision)
    received = answer_row(delivery, id_, turns.policy.keys[0])
    if flow is None:
        await turns.record(received)
        problem = f"revision {attempt.revision} of flow {row.flow} is lost"
        return turns.failsafe_reply("answer", problem, delivery.call)
    call = delivery.call._replace(direction="outbound", request=row.id)
    cipher = PlacedCipher.of(turns.policy.keys, row.salt)
    context = await turns.context(flow, delivery, cipher)
    values = values_of(flow, row, cipher)
    try:
        begin = partial(engine.begin_placed, flow, id_, call, values, context, detected=attempt.outcome)
        return await open_call(turns, begin, received, delivery)
    except AlreadyOpen:
        repeat = await repeat_answer(turns, id_, delivery, request=ref.session)
        return repeat or turns.failsafe_reply("answer", "the call has just been forgotten", delivery.call)


async def _say_goodbye(turns: Turns, id_: str, delivery: Delivery) -> Reply:
    received = answer_row(delivery, id_, turns.policy.keys[0])
    await turns.record(received)
    problem = "nobody should have been called: the call was cancelled or given up, or this is its second leg"
    return Reply(GOODBYE, "answer", "goodbye", call=CallData(uuid=delivery.call.uuid), problem=problem, row=received)


async def note_event(turns: Turns, token: str, delivery: Delivery) -> Reply | None:
    """Return None unless machine detection moves the call, or it was forgotten. Raises UnknownWait."""
    ref = read_token(turns.policy.keys, "placed", token)
    webhook = delivery.webhook
    row = await turns.store.placed.get(ref.session)
    if row is None or not row.number:
        return Reply(None, delivery.kind, FORGOTTEN)
    if not isinstance(webhook, StatusWebhook):
        return None
    call = delivery.call
    leg = call.uuid
    status = webhook.status or ""
    if not leg:
        return None
    attempt = await turns.store.placed.adopt(ref.session, ref.turn, leg, call.conversation_uuid, call.to)
    if attempt is None or attempt.leg != leg:
        return None
    if status == "machine" and await _hangs_up(turns, attempt):
        await end_attempt(turns, attempt, status, delivery.received_at)
    elif status in PICKED_UP:
        await _pick_up(turns, ref, leg, delivery, is_certain=False)
        detected = partial(_detected, turns, row, attempt, delivery)
        return await without_conflict(detected) if status in DETECTIONS else None
    elif status == "completed":
        ended = await turns.store.placed.completed(attempt, _later(delivery, SILENT_S))
        if ended is not None and ended.answered_at is not None:
            await end_attempt(turns, ended, ANSWERED, delivery.received_at)
    elif status in OVER:
        outcome = missed_outcome(status) if attempt.answered_at is None else ANSWERED
        await end_attempt(turns, attempt, outcome, delivery.received_at, webhook.detail or "")
    return None


async def _pick_up(turns: Turns, ref: WaitRef, leg: str, delivery: Delivery, *, is_certain: bool) -> AttemptRow | None:
    """Return None if the person must hear a goodbye."""
    poll_at = _later(delivery, STATUS_POLL_S)
    return await turns.store.placed.answered(
        ref.session, ref.turn, leg, delivery.received_ms, poll_at, is_certain=is_certain
    )


async def _hangs_up(turns: Turns, attempt: AttemptRow) -> bool:
    """Vonage hangs up by itself when a machine answers."""
    flow = await turns.library.pinned(attempt.flow, attempt.revision)
    return flow is not None and outbound_of(flow).machine_detection == "hangup"


async def _detected(turns: Turns, placed: PlacedRow, attempt: AttemptRow, delivery: Delivery) -> Reply | None:
    """A result from before the call is stored for later. Raises Conflict."""
    id_ = session_id(attempt.leg, None)
    outcome = event_of(delivery.webhook)
    ref = WaitRef("event", id_, FIRST_TURN, OWN_LEG)
    received = webhook_row(turns.policy.keys[0], delivery, delivery.kind, id_, ref, status=status_of(delivery.webhook))
    row = await turns.store.load(id_)
    if row is None:
        await turns.store.placed.detected(attempt, outcome)
        return None
    session = from_json(row.state)
    stored = await turns.stored_reply(id_, ref.turn, ref.index, received.status, session.call.request)
    if stored is not None:
        return Reply.repeat(stored, delivery.kind, session.call, session)
    flow = None if row.is_over else await turns.library.pinned(session.flow, session.revision)
    if flow is None:
        return None
    cipher = PlacedCipher.of(turns.policy.keys, placed.salt)
    context = await turns.context(flow, delivery, cipher)
    turn = await turns.play(engine.detected(flow, session, outcome, values_of(flow, placed, cipher), context))
    return await turns.store_turn(turn, received, delivery, row) if turn is not None else None


def _later(delivery: Delivery, seconds: int) -> int:
    return milliseconds(delivery.received_at + timedelta(seconds=seconds))
