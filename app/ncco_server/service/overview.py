"""What people see of a line: today's calls, who is on it and who should be called back, messages, and all calls."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.engine.session import caller_of
from ncco_server.flow.model import Flow, Project
from ncco_server.ncco.value_types import is_withheld
from ncco_server.service.call_results import open_calls, results_of
from ncco_server.service.call_search import FoundCall, FoundCalls, find_calls
from ncco_server.service.hand_hours import hand_hours
from ncco_server.service.masks import json_object
from ncco_server.service.phone_numbers import dialable
from ncco_server.service.recording_files import RecordingFiles, in_thread
from ncco_server.service.recordings import has_file
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.store import (
    QUARTER_MS,
    CalledCounts,
    CallFilter,
    RecordingCounts,
    RecordingFilter,
    RecordingRow,
    Records,
    ResultRow,
    SessionRow,
    Store,
    Timeline,
    milliseconds,
)

MISSED_DAYS: Final = 3
"""A weekend and the day before it."""
MOST_MISSED: Final = 8
MOST_RETURNED: Final = 20
OTHERS: Final = 5
"""Other calls of the same person, beside a call."""
MOST_RECORDINGS: Final = 50
"""Of one call."""
WATCHED_ROWS: Final = 200
"""The newest results, recordings and placed calls to watch for changes."""
WATCHED_AGE: Final = timedelta(hours=4)
"""Open calls that began earlier are not watched: their end may never be reported."""
WEEK: Final = timedelta(7)
MOST_COUNTED: Final = 100_000
"""Open calls."""
_ID: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|CON-[0-9a-f-]+")

Box: TypeAlias = Literal["new", "done", "deleted"]
BOXES: Final[Mapping[Box, RecordingFilter]] = {
    "new": RecordingFilter(kind="record", is_done=False),
    "done": RecordingFilter(kind="record", is_done=True),
    "deleted": RecordingFilter(kind="record", is_deleted=True),
}


class MissedCallers(NamedTuple):
    """Who should be called back, latest first.

    Attributes:
        missed: each caller's last call, and how often they called.
        more: number of such callers not in `missed`.
        returned: calls whose callers were called back.
    """

    missed: list[tuple[ResultRow, int]]
    more: int
    withheld: int
    returned: list[ResultRow]
    returned_more: int


@dataclass(frozen=True)
class Today:
    """A line's day so far.

    Attributes:
        today: calls by result.
        before: number of calls on the same day last week, up to the same time.
        callers: who should be called back, and who was, in the last days (`MISSED_DAYS`).
        on_the_line: the open calls, the newest first.
        placed: the calls that the line placed; None if it places none.
    """

    today: Counter[str]
    before: int
    callers: MissedCallers
    on_the_line: Sequence[ResultRow]
    placed: CalledCounts | None


class Inbox(NamedTuple):
    """A page of messages, the newest first. `older` is the ID after which the next page starts, or ""."""

    messages: Sequence[RecordingRow]
    older: str
    counts: RecordingCounts


class WholeCall(NamedTuple):
    """A call with all that is stored of it, and other calls of the same `person`."""

    timeline: Timeline
    result: ResultRow | None
    person: str
    others: Sequence[FoundCall]
    recordings: Sequence[RecordingRow]


class Overview:
    """Reads the store for people. Each method opens it if necessary, and raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def _records(self) -> AsyncIterator[Records]:
        await self._store.open()
        async with self._store.records() as records:
            yield records

    async def version(self, now: datetime) -> str:
        """A hash of the newest calls, recordings, placed calls and hours by hand, by which pages notice changes."""
        async with self._records() as records:
            calls = await records.version(milliseconds(now - WATCHED_AGE), WATCHED_ROWS)
        recordings = [tuple(row) for row in await self._store.recordings.changes(WATCHED_ROWS)]
        hours = await hand_hours(self._store.tables, now)
        found = calls, recordings, await self._store.placed.changes(WATCHED_ROWS), hours
        return hashlib.sha256(repr(found).encode()).hexdigest()[:32]

    async def today(self, project: Project, now: datetime) -> Today:
        """`now` is in the line's time zone."""
        now_ms = milliseconds(now)
        today, week_ago, since = (_midnight(now, days) for days in (0, WEEK.days, MISSED_DAYS))
        async with self._records() as records:
            open_now = await open_calls(records, since, now_ms + QUARTER_MS, now_ms, project.flows)
            counts = await _count_by_result(records, today, now_ms + QUARTER_MS, open_now)
            before = await records.count_results(week_ago, milliseconds(now - WEEK) + 1)
            callers = await _missed_callers(records, since, open_now)
        on_the_line = sorted((call for call in open_now if call.result == "open"), key=lambda call: -call.began_at)
        placed = await self._store.placed.count_called(today)
        places = placed.called or any(flow.outbound for flow in project.flows.values())
        return Today(counts, before, callers, on_the_line, placed if places else None)

    async def inbox(self, box: Box, most: int, before: str = "") -> Inbox | None:
        """Return None if the message `before` does not exist any more."""
        await self._store.open()
        recordings = self._store.recordings
        if before and await recordings.get(before) is None:
            return None
        found = await recordings.list(most + 1, before, BOXES[box])
        older = found[most - 1].id if len(found) > most else ""
        return Inbox(found[:most], older, await recordings.count())

    async def fetch_again(self, id_: str, files: RecordingFiles | None, now: datetime) -> bool:
        """Fetch the audio of a message from Vonage if it is not here. Return False if the message does not exist.

        Also raises OSError.
        """
        await self._store.open()
        recordings, now_ms = self._store.recordings, milliseconds(now)
        is_waiting = await recordings.retry(now_ms, id_)
        if not is_waiting and files is not None and not await in_thread(has_file, files, id_):
            await recordings.mark_lost(id_, now_ms)
        row = await recordings.get(id_)
        return row is not None and row.state != "deleted"

    async def calls(
        self,
        wanted: CallFilter,
        most: int,
        flows: Mapping[str, Flow],
        now: datetime,
        *,
        id_: str = "",
        word: str = "",
        before: int | None = None,
    ) -> FoundCalls:
        """The calls whose ID begins with `id_`, or else those that match, newest first. See `find_calls`."""
        now_ms = milliseconds(now)
        async with self._records() as records:
            if _ID.fullmatch(id_) and (named := await records.calls_like(id_, most)):
                known = await results_of(records, named, now_ms, flows)
                return FoundCalls([(row, known.get(row.key)) for row in named])
            return await find_calls(records, wanted, most, now_ms, before=before, word=word, flows=flows)

    async def own_results(self) -> list[str]:
        """The names of the flows' own results that stored calls have."""
        async with self._records() as records:
            return await records.own_results()

    async def revisions(self, now: datetime) -> list[tuple[str, str, int]]:
        """Flows and revisions with open calls, and how many these are."""
        async with self._records() as records:
            return await records.open_revisions(milliseconds(now) - CALL_EXPIRY_MS, MOST_COUNTED)

    async def call(self, name: str, flows: Mapping[str, Flow], now: datetime) -> WholeCall | None:
        """The call whose ID begins with `name`; None if there is none, or more than one."""
        now_ms = milliseconds(now)
        async with self._records() as records:
            found = await records.calls_like(name, 2)
            timeline = await records.timeline(found[0].session.id) if len(found) == 1 else None
            if timeline is None:
                return None
            call = timeline.call
            result = (await results_of(records, found, now_ms, flows)).get(call.key)
            person = _person_of(call.session)
            others: Sequence[FoundCall] = ()
            if dialable(person) and not is_withheld(person):
                others = (await find_calls(records, CallFilter(person), OTHERS + 1, now_ms, flows=flows)).calls
        wanted = RecordingFilter(session=call.session.id)
        recordings = await self._store.recordings.list(MOST_RECORDINGS, wanted=wanted)
        return WholeCall(
            timeline, result, person, [each for each in others if each[0].key != call.key][:OTHERS], recordings
        )

    async def result(self, name: str, now: datetime) -> ResultRow | None:
        """The result of the call with this ID."""
        async with self._records() as records:
            found = await results_of(records, await records.calls_like(name, 1), milliseconds(now))
        return next(iter(found.values()), None)


