"""Checkpoints: a `notify` reports how far the call has got."""

from __future__ import annotations

from ncco_server.engine.session import OpenWait, Session
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.flow.action import HELD
from ncco_server.flow.model import Step
from ncco_server.flow.runtime import Outcome
from ncco_server.ncco.webhooks import NotifyWebhook, Webhook

REACHED = "step.reached"
"""The notify before a step that starts when the caller reaches it. Flows cannot use this name."""


class CheckpointWait(WaitKind):
    """The caller reached it; a line of `on` says where the call goes."""

    word = "notify"

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        if not isinstance(webhook, NotifyWebhook):
            return Outcome("error", because="the notify webhook could not be read")
        return Outcome(wait.name, because=f"the checkpoint {wait.name} was reached")


class ReachedWait(CheckpointWait):
    """The caller reached a step that starts only then."""

    name = REACHED
    begins_step = True


class HoldWait(CheckpointWait):
    """What a held caller hears is over: the condition is tested again."""

    name = HELD
