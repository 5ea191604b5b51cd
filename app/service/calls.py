"""CallService: what each webhook does to a call, and the reply to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from app.errors import StoreUnavailable, UnknownWait
from app.flow.runtime import CallbackKind
from app.ncco.webhooks import InputWebhook, LegWebhook, StatusWebhook
from app.service import answers, fallbacks, waits
from app.service.delivery import Delivery, Reply, may_hold_input, status_of, webhook_row
from app.service.library import Library
from app.service.turns import AnswerLookups, Policy, Turns, no_lookups
from app.store import HookRow, Store

_NUMBER: Final = re.compile(r"[0-9]{5,}")


class CallService:
    """Answers, resumes and records calls. Holds no state of a call itself.

    Args:
        store: open while webhooks come in.
        library: the flows in use.
        policy: settings of the service.
        look_ups: returns a function that answers the lookups of one turn, within one budget.
        hooks_written: called after hooks were written.

    Attributes:
        turns: plays and writes the turns of calls.
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
        self.turns = Turns(store, library, policy, look_ups, hooks_written)
        self.failsafe = self.turns.failsafe

    async def check(self) -> None:
        """Raise StoreUnavailable when nothing can be written."""
        await self.store.check()

    def answer(self, delivery: Delivery, flow: str | None = None) -> Coroutine[Any, Any, Reply]:
        """The first NCCO of a call; see `answers.answer`."""
        return answers.answer(self.turns, delivery, flow)

    def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Coroutine[Any, Any, Reply]:
        """The NCCO that a webhook of a wait brings, or an empty reply; see `waits.resume`."""
        return waits.resume(self.turns, kind, token, delivery)

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event of the application. `completed` of a call's own leg ends its session."""
        webhook = delivery.webhook
        turns = self.turns
        leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
        hides = True if isinstance(webhook, InputWebhook) else None
        row = webhook_row(turns.policy.keys[0], delivery, delivery.kind, leg, status=status_of(webhook), hides=hides)
        if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
            hooks: list[HookRow] = []  # the store leaves them out when the calls have ended meanwhile
            for call in await self.store.calls_of(leg):
                hooks += await turns.hangup_hooks(call, delivery)
            await turns.end(leg, row, hooks)
        else:
            await turns.record(row, recording=turns.announced(delivery))
        return Reply(
            None,
            delivery.kind,
            "recorded",
            uuid=leg,
            conversation_uuid=webhook.conversation_uuid or "",
            problem=_reported_error(delivery),
            caller=delivery.call.from_number or delivery.call.from_user,
            row=row,
        )

    async def fallback(self, delivery: Delivery) -> Reply:
        """Continue a call after one of our replies failed; reply with the failsafe NCCO when the store is down."""
        try:
            return await fallbacks.fall_back(self.turns, delivery)
        except (StoreUnavailable, UnknownWait) as error:
            return self.turns.failsafe_reply("fallback", str(error), delivery.call)


def _reported_error(delivery: Delivery) -> str:
    """An error that Vonage reports, for the log: without numbers of callers, and what they may have given."""
    webhook = delivery.webhook
    if webhook.kind != "error" or not hasattr(webhook, "reason"):
        return ""
    if may_hold_input(delivery):
        return "Vonage reports an error, not shown: it may hold what a caller gave"
    return f"Vonage reports: {_NUMBER.sub('(number)', str(webhook.reason))}"
