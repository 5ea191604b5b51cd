"""CallService: what each webhook does to a call, and what goes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

from app.engine import Call, Session, Surroundings, Turn, WaitRef, begin, fail, resume
from app.engine.json_bytes import json_bytes
from app.engine.state import from_json
from app.errors import AlreadyOpen, Conflict, StoreUnavailable, UnknownWait
from app.flow.model import CallbackKind, Flow
from app.ncco.webhooks import FallbackWebhook, InputWebhook, LegWebhook, StatusWebhook
from app.service.delivery import Delivery, Reply
from app.service.drive import LookUp, drive, no_lookups
from app.service.facts import call_of
from app.service.library import Library
from app.service.policy import Policy
from app.service.replies import failsafe_reply, kind_of, original_of, recorded_reply, repeat_reply, turn_reply
from app.service.rows import (
    REFUSED,
    answer_row,
    mask,
    milliseconds,
    session_id,
    session_row,
    status_of,
    turn_row,
    wait_at,
    webhook_row,
)
from app.service.tokens import make_token, read_token
from app.store.contract import SessionRow, Store, WebhookRow

ATTEMPTS: Final = 5
"""How often a webhook starts anew because another moved its session first; each time the other has got its answer."""

LONGEST_CALL_MS: Final = 48 * 60 * 60 * 1000
"""A call that began longer ago is over, since `completed` may never come. Vonage ends calls after 24 hours at most.

