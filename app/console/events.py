"""Server-sent events: pages learn that calls or recordings have changed, and fetch what they show again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from app.console.access import CanLook, session_of
from app.errors import StoreError
from app.store import Records, Store, open_store

router = APIRouter()

POLL_S: Final = 1.0
"""How often the store is looked at while a page is open."""
WATCHED: Final = 200
"""The newest calls and recordings, whose changes are noticed."""
HEARTBEAT_S: Final = 15.0
"""How often a silent stream sends a comment, so that proxies keep it open."""
STREAM_S: Final = 300.0
"""How long a stream lasts; the browser opens the next one, with its session checked again."""
CHANGED: Final = "event: calls\ndata: changed\n\n"
STREAM_LIMIT: Final = 100
"""Streams at once."""
OWN_STREAM_LIMIT: Final = 20
"""Streams at once of one session, so that nobody takes them all."""


class CallChanges:
    """Counts changes of the newest calls and recordings while somebody waits for them.

    Args:
        database_url: where the calls are kept.
        store: the same database, opened at the first use.
        poll_s: how often the store is looked at.

    Attributes:
        count: how many changes were seen.
        listeners: how many streams are open.
        by_session: the same for each session.
        is_closed: the server stops, and the streams end.
    """

    def __init__(self, database_url: str, store: Store, poll_s: float = POLL_S) -> None:
        self.count = 0
        self.listeners = 0
        self.by_session = Counter[str]()
        self.is_closed = False
        self._database_url = database_url
        self._store = store
        self._poll_s = poll_s
        self._known: object = None
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, seen: int, seconds: float) -> int:
        """The count as soon as it differs from `seen`, at the latest after `seconds`."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.count != seen or self.is_closed)
        except TimeoutError:
            pass
        return self.count

    async def close(self) -> None:
        """End all streams."""
        async with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    async def _watch(self) -> None:
        """Look at the store until nobody listens. A store that is away is tried again.

        What changed while nobody listened, or before the first look, counts, too.
        """
        while self.listeners:
            records = open_store(self._database_url).records()
            try:
                await records.open()
                await self._store.open()
                while self.listeners:
                    found = await _versions(records), await self._store.recordings.changes(WATCHED)
                    if found != self._known:
                        async with self._changed:
                            self.count += 1
                            self._changed.notify_all()
                    self._known = found
                    await asyncio.sleep(self._poll_s)
            except StoreError:
                await asyncio.sleep(self._poll_s)
            finally:
                await records.close()


async def _versions(records: Records) -> list[tuple[str, int]]:
    return [(call.session.id, call.session.version) for call in await records.calls(WATCHED)]


@router.get("/events")
async def events(request: Request, session: CanLook) -> Response:
    """A stream of `calls` events. It begins with one: the page may be older than the stream."""
    changes: CallChanges = request.app.state.changes
    if changes.listeners >= STREAM_LIMIT or changes.by_session[session.id] >= OWN_STREAM_LIMIT:
        return Response(status_code=503, headers={"retry-after": "60"})
    stream = _stream(request, changes, session.id)
    await anext(stream)  # it is counted before another request is looked at
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(request: Request, changes: CallChanges, session: str) -> AsyncIterator[str]:
    """It ends soon after the session, which is looked up as often as a silent stream sends something."""
    time = asyncio.get_running_loop().time
    ends_at, checked_at = time() + STREAM_S, time()
    changes.listeners += 1
    changes.by_session[session] += 1
    try:
        yield ""
        seen = changes.count
        yield f"retry: 2000\n{CHANGED}"
        while time() < ends_at:
            count = await changes.wait(seen, HEARTBEAT_S)
            if changes.is_closed:
                return
            if time() - checked_at >= HEARTBEAT_S or count == seen:
                if session_of(request) is None:
                    return
                checked_at = time()
            yield ": still here\n\n" if count == seen else CHANGED
            seen = count
    finally:
        changes.listeners -= 1
        changes.by_session -= Counter([session])  # which removes a count of 0
