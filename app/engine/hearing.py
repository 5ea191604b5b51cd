"""What came of a wait, by the webhook that it brought."""

from __future__ import annotations

from app.engine.outcome import CONNECTED, hear_connected, hear_input, hear_status
from app.engine.session import Session, Wait
from app.flow.model import Outcome, Step
from app.ncco.webhooks import AnswerWebhook, InputWebhook, NotifyWebhook, StatusWebhook, Webhook

ASR_ERRORS = 2
"""How often a fault of the speech recogniser is asked again without counting as a failed try."""


def hear(step: Step, session: Session, wait: Wait, webhook: Webhook | None, seen: frozenset[str]) -> Outcome | None:
    """What came of a wait that steers; None for what does not, `error` for what cannot be read."""
    match wait.kind:
        case "input":
            return _hear_answer(step, session, webhook)
        case "notify":
            return hear_connected(seen) if wait.name == CONNECTED else _hear_checkpoint(wait, webhook)
        case _:  # an event
            if not isinstance(webhook, StatusWebhook) or webhook.status == "completed":
                return None
            return hear_status(webhook)


def _hear_answer(step: Step, session: Session, webhook: Webhook | None) -> Outcome:
    asked = step.exit.asked
    if isinstance(webhook, AnswerWebhook):  # only who called whom: `dtmf` and `speech` are both missing
        webhook = InputWebhook()
    if asked is None or not isinstance(webhook, InputWebhook):
        return Outcome("error", because="the input webhook could not be read")
    outcome = hear_input(asked.in_locale(session.locale), webhook)
    if outcome.name == "asr_error" and session.asr_errors >= ASR_ERRORS:
        return Outcome("noinput", reason="asr_error", because="the recogniser failed more than twice")
    return outcome


def _hear_checkpoint(wait: Wait, webhook: Webhook | None) -> Outcome:
    if not isinstance(webhook, NotifyWebhook):
        return Outcome("error", because="the notify webhook could not be read")
    return Outcome(wait.name, because=f"the checkpoint {wait.name} was reached")
