"""Sends polling pages a response only if calls or recordings have changed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from ncco_server.console.access import UNATTENDED
from ncco_server.console.state import console_of


class PolledRoute(APIRoute):
    """A route that shows calls or recordings. A polling page gets 304 while nothing has changed.

    The version for such a request is in `request.state.version`; "" for others.
    """

    def moment(self) -> str:
        """What else the page depends on: nothing, or the time."""
        return ""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See APIRoute."""
        handle = super().get_route_handler()

        async def polled(request: Request) -> Response:
            request.state.version = ""
            if UNATTENDED not in request.headers:
                return await handle(request)
            request.state.version = await console_of(request).changes.version()
            etag = f'"{request.state.version}{self.moment()}"'
            same = request.headers.get("if-none-match") == etag
            response = Response(status_code=304) if same else await handle(request)
            response.headers["etag"] = etag
            return response

        return polled
