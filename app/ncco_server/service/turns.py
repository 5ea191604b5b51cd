"""Plays turns, and stores them with the webhooks that caused them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from ncco_server.engine import CallData, Lookup, LookupAnswer, OpenWait, Session, Turn, TurnContext, WaitRef
from ncco_server.engine.interpreter import Playing, Result
from ncco_server.engine.session import NOTHING, Cipher, from_json
from ncco_server.errors import Conflict, StoreUnavailable
from ncco_server.flow.model import Flow, Project
from ncco_server.raised import log_raised
from ncco_server.service.delivery import CALL_LOG, END_OF_INPUT, JOIN_SILENTLY, Delivery, Reply
from ncco_server.service.functions import AnswerLookups, Functions
from ncco_server.service.hand_hours import HandHours, RecentHandHours
from ncco_server.service.library import Library
from ncco_server.service.masks import MARK, decrypted, mask, with_hand_back
from ncco_server.service.row_lookups import rows_of
from ncco_server.service.tokens import make_token
from ncco_server.service.written_rows import caused_by_turn, session_row, stored_ncco, turn_row
from ncco_server.store import NOTHING_CAUSED, Caused, ResultRow, SessionRow, Store, WebhookRow

ATTEMPTS: Final = 5
"""Tries of a webhook while others change its call or rows. Each time, another one succeeds."""
CALL_EXPIRY_MS: Final = 48 * 60 * 60 * 1000
"""A call then counts as over: `completed` may be lost. Vonage ends calls after 24 hours.

