"""Faults between the platform and the server, as a scenario orders them: what falls on the next webhook."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from app.simulator import Request, Response, Server

Kind: TypeAlias = Literal["unreadable", "lost", "refused"]

FAULTS: Final[tuple[Kind, ...]] = ("unreadable", "lost", "refused")
"""The body of the next webhook cannot be read; its first delivery gets lost; its reply is refused as an NCCO."""

_AWAITED: Final = re.compile(r"/webhooks/(answer|onanswer|input|notify|event/.)")
"""Webhooks whose reply is played."""
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
        if not self.ordered or not _AWAITED.match(urlsplit(request.url).path):
            return await self._server.deliver(request)
        match self.ordered.pop(0):
            case "unreadable":
                return await self._server.deliver(replace(request, body=b"{"))
            case "lost":
                return Response(0, seconds=request.answer_s, failure="timeout")
            case "refused":
                response = await self._server.deliver(request)
                return replace(response, body=_REFUSED)
