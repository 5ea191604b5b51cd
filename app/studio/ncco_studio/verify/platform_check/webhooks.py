"""The HTTP server for the webhooks of a check."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request, Response

from ncco_studio.verify.platform_check.check import PlatformCheck

REACHABLE: Final = "reachable"
"""A path below the prefix that proves this server reachable."""


def webhook_app(check: PlatformCheck, prefix: str, pause: Callable[[float], Awaitable[None]]) -> FastAPI:
    """Passes every request below `prefix`, an unguessable path, to the check.

    `pause` lets seconds pass before a late reply.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.api_route(f"{prefix}/{{path:path}}", methods=["GET", "POST"])
    async def receive(path: str, request: Request) -> Response:
        if path == REACHABLE:
            return Response(status_code=204)
        body = await request.body()
        reply = check.receive(path, request.method, request.url.query, request.headers, body)
        await pause(reply.delay_s)
        text = reply.body if isinstance(reply.body, str) else "" if reply.body is None else json.dumps(reply.body)
        headers = {"location": reply.location} if reply.location else {}
        return Response(text, reply.status, headers, media_type=reply.content_type if text else None)

    return app
