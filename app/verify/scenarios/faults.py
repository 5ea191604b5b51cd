"""Faults between the platform and the server, as a scenario orders them: each is of the next webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from app.errors import StoreUnavailable
from app.simulator import Request, Response, Server
from app.store import SqliteDatabase
from app.store.database import Row, Work
from app.verify.scenarios.script import FaultKind

FALLBACK: Final = "/fallback"
"""The end of the URL that is asked when a webhook has failed."""
_REFUSED: Final = b'[{"action": "refused"}]'
T = TypeVar("T")


class FailingDatabase(SqliteDatabase):
    """A database in memory that is unavailable while `is_away`, as one on another machine sometimes is."""

    is_away: bool = False

    async def read(self, sql: str, *values: object) -> list[Row]:
        """See `Database`."""
        self._require()
        return await super().read(sql, *values)

    async def write(self, work: Callable[[], Work[T]], keys: Iterable[str] = ()) -> T:
        """See `Database`."""
        self._require()
        return await super().write(work, keys)

    def _require(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the scenario has made it unavailable")


class FaultyServer:
    """A server, and the network to it.

    Args:
        server: where webhooks go.
        database: of that server, for `away`; None: the server answers 503 then, and no more is known of it.

    Attributes:
        ordered: the faults that are still to come, in their order.
    """

    def __init__(self, server: Server, database: FailingDatabase | None = None) -> None:
        self._server = server
        self._database = database
        self._awaits_fallback = False
        self._gone: Any = None
        self.ordered: list[FaultKind] = []

    @property
    def now(self) -> datetime:
        """See `Server`."""
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Deliver, with the next fault if the reply to this webhook is played."""
        if self._awaits_fallback:
            return await self._without_database(request)
        if self._gone is not None and (self._gone == (request.url, request.body) or _is_fallback(request)):
            return _lost(request)
        if not self.ordered or not request.is_awaited:
            return await self._server.deliver(request)
        match self.ordered.pop(0):
            case "unreadable":
                return await self._server.deliver(_unreadable(request))
            case "refused":
                return replace(await self._server.deliver(request), body=_REFUSED)
            case "away":
                return await self._without_database(request)
            case "gone":
                self._gone = request.url, request.body
        return _lost(request)

    async def _without_database(self, request: Request) -> Response:
        """A delivery while the database is away: the first one, the one after it, and that of the fallback."""
        if self._database is None:
            self._awaits_fallback = request.is_awaited and not self._awaits_fallback
            return Response(503) if request.is_awaited else await self._server.deliver(request)
        is_last = _is_fallback(request)
        self._awaits_fallback = not is_last
        self._database.is_away = request.is_awaited or is_last
        try:
            return await self._server.deliver(request)
        finally:
            self._database.is_away = False


def _is_fallback(request: Request) -> bool:
    return urlsplit(request.url).path.endswith(FALLBACK)


def _lost(request: Request) -> Response:
    return Response(0, seconds=request.answer_s, failure="timeout")


def _unreadable(request: Request) -> Request:
    """A POST whose body is cut off, a GET without its query."""
    return replace(request, body=b"{") if request.body else replace(request, url=request.url.partition("?")[0])
