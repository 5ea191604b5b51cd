"""CallService: what each webhook does to a call, and the reply to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import orjson

from app import engine
from app.engine import Call, Lookup, LookupAnswer, OpenWait, Session, TraceLine, Turn, TurnContext, WaitRef
from app.engine.interpreter import Playing, Result
from app.engine.session import from_json
from app.errors import AlreadyOpen, Conflict, StoreUnavailable, UnknownWait
from app.flow.model import Flow
from app.flow.runtime import CallbackKind
from app.ncco.webhooks import FallbackWebhook, InputWebhook, LegWebhook, StatusWebhook
from app.service.delivery import (
    END_OF_INPUT,
    JOIN_SILENTLY,
    REFUSED,
    Delivery,
    Reply,
    answer_row,
    hook_rows,
    mask,
    may_hold_input,
    session_id,
    session_row,
    status_of,
    transfer_id,
    turn_row,
    webhook_row,
)
from app.service.library import Library
from app.service.recordings import announced
from app.service.tokens import make_token, read_token
from app.store import HookRow, RecordingRow, SessionRow, Store, WebhookRow

AnswerLookups: TypeAlias = Callable[[tuple[Lookup, ...]], Awaitable[tuple[LookupAnswer, ...]]]
"""Answers lookups concurrently: one answer for each, in their order. Never raises."""

KEYS_KEPT: Final = 8
"""How many keys verify callback URLs: the current ones and earlier ones."""
ATTEMPTS: Final = 5
"""How often a webhook is tried when others change its session at the same time. One of them succeeds each time."""
LONGEST_CALL_MS: Final = 48 * 60 * 60 * 1000
"""A call that began longer ago counts as ended: its `completed` may be lost. Vonage ends calls after 24 hours.

