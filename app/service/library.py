"""The flows in use: the newest good ones for new calls, and older revisions for the calls that began with them."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from app.flow.loader import load
from app.flow.model import Flow, Project
from app.service.released import RELEASED, project_of, released_row
from app.service.removals import Removal, removals
from app.store import RevisionRow, Store

PINNED_LIMIT = 500
"""How many older revisions are kept loaded; others are loaded again from the store when a call needs them."""

_NO_DIGIT = re.compile("[^0-9]")
_EMPTY = Project({}, (), {})


class Library:
    """Swaps whole projects, and finds the flow of a call.

    A server that starts on flows with errors begins with those that were last good for any server on its store, as one
    that runs goes on with them. The same holds for flows that lack something callers can reach, until it is confirmed.

    Attributes:
        current: the last project without errors; what new calls get.
        last: the project that was read last, with its issues.
        loaded_at: when `current` was swapped in (aware, UTC); None before the first load.
        rejected: how many reads were not swapped in since the start.
        removed: what callers reach in `current` and not in `last`; why `last` was refused, if it has no errors itself.
        is_stale: what was read last is good, and waits for a store that can keep it.
    """

    def __init__(self, store: Store, read: Callable[[], Project]) -> None:
        self._store = store
        self._read = read
        self.current: Project = _EMPTY
        self.last: Project = _EMPTY
        self.loaded_at: datetime | None = None
        self.rejected = 0
        self.removed: tuple[Removal, ...] = ()
        self.is_stale = False
        self._reloading = asyncio.Lock()
        self._by_number: dict[str, Flow] = {}
        self._default: Flow | None = None
        self._pinning = asyncio.Lock()
        self._pinned: OrderedDict[tuple[str, str], Flow] = OrderedDict()

    @property
    def is_awaited(self) -> bool:
        """Whether no call can begin, and only since there was no store yet that could keep the flows."""
        return self.is_stale and self.loaded_at is None

    async def reload(self, *, confirms_removals: bool = False) -> Project:
        """Read the files again; swap them in whole when they have no errors and lack nothing that callers can reach.

        Returns what was read. With errors, or with removals that nobody confirms, the last good project stays. Raises
        StoreUnavailable when the revisions cannot be saved or found, and keeps the last good project too: a call must
        be able to finish on any host.
        """
        async with self._reloading:
            project = await asyncio.to_thread(self._read)
            self.last = project
            self.removed = ()
            self.is_stale = True
            now = datetime.now(UTC)
            in_use = self.current
            if self.loaded_at is None and (project.has_errors or not confirms_removals):
                in_use = await self._released(project)
            if not project.has_errors and not confirms_removals:
                self.removed = removals(in_use, project)
            if project.has_errors or self.removed:
                self.rejected += 1
                if self.loaded_at is None and in_use.flows:
                    self._swap(in_use, now)
                self.is_stale = False
                return project
            await self._store.save_revisions([_row(flow, now) for flow in project.flows.values()])
            await self._store.replace_revision(released_row(project, now))
            self._swap(project, now)
            self.is_stale = False
            return project

    async def _released(self, read: Project) -> Project:
        """What was last good for any server on the store: `read` itself if it is the same; empty when nothing was."""
        row = await self._store.revision(RELEASED)
        before = None if row is None else await asyncio.to_thread(project_of, row, read)
        return before or _EMPTY

    async def save_again(self) -> frozenset[str]:
        """Save the revisions in use once more, should another host have deleted them as unused.

        Returns the hashes that nobody shall delete. Raises StoreUnavailable.
        """
        rows = [_row(flow, self.loaded_at or datetime.now(UTC)) for flow in self.current.flows.values()]
        await self._store.save_revisions(rows)
        return frozenset((RELEASED, *(row.hash for row in rows)))

    def _swap(self, project: Project, now: datetime) -> None:
        for flow in self.current.flows.values():
            self._pin(flow)
        self._by_number = {number: flow for flow in project.flows.values() for number in flow.numbers}
        self._default = next((flow for flow in project.flows.values() if flow.default), None)
        self.current = project
        self.loaded_at = now

    def find(self, to: str, name: str | None = None) -> Flow | None:
        """The flow that a new call starts in: the named one, else by called number, else the default; None if none."""
        if name is not None:
            flow = self.current.flows.get(name)
            return flow if flow is not None and flow.is_startable else None
        digits = to if to.isdecimal() and to.isascii() else _NO_DIGIT.sub("", to)
        return self._by_number.get(digits, self._default)

    async def pinned(self, name: str, revision: str) -> Flow | None:
        """The flow `name` in exactly this revision, from memory or from the store; None when nobody has it."""
        flow = self.current.flows.get(name)
        if flow is not None and flow.revision == revision:
            return flow
        key = (name, revision)
        if key not in self._pinned:
            async with self._pinning:  # one call loads it for all that wait
                await self._load(name, revision)
        if key in self._pinned:
            self._pinned.move_to_end(key)
        return self._pinned.get(key)

    async def _load(self, name: str, revision: str) -> None:
        """Pin the flow as the store has it; loading takes a thread of its own, so that other calls need not wait."""
        row = await self._store.revision(revision) if (name, revision) not in self._pinned else None
        if row is not None:
            project = await asyncio.to_thread(load, orjson.loads(row.sources))
            if name in project.flows:
                self._pin(replace(project.flows[name], revision=revision))

    def _pin(self, flow: Flow) -> None:
        key = (flow.name, flow.revision)
        self._pinned[key] = flow
        self._pinned.move_to_end(key)
        while len(self._pinned) > PINNED_LIMIT:
            self._pinned.popitem(last=False)


def _row(flow: Flow, now: datetime) -> RevisionRow:
    return RevisionRow(flow.revision, flow.name, orjson.dumps(dict(flow.sources)), int(now.timestamp() * 1000))
