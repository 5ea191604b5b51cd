"""Faults between the platform and the server, as a scenario orders them: what falls on the next webhook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, NoReturn, TypeAlias
from urllib.parse import urlsplit

from app.errors import StoreUnavailable
from app.simulator import Request, Response, Server
from app.store import HookRow, SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow

Kind: TypeAlias = Literal["unreadable", "lost", "refused", "away", "gone"]

FAULTS: Final[tuple[Kind, ...]] = ("unreadable", "lost", "refused", "away", "gone")
"""The next webhook cannot be read; its first delivery gets lost; its reply is refused as an NCCO; while it comes, again
and then as a fallback, the store is away; every delivery of it gets lost, also as a fallback."""

FALLBACK: Final = "/fallback"
"""Ends the URL that is asked when a webhook has failed."""
_REFUSED: Final = b'[{"action": "refused"}]'


class AwayStore(Store):
    """A store in memory that can be unavailable, as one on a machine of its own sometimes is.

    Attributes:
        is_away: whether every method raises StoreUnavailable.
        opened: the ids of all calls, oldest first.
    """

    def __init__(self) -> None:
        super().__init__(SqliteDatabase())
        self.is_away = False
        self.opened: list[str] = []

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call, and remember its id."""
        await super().open_call(session, turn, webhook, hooks=hooks)
        self.opened.append(session.id)

    def __getattribute__(self, name: str) -> Any:
        """What it is asked for; while it is away, everything that a server waits for fails."""
        found = super().__getattribute__(name)
        is_away = not name.startswith("_") and name != "is_away" and iscoroutinefunction(found) and self.is_away
        return _fail if is_away else found


async def _fail(*_: object, **__: object) -> NoReturn:
    raise StoreUnavailable("the scenario has taken it away")


class FaultyServer:
    """A server, and the way to it.

    Args:
        server: where webhooks go.
        store: of that server, for when it is away; None: the server says 503 then, and no more is known of it.

    Attributes:
        ordered: the faults that are still to come, in their order.
    """

    def __init__(self, server: Server, store: AwayStore | None = None) -> None:
        self._server = server
        self._store = store
        self._awaits_fallback = False
        self._gone: tuple[str, bytes] | None = None
        self.ordered: list[Kind] = []

    @property
    def now(self) -> datetime:
        """See `Server`."""
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Deliver, with the next fault if this is a webhook whose reply is played."""
        if self._awaits_fallback:
            return await self._without_store(request)
        if self._gone is not None and (self._gone == (request.url, request.body) or _is_fallback(request)):
            return _lost(request)
        if not self.ordered or not request.is_awaited:
            return await self._server.deliver(request)
        return await self._disturbed(request, self.ordered.pop(0))

    async def _disturbed(self, request: Request, fault: Kind) -> Response:
        if fault == "unreadable":
            return await self._server.deliver(_unreadable(request))
        if fault == "refused":
            return replace(await self._server.deliver(request), body=_REFUSED)
        if fault == "away":
            return await self._without_store(request)
        self._gone = (request.url, request.body) if fault == "gone" else None
        return _lost(request)

    async def _without_store(self, request: Request) -> Response:
        """A delivery while the store is away: the first one, the one after it, and that of the fallback."""
        if self._store is None:
            self._awaits_fallback = request.is_awaited and not self._awaits_fallback
            return Response(503) if request.is_awaited else await self._server.deliver(request)
        is_last = _is_fallback(request)
        self._awaits_fallback = not is_last
        self._store.is_away = request.is_awaited or is_last
        try:
            return await self._server.deliver(request)
        finally:
            self._store.is_away = False


def _is_fallback(request: Request) -> bool:
    return urlsplit(request.url).path.endswith(FALLBACK)


def _lost(request: Request) -> Response:
    return Response(0, seconds=request.answer_s, failure="timeout")


def _unreadable(request: Request) -> Request:
    """A POST whose body is cut off, a GET without its query."""
    return replace(request, body=b"{") if request.body else replace(request, url=request.url.partition("?")[0])
