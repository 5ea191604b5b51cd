"""A call as a pure function of flow, session and event: no clock, network, database or randomness."""

from __future__ import annotations

from app.engine.called import JOINED, refusal
from app.engine.interpreter import begin, begin_called, fail, resume
from app.engine.observing import hang_up, observe
from app.engine.outcome import hear_input, hear_status
from app.engine.session import Call, Session, Wait, WaitRef
from app.engine.turn import Lookup, LookupAnswer, TraceLine, Turn, TurnContext

__all__ = [
    "JOINED",
    "Call",
    "Lookup",
    "LookupAnswer",
    "Session",
    "TraceLine",
    "Turn",
    "TurnContext",
    "Wait",
    "WaitRef",
    "begin",
    "begin_called",
    "fail",
    "hang_up",
    "hear_input",
    "hear_status",
    "observe",
    "refusal",
    "resume",
]
