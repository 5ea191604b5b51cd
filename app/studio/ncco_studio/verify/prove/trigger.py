"""Something that happens while a call waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from ncco_server.ncco.webhooks import Webhook

TriggerKind = Literal["call", "detected", "input", "dial", "agent", "checkpoint", "held", "leg", "fault"]
_NOTHING: Final[Mapping[str, Any]] = {}


class Trigger(NamedTuple):
    """Something that happens at a wait.

    Attributes:
        line: the script line that causes it; empty if nobody acts.
        wait: the index of the webhook's wait.
        webhook: None if it cannot be parsed.
        seen: the dial statuses reported so far.
        waited: seconds since the step was entered.
        reported: of an agent's leg, before the webhook.
        handed: what an agent has handed back by then, in order.
        fault: `unreadable`, `refused`, `away` (the store is unavailable), or "".
        given: the params of a placed call that machine detection moves.
    """

    kind: TriggerKind
    line: Mapping[str, Any] = _NOTHING
    wait: int = -1
    webhook: Webhook | None = None
    seen: frozenset[str] = frozenset()
    waited: float = 0.0
    reported: Webhook | None = None
    handed: tuple[Mapping[str, Any], ...] = ()
    fault: str = ""
    given: Mapping[str, Any] = _NOTHING
