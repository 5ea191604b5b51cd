"""Events of the application: what Vonage reports of legs, and asks no NCCO for."""

from __future__ import annotations

import re
from typing import Final

from app.engine import hang_up
from app.engine.state import from_json
from app.ncco.webhooks import InputWebhook, LegWebhook, StatusWebhook
from app.service.delivery import Delivery, Reply
from app.service.desk import Desk
from app.service.replies import kind_of
from app.service.rows import hook_rows, may_hold_input, status_of, webhook_row
from app.store import HookRow

_NUMBER: Final = re.compile(r"[0-9]{5,}")


def _problem(delivery: Delivery) -> str:
    """What Vonage reports to be wrong, for the log: without numbers of callers, and what they may have given."""
    webhook = delivery.webhook
    if webhook.kind != "error" or not hasattr(webhook, "reason"):
        return ""
    if may_hold_input(delivery):
        return "Vonage reports an error, not shown: it may hold what a caller gave"
    return f"Vonage reports: {_NUMBER.sub('(number)', str(webhook.reason))}"


class Events:
    """Records events, and ends calls."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event of the application. `completed` of a call's own leg ends its session."""
        webhook = delivery.webhook
        kind = kind_of(delivery)
        leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
        key, hides = self._desk.policy.keys[0], True if isinstance(webhook, InputWebhook) else None
        row = webhook_row(delivery, kind, leg, status=status_of(webhook), key=key, hides=hides)
        if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
            await self._desk.end(leg, row, await self._left(leg, delivery))
        else:
            await self._desk.record(row)
        conversation, problem = webhook.conversation_uuid or "", _problem(delivery)
        return Reply(None, kind, "recorded", uuid=leg, conversation_uuid=conversation, problem=problem)

    async def _left(self, leg: str, delivery: Delivery) -> tuple[HookRow, ...]:
        """Whom the flows of its calls tell that the caller has hung up in the middle.

        The store leaves them out when another delivery has ended the calls meanwhile.
        """
        desk, told = self._desk, list[HookRow]()
        for row in await desk.store.calls_of(leg):
            session = from_json(row.state)
            flow = await desk.flow_of(session)
            hooks = hang_up(flow, session, delivery.webhook, desk.around(delivery)) if flow is not None else ()
            told += hook_rows(hooks, row.id, delivery.received_at)
        return tuple(told)
