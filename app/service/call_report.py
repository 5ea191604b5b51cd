"""Counts the calls of a period: how many, how long, how they went, and how long until a person answered.

Each call counts once, by its disposition. Calls of called parties, who hear a flow before they are joined, do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from app.flow.model import Project
from app.service.recorded_calls import csv_text, json_object
from app.service.turns import LONGEST_CALL_MS
from app.store import ReportedCall

DISPOSITIONS: Final[Mapping[str, str]] = {
    "person": "a party that the flow dialled has answered, and is not known to be a machine",
    "message": "no person; the caller left a recording that began with a beep or could be ended by a key",
    "served": "neither, and the flow was played to its end",
    "abandoned": "neither, and the caller hung up before the flow's end",
    "open": "neither yet; the call is in progress",
    "lost": "neither, and the end of the call was not reported",
}
"""What came of a call, and when: the first that fits."""

COLUMNS: Final = ("by", "name", "calls", "minutes", *DISPOSITIONS, "person_median_s", "person_p90_s")

MOST_NAMES: Final = 1_000
"""Flows and numbers that are counted by name; further ones are counted as `other`."""

DAYS: Final = 7
"""Of a report whose period is not given; the last one is today."""


@dataclass(slots=True)
class CallCounts:
    """Counts of calls.

    Attributes:
        seconds: of all calls whose end is known, from the answer webhook to the end.
        dispositions: how many calls have each.
        until_person: whole seconds from the answer webhook until a person answered → how many calls.
    """

    seconds: float = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    until_person: Counter[int] = field(default_factory=Counter)

    @property
    def document(self) -> dict[str, Any]:
        """The columns of a report behind its names. A percentile is None when no person answered."""
        return {
            "calls": self.dispositions.total(),
            "minutes": round(self.seconds / 60, 1),
            **{name: self.dispositions[name] for name in DISPOSITIONS},
            "person_median_s": percentile(self.until_person, 0.5),
            "person_p90_s": percentile(self.until_person, 0.9),
        }


def percentile(counts: Counter[int], share: float) -> int | None:
    """The smallest value that at least this share of all values does not exceed (nearest rank)."""
    left = ceil(share * counts.total())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` up to and without `end`, in a time zone. Raises ValueError unless one is in it."""

    first: date
    end: date
    zone: tzinfo

    def __post_init__(self) -> None:
        if self.first >= self.end:
            raise ValueError(f"no day is in it: {self.first} is after {self.last}")

    @property
    def last(self) -> date:
        """Its last day."""
        return self.end - timedelta(1)

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Its first moment and the first one after it, since 1970."""
        since, until = (datetime.combine(day, time(), self.zone).timestamp() for day in (self.first, self.end))
        return int(since * 1000), int(until * 1000)

    @property
    def document(self) -> dict[str, str]:
        """Its days as ISO 8601, and the name of its time zone."""
        return {"from": str(self.first), "to": str(self.last), "timezone": str(self.zone)}


def read_period(first: date | None, last: date | None, zone: tzinfo, now: datetime) -> Period:
    """The period that is asked for: without `last` it ends today, without `first` it has `DAYS` days."""
    try:
        end = (last or now.astimezone(zone).date()) + timedelta(1)
        return Period(first or end - timedelta(DAYS), end, zone)
    except OverflowError:
        raise ValueError("its days are not in the calendar") from None


def zone_of(project: Project, flow: str = "") -> ZoneInfo:
    """The time zone of a flow's opening hours, or of all flows; UTC when they name none, or several."""
    flows = [project.flows[flow]] if flow in project.flows else [] if flow else project.flows.values()
    zones = {calendar.zone for each in flows for calendar in each.calendars.values()}
    return zones.pop() if len(zones) == 1 else ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class CallReport:
    """The calls of a period: of all together, and by flow and called number, most calls first."""

    period: Period
    rows: list[dict[str, Any]]

    @property
    def document(self) -> dict[str, Any]:
        """The report for a program."""
        return {**self.period.document, "rows": self.rows}

    @property
    def csv(self) -> str:
        """The report for a spreadsheet."""
        return csv_text(COLUMNS, self.rows)


async def count_calls(calls: AsyncIterable[ReportedCall], period: Period, now_ms: int, flow: str = "") -> CallReport:
    """Count the `calls` of a period; with `flow`, those that began in it.

    `now_ms`, since 1970, decides whether a call without an end is in progress.
    """
    tallies: dict[tuple[str, str], CallCounts] = {("all", ""): CallCounts()}
    async for call in calls:
        state = json_object(call.state)
        if state.get("parent") or (flow and call.flow != flow):
            continue
        to = str(state.get("call", {}).get("to", ""))
        for by, name in (("all", ""), ("flow", call.flow), ("number", to)):
            known = name if (by, name) in tallies or len(tallies) <= MOST_NAMES else "other"
            _count(tallies.setdefault((by, known), CallCounts()), call, bool(state.get("is_over")), now_ms)
    rows = [{"by": by, "name": name, **tally.document} for (by, name), tally in tallies.items()]
    return CallReport(period, sorted(rows, key=lambda row: (row["by"], -row["calls"], row["name"])))


def _count(tally: CallCounts, call: ReportedCall, is_played: bool, now_ms: int) -> None:
    tally.dispositions[disposition_of(call, is_played, now_ms)] += 1
    if call.is_over:
        tally.seconds += max(0, call.updated_at - call.created_at) / 1000
    if call.person_at is not None:
        tally.until_person[max(0, call.person_at - call.created_at) // 1000] += 1


def disposition_of(call: ReportedCall, is_played: bool, now_ms: int) -> str:
    """What came of a call: the first of `DISPOSITIONS` that fits. `is_played`: its flow was played to the end."""
    if call.person_at is not None:
        return "person"
    if any(map(_is_message, call.recorded)):
        return "message"
    if call.is_over:
        return "served" if is_played else "abandoned"
    return "open" if call.leg and now_ms - call.created_at <= LONGEST_CALL_MS else "lost"


def _is_message(ncco: bytes) -> bool:
    """Whether an NCCO records a message; a recording of the whole call has neither a beep nor a key that ends it."""
    records = (action for action in orjson.loads(ncco or b"[]") if action["action"] == "record")
    return any(action.get("beepStart") is True or "endOnKey" in action for action in records)