Source: Voice API specification, length_timer.
"""
BAD_STATUS: Final = "Invalid response code."
REFUSALS: Final = frozenset({"Invalid NCCO.", BAD_STATUS})
"""Reasons of a fallback that say that the reply was bad. Source: webhook reference, Fallback."""

_ANSWERED: Final = (-1, -1)
"""The turn and the wait of an answer webhook, which answers none."""
_CALLBACK_PATH: Final = re.compile(r"/webhooks/(input|notify|event|onanswer)/([A-Za-z0-9_=-]+)/?(?:[?#]|$)")
_ANSWER_PATH: Final = re.compile(r"/webhooks/answer(?:/([^/?#]+))?/?(?:[?#]|$)")
_NUMBER: Final = re.compile(r"[0-9]{5,}")


async def no_lookups(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
    """The answers of a server that has no lookup client."""
    return tuple(LookupAnswer(None, "this server has no lookup client") for _ in wanted)


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a `CallService`.

    Attributes:
        keys: for wait tokens and masks, of at most 64 bytes; the first signs, all verify.
        failsafe: a valid NCCO, played when nothing else can be.
        env: variables for flows by name, the prefix `FLOW_` taken off.
        dial_allow: prefixes that computed numbers may have.
        dial_limit: how often one call may dial.
        keeps_recordings: whether recordings are written, to be fetched.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    failsafe: tuple[Mapping[str, Any], ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10
    keeps_recordings: bool = False

    def turn_context(self, now: datetime, base_url: str) -> TurnContext:
        """What a turn takes from outside; `base_url` is where its callback URLs start."""

        def link(ref: WaitRef) -> str:
            return f"{base_url}/webhooks/{ref.kind}/{make_token(self.keys[0], ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(self.keys[0], session, secret)

        return TurnContext(now, link, hide, self.env, self.failsafe, self.dial_allow, self.dial_limit)


class CallService:
    """Answers, resumes and records calls. Holds no state of a call itself.

    Args:
        store: open while webhooks come in.
        library: the flows in use.
        policy: settings of the service.
        look_ups: returns a function that answers the lookups of one turn, within one budget.
        hooks_written: called after hooks were written.

    Attributes:
        failsafe: the failsafe NCCO as bytes.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        policy: Policy,
        *,
        look_ups: Callable[[], AnswerLookups] = lambda: no_lookups,
        hooks_written: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.library = library
        self.policy = policy
        self.look_ups = look_ups
        self.hooks_written = hooks_written
        self.failsafe: bytes = orjson.dumps([dict(action) for action in policy.failsafe])

    def take_keys(self, keys: tuple[bytes, ...]) -> None:
        """Sign callback URLs with the first of `keys` from now on; tokens signed with earlier keys stay valid."""
        known = tuple(dict.fromkeys((*keys, *self.policy.keys)))
        self.policy = replace(self.policy, keys=known[:KEYS_KEPT])

    async def check(self) -> None:
        """Raise StoreUnavailable when nothing can be written."""
        await self.store.check()

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """The first NCCO of a call; a repeated answer webhook gets the stored bytes.

        Args:
            delivery: the webhook.
            flow: the flow that the URL names; None finds it by the called number.
        """
        call = delivery.call
        found = self.library.find(call.to, flow)
        id_ = session_id(call.uuid, flow)
        if found is None:
            return await self._answer_without_flow(delivery, id_, flow)
        given = {} if flow is None else delivery.params(found.params)
        for _ in range(2):  # a leg that was transferred into the same flow opens a session of its own
            turn = await self._play(engine.begin(found, id_, call, self._turn_context(delivery), given))
            try:
                return await self._write_first(turn, self._answer_row(id_, delivery), delivery)
            except AlreadyOpen:
                id_ = await self._answered_session(id_, call)
            if (repeat := await self._repeat_answer(id_, delivery)) is not None:
                return repeat
        return self._failsafe("answer", "the call is known, its first turn is not", call)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """The NCCO that a webhook of a wait brings, or an empty reply.

        Raises UnknownWait for a token that this server never signed.
        """
        ref = read_token(self.policy.keys, kind, token)
        if kind == "onanswer":
            return await self._answer_called_party(ref, delivery)
        for _ in range(ATTEMPTS):
            row = await self.store.load(ref.session)
            if row is None:
                return await self._resume_unknown(ref, delivery)
            try:
                return await self._resume_from(row, ref, delivery)
            except Conflict:
                continue
        raise StoreUnavailable("other webhooks keep moving this session")

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event of the application. `completed` of a call's own leg ends its session."""
        webhook = delivery.webhook
        leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
        hides = True if isinstance(webhook, InputWebhook) else None
        row = webhook_row(self.policy.keys[0], delivery, delivery.kind, leg, status=status_of(webhook), hides=hides)
        if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
            hooks: list[HookRow] = []  # the store leaves them out when the calls have ended meanwhile
            for call in await self.store.calls_of(leg):
                hooks += await self._hangup_hooks(call, delivery)
            await self._end(leg, row, hooks)
        else:
            await self._record(row, recording=self._announced(delivery))
        return Reply(
            None,
            delivery.kind,
            "recorded",
            uuid=leg,
            conversation_uuid=webhook.conversation_uuid or "",
            problem=_reported_error(delivery),
            caller=delivery.call.from_number,
            row=row,
        )

    async def fallback(self, delivery: Delivery) -> Reply:
        """Continue a call after one of our replies failed; reply with the failsafe NCCO when the store is down."""
        try:
            return await self._fall_back(delivery)
        except (StoreUnavailable, UnknownWait) as error:
            return self._failsafe("fallback", str(error), delivery.call)

    # Answer webhooks

    async def _write_first(self, turn: Turn, webhook: WebhookRow, delivery: Delivery, leg: str = "") -> Reply:
        """Write the first turn of a call, then reply with it. Raises AlreadyOpen."""
        ncco, now = orjson.dumps(turn.ncco), webhook.received_at
        hooks = hook_rows(turn.hooks, turn.session.id, delivery.received_ms)
        row = session_row(turn.session, 1, now, now, leg)
        await self.store.open_call(row, turn_row(turn, ncco, webhook, delivery, hooks), webhook, hooks=hooks)
        self._wake(hooks)
        return Reply.of_turn(turn, ncco, webhook.kind, webhook)

    async def _answered_session(self, id_: str, call: Call) -> str:
        """The session that an answer webhook of an open call belongs to: `id_`, or one of its own after a transfer.

        A REST transfer into the same flow asks for a new NCCO in another conversation; a second delivery repeats the
        conversation that the first one named.
        """
        row = await self.store.load(id_)
        known = from_json(row.state).call.conversation_uuid if row is not None else ""
        is_transfer = bool(known and call.conversation_uuid) and known != call.conversation_uuid
        return transfer_id(id_, call.conversation_uuid) if is_transfer else id_

    async def _repeat_answer(self, id_: str, delivery: Delivery, kind: str = "answer") -> Reply | None:
        """The stored reply to a repeated answer webhook; None for the first one."""
        stored = await self.store.reply(id_, *_ANSWERED, "")
        if stored is None:
            return None
        await self._record(self._answer_row(id_, delivery, kind))
        return Reply.repeat(stored, kind, delivery.call)

    def _answer_row(self, id_: str, delivery: Delivery, kind: str = "answer") -> WebhookRow:
        return answer_row(delivery, id_, self.policy.keys[0], kind)

    async def _answer_without_flow(self, delivery: Delivery, id_: str, flow: str | None) -> Reply:
        """The failsafe NCCO; the stored reply if a flow took the call when it began."""
        if self.library.is_awaited:
            raise StoreUnavailable("the flows wait for the store")
        id_ = await self._answered_session(id_, delivery.call)
        if (repeat := await self._repeat_answer(id_, delivery)) is not None:
            return repeat
        problem, row = _why_no_flow(delivery, flow), self._answer_row(id_, delivery)
        session = Session(id_, "", "", delivery.call, turn=1, is_over=True)
        trace = (TraceLine("failed", "", "failsafe", because=problem),)
        turn = Turn([dict(action) for action in self.policy.failsafe], session, trace, "answer", is_failsafe=True)
        try:
            await self._write_first(turn, row, delivery)
        except AlreadyOpen:
            await self._record(row)
        return self._failsafe("answer", problem, delivery.call)

    # Called parties: the other end of a connect hears a flow of its own (`onAnswer`) before it is joined.
    # Its session is a child of the caller's. If anything fails, it is joined in silence: the caller is waiting for it.

    async def _answer_called_party(self, ref: WaitRef, delivery: Delivery) -> Reply:
        """What a called party hears; a repeated request gets the stored bytes.

        Vonage does not document what it sends: of the fields of an answer webhook only `uuid`, the leg, is used.
        """
        id_ = called_id(ref)
        if (repeat := await self._repeat_answer(id_, delivery, "onanswer")) is not None:
            return repeat
        row = await self.store.load(ref.session)
        parent = from_json(row.state) if row is not None else None
        wait = _wait_of(parent, ref) if parent is not None else None
        if row is None or parent is None:
            return await self._join_silently(id_, delivery, "the store does not know the call that dialled")
        if wait is None or _has_ended(row, delivery):
            return await self._join_silently(id_, delivery, "the call that dialled has gone on")
        flow = await self._flow_of(parent)
        if flow is None:
            return await self._join_silently(id_, delivery, _lost_revision(parent))
        turn = await self._play(engine.begin_called(flow, id_, parent, wait, self._turn_context(delivery)))
        webhook = self._answer_row(id_, delivery, "onanswer")
        try:
            return await self._write_first(turn, webhook, delivery, leg=delivery.call.uuid or id_)
        except AlreadyOpen:
            repeat = await self._repeat_answer(id_, delivery, "onanswer")
            return repeat or await self._join_silently(id_, delivery, "the party is known, its first turn is not")

    async def _join_silently(self, id_: str, delivery: Delivery, problem: str) -> Reply:
        await self._record(self._answer_row(id_, delivery, "onanswer"))
        return self._failsafe("onanswer", problem, delivery.call, is_called=True)

    async def _refusals(self, session: Session) -> frozenset[str]:
        """The outcomes of this turn's dials whose parties answered and were not joined."""
        found = set()
        for wait in session.waits:
            if wait.runs is not None:
                row = await self.store.load(called_id(WaitRef("onanswer", session.id, session.turn, wait.index)))
                party = from_json(row.state) if row is not None else None
                found.add(engine.refusal(party.returned, is_over=party.is_over) if party is not None else "")
        return frozenset(found - {""})

    # Waits

    async def _resume_from(self, row: SessionRow, ref: WaitRef, delivery: Delivery) -> Reply:
        session = from_json(row.state)
        wait = _wait_of(session, ref)
        if wait is None or _has_ended(row, delivery):
            return await self._resume_closed(session, ref, delivery)
        webhook = self._wait_row(ref, delivery, hides=_hides_input(wait))
        flow = await self._flow_of(session)
        if flow is None:
            await self._record(webhook, recording=self._announced(delivery, session, ref))
            is_called = bool(session.parent)
            return self._failsafe(delivery.kind, _lost_revision(session), session.call, is_called=is_called)
        seen = await self._seen(session, ref)
        read = None if delivery.problem else delivery.webhook
        turn = await self._play(engine.resume(flow, session, wait, read, self._turn_context(delivery), seen=seen))
        hooks = self._event_hooks(flow, session, ref, delivery)
        recording = self._announced(delivery, session, ref, flow, may_be_input=not wait.sensitive)
        if turn is None:
            await self._record_on_wait(webhook, hooks, ref, delivery, recording)
            return Reply.recorded(session, delivery.kind, webhook)
        return await self._advance(row, turn, webhook, delivery, ref.kind, hooks=hooks, recording=recording)

    async def _resume_closed(self, session: Session, ref: WaitRef, delivery: Delivery) -> Reply:
        """A webhook for a closed wait: a second delivery gets the same bytes, any other is only recorded."""
        webhook = self._wait_row(ref, delivery, hides=True if ref.kind == "input" else None)
        stored = await self.store.reply(session.id, ref.turn, ref.index, REFUSED)
        if stored is None:
            stored = await self.store.reply(session.id, ref.turn, ref.index, webhook.status)
        flow = await self._flow_of(session) if ref.kind == "event" else None
        recording = self._announced(delivery, session, ref, flow)
        await self._record_on_wait(webhook, self._event_hooks(flow, session, ref, delivery), ref, delivery, recording)
        if stored is None:
            return Reply.recorded(session, delivery.kind, webhook)
        return Reply.repeat(stored, delivery.kind, session.call, session)

    async def _resume_unknown(self, ref: WaitRef, delivery: Delivery) -> Reply:
        """The failsafe NCCO for a valid token whose call is not in the store: a caller is on the line."""
        await self._record(self._wait_row(ref, delivery, hides=True), recording=self._announced(delivery))
        return self._failsafe(delivery.kind, "the store does not know this call", Call(uuid=ref.session))

    async def _seen(self, session: Session, ref: WaitRef) -> frozenset[str]:
        """The statuses and refusals of the dials of this turn; empty for other webhooks than a notify."""
        if ref.kind != "notify":
            return frozenset()
        statuses = await self.store.statuses(session.id, session.turn)
        return frozenset(status.partition(":")[0] for _, status in statuses) | await self._refusals(session)

    def _wait_row(self, ref: WaitRef, delivery: Delivery, *, hides: bool | None) -> WebhookRow:
        status = "" if ref.kind == "input" else status_of(delivery.webhook)
        return webhook_row(self.policy.keys[0], delivery, delivery.kind, ref.session, ref, status=status, hides=hides)

    async def _record_on_wait(
        self,
        webhook: WebhookRow,
        hooks: Sequence[HookRow],
        ref: WaitRef,
        delivery: Delivery,
        recording: RecordingRow | None,
    ) -> None:
        """Write a webhook that steers nothing. `completed` of a called party's leg ends the session of that party.

        The wait of a party has the index after the wait for the events of its connect.
        """
        status = delivery.webhook
        party = None
        if ref.kind == "event" and isinstance(status, StatusWebhook) and status.status == "completed":
            party = await self.store.load(called_id(WaitRef("onanswer", ref.session, ref.turn, ref.index + 1)))
        if party is None or party.is_over or delivery.problem:
            await self._record(webhook, hooks, recording)
        else:
            await self._end(party.leg, webhook, (*hooks, *await self._hangup_hooks(party, delivery)))

    # Fallbacks

    async def _fall_back(self, delivery: Delivery) -> Reply:
        webhook = delivery.webhook
        if not isinstance(webhook, FallbackWebhook):
            return await self.answer(delivery)
        url, reason, original = webhook.original_url or "", webhook.reason or "", delivery.original
        if found := _CALLBACK_PATH.search(url):
            return await self._fall_back_on_wait(cast(CallbackKind, found[1]), found[2], reason, original)
        named = _ANSWER_PATH.search(url)
        if webhook.original_type == "event" and named is None:
            return await self._fall_back_on_event(original)
        flow = named[1] if named else None
        id_ = await self._answered_session(session_id(original.call.uuid, flow), original.call)
        if await self._is_refused(reason, id_, _ANSWERED):
            return await self._take_error_exit(id_, _ANSWERED, original)
        return await self.answer(original, flow)

    async def _fall_back_on_wait(self, kind: CallbackKind, token: str, reason: str, delivery: Delivery) -> Reply:
        ref = read_token(self.policy.keys, kind, token)
        is_called = kind == "onanswer"
        id_, cause = (called_id(ref), _ANSWERED) if is_called else (ref.session, (ref.turn, ref.index))
        if await self._is_refused(reason, id_, cause):
            return await self._take_error_exit(id_, cause, delivery, is_called=is_called)
        return await self.resume(kind, token, delivery)

    async def _fall_back_on_event(self, delivery: Delivery) -> Reply:
        """An event that steers nothing came to the fallback: the running NCCO goes on."""
        leg = delivery.call.uuid
        row = await self.store.load(session_id(leg, None)) if leg else None
        rows = [row] if row is not None else await self.store.calls_of(leg)
        if not rows:
            return await self.answer(delivery)
        webhook = webhook_row(self.policy.keys[0], delivery, "fallback", rows[0].id, hides=True)
        await self._record(webhook)
        return Reply.recorded(from_json(rows[0].state), "fallback", webhook)

    async def _is_refused(self, reason: str, id_: str, cause: tuple[int, int]) -> bool:
        """Whether Vonage refused the NCCO that it was sent.

        A bad status without a stored reply is our own 503, sent while the store was down: no reply has been played.
        """
        if reason != BAD_STATUS:
            return reason in REFUSALS
        return await self.store.reply(id_, *cause, None) is not None

    async def _take_error_exit(
        self, id_: str, cause: tuple[int, int], delivery: Delivery, *, is_called: bool = False
    ) -> Reply:
        """The reply after Vonage refused one: the `error` exit of the current step, never the stored bytes again."""
        for _ in range(ATTEMPTS):
            row = await self.store.load(id_)
            if row is None:
                break
            session = from_json(row.state)
            stored = await self.store.reply(id_, *cause, REFUSED)
            if stored is not None:
                return Reply.repeat(stored, "fallback", session.call, session)
            ref = WaitRef("event", id_, *cause)
            webhook = webhook_row(self.policy.keys[0], delivery, "fallback", id_, ref, status=REFUSED, hides=True)
            if row.is_over:
                await self._record(webhook)
                return Reply.recorded(session, "fallback", webhook)
            flow = await self._flow_of(session)
            if flow is None:
                break
            because = "Vonage refused the NCCO it was sent"
            turn = await self._play(engine.fail(flow, session, self._turn_context(delivery), because))
            try:
                return await self._advance(row, turn, webhook, delivery, "input")
            except Conflict:
                continue
        return self._failsafe("fallback", "the call that failed is not known", delivery.call, is_called=is_called)

    # What all webhooks share

    async def _play(self, playing: Playing[Result]) -> Result:
        """Drive the interpreter: answer its lookups until it returns."""
        try:
            wanted = next(playing)
            look_up = self.look_ups()
            while True:
                wanted = playing.send(await look_up(wanted))
        except StopIteration as done:
            result: Result = done.value
            return result

    async def _flow_of(self, session: Session) -> Flow | None:
        """The flow of a session in the revision that it began with; None when it is lost."""
        return await self.library.pinned(session.flow, session.revision)

    def _turn_context(self, delivery: Delivery) -> TurnContext:
        return self.policy.turn_context(delivery.received_at, delivery.base_url)

    def _event_hooks(
        self, flow: Flow | None, session: Session, ref: WaitRef, delivery: Delivery
    ) -> tuple[HookRow, ...]:
        """The hooks of an event on a wait; the store leaves out those of a second delivery."""
        if flow is None or delivery.problem or ref.kind != "event":
            return ()
        hooks = engine.observe(flow, session, ref, delivery.webhook, self._turn_context(delivery))
        return hook_rows(hooks, session.id, delivery.received_ms)

    async def _hangup_hooks(self, row: SessionRow, delivery: Delivery) -> tuple[HookRow, ...]:
        """The hooks of a call whose leg has ended before its flow did."""
        session = from_json(row.state)
        flow = await self._flow_of(session)
        if flow is None:
            return ()
        statuses = await self.store.statuses(session.id, session.turn)
        seen = frozenset(status.partition(":")[0] for _, status in statuses)
        hooks = engine.hang_up(flow, session, delivery.webhook, self._turn_context(delivery), seen)
        return hook_rows(hooks, row.id, delivery.received_ms)

    async def _advance(
        self,
        row: SessionRow,
        turn: Turn,
        webhook: WebhookRow,
        delivery: Delivery,
        kind: CallbackKind,
        *,
        hooks: tuple[HookRow, ...] = (),
        recording: RecordingRow | None = None,
    ) -> Reply:
        """Write the next turn, then reply with it; `hooks` come before those of the turn. Raises Conflict."""
        ncco = orjson.dumps(turn.ncco) if turn.ncco else END_OF_INPUT if kind == "input" else b""
        hooks = (*hooks, *hook_rows(turn.hooks, turn.session.id, delivery.received_ms))
        moved = session_row(turn.session, row.version + 1, row.created_at, delivery.received_ms, row.leg)
        played = turn_row(turn, ncco, webhook, delivery, hooks)
        await self.store.advance(moved, played, webhook, hooks=hooks, recording=recording)
        self._wake(hooks)
        return Reply.of_turn(turn, ncco or None, delivery.kind, webhook)

    async def _record(
        self, webhook: WebhookRow, hooks: Sequence[HookRow] = (), recording: RecordingRow | None = None
    ) -> None:
        await self.store.record(webhook, hooks=hooks, recording=recording)
        self._wake(hooks)

    def _announced(
        self,
        delivery: Delivery,
        session: Session | None = None,
        ref: WaitRef | None = None,
        flow: Flow | None = None,
        *,
        may_be_input: bool = False,
    ) -> RecordingRow | None:
        """The recording that a webhook announces, if recordings are kept.

        With `may_be_input` also the audio of an input, which is then known not to be sensitive.
        """
        is_input = isinstance(delivery.webhook, InputWebhook)
        if not self.policy.keeps_recordings or (is_input and not may_be_input):
            return None
        place = engine.place_of_wait(session, ref) if session is not None and ref is not None else None
        if flow is not None and place is not None:
            flow = {"": flow, flow.name: flow, **flow.subs}.get(place[0])
        return announced(delivery, session, place or ("", ""), flow)

    async def _end(self, leg: str, webhook: WebhookRow, hooks: Sequence[HookRow]) -> None:
        await self.store.end(leg, webhook, hooks=hooks)
        self._wake(hooks)

    def _wake(self, hooks: Sequence[HookRow]) -> None:
        if hooks:
            self.hooks_written()

    def _failsafe(self, kind: str, problem: str, call: Call, *, is_called: bool = False) -> Reply:
        """The failsafe NCCO; a called party is joined in silence instead."""
        return Reply.failsafe(JOIN_SILENTLY if is_called else self.failsafe, kind, problem, call)


