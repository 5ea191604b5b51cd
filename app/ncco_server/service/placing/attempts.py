"""Decides what follows an attempt: another attempt, or the end of the placed call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.language.outbound import UNKNOWN, Outbound
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.service.placing.times import next_moment, why_not, zones_of
from ncco_server.store import PlacedRow, milliseconds

ANSWERED: Final = "answered"
SILENT_S: Final = 30
"""Limits the wait for a webhook after an attempt should have stopped ringing, or after its end."""
STATUS_POLL_S: Final = 10 * 60
"""Between questions to Vonage about an answered call without `completed`."""
LONGEST_CALL_S: Final = 24 * 60 * 60
"""A longer call counts as over, even if Vonage reports otherwise. Source: Voice API specification, length_timer."""


def missed_outcome(status: str) -> str:
    """The outcome of an unanswered attempt with this last status.

    Vonage may send `completed` before other events, so it alone shows nothing.
    """
    if status == "cancelled":
        return "unanswered"
    return status if status in DIAL_FAILURES else UNKNOWN


def first_moment(flow: Flow, number: str, wanted_at: datetime) -> datetime | None:
    """Return None if the number may never be called. `wanted_at` is aware."""
    outbound = outbound_of(flow)
    return next_moment(wanted_at, zones_of(number) if outbound.quiet else (), _calendar(flow, outbound))


def why_later(flow: Flow, number: str, moment: datetime) -> str:
    """One sentence; "" if the number may be called."""
    outbound = outbound_of(flow)
    return why_not(moment, zones_of(number) if outbound.quiet else (), _calendar(flow, outbound))


def next_attempt(flow: Flow, row: PlacedRow, outcome: str, now: datetime, speed: float = 1.0) -> datetime | None:
    """Return None if there will be none. `row.tries` includes the last attempt; `now` is aware.

    The pause between attempts passes `speed` times as fast.
    """
    outbound = outbound_of(flow)
    retry = outbound.retry
    if outcome not in retry.on or row.tries >= retry.tries:
        return None
    moment = first_moment(flow, row.number, now + timedelta(seconds=retry.after_s / speed))
    return None if moment is None or is_too_late(row, moment) else moment


def is_too_late(row: PlacedRow, moment: datetime) -> bool:
    return row.expires_at is not None and milliseconds(moment) >= row.expires_at


def _calendar(flow: Flow, outbound: Outbound) -> Calendar | None:
    within = outbound.retry.within
    return flow.calendars[within] if within else None


def outbound_of(flow: Flow) -> Outbound:
    if flow.outbound is None:
        raise ValueError(f"flow {flow.name} does not place calls")
    return flow.outbound
