"""Answer webhooks: the first NCCO of a call."""

from __future__ import annotations

from app.engine import Call, begin
from app.errors import AlreadyOpen, StoreUnavailable
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk
from app.service.facts import call_of
from app.service.replies import repeat_reply
from app.service.rows import answer_row, session_id


class Answers:
    """Opens calls."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """The first NCCO of a call; a repeated answer webhook gets the stored bytes.

        Args:
            delivery: the webhook.
            flow: the flow that the URL names; None finds it by the called number.
        """
        desk, call = self._desk, call_of(delivery.fields)
        found = desk.library.find(call.to, flow)
        id_ = session_id(call.uuid, flow)
        if found is None:
            return await self._nobody(delivery, call, id_, flow)
        turn = await desk.play(begin(found, id_, call, desk.around(delivery)))
        try:
            return await desk.open_call(turn, answer_row(delivery, call, id_, desk.policy.keys[0]), delivery)
        except AlreadyOpen:
            return await self._answered_before(delivery, call, id_)

    async def _nobody(self, delivery: Delivery, call: Call, id_: str, flow: str | None) -> Reply:
        """A caller whom no flow takes hears the failsafe NCCO, unless the call began when a flow still took it."""
        desk = self._desk
        if desk.library.is_awaited:
            raise StoreUnavailable("the flows wait for the store")
        if await desk.store.reply(id_, -1, -1, "") is not None:
            return await self._answered_before(delivery, call, id_)
        await desk.record(answer_row(delivery, call, "", desk.policy.keys[0]))
        return desk.failsafe("answer", _why_nobody(delivery, call, flow), call)

    async def _answered_before(self, delivery: Delivery, call: Call, id_: str) -> Reply:
        desk = self._desk
        stored = await desk.store.reply(id_, -1, -1, "")
        await desk.record(answer_row(delivery, call, id_, desk.policy.keys[0]))
        if stored is None:
            return desk.failsafe("answer", "the call is known, its first turn is not", call)
        return repeat_reply(stored, "answer", call)


def _why_nobody(delivery: Delivery, call: Call, flow: str | None) -> str:
    """Why no flow takes a call, and what to do: see to what sent the webhook, or to the flows."""
    if flow:
        return f'there is no flow "{flow}" to start a call in'
    if delivery.problem or not call.to:
        what = delivery.problem or "the webhook names no called number"
        return f"{what}; no flow has `default: true`, which would take such a call"
    wanted = f"no flow takes calls to the number ending in {call.to[-4:]}"
    return f"{wanted}; add the number to a flow's `numbers`, or give one flow `default: true`"
