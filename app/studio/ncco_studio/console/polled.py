"""Sends polling pages a response only if calls or recordings have changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from ncco_studio.console.access import UNATTENDED
from ncco_studio.console.pages import view_of
from ncco_studio.console.state import console_of


class PolledRoute(APIRoute):
    """A route that shows calls or recordings. A polling page gets 304 while nothing has changed.

    The version for such a request is in `request.state.version`; "" for others.
    """

    def moment(self) -> str:
        return ""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def polled(request: Request) -> Response:
            request.state.version = ""
            if UNATTENDED not in request.headers:
                return await handle(request)
            request.state.version = await console_of(request).version()
            etag = f'"{request.state.version}{self.moment()}"'
            same = request.headers.get("if-none-match") == etag
            response = Response(status_code=304) if same else await handle(request)
            response.headers["etag"] = etag
            return response

        return polled


class ListSearch(BaseModel):
    """The filters of a list, as in the URL's query."""

    def address(self, **changed: object) -> str:
        values = self.model_dump(by_alias=True) | changed
        values = {name: value for name, value in values.items() if value not in ("", None, False)}
        return f"?{urlencode(values)}" if values else ""


async def list_page(
    request: Request, address: str, name: str, render: Callable[[str], Awaitable[Response]]
) -> Response:
    """Render the template `name`, or only its rows if the page polls: those with the same view and role share them."""
    if not request.headers.get("hx-request"):
        return await render(f"{name}.html")

    async def rows() -> bytes:
        return bytes((await render(f"{name}_rows.html")).body)

    version = request.state.version
    key = address.partition("?")[0], address, version, view_of(request), request.state.session.role
    body = await (console_of(request).results.get(key, rows) if version else rows())
    return HTMLResponse(body, headers={"HX-Replace-Url": address})
