"""The other party of a connect: it asks for an NCCO of its own before it is joined.

Its session is a child of the one that dialled. Whatever is not as it should be, it gets an NCCO that says nothing, so
that the parties are joined: a caller waits for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from app.engine import Session, WaitRef, begin_other, hang_up, refusal
from app.engine.state import from_json
from app.errors import AlreadyOpen
from app.ncco.webhooks import StatusWebhook
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk, has_ended
from app.service.facts import call_of
from app.service.replies import repeat_reply
from app.service.rows import answer_row, hook_rows, wait_at
from app.service.tokens import read_token
from app.store import HookRow

KIND: Final = "onanswer"


def called_id(ref: WaitRef) -> str:
    """The session of the party that asks at a wait: the same each time that it asks."""
    return hashlib.sha256(f"{ref.session}\0{ref.turn}\0{ref.index}".encode()).hexdigest()[:32]


class Called:
    """Answers parties that were called, and knows what has become of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def answer(self, token: str, delivery: Delivery) -> Reply:
        """What a called party hears before it is joined; a repeated request gets the stored bytes.

        Vonage does not document what it sends: of the fields of an answer webhook only `uuid`, the leg, is used.
        Raises UnknownWait for a token that this server never gave out.
        """
        ref = read_token(self._desk.policy.keys, KIND, token)
        id_ = called_id(ref)
        before = await self._answered_before(id_, delivery)
        if before is not None:
            return before
        row = await self._desk.store.load(ref.session)
        parent = from_json(row.state) if row is not None else None
        wait = wait_at(parent, ref) if parent is not None else None
        if row is None or parent is None:
            return await self._nothing(id_, delivery, "the store does not know the call that dialled")
        if wait is None or has_ended(row, delivery):
            return await self._nothing(id_, delivery, "the call that dialled has gone on")
        flow = await self._desk.flow_of(parent)
        if flow is None:
            return await self._nothing(id_, delivery, f"revision {parent.revision} of flow {parent.flow} is lost")
        turn = await self._desk.play(begin_other(flow, id_, parent, wait, self._desk.around(delivery)))
        call = call_of(delivery.fields)
        webhook = answer_row(delivery, call, id_, self._desk.policy.keys[0])._replace(kind=KIND)
        try:
            reply = await self._desk.open_call(turn, webhook, delivery, leg=call.uuid or id_)
        except AlreadyOpen:
            before = await self._answered_before(id_, delivery)
            return before or await self._nothing(id_, delivery, "the party is known, its first turn is not")
        return reply._replace(kind=KIND)

    async def _answered_before(self, id_: str, delivery: Delivery) -> Reply | None:
        """What the party heard when it asked before; None when it did not."""
        call = call_of(delivery.fields)
        stored = await self._desk.store.reply(id_, -1, -1, "")
        if stored is None:
            return None
        await self._desk.record(answer_row(delivery, call, id_, self._desk.policy.keys[0])._replace(kind=KIND))
        return repeat_reply(stored, KIND, call)

    async def _nothing(self, id_: str, delivery: Delivery, problem: str) -> Reply:
        call = call_of(delivery.fields)
        await self._desk.record(answer_row(delivery, call, id_, self._desk.policy.keys[0])._replace(kind=KIND))
        return self._desk.failsafe(KIND, problem, call, is_called=True)

    async def refusals(self, session: Session) -> frozenset[str]:
        """How the dials of the latest turn ended whose parties have answered and were not joined."""
        found = set()
        for wait in session.waits:
            if wait.runs is not None:
                row = await self._desk.store.load(called_id(WaitRef(KIND, session.id, session.turn, wait.index)))
                party = from_json(row.state) if row is not None else None
                found.add(refusal(party.returned, is_over=party.is_over) if party is not None else "")
        return frozenset(found - {""})

    async def left(self, ref: WaitRef, delivery: Delivery) -> tuple[str, Iterable[HookRow]]:
        """The leg of a party that has hung up, by the event that says so, and whom its flow tells.

        "" for any other event, and for a party that has heard no flow.

        Args:
            ref: the wait of the connect's events; that of its party comes right behind it.
            delivery: the event.
        """
        webhook, desk = delivery.webhook, self._desk
        if not isinstance(webhook, StatusWebhook) or webhook.status != "completed" or delivery.problem:
            return "", ()
        row = await desk.store.load(called_id(WaitRef(KIND, ref.session, ref.turn, ref.index + 1)))
        if row is None or row.is_over:
            return "", ()
        session = from_json(row.state)
        flow = await desk.flow_of(session)
        hooks = hang_up(flow, session, webhook, desk.around(delivery)) if flow is not None else ()
        return row.leg, hook_rows(hooks, row.id, delivery.received_at)
