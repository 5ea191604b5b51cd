"""Plays calls with pure functions: no clock, network, database or randomness."""

from __future__ import annotations

from ncco_server.engine.event_hooks import (
    NO_EFFECTS,
    EventEffects,
    ended,
    hang_up,
    may_report_end,
    may_report_hang_up,
    not_reached,
    observe,
    played_step,
    step_of_wait,
)
from ncco_server.engine.interpreter import (
    awaits_detection,
    begin,
    begin_called,
    begin_placed,
    detected,
    fail,
    new_session,
    resume,
    without_store,
)
from ncco_server.engine.outcome import JOINED, declined
from ncco_server.engine.records import person_of
from ncco_server.engine.session import (
    CallData,
    Lookup,
    LookupAnswer,
    OpenWait,
    Session,
    TraceLine,
    Turn,
    TurnContext,
    WaitRef,
)

__all__ = [
    "JOINED",
    "NO_EFFECTS",
    "CallData",
    "EventEffects",
    "Lookup",
    "LookupAnswer",
    "OpenWait",
    "Session",
    "TraceLine",
    "Turn",
    "TurnContext",
    "WaitRef",
    "awaits_detection",
    "begin",
    "begin_called",
    "begin_placed",
    "declined",
    "detected",
    "ended",
    "fail",
    "hang_up",
    "may_report_end",
    "may_report_hang_up",
    "new_session",
    "not_reached",
    "observe",
    "person_of",
    "played_step",
    "resume",
    "step_of_wait",
    "without_store",
]
