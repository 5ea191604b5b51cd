"""Handles the webhooks of calls and replies to them."""

from __future__ import annotations

import re
from typing import Final

from ncco_server.engine.waits.kind import status_of
from ncco_server.errors import StoreUnavailable, UnknownWait
from ncco_server.flow.frame import CallbackKind
from ncco_server.ncco.webhooks import ErrorWebhook, InputWebhook, LegWebhook, StatusWebhook
from ncco_server.service import answers, call_ends, fallbacks, placing, waits
from ncco_server.service.announced_recordings import announced
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.masks import may_hold_input
from ncco_server.service.outages import reply_without_store, store_unstored
from ncco_server.service.turns import Turns
from ncco_server.service.written_rows import webhook_row
from ncco_server.store import Caused

_NUMBER: Final = re.compile(r"[0-9]{5,}")


class CallService(Turns):
    """Answers, resumes and records calls."""

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """During an outage, the store is not asked."""
        if problem := self.store_probe.outage:
            return self.without_store(delivery, flow, problem)
        return await answers.answer(self, delivery, flow)

    async def placed_answer(self, token: str, delivery: Delivery) -> Reply:
        """Raise UnknownWait if this server did not sign the token."""
        return await placing.answer(self, token, delivery)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """Raise UnknownWait if this server did not sign the token."""
        return await waits.resume(self, kind, token, delivery)

    async def event(self, delivery: Delivery) -> Reply:
        """End a call's session at `completed` on its own leg."""
        webhook = delivery.webhook
        leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
        hides = True if isinstance(webhook, InputWebhook) else None
        row = webhook_row(self.policy.keys[0], delivery, delivery.kind, leg, status=status_of(webhook), hides=hides)
        if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
            await call_ends.end(self, leg, row, delivery)
        else:
            await self.record(row, Caused(recording=announced(self.policy, delivery)))
        return Reply(
            None,
            delivery.kind,
            "recorded",
            call=delivery.call._replace(uuid=leg, conversation_uuid=webhook.conversation_uuid or ""),
            problem=_reported_error(delivery),
            row=row,
        )

    async def placed_event(self, token: str, delivery: Delivery) -> Reply:
        """The result of machine detection may move the call. Raises UnknownWait."""
        return await placing.note_event(self, token, delivery) or await self.event(delivery)

    async def fallback(self, delivery: Delivery) -> Reply:
        try:
            return await fallbacks.fall_back(self, delivery)
        except UnknownWait as error:
            return self.failsafe_reply("fallback", str(error), delivery.call, is_called=delivery.failed_url.is_called)
        except StoreUnavailable as error:
            return self.without_store(delivery, None, str(error))

    async def probe_store(self) -> None:
        """Store the calls of an outage once it is over."""
        await self.store_probe.run()
        if self.unstored and not self.store_probe.problem:
            await store_unstored(self)

    def without_store(self, delivery: Delivery, flow: str | None, problem: str) -> Reply:
        return reply_without_store(self, delivery, flow, f"the store is unavailable: {problem}")


def _reported_error(delivery: Delivery) -> str:
    """Without callers' numbers and input; "" if Vonage reported no error."""
    webhook = delivery.webhook
    if not isinstance(webhook, ErrorWebhook):
        return ""
    if may_hold_input(delivery):
        return "Vonage reports an error, not shown: it may contain what a caller said or pressed"
    return f"Vonage reports: {_NUMBER.sub('(number)', str(webhook.reason))}"