def _person_of(session: SessionRow) -> str:
    call = json_object(session.state).get("call", {})
    if call.get("direction") == "outbound":
        return str(call.get("to", ""))
    return caller_of(str(call.get("from_number") or ""), str(call.get("from_user") or ""))


def _midnight(now: datetime, days: int) -> int:
    """The beginning of a day so many days ago, in milliseconds since 1970."""
    return milliseconds(datetime.combine(now.date() - timedelta(days), time(), now.tzinfo))


async def _missed_callers(records: Records, since: int, open_now: Iterable[ResultRow]) -> MissedCallers:
    """Leave out callers who got through, were called back or are on the line (`open_now`)."""
    on_the_line = {call.caller for call in open_now}
    by_caller = dict[str, list[int]]()
    for caller, key in await records.missed(since):
        if caller not in on_the_line or not caller:
            by_caller.setdefault("" if is_withheld(caller) else caller, []).append(key)
    withheld = len(by_caller.pop("", ()))
    shown = list(by_caller.values())[:MOST_MISSED]
    last = {row.call_key: row for row in await records.results_of([keys[0] for keys in shown])}
    missed = [(last[keys[0]], len(keys)) for keys in shown if keys[0] in last]
    returned = await records.returned(since, MOST_RETURNED)
    more = await records.count_returned(since) - len(returned) if len(returned) == MOST_RETURNED else 0
    return MissedCallers(missed, len(by_caller) - len(shown), withheld, returned, more)


async def _count_by_result(records: Records, since: int, until: int, open_now: Iterable[ResultRow]) -> Counter[str]:
    """Calls that began from `since` up to `until` (milliseconds), also of `open_now`."""
    counts = Counter[str](call.result for call in open_now if since <= call.began_at < until)
    for _, result, number in await records.result_quarters(since, until):
        counts[result] += number
    return counts
