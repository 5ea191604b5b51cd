"""The routes for operators: health, readiness and metrics."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app.errors import StoreUnavailable
from app.flow.nodes import Place
from app.service.calls import CallService
from app.service.library import CURE
from app.settings.values import is_loopback, name_in_host
from app.web.metrics import CONTENT_TYPE, Metrics

PROBE_S: Final = 2.0
"""How often the store is probed, and how long one probe may take."""
ISSUES_SHOWN: Final = 20
DRAINING: Final = "the server is shutting down, and still answers"

router = APIRouter(tags=["health"])
dev_router = APIRouter(tags=["health"])
"""Routes that are served in development only."""


class Readiness:
    """Whether new calls can be taken. A server that drains takes none.

    The store is probed in the background, not on each request: anybody can request `/readyz`, and a probe writes.

    Args:
        calls: serves the calls.

    Attributes:
        is_draining: the server answers, is not ready, and closes each connection after its response.
    """

    def __init__(self, calls: CallService) -> None:
        self.is_draining = False
        self._calls = calls
        self._store_problem = "the store has not been checked yet"

    async def probe_forever(self) -> None:
        """Probe the store every `PROBE_S` seconds."""
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_S)

    async def probe(self) -> None:
        """Write to the store once."""
        try:
            async with asyncio.timeout(PROBE_S):
                await self._calls.check()
        except StoreUnavailable as error:
            self._store_problem = f"the store cannot be written: {error}"
        except TimeoutError:
            self._store_problem = f"the store does not answer within {PROBE_S:g} seconds"
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the probing
            self._store_problem = f"the store cannot be checked: {type(error).__name__}"
        else:
            self._store_problem = ""

    def state(self) -> dict[str, Any]:
        """What `/readyz` shows.

        Flows with errors do not make the server unready while the last good ones are in use: otherwise one bad save
        would take every host out of service. `rejected` lists their errors and the removals that are not confirmed.
        """
        library = self._calls.library
        reasons = [DRAINING] if self.is_draining else []
        if not library.current.flows:
            reasons.append("no flows are loaded")
        if self._store_problem:
            reasons.append(self._store_problem)
        errors = (issue for issue in library.last.issues if issue.is_error)
        rejected = [_shown(issue.place, f"{issue.code} {issue.message}", issue.cure) for issue in errors]
        rejected += [_shown(removal.place, removal.message, CURE) for removal in library.removed]
        return {
            "ready": not reasons,
            "reasons": reasons,
            "flows": sorted(library.current.flows),
            "loaded_at": library.loaded_at.isoformat() if library.loaded_at else None,
            "rejected": rejected[:ISSUES_SHOWN],
        }


_FORWARDED: Final = ("x-forwarded-", "forwarded", "via", "x-real-ip", "x-original-", "cf-", "ngrok-")
"""The beginnings of headers that proxies and tunnels add."""


class ConsoleRedirect:
    """`/` leads a browser on this machine to the console. For all others there is nothing.

    Args:
        port: of the console.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        host = name_in_host(request.headers.get("host", ""))
        is_near = is_loopback(host) and not any(name.startswith(_FORWARDED) for name in request.headers)
        if request.method not in ("GET", "HEAD") or not is_near:
            raise HTTPException(404)
        await RedirectResponse(f"http://127.0.0.1:{self._port}/", 302)(scope, receive, send)


@router.get("/healthz", summary="The process is up")
async def healthz(request: Request) -> Response:
    """Always 200. `server` is random for each start, so that `ncco doctor` sees which server a URL leads to."""
    return _json({"status": "up", "server": request.app.state.server_id})


@router.get("/readyz", summary="Flows are loaded and the store can be written; 503 with the reasons otherwise")
async def readyz(request: Request) -> Response:
    """See `Readiness`."""
    readiness: Readiness = request.app.state.readiness
    state = readiness.state()
    return _json(state, 200 if state["ready"] else 503)


@dev_router.get("/metrics", summary="Counters for Prometheus")
async def metrics(request: Request) -> Response:
    """The exposition format of Prometheus."""
    counters: Metrics = request.app.state.webhooks.metrics
    return Response(counters.render(), media_type=CONTENT_TYPE)


def _shown(place: Place, problem: str, cure: str) -> str:
    return f"{place.file}:{place.line}:{place.column} {problem} ({cure})"


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