def called_id(ref: WaitRef) -> str:
    """The session id of the party that an `onanswer` wait is for: the same for each delivery."""
    return hashlib.sha256(f"{ref.session}\0{ref.turn}\0{ref.index}".encode()).hexdigest()[:32]


def _wait_of(session: Session, ref: WaitRef) -> OpenWait | None:
    """The wait that a token names, if the session's latest turn opened it."""
    if ref.turn != session.turn or ref.index >= len(session.waits):
        return None
    return session.waits[ref.index]


def _has_ended(row: SessionRow, delivery: Delivery) -> bool:
    return row.is_over or delivery.received_ms - row.created_at > LONGEST_CALL_MS


def _hides_input(wait: OpenWait) -> bool | None:
    """Whether the webhook of a wait holds secret input; None when the wait does not ask for input."""
    asks = wait.kind == "input" or (wait.kind == "event" and wait.name == "input")
    return wait.sensitive if asks else wait.sensitive or None


def _lost_revision(session: Session) -> str:
    return f"revision {session.revision} of flow {session.flow} is lost"


def _why_no_flow(delivery: Delivery, flow: str | None) -> str:
    if flow:
        return f'there is no flow "{flow}" to start a call in'
    to = delivery.call.to
    if delivery.problem or not to:
        what = delivery.problem or "the webhook has no called number"
        return f"{what}; no flow has `default: true`, which would take such a call"
    wanted = f"no flow takes calls to the number ending in {to[-4:]}"
    return f"{wanted}; add the number to a flow's `numbers`, or give one flow `default: true`"


def _reported_error(delivery: Delivery) -> str:
    """An error that Vonage reports, for the log: without numbers of callers, and what they may have given."""
    webhook = delivery.webhook
    if webhook.kind != "error" or not hasattr(webhook, "reason"):
        return ""
    if may_hold_input(delivery):
        return "Vonage reports an error, not shown: it may hold what a caller gave"
    return f"Vonage reports: {_NUMBER.sub('(number)', str(webhook.reason))}"
