"""Machine detection of a placed call, which can move the call while it waits in its first step."""

from __future__ import annotations

from ncco_server.engine.session import Session
from ncco_server.engine.waits.kind import WaitKind


class DetectionWait(WaitKind):
    """The answer of a placed call, and the events of its leg, which do not belong to a turn."""

    word = "placed"


def awaits_detection(session: Session) -> bool:
    """Whether the call waits in its first step, even repeatedly."""
    return session.entered_turn == 1
