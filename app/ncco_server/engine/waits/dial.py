"""A dial: the statuses of its leg, and the notify behind its `connect`."""

from __future__ import annotations

from ncco_server.engine.session import OpenWait, Session
from ncco_server.engine.waits.kind import WaitKind, event_of
from ncco_server.engine.waits.recording import ObservedWait
from ncco_server.flow.action import CONNECTED
from ncco_server.flow.model import Step
from ncco_server.flow.runtime import Outcome
from ncco_server.ncco.statuses import DIAL_FAILURES, PICKED_UP
from ncco_server.ncco.webhooks import StatusWebhook, Webhook

_SOMEBODY_ANSWERED = PICKED_UP | {"completed"}


class DialWait(ObservedWait):
    """The status of a dialled leg, up to its end, which is only recorded."""

    name = "connect"

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        """Source: webhook reference, Call status, machine detection (`beep`)."""
        if not isinstance(webhook, StatusWebhook) or webhook.status == "completed":
            return None
        more = webhook.sub_state or webhook.detail
        because = f"Vonage reported {webhook.status or ''}" + (f" ({more})" if more else "")
        return Outcome(event_of(webhook), because=because)


class ConnectedWait(WaitKind):
    """The notify behind a `connect`. It decides if no status of the dial has before.

    The caller also gets here if the event of a failed dial was lost: so a lost `busy` never takes the path of a
    completed call.
    """

    word = "notify"
    name = CONNECTED
    reads_statuses = True

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        """`failed` without a reported answer, and if a party that answered has declined."""
        declined = sorted(seen.intersection(DIAL_FAILURES))
        if declined:
            return Outcome(declined[0], because="the other party answered but was not connected")
        if seen & _SOMEBODY_ANSWERED:
            return Outcome("completed", because="the connect is over, and the other party had answered")
        return Outcome("failed", because="the connect is over, and no answer was reported")
