"""What a caller got from a turn."""

from __future__ import annotations

from collections.abc import Iterable

from ncco_server.engine.session import OpenWait, TurnContext
from ncco_server.engine.waits.recording import RecordingWait
from ncco_server.flow.model import Flow, Step
from ncco_server.results import AGENT, ASKED, CHOSEN, HOURS, MESSAGE, PLAYED, UNCONNECTED, TurnFacts


def facts_of(
    entered: Iterable[tuple[Flow, Step]],
    context: TurnContext | None,
    waits: Iterable[OpenWait],
    *,
    has_chosen: bool = False,
    is_over: bool = False,
    is_unconnected: bool = False,
) -> TurnFacts:
    """`entered` and `waits` are in order. `context` may be None if no step reads opening hours.

    `is_over`: the flow is played to its end after this turn. `is_unconnected`: the called party is not connected then.
    """
    heard = (PLAYED if is_over else 0) | (UNCONNECTED if is_unconnected else 0)
    rang = ""
    own = ""
    for flow, step in entered:
        offers = step.offers
        if offers.announces and has_chosen:
            heard |= CHOSEN
        if offers.tells_hours or (offers.reads_hours and context is not None and _is_closed(flow, context)):
            heard |= HOURS
        if offers.asks_for_message and not heard & ASKED:
            heard |= ASKED + MESSAGE * _message(step, waits)
        if step.exit.has_agent and not rang and any(wait.limit_s for wait in waits):
            heard |= AGENT
        if offers.dials:
            rang = f"{flow.name}.{step.name}"
        own = step.result or own
    return TurnFacts(heard, rang, own)


def _message(step: Step, waits: Iterable[OpenWait]) -> int:
    """The number of its last recording: one of the whole call begins before."""
    return max((wait.index for wait in waits if wait.name == RecordingWait.name and wait.step == step.name), default=0)


def _is_closed(flow: Flow, context: TurnContext) -> bool:
    return not any(calendar.is_open(context.now) for calendar in flow.calendars_with(context.by_hand).values())
