"""Faults between the platform and the server, as a scenario orders them: what falls on the next webhook."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from app.simulator import Request, Response, Server

Kind: TypeAlias = Literal["unreadable", "lost", "refused"]

FAULTS: Final[tuple[Kind, ...]] = ("unreadable", "lost", "refused")
"""The next webhook cannot be read; its first delivery gets lost; its reply is refused as an NCCO."""

_REFUSED: Final = b'[{"action": "refused"}]'


class FaultyServer:
    """A server, and the way to it.

    Attributes:
        ordered: the faults that are still to come, in their order.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.ordered: list[Kind] = []

    @property
    def now(self) -> datetime:
        """See `Server`."""
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Deliver, with the next fault if this is a webhook whose reply is played."""
        if not self.ordered or not request.is_awaited:
            return await self._server.deliver(request)
        match self.ordered.pop(0):
            case "unreadable":
                return await self._server.deliver(_unreadable(request))
            case "lost":
                return Response(0, seconds=request.answer_s, failure="timeout")
            case "refused":
                response = await self._server.deliver(request)
                return replace(response, body=_REFUSED)


def _unreadable(request: Request) -> Request:
    """A POST whose body is cut off, a GET without its query."""
    return replace(request, body=b"{") if request.body else replace(request, url=request.url.partition("?")[0])
