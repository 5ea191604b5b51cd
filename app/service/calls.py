"""CallService: what each webhook does to a call, and what goes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from app.flow.model import CallbackKind
from app.service.answers import Answers
from app.service.called import Called
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk, nobody, stay_asleep
from app.service.drive import LookUp
from app.service.events import Events
from app.service.fallbacks import Fallbacks
from app.service.library import Library
from app.service.policy import Policy
from app.service.waits import Waits
from app.store import Store

KEYS_KEPT: Final = 8
"""Keys that callback URLs may be signed with: those of now and those of changes before."""


class CallService:
    """Answers, resumes and records calls. Knows store, engine and clock; holds no state of a call itself.

    What works beside it puts itself there while it is there: `look_ups` gives what asks the look-ups of one turn,
    `hooks_written` is called when hooks wait to be sent.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        policy: Policy,
    ) -> None:
        self.look_ups: Callable[[], LookUp] = nobody
        self.hooks_written: Callable[[], None] = stay_asleep
        desk = Desk(store, library, policy, self._now_looking_up, self._now_written)
        self._desk = desk
        self.store = store
        self.library = library
        self.failsafe = desk.failsafe_ncco
        self.reads_at_once = store.reads_at_once
        self._answers = Answers(desk)
        self._called = Called(desk)
        self._waits = Waits(desk, self._called)
        self._events = Events(desk)
        self._fallbacks = Fallbacks(desk, self._answers, self._waits, self._called)

    @property
    def policy(self) -> Policy:
        """What it is told from outside."""
        return self._desk.policy

    def take_keys(self, keys: tuple[bytes, ...]) -> None:
        """Sign callback URLs with the first of `keys` from now on; those that calls have been given still hold."""
        before = self.policy.keys
        self._desk.policy = replace(self.policy, keys=tuple(dict.fromkeys((*keys, *before)))[:KEYS_KEPT])

    def _now_looking_up(self) -> LookUp:
        return self.look_ups()

    def _now_written(self) -> None:
        self.hooks_written()

    async def check(self) -> None:
        """Raises StoreUnavailable when nothing can be written."""
        await self.store.check()

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """The first NCCO of a call; see `Answers.answer`."""
        return await self._answers.answer(delivery, flow)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """The replacement NCCO that a webhook of a wait brings, or an empty reply; see `Waits` and `Called`."""
        if kind == "onanswer":
            return await self._called.answer(token, delivery)
        return await self._waits.resume(kind, token, delivery)

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event of the application; see `Events.event`."""
        return await self._events.event(delivery)

    async def fallback(self, delivery: Delivery) -> Reply:
        """Go on where the call was when one of our replies failed; without a store say the failsafe NCCO."""
        return await self._fallbacks.fallback(delivery)
