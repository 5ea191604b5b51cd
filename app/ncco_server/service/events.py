"""Events of the application, which are recorded, and may end calls."""

from __future__ import annotations

import re
from typing import Final

from ncco_server.engine.waits.kind import status_of
from ncco_server.ncco.webhooks import ErrorWebhook, InputWebhook, LegWebhook, StatusWebhook
from ncco_server.service import call_ends
from ncco_server.service.announced_recordings import announced
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.masks import may_hold_input
from ncco_server.service.turns import Turns
from ncco_server.service.written_rows import webhook_row
from ncco_server.store import Caused

_NUMBER: Final = re.compile(r"[0-9]{5,}")


async def record(turns: Turns, delivery: Delivery) -> Reply:
    """End a call's session at `completed` on its own leg."""
    webhook = delivery.webhook
    leg = (webhook.uuid or "") if isinstance(webhook, LegWebhook) else ""
    hides = True if isinstance(webhook, InputWebhook) else None
    row = webhook_row(turns.policy.keys[0], delivery, delivery.kind, leg, status=status_of(webhook), hides=hides)
    if leg and isinstance(webhook, StatusWebhook) and webhook.status == "completed":
        await call_ends.end(turns, leg, row, delivery)
    else:
        await turns.record(row, Caused(recording=announced(turns.policy, delivery)))
    return Reply(
        None,
        delivery.kind,
        "recorded",
        call=delivery.call._replace(uuid=leg, conversation_uuid=webhook.conversation_uuid or ""),
        problem=_reported_error(delivery),
        row=row,
    )


def _reported_error(delivery: Delivery) -> str:
    """Without callers' numbers and input; "" if Vonage reported no error."""
    webhook = delivery.webhook
    if not isinstance(webhook, ErrorWebhook):
        return ""
    if may_hold_input(delivery):
        return "Vonage reports an error, not shown: it may contain what a caller said or pressed"
    return f"Vonage reports: {_NUMBER.sub('(number)', str(webhook.reason))}"
