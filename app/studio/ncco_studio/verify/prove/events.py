"""Computes the hooks of events while a call waits or ends, to see whether they can be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ncco_server.engine import Session, TurnContext, WaitRef, ended, hang_up, observe
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.webhooks import RecordWebhook, StatusWebhook, TranscriptionWebhook, Webhook
from ncco_server.results import DecidedResult

_HUNG_UP: Final = StatusWebhook.read({"status": "completed", "disconnected_by": "user"})
_MISSED: Final = DecidedResult("missed", "", "", None)
_WEBHOOKS: Final[dict[str, Webhook]] = {
    "record": RecordWebhook.read({}),
    "transcription": TranscriptionWebhook.read({}),
    **{name: StatusWebhook.read(status.fields) for name, status in STATUSES.items()},
}


def event_hooks(root: Flow, session: Session, context: TurnContext) -> Iterator[Any]:
    """The hooks of every event that can happen after a turn, for the call's values then.

    A row that cannot be saved is a hook with a problem. Called parties have no end of their own.
    """
    if not session.parent:
        yield from hang_up(root, session, _HUNG_UP, context).hooks
        yield from ended(root, session, _HUNG_UP, context, decided=_MISSED).hooks
    for wait in session.waits:
        if wait.kind == "event":
            flow = root.named(wait.flow)
            ref = WaitRef(wait.kind, session.id, session.turn, wait.index)
            for name in dict.fromkeys((*flow.steps[wait.step].events, *flow.events)):
                webhook = _WEBHOOKS.get(name) or StatusWebhook.read({"status": name})  # hangup and ended are ours
                yield from observe(root, session, ref, webhook, context).hooks
