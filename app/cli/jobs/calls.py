"""`ncco calls`: shows recorded calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import click

from app.cli.jobs.recorded import documents, screen
from app.cli.jobs.recorded.entries import Entry, entries_of
from app.cli.jobs.recorded.facts import facts_of
from app.cli.jobs.recorded.finding import find_call
from app.cli.jobs.recorded.following import follow_call, follow_calls
from app.cli.jobs.recorded.opening import find_records, reading
from app.cli.work import FINE, ISSUES
from app.service.calls import LONGEST_CALL_MS
from app.store import CallRow, Records, Timeline, Wanted


def run(
    *,
    session: str | None,
    filters: Mapping[str, Any],
    limit: int,
    whole: bool,
    follow: bool,
    form: Literal["text", "json"],
) -> int:
    """Print calls, or one of them; ISSUES when there is no such call. Raises CannotRun."""
    shown = _Shown(find_records(), follow=follow, whole=whole, is_json=form == "json")
    try:
        if session is not None:
            return asyncio.run(shown.one(session))
        return asyncio.run(shown.several(_wanted(**filters), limit))
    except (KeyboardInterrupt, BrokenPipeError):
        return FINE


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _wanted(number: str, flow: str, since: datetime | None, is_open: bool, has_failed: bool) -> Wanted:
    """A call that began too long ago is not on any more, whatever the store says."""
    earliest = 0 if since is None else max(0, int(since.timestamp() * 1000))
    if is_open:
        earliest = max(earliest, _now() - LONGEST_CALL_MS)
    return Wanted(number, flow, earliest, is_open, has_failed)


class _Shown:
    """Reads calls and prints them."""

    def __init__(self, records: Records, *, follow: bool, whole: bool, is_json: bool) -> None:
        self._records = records
        self._follow = follow
        self._whole = whole
        self._is_json = is_json
        self._columns = screen.width()

    async def several(self, wanted: Wanted, limit: int) -> int:
        """A list of calls, newest first; one that goes on has the newest last."""
        async with reading(self._records) as records:
            if self._follow:
                async for call in follow_calls(records, wanted, limit):
                    self._print_call(call)
            else:
                found = await records.calls(limit + 1, None, wanted)
                self._print_list(found[:limit], has_more=len(found) > limit)
        return FINE

    async def one(self, name: str) -> int:
        """One call with its timeline."""
        async with reading(self._records) as records:
            timeline = await find_call(records, name)
            if timeline is None:
                return ISSUES
            if not self._follow and self._is_json:
                _say(documents.dumped(_whole_document(timeline)))
                return FINE
            self._print_head(timeline)
            self._print_entries(entries_of(timeline))
            if self._follow:
                async for entry in follow_call(records, timeline):
                    self._print_entries((entry,))
            else:
                _say(*screen.hook_lines(timeline.hooks))
        return FINE

    def _print_list(self, calls: list[CallRow], *, has_more: bool) -> None:
        now = _now()
        if self._is_json:
            rows = [documents.call_document(facts_of(call, now), now) for call in calls]
            _say(documents.dumped({"calls": rows, "more": has_more}))
            return
        if not calls:
            click.echo("no calls", err=True)
            return
        _say(screen.heading(self._columns))
        for call in calls:
            self._print_call(call)
        if has_more:
            click.echo("there are more: see --limit, --since, --number", err=True)

    def _print_call(self, call: CallRow) -> None:
        now = _now()
        facts = facts_of(call, now)
        if self._is_json:
            _say(documents.dumped(documents.call_document(facts, now), is_line=True))
        else:
            _say(screen.call_line(facts, now, self._columns))

    def _print_head(self, timeline: Timeline) -> None:
        if not self._is_json:
            now = _now()
            _say(*screen.call_head(facts_of(timeline.call, now), now))

    def _print_entries(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self._is_json:
                _say(documents.dumped(documents.entry_document(entry), is_line=True))
            else:
                _say(*screen.entry_lines(entry, self._columns, whole=self._whole))


def _whole_document(timeline: Timeline) -> dict[str, Any]:
    now = _now()
    return {
        "call": documents.call_document(facts_of(timeline.call, now), now),
        "timeline": [documents.entry_document(entry) for entry in entries_of(timeline)],
        "hooks": [documents.hook_document(hook) for hook in timeline.hooks],
    }


def _say(*lines: str) -> None:
    """Print lines that are not empty, at once: somebody follows them."""
    for line in lines:
        if line:
            click.echo(line)
