"""The flows in use: the newest for new calls, and older revisions for calls that began with them."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import orjson

from ncco_server.errors import StoreError, StoreUnavailable
from ncco_server.flow.files import HANDLER_SUFFIX
from ncco_server.flow.loader import load_stored
from ncco_server.flow.model import Flow, Project
from ncco_server.service.released import (
    NO_PROJECT,
    RELEASED,
    Removal,
    lost_columns,
    ready,
    released_project,
    released_row,
    removals,
    sources_of,
)
from ncco_server.service.threads import Threads
from ncco_server.store import RevisionRow, Store, milliseconds

PINNED_BYTES: Final = 2 * 1024 * 1024
"""Limits the source of loaded older revisions; the least recently used are reloaded on demand.

A loaded flow takes about 60 times the memory of its source.
"""
FIRST_READ_S: Final = 1.5
"""A starting server then uses the released project; our choice. `ncco serve` waits twice: for its greeting, too.

Usual projects load in a fraction of a second.
"""
_NO_DIGIT = re.compile("[^0-9]")


class Library:
    """Loads the project, replaces it as a whole on a reload, and finds a call's flow.

    The released project is the last good one of any server on the same store. A starting server uses it if its flows
    have errors, while reading them takes long, and until removals of what callers can reach are confirmed. Code of
    `handlers` files may be run, also from stored revisions.

    Attributes:
        loaded_at: when `current` came into use (aware, UTC); None before.
        removed: what callers can reach only in `current`, so that `last` is not used.
        is_stale: the store was unavailable, so `last` is not in use yet.
    """

    def __init__(
        self,
        store: Store,
        read: Callable[[], Project],
        *,
        first_read_s: float = FIRST_READ_S,
        handlers: Collection[str] = (),
        default: str = "",
    ) -> None:
        self._store = store
        self._read = read
        self._first_read_s = first_read_s
        self._handlers = handlers
        self._default_line = default
        self._threads = Threads(1)
        self.begun = asyncio.Event()
        self.current: Project = NO_PROJECT
        self.last: Project = NO_PROJECT
        self.loaded_at: datetime | None = None
        self.rejected = 0
        self.removed: tuple[Removal, ...] = ()
        self.is_stale = False
        self._reloading = asyncio.Lock()
        self._by_number: dict[str, Flow] = {}
        self._default: Flow | None = None
        self._pinned = PinnedFlows()
        self._loading: dict[tuple[str, str], asyncio.Task[Flow | None]] = {}
        self._parsing = asyncio.Lock()

    @property
    def is_awaited(self) -> bool:
        return self.is_stale and self.loaded_at is None

    async def reload(self, *, confirms_removals: bool = False) -> Project:
        """Use the files if they have no errors and nothing that callers can reach was removed.

        Raises StoreUnavailable if revisions cannot be saved or found; the last good project then stays in use, because
        every host must be able to finish a call.
        """
        async with self._reloading:
            project = await self._read_files()
            self.last = project
            self.removed = ()
            self.is_stale = True
            now = datetime.now(UTC)
            in_use = self.current
            if self.loaded_at is None and (project.has_errors or not confirms_removals):
                in_use = await self._released(project)
            if not project.has_errors and not confirms_removals:
                self.removed = (*removals(in_use, project), *await lost_columns(self._store, in_use, project))
                if self.removed and await self._is_released(project):
                    self.removed = ()
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

    async def _read_files(self) -> Project:
        """Use the released project while the first read takes long.

        The process can exit without waiting for the thread.
        """
        reading = asyncio.create_task(self._threads.run("flows", lambda: ready(self._read())))
        await asyncio.wait({reading}, timeout=self._first_read_s)
        if self.loaded_at is None and not reading.done():
            with suppress(StoreError):  # then calls begin once the files have been read
                released = await self._released(NO_PROJECT)
                if released.flows:
                    self.is_stale = True
                    self._swap(released, datetime.now(UTC))
        return await reading

    async def is_confirmed(self) -> bool:
        """Return False while the store is unavailable."""
        with suppress(StoreUnavailable):
            return bool(self.removed) and await self._is_released(self.last)
        return False

    async def _is_released(self, project: Project) -> bool:
        row = await self._store.revision(RELEASED)
        return row is not None and orjson.loads(row.sources) == sources_of(project)

    async def save_used(self) -> None:
        """Another host may have deleted the revisions in use. Raises StoreUnavailable."""
        now = self.loaded_at or datetime.now(UTC)
        await self._store.save_revisions([_row(flow, now) for flow in self.current.flows.values()])

    @property
    def used(self) -> frozenset[str]:
        return frozenset((RELEASED, *(flow.revision for flow in self.current.flows.values())))

    def find(self, to: str, name: str | None = None) -> Flow | None:
        """The flow with this name, if given; else the number's, or the default."""
        if name is not None:
            return _startable(self.current, name)
        return self._by_number.get(_NO_DIGIT.sub("", to), self._default)

    def find_unstored(self, to: str, name: str | None = None, *, is_open: bool = False) -> Flow | None:
        """As `find`, while the store is unavailable.

        If it never was available, the files' flows are used unless they have errors. An open call's number (`is_open`)
        must be listed, as it may be that of a person this server called.
        """
        project = self.current if self.loaded_at is not None or self.last.has_errors else self.last
        digits = _NO_DIGIT.sub("", to)
        if name is not None:
            return _startable(project, name)
        flows = project.flows.values()
        listed = next((flow for flow in flows if digits in flow.numbers), None)
        if listed is not None or (is_open and any(flow.outbound is not None for flow in flows)):
            return listed
        return next((flow for flow in flows if flow.default), None)

    async def pinned(self, name: str, revision: str) -> Flow | None:
        """Return None if the store no longer has the revision."""
        flow = self.current.flows.get(name)
        if flow is not None and flow.revision == revision:
            return flow
        key = (name, revision)
        flow = self._pinned.get(key)
        if flow is not None:
            return flow
        loading = self._loading.get(key)
        if loading is None:  # loaded once, for all calls that need it
            loading = self._loading[key] = asyncio.create_task(self._load(name, revision))
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def _load(self, name: str, revision: str) -> Flow | None:
        """One flow at a time, so that other calls do not wait."""
        row = await self._store.revision(revision)
        if row is None:
            return None
        async with self._parsing:
            sources = orjson.loads(row.sources)
            found = await asyncio.to_thread(load_stored, sources, name, self._handlers)
            if found is None and (deployed := self._handlers_in(sources)):
                found = await asyncio.to_thread(load_stored, {**sources, **deployed}, name, self._handlers)
        if found is None:
            return None
        flow = replace(found, revision=revision)
        self._pinned.add(flow)
        return flow

    def _handlers_in(self, sources: Mapping[str, str]) -> dict[str, str]:
        """The handlers of these files as they are deployed now: an older one may not load with the modules of today."""
        texts = self.current.texts
        return {path: texts[path] for path in sources if path.endswith(HANDLER_SUFFIX) and path in texts}

    async def _released(self, read: Project) -> Project:
        row = await self._store.revision(RELEASED)
        before = (
            None
            if row is None
            else await asyncio.to_thread(released_project, row, read, self._handlers, self._default_line)
        )
        return before or NO_PROJECT

    def _swap(self, project: Project, now: datetime) -> None:
        for flow in self.current.flows.values():
            replacing = project.flows.get(flow.name)
            if replacing is None or replacing.revision != flow.revision:
                self._pinned.add(flow)
        self._by_number = {number: flow for flow in project.flows.values() for number in flow.numbers}
        self._default = next((flow for flow in project.flows.values() if flow.default), None)
        self.current = project
        self.loaded_at = now
        self.begun.set()


class PinnedFlows:
    """Loaded older revisions, limited by their sources' total size. At least one is kept."""

    def __init__(self, limit: int = PINNED_BYTES) -> None:
        self._limit = limit
        self._flows: OrderedDict[tuple[str, str], tuple[Flow, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, str]) -> Flow | None:
        if key not in self._flows:
            return None
        self._flows.move_to_end(key)
        return self._flows[key][0]

    def add(self, flow: Flow) -> None:
        key = (flow.name, flow.revision)
        if key in self._flows:
            self._bytes -= self._flows.pop(key)[1]
        size = sum(map(len, flow.sources.values()))
        self._flows[key] = flow, size
        self._bytes += size
        while self._bytes > self._limit and len(self._flows) > 1:
            self._bytes -= self._flows.popitem(last=False)[1][1]


def _startable(project: Project, name: str) -> Flow | None:
    flow = project.flows.get(name)
    return flow if flow is not None and flow.is_startable else None


def _row(flow: Flow, now: datetime) -> RevisionRow:
    return RevisionRow(flow.revision, flow.name, orjson.dumps(dict(flow.sources)), milliseconds(now))
