"""The settings of live tests, and the server that answers their calls.

They place calls, for about 2 EUR. LIVE_NUMBERS are two numbers (`447700900001,447700900002`) of an application that
nothing else uses, LIVE_PRIVATE_KEY is its key. Its answer, event and fallback URL are LIVE_URL/answer,
LIVE_URL/event and LIVE_URL/fallback, with POST, and LIVE_URL leads to port 8000 of this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.voice_api import VoiceApi
from tests.live.line import Line

SETTINGS = ("LIVE_APPLICATION_ID", "LIVE_PRIVATE_KEY", "LIVE_NUMBERS", "LIVE_URL")
API_URL = os.environ.get("LIVE_API_URL", "https://api.nexmo.com")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    if missing := [name for name in SETTINGS if name not in os.environ]:
        pytest.skip(f"calls between two numbers of an account at Vonage need {', '.join(missing)}")
    application_id, key, numbers, url = (os.environ[name] for name in SETTINGS)
    caller, called = numbers.split(",")
    app = FastAPI()
    async with httpx.AsyncClient() as client:
        api = VoiceApi(client, API_URL, ApplicationTokens(application_id, key), lambda: datetime.now(UTC))
        line = Line(api, url, (caller, called), time.monotonic)

        @app.api_route("/{path:path}", methods=["GET", "POST"])
        async def receive(path: str, request: Request) -> Response:
            reply = line.receive(path, request.method, request.url.query, request.headers, await request.body())
            await asyncio.sleep(reply.delay_s)
            headers = {"content-type": "application/json"} | reply.headers
            return Response(None if reply.body is None else json.dumps(reply.body), reply.status, headers)

        server = uvicorn.Server(uvicorn.Config(app, port=8000, log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve())
        yield line
        server.should_exit = True
        await serving
