"""Opening hours that somebody has changed by hand, on every host within a second, without editing a file.

Each calendar has one row beside those of the tables. No table can have its name, so flows cannot read it, and hosts of
older versions ignore it. It keeps what has ended as long as calls last that may have heard it: a handler in Python
reads the hours of earlier moments again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from ncco_server.errors import RowChanged
from ncco_server.flow.hours.calendar import ByHand, Calendar, seconds
from ncco_server.flow.model import Flow
from ncco_server.store import Store, milliseconds
from ncco_server.store.table_rows import ABSENT, TableRows
from ncco_server.table_rows import RowChange, key_of, row_name

HandHours: TypeAlias = Mapping[tuple[str, str], Sequence[ByHand]]
"""By the key of the calendar; the later decisions come first."""

LONGEST: Final = timedelta(days=366)
"""Ahead of now; our choice."""
LONGEST_REASON: Final = 200
REREAD_S: Final = 1.0
"""What was read is used for so long: a closing acts within this time. Our choice."""
_TABLE: Final = "#hours"
_KEPT_S: Final = 2 * 24 * 60 * 60
_ATTEMPTS: Final = 5


async def hand_hours(rows: TableRows, now: datetime) -> HandHours:
    """Raises StoreUnavailable."""
    found = await rows.of_table(_TABLE)
    is_kept = [row for row in found if row.expires_at is None or row.expires_at > milliseconds(now)]
    return {_key(row.name): _decided_in(row.columns) for row in is_kept}


class RecentHandHours:
    """What was decided by hand, read from the table again only after `REREAD_S`."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._found: HandHours = {}
        self._until = -math.inf

    async def __call__(self, now: datetime, flow: Flow | None = None) -> HandHours:
        """Read again for a handler: its later turns must find the hours that it finds now. Raises StoreUnavailable."""
        began = self._clock()
        runs_handler = flow is not None and any(each.handler is not None for each in (flow, *flow.subs.values()))
        if runs_handler or began >= self._until:
            self._found = await hand_hours(self._store.tables, now)
            self._until = began + REREAD_S
        return self._found


async def decide(rows: TableRows, calendar: Calendar, decided: ByHand, now: datetime) -> None:
    """It comes before what was decided earlier for the same time. Raises StoreUnavailable."""
    await _change(rows, calendar, lambda earlier: [decided, *earlier], now, decided.by)


async def undecide(rows: TableRows, calendar: Calendar, decided: ByHand, now: datetime, by: str) -> bool:
    """End what was decided. Return False if it has ended. Raises StoreUnavailable."""
    end = max(decided.start, seconds(now))
    is_there = False

    def without(earlier: Sequence[ByHand]) -> list[ByHand]:
        nonlocal is_there
        is_there = decided.end > end and decided in earlier
        return [each._replace(end=end) if is_there and each == decided else each for each in earlier]

    await _change(rows, calendar, without, now, by)
    return is_there


async def _change(
    rows: TableRows, calendar: Calendar, change: Callable[[Sequence[ByHand]], list[ByHand]], now: datetime, by: str
) -> None:
    name = row_name(_TABLE, calendar.key)
    now_ms = milliseconds(now)
    for _ in range(_ATTEMPTS):
        row = await rows.row(name, now_ms)
        oldest = seconds(now) - _KEPT_S
        found = change(_decided_in(row.columns) if row is not None else ())
        kept = [each for each in found if each.start < each.end and each.end > oldest]
        keep_ms = max((each.end - oldest for each in kept), default=1) * 1000
        new = RowChange(name, {"decided": [list(each) for each in kept]}, keep_ms=keep_ms)
        try:
            await rows.change([new], now_ms, by, {name: [row.stamp if row is not None else ABSENT]})
        except RowChanged:
            continue
        return
    raise RowChanged(_TABLE)


def _key(name: str) -> tuple[str, str]:
    file, calendar = key_of(name)
    return str(file), str(calendar)


def _decided_in(columns: Mapping[str, Any]) -> Sequence[ByHand]:
    return tuple([ByHand(*each) for each in columns.get("decided", ())])
