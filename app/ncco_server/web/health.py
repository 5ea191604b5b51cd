"""The routes for operators: health, readiness and metrics."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from ncco_server.flow.nodes import Place
from ncco_server.service.calls import CallService
from ncco_server.service.released import CURE
from ncco_server.settings.values import is_direct
from ncco_server.web.metrics import CONTENT_TYPE

ISSUES_SHOWN: Final = 20
DRAINING: Final = "the server is shutting down, but still answers"

router = APIRouter(tags=["health"])
dev_router = APIRouter(tags=["health"])
console_router = APIRouter(include_in_schema=False)


class Readiness:
    """Whether the server can take new calls.

    While draining, it answers, but is not ready and closes connections.
    """

    def __init__(self, calls: CallService) -> None:
        self.is_draining = False
        self._calls = calls

    def state(self) -> dict[str, Any]:
        """Stay ready if flows have errors: the last good ones are in use, and one bad save must not stop every host.

        A refused removal is in `reasons` and in `rejected`: calls use the previous flows, but a deployment must notice.
        """
        library = self._calls.library
        reasons = [DRAINING] if self.is_draining else []
        if not library.current.flows:
            reasons.append("no flows are loaded")
        if problem := self._calls.store_probe.problem:
            reasons.append(problem)
        errors = (issue for issue in library.last.issues if issue.is_error)
        rejected = [_shown(issue.place, f"{issue.code} {issue.message}", issue.cure) for issue in errors]
        removed = [_shown(removal.place, removal.message, CURE) for removal in library.removed]
        reasons += removed[:ISSUES_SHOWN]
        rejected += removed
        return {
            "ready": not reasons,
            "reasons": reasons,
            "flows": sorted(library.current.flows),
            "loaded_at": library.loaded_at.isoformat() if library.loaded_at else None,
            "rejected": rejected[:ISSUES_SHOWN],
        }


@router.get("/healthz", summary="The process is up")
async def healthz(request: Request) -> Response:
    """Always returns 200. `server` is random at each start, so `ncco doctor` can tell which server a URL leads to."""
    return _json({"status": "up", "server": request.app.state.server_id})


@router.get(
    "/readyz",
    summary="The flows on disk are loaded and the store can be written; 503 with the reasons otherwise",
    responses={503: {"description": "The server can't take calls, or refuses a removal; the body is like that of 200"}},
)
async def readyz(request: Request) -> Response:
    """See `Readiness`."""
    state = request.app.state.readiness.state()
    return _json(state, 200 if state["ready"] else 503)


@dev_router.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """The metrics in Prometheus's exposition format."""
    return Response(request.app.state.webhooks.metrics.render(), media_type=CONTENT_TYPE)


@console_router.api_route("/", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def lead_to_console(request: Request) -> Response:
    """Redirect a browser on this machine to the console. Anyone else gets a 404."""
    if request.method not in ("GET", "HEAD") or not is_direct(request.headers):
        raise HTTPException(404)
    return RedirectResponse(f"{request.app.state.webhooks.settings.console_address}/", 302)


def _shown(place: Place, problem: str, cure: str) -> str:
    return f"{place} {problem} ({cure})"


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