Source: Voice API specification, length_timer.
"""

BAD_STATUS: Final = "Invalid response code."
REFUSALS: Final = frozenset({"Invalid NCCO.", BAD_STATUS})
"""Reasons of a fallback that mean: what was sent is no good. Source: webhook reference, Fallback."""

_WAIT_PATH = re.compile(r"/webhooks/(input|notify|event)/([A-Za-z0-9_=-]+)/?(?:[?#]|$)")
_ANSWER_PATH = re.compile(r"/webhooks/answer(?:/([^/?#]+))?/?(?:[?#]|$)")
_KINDS: Final[Mapping[str, CallbackKind]] = {"input": "input", "notify": "notify", "event": "event"}


class CallService:
    """Answers, resumes and records calls. Knows store, engine and clock; holds no state of a call itself."""

    def __init__(self, store: Store, library: Library, policy: Policy, look_up: LookUp = no_lookups) -> None:
        self.store = store
        self.library = library
        self.policy = policy
        self.failsafe: bytes = orjson.dumps([dict(action) for action in policy.failsafe])
        self._look_up = look_up

    async def check(self) -> None:
        """Raises StoreUnavailable when nothing can be written."""
        await self.store.check()

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """The first NCCO of a call; a repeated answer webhook gets the stored bytes.

        Args:
            delivery: the webhook.
            flow: the flow that the URL names; None finds it by the called number.
        """
        call = call_of(delivery.fields)
        found = self.library.find(call.to, flow)
        id_ = session_id(call.uuid, flow)
        if found is None:
            return await self._nobody(delivery, call, id_, flow)
        turn = await drive(begin(found, id_, call, self._around(delivery)), self._look_up)
        ncco = json_bytes(turn.ncco)
        row = answer_row(delivery, call, id_, self.policy.keys[0])
        opened = session_row(turn.session, 1, row.received_at, row.received_at)
        try:
            await self.store.open_call(opened, turn_row(turn, ncco, row, delivery), row)
        except AlreadyOpen:
            return await self._answered_before(delivery, call, id_)
        return turn_reply(turn, ncco, "answer")

    async def _nobody(self, delivery: Delivery, call: Call, id_: str, flow: str | None) -> Reply:
        """A caller whom no flow takes hears the failsafe NCCO, unless the call began when a flow still took it."""
        if await self.store.reply(id_, -1, -1, "") is not None:
            return await self._answered_before(delivery, call, id_)
        number = f"the number ending in {call.to[-4:]}" if call.to else "no number"
        wanted = f'there is no flow "{flow}" to start a call in' if flow else f"no flow takes calls to {number}"
        cure = "add the number to a flow's `numbers`, or give one flow `default: true`"
        problem = wanted if flow else f"{wanted}; {cure}"
        await self.store.record(answer_row(delivery, call, "", self.policy.keys[0]))
        return self._failsafe("answer", problem, call)

    async def _answered_before(self, delivery: Delivery, call: Call, id_: str) -> Reply:
        stored = await self.store.reply(id_, -1, -1, "")
        await self.store.record(answer_row(delivery, call, id_, self.policy.keys[0]))
        if stored is None:
            return self._failsafe("answer", "the call is known, its first turn is not", call)
        return repeat_reply(stored, "answer", call)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """The replacement NCCO that a webhook of a wait brings, or an empty reply.

        Raises UnknownWait for a token that this server never gave out.
        """
        ref = read_token(self.policy.keys, kind, token)
        for _ in range(ATTEMPTS):
            row = await self.store.load(ref.session)
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
        if wait is None or row.is_over or milliseconds(delivery.received_at) - row.created_at > LONGEST_CALL_MS:
            return await self._closed(session, ref, status, delivery)
        key = self.policy.keys[0] if wait.sensitive else b""
        webhook = webhook_row(delivery, kind_of(delivery), session.id, ref, status=status, secret_key=key)
        flow = await self._flow_of(session)
        if flow is None:
            await self.store.record(webhook)
            return self._failsafe(
                kind_of(delivery), f"revision {session.revision} of flow {session.flow} is lost", session.call
            )
        seen = await self._seen(session, ref)
        read = None if delivery.problem else delivery.webhook
        turn = await drive(resume(flow, session, wait, read, self._around(delivery), seen=seen), self._look_up)
        if turn is None:
            await self.store.record(webhook)
            return recorded_reply(session, kind_of(delivery))
        return await self._advance(row, turn, webhook, delivery, ref.kind)

    async def _advance(
        self, row: SessionRow, turn: Turn, webhook: WebhookRow, delivery: Delivery, kind: CallbackKind
    ) -> Reply:
        """Write the turn, then send it. Raises Conflict."""
        ncco = json_bytes(turn.ncco) if turn.ncco or kind == "input" else b""
        now = milliseconds(delivery.received_at)
        moved = session_row(turn.session, row.version + 1, row.created_at, now)
        await self.store.advance(moved, turn_row(turn, ncco, webhook, delivery), webhook)
        return turn_reply(turn, ncco or None, kind_of(delivery))

    async def _seen(self, session: Session, ref: WaitRef) -> frozenset[str]:
        """The statuses reported so far for the waits of this turn; only a notify needs them."""
        if ref.kind != "notify":
            return frozenset()
        statuses = await self.store.statuses(session.id, session.turn)
        return frozenset(status.partition(":")[0] for _, status in statuses)

    async def _closed(self, session: Session, ref: WaitRef, status: str, delivery: Delivery) -> Reply:
        """A wait that no longer steers: a second delivery gets the same bytes, anything else is recorded."""
        stored = await self.store.reply(session.id, ref.turn, ref.index, REFUSED)
        if stored is None:
            stored = await self.store.reply(session.id, ref.turn, ref.index, status)
        key = self.policy.keys[0] if ref.kind == "input" else b""
        await self.store.record(
            webhook_row(delivery, kind_of(delivery), session.id, ref, status=status, secret_key=key)
        )
        if stored is None:
            return recorded_reply(session, kind_of(delivery))
        return repeat_reply(stored, kind_of(delivery), session.call, session)

    async def _unknown_call(self, ref: WaitRef, delivery: Delivery) -> Reply:
        """A token that we signed for a call that the store does not know: somebody is on the line."""
        await self.store.record(
            webhook_row(delivery, kind_of(delivery), ref.session, ref, secret_key=self.policy.keys[0])
        )
        return self._failsafe(kind_of(delivery), "the store does not know this call", Call(uuid=ref.session))

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event of the application. `completed` of a call's own leg ends its session."""
        webhook = delivery.webhook
        kind = kind_of(delivery)
        leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
        key = self.policy.keys[0] if isinstance(webhook, InputWebhook) else b""
        row = webhook_row(delivery, kind, leg, status=status_of(webhook), secret_key=key)
        if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
            await self.store.end(leg, row)
        else:
            await self.store.record(row)
        problem = f"Vonage reports: {webhook.reason}" if webhook.kind == "error" and hasattr(webhook, "reason") else ""
        return Reply(
            None, kind, "recorded", uuid=leg, conversation_uuid=webhook.conversation_uuid or "", problem=problem
        )

    async def fallback(self, delivery: Delivery) -> Reply:
        """Go on where the call was when one of our replies failed; without a store say the failsafe NCCO."""
        try:
            return await self._fall_back(delivery)
        except (StoreUnavailable, UnknownWait) as error:
            return self._failsafe("fallback", str(error), call_of(delivery.fields))

    async def _fall_back(self, delivery: Delivery) -> Reply:
        webhook = delivery.webhook
        if not isinstance(webhook, FallbackWebhook):
            return await self.answer(delivery)
        path = webhook.original_url or ""
        reason = webhook.reason or ""
        original = original_of(delivery)
        if found := _WAIT_PATH.search(path):
            kind, token = _KINDS[found[1]], found[2]
            ref = read_token(self.policy.keys, kind, token)
            if await self._is_refused(reason, ref.session, (ref.turn, ref.index)):
                return await self._refused(ref.session, (ref.turn, ref.index), original)
            return await self.resume(kind, token, original)
        named = _ANSWER_PATH.search(path)
        if webhook.original_type == "event" and named is None:
            return await self._event_again(original)
        flow = named[1] if named else None
        id_ = session_id(call_of(original.fields).uuid, flow)
        if await self._is_refused(reason, id_, (-1, -1)):
            return await self._refused(id_, (-1, -1), original)
        return await self.answer(original, flow)

    async def _is_refused(self, reason: str, id_: str, cause: tuple[int, int]) -> bool:
        """Whether Vonage did not take the NCCO that it was sent.

        A bad status without one is our own 503, of a store that was away: the webhook has yet to be answered.
        """
        if reason != BAD_STATUS:
            return reason in REFUSALS
        return await self.store.reply(id_, *cause, None) is not None

    async def _event_again(self, delivery: Delivery) -> Reply:
        """An event that steers nothing came to the fallback: the NCCO of a running call goes on."""
        call = call_of(delivery.fields)
        row = await self.store.load(session_id(call.uuid, None)) if call.uuid else None
        if row is None:
            return await self.answer(delivery)
        await self.store.record(webhook_row(delivery, "fallback", row.id, secret_key=self.policy.keys[0]))
        return recorded_reply(from_json(row.state), "fallback")

    async def _refused(self, id_: str, cause: tuple[int, int], delivery: Delivery) -> Reply:
        """Vonage refused what it got: never the stored bytes again, but the `error` exit of where the call is."""
        for _ in range(ATTEMPTS):
            row = await self.store.load(id_)
            if row is None:
                break
            session = from_json(row.state)
            stored = await self.store.reply(id_, *cause, REFUSED)
            if stored is not None:
                return repeat_reply(stored, "fallback", session.call, session)
            ref = WaitRef("event", id_, *cause)
            webhook = webhook_row(delivery, "fallback", id_, ref, status=REFUSED, secret_key=self.policy.keys[0])
            if row.is_over:
                await self.store.record(webhook)
                return recorded_reply(session, "fallback")
            flow = await self._flow_of(session)
            if flow is None:
                break
            around = self._around(delivery)
            turn = await drive(fail(flow, session, around, "Vonage refused the NCCO it was sent"), self._look_up)
            try:
                return await self._advance(row, turn, webhook, delivery, "input")
            except Conflict:
                continue
        return self._failsafe("fallback", "the call that failed is not known", call_of(delivery.fields))

    async def _flow_of(self, session: Session) -> Flow | None:
        return await self.library.pinned(session.flow, session.revision)

    def _around(self, delivery: Delivery) -> Surroundings:
        key, base = self.policy.keys[0], delivery.base_url

        def link(ref: WaitRef) -> str:
            return f"{base}/webhooks/{ref.kind}/{make_token(key, ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(key, session, secret)

        policy = self.policy
        return Surroundings(
            delivery.received_at, link, hide, policy.env, policy.failsafe, policy.dial_allow, policy.dial_limit
        )

    def _failsafe(self, kind: str, problem: str, call: Call) -> Reply:
        return failsafe_reply(self.failsafe, kind, problem, call)
