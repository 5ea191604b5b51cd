"""What the kinds of waits have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from ncco_server.engine.session import OpenWait, Session
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.model import Step
from ncco_server.flow.runtime import Outcome
from ncco_server.ncco.statuses import BEEP
from ncco_server.ncco.webhooks import InputWebhook, StatusWebhook, Webhook


class WaitKind:
    """A kind of wait. An instance has no state: see `ncco_server.engine.waits`.

    Attributes:
        word: in the URL and the token.
        name: of its waits; "" for those that no other kind of this word names.
        asks: the caller answers a question. Vonage then needs an action in the reply, even if the call is over.
        begins_step: its webhook starts the step instead of deciding how it goes on.
        is_called: a party that the flow dialled waits for the reply, and must not hear the failsafe NCCO.
        is_observed: its webhooks cause hooks, even when the call has moved on.
        reads_statuses: the statuses that were reported since the call came to its step decide.
    """

    word: ClassVar[CallbackKind]
    name: ClassVar[str] = ""
    asks: ClassVar[bool] = False
    begins_step: ClassVar[bool] = False
    is_called: ClassVar[bool] = False
    is_observed: ClassVar[bool] = False
    reads_statuses: ClassVar[bool] = False

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        """None if the webhook is only recorded, the outcome `error` if it is unreadable.

        `seen` contains the statuses recorded for the waits since the call came to its step.
        """
        return None

    def notes(self, session: Session, wait: OpenWait, webhook: Webhook | None, now: datetime) -> Mapping[str, Any]:
        """What a webhook reports about the agent that the call waits for (`ncco_server.engine.agents`)."""
        return {}

    def hides(self, wait: OpenWait | None) -> bool | None:
        """Whether the webhook may contain a secret; None if it asked no question. `wait` is None once it is closed."""
        return (wait is not None and wait.sensitive) or None


def status_of(webhook: Webhook) -> str:
    """Distinguishes a wait's webhooks: a status with its sub-state, "" for an input, or the kind."""
    if not isinstance(webhook, StatusWebhook):
        return "" if isinstance(webhook, InputWebhook) else webhook.kind
    return f"{webhook.status or ''}:{webhook.sub_state}" if webhook.sub_state else webhook.status or ""


def event_of(webhook: Webhook) -> str:
    """A call status, `beep`, `record`, `transcription`, ..., as in `on` and `events`."""
    if not isinstance(webhook, StatusWebhook):
        return webhook.kind
    is_beep = BEEP.fields == {"status": webhook.status, "sub_state": webhook.sub_state}
    return BEEP.name if is_beep else webhook.status or ""