Source: Voice API specification, length_timer.
"""
ANSWERED: Final = (-1, -1)
"""For an answer webhook, which belongs to no turn and wait."""


async def no_lookups(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
    return tuple(LookupAnswer(None, "this server has no lookup client") for _ in wanted)


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a `CallService`.

    Attributes:
        keys: for wait tokens and masks, of at most 64 bytes each; the first one signs, all of them verify.
        failsafe: a valid NCCO if no flow can be played.
        env: by name without the prefix `FLOW_`.
        dial_allow: the prefixes of computed numbers that may be dialled.
        dial_limit: dials per call.
        speed: the pauses between attempts to place a call are divided by this.
        handlers: files whose code may be run; see `Library`.
        default: the template for all other numbers; see `load`.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    failsafe: tuple[Mapping[str, Any], ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10
    keeps_recordings: bool = False
    speed: float = 1.0
    handlers: Collection[str] = ()
    default: str = ""

    def turn_context(self, now: datetime, base_url: str, cipher: Cipher | None = None) -> TurnContext:
        def link(ref: WaitRef) -> str:
            return f"{base_url}/webhooks/{ref.kind}/{make_token(self.keys[0], ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(self.keys[0], session, secret)

        return TurnContext(
            now, link, hide, self.env, self.failsafe, self.dial_allow, self.dial_limit, cipher, self.keys
        )


def ncco_of_reply(turn: Turn, *, needs_action: bool) -> bytes:
    """Return b"" with nothing to play, unless the turn replies to an input, which needs an action."""
    return orjson.dumps(turn.ncco) if turn.ncco else END_OF_INPUT if needs_action else b""


class Turns:
    """The transaction of a turn: play it, then store it with its webhook. The state of calls is only in the store.

    Args:
        store: must be open while webhooks arrive.
        read: reads the flow files; see `Library`.
        look_ups: answers the lookups of one turn within one budget.
        read_rows: answers the lookups in tables of one turn; by default, from the store.
        read_hours: returns what was decided by hand for opening hours; by default, from the store.
        hooks_written: called after hooks have been stored.
        ended: called with each ended call's result.
    """

    def __init__(
        self,
        store: Store,
        read: Callable[[], Project],
        policy: Policy,
        *,
        look_ups: Callable[[], AnswerLookups] = lambda: no_lookups,
        read_rows: AnswerLookups | None = None,
        read_hours: Callable[[datetime, Flow], Awaitable[HandHours]] | None = None,
        hooks_written: Callable[[], None] = lambda: None,
        ended: Callable[[ResultRow], None] = lambda row: None,
    ) -> None:
        self.store = store
        self.library = Library(store, read, handlers=policy.handlers, default=policy.default)
        self.policy = policy
        self.look_ups = look_ups
        self.hooks_written = hooks_written
        self.ended = ended
        self._read_rows = read_rows or partial(rows_of, store.tables)
        self._read_hours = read_hours or RecentHandHours(store)
        self._functions = Functions(store)
        self.unstored: dict[str, tuple[Turn, WebhookRow, Delivery]] = {}
        self.dials = 0
        self.failsafe: bytes = orjson.dumps([dict(action) for action in policy.failsafe])

    def take_dials(self) -> int:
        """Dials since the last time, which Vonage counts as new calls."""
        dials, self.dials = self.dials, 0
        return dials

    async def context(self, flow: Flow, delivery: Delivery, cipher: Cipher | None = None) -> TurnContext:
        """With what was decided by hand, if the flow asks for opening hours. Raises StoreUnavailable."""
        context = self.policy.turn_context(delivery.received_at, delivery.base_url, cipher)
        if not flow.asks_hours:
            return context
        by_hand = await self._read_hours(delivery.received_at, flow)
        if not by_hand:
            return context
        return context._replace(by_hand={key: by_hand[key] for key in flow.asks_hours & by_hand.keys()})

    async def cipher_of(self, request: str) -> Cipher | None:
        """Return None if this is no placed call, or one that keeps no params."""
        row = await self.store.placed.get(request) if request else None
        if row is None or not row.salt:
            return None
        from ncco_server.service.placed_values import PlacedCipher  # noqa: PLC0415 - imported by `released.ready` before the call

        return PlacedCipher.of(self.policy.keys, row.salt)

    async def stored_reply(self, id_: str, turn: int, wait: int, status: str | None, request: str = "") -> bytes | None:
        """The NCCO that answered a delivery; see `Store.reply`.

        Returns the failsafe NCCO if a sensitive param of the placed call `request` cannot be decrypted.
        """
        stored = await self.store.reply(id_, turn, wait, status)
        if stored is not None:
            stored = with_hand_back(stored, lambda of: make_token(self.policy.keys[0], WaitRef("agent", id_, of, 0)))
        if stored is None or MARK not in stored:
            return stored
        return decrypted(stored, await self.cipher_of(request)) or self.failsafe

    async def play(self, playing: Playing[Result]) -> Result:
        """Answer the interpreter's lookups until it returns. Table rows are read as they are now.

        Raises Conflict or AlreadyOpen if the turn needs a function of an already stored turn.
        """
        try:
            wanted = next(playing)
            look_up = self.look_ups()
            while True:
                if wanted[0].is_function:
                    answers = tuple(await asyncio.gather(*(self._functions.answer(each, look_up) for each in wanted)))
                else:
                    answers = await self._answers(wanted, look_up)
                wanted = playing.send(answers)
        except StopIteration as done:
            result: Result = done.value
            return result

    async def _answers(self, wanted: tuple[Lookup, ...], look_up: AnswerLookups) -> tuple[LookupAnswer, ...]:
        in_tables = tuple([lookup for lookup in wanted if lookup.request.method == "TABLE"])
        others = tuple([lookup for lookup in wanted if lookup.request.method != "TABLE"])
        if not others:
            return await self._read_rows(in_tables)
        rows = iter(await self._read_rows(in_tables)) if in_tables else iter(())
        answers = iter(await look_up(others))
        return tuple([next(rows if lookup.request.method == "TABLE" else answers) for lookup in wanted])

    async def store_turn(
        self,
        turn: Turn,
        received: WebhookRow,
        delivery: Delivery,
        row: SessionRow | None = None,
        *,
        needs_action: bool = False,
        leg: str = "",
        params: Mapping[str, str] = NOTHING,
        before: Caused = NOTHING_CAUSED,
    ) -> Reply:
        """Store a turn with the webhook and what both cause, then reply with it, even if the call was forgotten.

        It opens the call, or continues that of `row`. `needs_action` is as for `ncco_of_reply`, `leg` is that of a
        called party, and `params` are the answer URL's, with tokens for sensitive values. What the event causes that
        leads to the turn comes `before` it. Raises AlreadyOpen, Conflict.
        """
        ncco = orjson.dumps(turn.ncco) if row is None else ncco_of_reply(turn, needs_action=needs_action)
        now = delivery.received_ms
        caused = caused_by_turn(turn, now, before)
        played = turn_row(turn, stored_ncco(turn, ncco), received, delivery, caused.hooks, params=params)
        is_written = True
        if row is None:
            is_written = await self.store.open_call(
                session_row(turn.session, 1, now, now, leg), played, received, caused
            )
        else:
            moved = session_row(turn.session, row.version + 1, row.created_at, now, row.leg)
            await self.store.advance(moved, played, received, caused)
        if caused.hooks and is_written:
            self.hooks_written()
        self.dials += turn.dials
        _log_turn(turn)
        return Reply.of_turn(turn, ncco or None, received)

    async def note(
        self, session: Session, received: WebhookRow, delivery: Delivery, row: SessionRow, caused: Caused
    ) -> None:
        """Store what a webhook reports about the call of `row` without a turn. Raises Conflict."""
        changed = session_row(session, row.version + 1, row.created_at, delivery.received_ms, row.leg)
        await self.store.change(changed, session.turn, received, caused)
        if caused.hooks:
            self.hooks_written()

    async def record(self, received: WebhookRow, caused: Caused = NOTHING_CAUSED) -> None:
        await self.store.record(received, caused)
        if caused.hooks:
            self.hooks_written()

    def failsafe_reply(self, kind: str, problem: str, call: CallData, *, is_called: bool = False) -> Reply:
        """The failsafe NCCO; a called party is connected without a word instead."""
        return Reply.failsafe(JOIN_SILENTLY if is_called else self.failsafe, kind, problem, call)


async def without_conflict(attempt: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Try again, from reading the call to writing, while others change it or its rows. Raises StoreUnavailable."""
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except Conflict:
            continue
    raise StoreUnavailable("others keep changing this call, or a row that it wants to add")


async def seen(turns: Turns, session: Session) -> frozenset[str]:
    """The statuses of the waits since the call came to its step, without sub-states."""
    statuses = await turns.store.statuses(session.id, session.entered_turn)
    return frozenset(status.partition(":")[0] for _, status in statuses)


def _log_turn(turn: Turn) -> None:
    for error in turn.errors:
        log_raised("a handler raised an exception", error)
    for line in turn.logged:
        CALL_LOG.info("%s, in call %s", line, turn.session.call.uuid)


def wait_of(session: Session, ref: WaitRef) -> OpenWait | None:
    """Return None unless the session's latest turn opened this wait."""
    if ref.turn != session.turn or ref.index >= len(session.waits):
        return None
    return session.waits[ref.index]


def has_ended(row: SessionRow, delivery: Delivery) -> bool:
    return row.is_over or delivery.received_ms - row.created_at > CALL_EXPIRY_MS


def session_of(row: SessionRow) -> Session | None:
    """None if the session is damaged, or of an unreadable version."""
    try:
        return from_json(row.state)
    except ValueError:
        return None


def lost_revision(session: Session) -> str:
    return f"revision {session.revision} of flow {session.flow} is lost"
