"""Fallback webhooks: one of our replies failed, and the call goes on where it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from app.engine import WaitRef, fail
from app.engine.state import from_json
from app.errors import Conflict, StoreUnavailable, UnknownWait
from app.flow.model import CallbackKind
from app.ncco.webhooks import FallbackWebhook
from app.service.answers import Answers
from app.service.called import Called, called_id
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk
from app.service.facts import call_of
from app.service.replies import original_of, recorded_reply, repeat_reply
from app.service.rows import REFUSED, session_id, webhook_row
from app.service.tokens import read_token
from app.service.waits import ATTEMPTS, Waits

BAD_STATUS: Final = "Invalid response code."
REFUSALS: Final = frozenset({"Invalid NCCO.", BAD_STATUS})
"""Reasons of a fallback that mean: what was sent is no good. Source: webhook reference, Fallback."""

_WAIT_PATH = re.compile(r"/webhooks/(input|notify|event|onanswer)/([A-Za-z0-9_=-]+)/?(?:[?#]|$)")
_ANSWER_PATH = re.compile(r"/webhooks/answer(?:/([^/?#]+))?/?(?:[?#]|$)")
_KINDS: Final[Mapping[str, CallbackKind]] = {
    "input": "input",
    "notify": "notify",
    "event": "event",
    "onanswer": "onanswer",
}


class Fallbacks:
    """Goes on when a reply of ours has failed."""

    def __init__(self, desk: Desk, answers: Answers, waits: Waits, called: Called) -> None:
        self._desk = desk
        self._answers = answers
        self._waits = waits
        self._called = called

    async def fallback(self, delivery: Delivery) -> Reply:
        """Go on where the call was when one of our replies failed; without a store say the failsafe NCCO."""
        try:
            return await self._fall_back(delivery)
        except (StoreUnavailable, UnknownWait) as error:
            return self._desk.failsafe("fallback", str(error), call_of(delivery.fields))

    async def _fall_back(self, delivery: Delivery) -> Reply:
        webhook = delivery.webhook
        if not isinstance(webhook, FallbackWebhook):
            return await self._answers.answer(delivery)
        path = webhook.original_url or ""
        reason = webhook.reason or ""
        original = original_of(delivery)
        if found := _WAIT_PATH.search(path):
            return await self._wait_again(_KINDS[found[1]], found[2], reason, original)
        named = _ANSWER_PATH.search(path)
        if webhook.original_type == "event" and named is None:
            return await self._event_again(original)
        flow = named[1] if named else None
        id_ = session_id(call_of(original.fields).uuid, flow)
        if await self._is_refused(reason, id_, (-1, -1)):
            return await self._refused(id_, (-1, -1), original)
        return await self._answers.answer(original, flow)

    async def _wait_again(self, kind: CallbackKind, token: str, reason: str, delivery: Delivery) -> Reply:
        """The webhook of a wait, whose reply failed or was refused."""
        ref = read_token(self._desk.policy.keys, kind, token)
        is_called = kind == "onanswer"
        id_, cause = (called_id(ref), (-1, -1)) if is_called else (ref.session, (ref.turn, ref.index))
        if await self._is_refused(reason, id_, cause):
            return await self._refused(id_, cause, delivery, is_called=is_called)
        if is_called:
            return await self._called.answer(token, delivery)
        return await self._waits.resume(kind, token, delivery)

    async def _is_refused(self, reason: str, id_: str, cause: tuple[int, int]) -> bool:
        """Whether Vonage did not take the NCCO that it was sent.

        A bad status without one is our own 503, of a store that was away: the webhook has yet to be answered.
        """
        if reason != BAD_STATUS:
            return reason in REFUSALS
        return await self._desk.store.reply(id_, *cause, None) is not None

    async def _event_again(self, delivery: Delivery) -> Reply:
        """An event that steers nothing came to the fallback: the NCCO of a running call goes on."""
        call = call_of(delivery.fields)
        row = await self._desk.store.load(session_id(call.uuid, None)) if call.uuid else None
        rows = [row] if row is not None else await self._desk.store.calls_of(call.uuid)
        if not rows:
            return await self._answers.answer(delivery)
        row = rows[0]
        await self._desk.record(webhook_row(delivery, "fallback", row.id, key=self._desk.policy.keys[0], hides=True))
        return recorded_reply(from_json(row.state), "fallback")

    async def _refused(self, id_: str, cause: tuple[int, int], delivery: Delivery, *, is_called: bool = False) -> Reply:
        """Vonage refused what it got: never the stored bytes again, but the `error` exit of where the call is."""
        for _ in range(ATTEMPTS):
            row = await self._desk.store.load(id_)
            if row is None:
                break
            session = from_json(row.state)
            stored = await self._desk.store.reply(id_, *cause, REFUSED)
            if stored is not None:
                return repeat_reply(stored, "fallback", session.call, session)
            ref = WaitRef("event", id_, *cause)
            key = self._desk.policy.keys[0]
            webhook = webhook_row(delivery, "fallback", id_, ref, status=REFUSED, key=key, hides=True)
            if row.is_over:
                await self._desk.record(webhook)
                return recorded_reply(session, "fallback")
            flow = await self._desk.flow_of(session)
            if flow is None:
                break
            around = self._desk.around(delivery)
            turn = await self._desk.play(fail(flow, session, around, "Vonage refused the NCCO it was sent"))
            try:
                return await self._desk.advance(row, turn, webhook, delivery, "input")
            except Conflict:
                continue
        problem = "the call that failed is not known"
        return self._desk.failsafe("fallback", problem, call_of(delivery.fields), is_called=is_called)
