"""Webhooks of a wait: the replacement NCCO that they bring, or an empty reply."""

from __future__ import annotations

from typing import Final

from app.engine import Call, Session, Wait, WaitRef, observe, resume
from app.engine.state import from_json
from app.errors import Conflict, StoreUnavailable
from app.flow.model import CallbackKind, Flow
from app.service.called import Called
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk, has_ended
from app.service.replies import kind_of, recorded_reply, repeat_reply
from app.service.rows import REFUSED, hook_rows, status_of, wait_at, webhook_row
from app.service.tokens import read_token
from app.store import HookRow, SessionRow, WebhookRow

ATTEMPTS: Final = 5
"""How often a webhook starts anew because another moved its session first; each time the other has got its answer."""


def _hides(wait: Wait) -> bool | None:
    """Whether what comes on a wait is secret; None when it asks for nothing that a caller presses or says."""
    asks = wait.kind == "input" or (wait.kind == "event" and wait.name == "input")
    return wait.sensitive if asks else wait.sensitive or None


class Waits:
    """Moves calls on."""

    def __init__(self, desk: Desk, called: Called) -> None:
        self._desk = desk
        self._called = called

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """The replacement NCCO that a webhook of a wait brings, or an empty reply.

        Raises UnknownWait for a token that this server never gave out.
        """
        ref = read_token(self._desk.policy.keys, kind, token)
        for _ in range(ATTEMPTS):
            row = await self._desk.store.load(ref.session)
            if row is None:
                return await self._unknown_call(ref, delivery)
            try:
                return await self._resume_from(row, ref, delivery)
            except Conflict:
                continue
        raise StoreUnavailable("the session is moved by other webhooks all the time")

    async def _resume_from(self, row: SessionRow, ref: WaitRef, delivery: Delivery) -> Reply:
        session = from_json(row.state)
        wait = wait_at(session, ref)
        status = "" if ref.kind == "input" else status_of(delivery.webhook)
        if wait is None or has_ended(row, delivery):
            return await self._closed(session, ref, status, delivery)
        key = self._desk.policy.keys[0]
        webhook = webhook_row(delivery, kind_of(delivery), session.id, ref, status=status, key=key, hides=_hides(wait))
        flow = await self._desk.flow_of(session)
        if flow is None:
            await self._desk.record(webhook)
            problem = f"revision {session.revision} of flow {session.flow} is lost"
            return self._desk.failsafe(kind_of(delivery), problem, session.call, is_called=bool(session.parent))
        around = self._desk.around(delivery)
        seen = await self._seen(session, ref)
        read = None if delivery.problem else delivery.webhook
        turn = await self._desk.play(resume(flow, session, wait, read, around, seen=seen))
        told = self._told(flow, session, ref, delivery)
        if turn is None:
            await self._keep(webhook, told, ref, delivery)
            return recorded_reply(session, kind_of(delivery))
        return await self._desk.advance(row, turn, webhook, delivery, ref.kind, told=told)

    async def _seen(self, session: Session, ref: WaitRef) -> frozenset[str]:
        """What is known so far of the dials of this turn; only a notify needs it."""
        if ref.kind != "notify":
            return frozenset()
        statuses = await self._desk.store.statuses(session.id, session.turn)
        return frozenset(status.partition(":")[0] for _, status in statuses) | await self._called.refusals(session)

    async def _closed(self, session: Session, ref: WaitRef, status: str, delivery: Delivery) -> Reply:
        """A wait that no longer steers: a second delivery gets the same bytes, anything else is recorded."""
        stored = await self._desk.store.reply(session.id, ref.turn, ref.index, REFUSED)
        if stored is None:
            stored = await self._desk.store.reply(session.id, ref.turn, ref.index, status)
        key, hides = self._desk.policy.keys[0], True if ref.kind == "input" else None
        webhook = webhook_row(delivery, kind_of(delivery), session.id, ref, status=status, key=key, hides=hides)
        flow = await self._desk.flow_of(session) if ref.kind == "event" else None
        await self._keep(webhook, self._told(flow, session, ref, delivery), ref, delivery)
        if stored is None:
            return recorded_reply(session, kind_of(delivery))
        return repeat_reply(stored, kind_of(delivery), session.call, session)

    async def _keep(self, webhook: WebhookRow, hooks: tuple[HookRow, ...], ref: WaitRef, delivery: Delivery) -> None:
        """Write a webhook that steers nothing; the session of a party that was called ends when its leg does."""
        leg, told = await self._called.left(ref, delivery) if ref.kind == "event" else ("", ())
        if leg:
            await self._desk.end(leg, webhook, (*hooks, *told))
        else:
            await self._desk.record(webhook, hooks)

    async def _unknown_call(self, ref: WaitRef, delivery: Delivery) -> Reply:
        """A token that we signed for a call that the store does not know: somebody is on the line."""
        await self._desk.record(
            webhook_row(delivery, kind_of(delivery), ref.session, ref, key=self._desk.policy.keys[0], hides=True)
        )
        return self._desk.failsafe(kind_of(delivery), "the store does not know this call", Call(uuid=ref.session))

    def _told(self, flow: Flow | None, session: Session, ref: WaitRef, delivery: Delivery) -> tuple[HookRow, ...]:
        """Whom the flow tells of an event; the store leaves out what a second delivery brings."""
        if flow is None or delivery.problem or ref.kind != "event":
            return ()
        hooks = observe(flow, session, ref, delivery.webhook, self._desk.around(delivery))
        return hook_rows(hooks, session.id, delivery.received_at)
