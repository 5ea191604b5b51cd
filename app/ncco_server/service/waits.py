"""Webhooks of waits: each resumes its call, gets its first delivery's reply, or is only recorded."""

from __future__ import annotations

from functools import partial

from ncco_server import engine
from ncco_server.engine import CallData, Session, WaitRef
from ncco_server.engine.session import from_json
from ncco_server.engine.waits import OF_WORD, kind_of
from ncco_server.engine.waits.kind import status_of
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import StatusWebhook
from ncco_server.service import call_ends, called_parties
from ncco_server.service.announced_recordings import announced
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.tokens import read_token
from ncco_server.service.turns import Turns, has_ended, lost_revision, seen, wait_of, without_conflict
from ncco_server.service.written_rows import REFUSED, caused_by, webhook_row
from ncco_server.store import NOTHING_CAUSED, Caused, RecordingRow, WebhookRow


async def resume(turns: Turns, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
    """Raise UnknownWait if this server did not sign the token."""
    ref = read_token(turns.policy.keys, kind, token)
    if OF_WORD[kind].is_called:
        return await called_parties.answer(turns, ref, delivery)
    return await without_conflict(partial(_resume, turns, ref, delivery))


async def _resume(turns: Turns, ref: WaitRef, delivery: Delivery) -> Reply:
    """Raises Conflict."""
    row = await turns.store.load(ref.session)
    if row is None:
        # The token is valid, so a caller is on the line, but the call is not stored.
        unknown = Caused(recording=announced(turns.policy, delivery))
        await turns.record(_wait_row(turns, ref, delivery, hides=True), unknown)
        return turns.failsafe_reply(delivery.kind, "this call is not stored", CallData(uuid=ref.session))
    session = from_json(row.state)
    wait = wait_of(session, ref)
    if wait is None or has_ended(row, delivery):
        return await _resume_closed(turns, session, ref, delivery)
    kind = kind_of(wait)
    received = _wait_row(turns, ref, delivery, hides=kind.hides(wait))
    flow = await turns.library.pinned(session.flow, session.revision)
    if flow is None:
        await turns.record(received, Caused(recording=announced(turns.policy, delivery, session, ref)))
        is_called = bool(session.parent)
        return turns.failsafe_reply(delivery.kind, lost_revision(session), session.call, is_called=is_called)
    statuses = frozenset[str]()
    if kind.reads_statuses:
        statuses = await seen(turns, session) | await called_parties.refusals(turns, session)
    read = None if delivery.problem else delivery.webhook
    cipher = await turns.cipher_of(session.call.request)
    context = await turns.context(flow, delivery, cipher)
    turn = await turns.play(engine.resume(flow, session, wait, read, context, seen=statuses))
    recording = announced(turns.policy, delivery, session, ref, flow, may_be_input=not wait.sensitive)
    caused = _caused_by_event(turns, flow, session, ref, delivery, recording=recording)
    if turn is None:
        noted = engine.noted(session, wait, read, delivery.received_at)
        if noted is session:
            await _record_on_wait(turns, received, caused, ref, delivery)
        else:
            await turns.note(noted, received, delivery, row, caused)
        return Reply.recorded(session, delivery.kind, received)
    return await turns.store_turn(turn, received, delivery, row, needs_action=kind.asks, before=caused)


async def _resume_closed(turns: Turns, session: Session, ref: WaitRef, delivery: Delivery) -> Reply:
    """A repeat gets the same bytes, any other webhook is only recorded."""
    kind = OF_WORD[ref.kind]
    received = _wait_row(turns, ref, delivery, hides=kind.hides(None))
    request = session.call.request
    stored = await turns.stored_reply(session.id, ref.turn, ref.index, REFUSED, request)
    if stored is None:
        stored = await turns.stored_reply(session.id, ref.turn, ref.index, received.status, request)
    flow = await turns.library.pinned(session.flow, session.revision) if kind.is_observed else None
    recording = announced(turns.policy, delivery, session, ref, flow)
    caused = _caused_by_event(turns, flow, session, ref, delivery, recording=recording)
    await _record_on_wait(turns, received, caused, ref, delivery)
    if stored is None:
        return Reply.recorded(session, delivery.kind, received)
    return Reply.repeat(stored, delivery.kind, session.call, session)


def _caused_by_event(
    turns: Turns,
    flow: Flow | None,
    session: Session,
    ref: WaitRef,
    delivery: Delivery,
    *,
    recording: RecordingRow | None,
) -> Caused:
    """What the webhook of a wait causes. The store ignores hooks and rows of a repeated delivery."""
    if flow is None or not OF_WORD[ref.kind].is_observed or delivery.problem:
        return NOTHING_CAUSED if recording is None else Caused(recording=recording)
    context = turns.policy.turn_context(delivery.received_at, delivery.base_url)
    effects = engine.observe(flow, session, ref, delivery.webhook, context)
    return caused_by(effects, session.id, delivery.received_ms, recording)


def _wait_row(turns: Turns, ref: WaitRef, delivery: Delivery, *, hides: bool | None) -> WebhookRow:
    status = "" if OF_WORD[ref.kind].asks else status_of(delivery.webhook)
    return webhook_row(turns.policy.keys[0], delivery, delivery.kind, ref.session, ref, status=status, hides=hides)


async def _record_on_wait(turns: Turns, received: WebhookRow, caused: Caused, ref: WaitRef, delivery: Delivery) -> None:
    """End a called party's session at `completed` on its leg.

    A `connect`'s `onanswer` wait has the index after that of its `event` wait.
    """
    webhook = delivery.webhook
    party = None
    if isinstance(webhook, StatusWebhook) and webhook.status == "completed":
        party = await turns.store.load(
            called_parties.called_id(WaitRef("onanswer", ref.session, ref.turn, ref.index + 1))
        )
    if party is None or party.is_over:
        await turns.record(received, caused)
    else:
        await call_ends.end(turns, party.leg, received, delivery, caused)
