"""An agent on a websocket: the events of its leg, and the notify behind its `connect`.

What the agent has handed back decides at whichever comes first. Vonage's reports decide only without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ncco_server.engine.session import OpenWait, Session
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.engine.waits.recording import ObservedWait
from ncco_server.flow.action import AGENT, AGENT_OVER
from ncco_server.flow.model import Step
from ncco_server.flow.runtime import FAILED, TOO_LONG, Outcome
from ncco_server.moments import milliseconds
from ncco_server.ncco.statuses import DIAL_FAILURES, DISCONNECTED, PICKED_UP
from ncco_server.ncco.webhooks import StatusWebhook, Webhook

NEAR_LIMIT_MS: Final = 5_000
"""What ends so shortly before the limit ended because of it: the report of the answer may come late. Our choice."""


class AgentWait(ObservedWait):
    """The status of the agent's leg. Source: webhook reference, Call status; WebSocket guide."""

    name = AGENT

    def notes(self, session: Session, wait: OpenWait, webhook: Webhook | None, now: datetime) -> Mapping[str, Any]:
        if not isinstance(webhook, StatusWebhook):
            return {}
        if webhook.status in PICKED_UP:
            return {"answered_at": milliseconds(now)}
        if webhook.status == "completed":
            return {"over": TOO_LONG if (webhook.duration or 0) >= wait.limit_s else FAILED}
        if webhook.status == DISCONNECTED:
            return {"over": _end(session, wait.limit_s, now)}
        return {"over": FAILED} if webhook.status in DIAL_FAILURES else {}

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        if not isinstance(webhook, StatusWebhook) or webhook.status not in (*DIAL_FAILURES, DISCONNECTED):
            return None
        more = f" ({webhook.detail})" if webhook.detail else ""
        return _outcome(session, f"Vonage reported {webhook.status}{more}")


class AgentOverWait(WaitKind):
    """The notify behind the agent's `connect`: the caller is alone again, for example because of the limit."""

    word = "notify"
    name = AGENT_OVER

    def notes(self, session: Session, wait: OpenWait, webhook: Webhook | None, now: datetime) -> Mapping[str, Any]:
        """The report of the leg's end may be lost, or come later."""
        return {"over": _end(session, max(each.limit_s for each in session.waits), now)}

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        return _outcome(session, "the connect to the agent is over")


def _outcome(session: Session, because: str) -> Outcome:
    known = session.agent
    if "outcome" in known:
        return Outcome(known["outcome"], because=f"the agent handed the caller back; {because}", answer=known["values"])
    return Outcome(known.get("over", FAILED), because=f"{because}, and the agent had handed nothing back")


def _end(session: Session, limit_s: float, now: datetime) -> str:
    """An agent whose answer was not reported counts as connected since the step was entered."""
    begun_ms = session.agent.get("answered_at", milliseconds(session.entered_at or now))
    return TOO_LONG if begun_ms + limit_s * 1000 - milliseconds(now) <= NEAR_LIMIT_MS else FAILED
