"""What every webhook of a call needs: flows, the store, the clock, look-ups, and the failsafe NCCO."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final, TypeVar

import orjson

from app.engine import Call, Lookup, LookupAnswer, Session, Surroundings, Turn, WaitRef
from app.engine.json_bytes import json_bytes
from app.flow.model import CallbackKind, Flow
from app.service.delivery import Delivery, Reply
from app.service.drive import LookUp, drive, no_lookups
from app.service.library import Library
from app.service.policy import Policy
from app.service.replies import NOTHING_MORE, NOTHING_SAID, failsafe_reply, kind_of, turn_reply
from app.service.rows import hook_rows, mask, milliseconds, session_row, turn_row
from app.service.tokens import make_token
from app.store import HookRow, SessionRow, Store, WebhookRow

Result = TypeVar("Result")


LONGEST_CALL_MS: Final = 48 * 60 * 60 * 1000
"""A call that began longer ago is over, since `completed` may never come. Vonage ends calls after 24 hours at most.

Source: Voice API specification, length_timer.
"""


def has_ended(row: SessionRow, delivery: Delivery) -> bool:
    """Whether a call is over by the time that a webhook comes."""
    return row.is_over or milliseconds(delivery.received_at) - row.created_at > LONGEST_CALL_MS


def nobody() -> LookUp:
    """The look-ups of a turn on a server that asks nobody."""
    return no_lookups


def stay_asleep() -> None:
    """What a server does about new hooks that sends none."""


class Desk:
    """Shared by everything that takes webhooks. Holds no state of a call.

    Args:
        store, library, policy: see there.
        look_ups: the look-ups of one turn, which share a budget of time.
        wake: is called when hooks have been written.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        policy: Policy,
        look_ups: Callable[[], LookUp] = nobody,
        wake: Callable[[], None] = stay_asleep,
    ) -> None:
        self.store = store
        self.library = library
        self.policy = policy
        self.failsafe_ncco: bytes = orjson.dumps([dict(action) for action in policy.failsafe])
        self._look_ups = look_ups
        self._wake = wake

    async def play(self, playing: Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Result]) -> Result:
        """The turn that the engine makes."""
        return await drive(playing, self._look_ups)

    async def flow_of(self, session: Session) -> Flow | None:
        """The flow of a session in the revision that it began with; None when nobody has it any more."""
        return await self.library.pinned(session.flow, session.revision)

    def around(self, delivery: Delivery) -> Surroundings:
        """What a turn may look at."""
        key, base, policy = self.policy.keys[0], delivery.base_url, self.policy

        def link(ref: WaitRef) -> str:
            return f"{base}/webhooks/{ref.kind}/{make_token(key, ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(key, session, secret)

        return Surroundings(
            delivery.received_at, link, hide, policy.env, policy.failsafe, policy.dial_allow, policy.dial_limit
        )

    async def open_call(self, turn: Turn, webhook: WebhookRow, delivery: Delivery, leg: str = "") -> Reply:
        """Write a new call, then send its first turn. Raises AlreadyOpen.

        `leg` is that of a party that was called; every other call knows its own.
        """
        ncco, now = json_bytes(turn.ncco), webhook.received_at
        hooks = hook_rows(turn.hooks, turn.session.id, delivery.received_at)
        opened = session_row(turn.session, 1, now, now)
        if leg:
            opened = opened._replace(leg=leg)
        await self.store.open_call(opened, turn_row(turn, ncco, webhook, delivery), webhook, hooks=hooks)
        self._written(hooks)
        return turn_reply(turn, ncco, "answer")

    async def advance(
        self,
        row: SessionRow,
        turn: Turn,
        webhook: WebhookRow,
        delivery: Delivery,
        kind: CallbackKind,
        *,
        told: tuple[HookRow, ...] = (),
    ) -> Reply:
        """Write the next turn, then send it; `told` are the hooks that its webhook brings. Raises Conflict."""
        ncco = json_bytes(turn.ncco) if turn.ncco else NOTHING_MORE if kind == "input" else b""
        now = milliseconds(delivery.received_at)
        hooks = (*told, *hook_rows(turn.hooks, turn.session.id, delivery.received_at))
        moved = session_row(turn.session, row.version + 1, row.created_at, now)._replace(leg=row.leg)
        await self.store.advance(moved, turn_row(turn, ncco, webhook, delivery), webhook, hooks=hooks)
        self._written(hooks)
        return turn_reply(turn, ncco or None, kind_of(delivery))

    async def record(self, webhook: WebhookRow, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing, with the hooks that it brings."""
        await self.store.record(webhook, hooks=hooks)
        self._written(hooks)

    async def end(self, leg: str, webhook: WebhookRow, hooks: Sequence[HookRow]) -> None:
        """Write that a leg has ended, with the hooks that it brings."""
        await self.store.end(leg, webhook, hooks=hooks)
        self._written(hooks)

    def _written(self, hooks: Sequence[HookRow]) -> None:
        if hooks:
            self._wake()

    def failsafe(self, kind: str, problem: str, call: Call, *, is_called: bool = False) -> Reply:
        """What a caller hears for whom no flow can be played; a party that was called hears nothing and is joined."""
        return failsafe_reply(NOTHING_SAID if is_called else self.failsafe_ncco, kind, problem, call)
