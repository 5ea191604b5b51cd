"""Whether the server is up, whether it can take calls, and its metrics."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from fastapi import APIRouter, Response

from app.errors import StoreUnavailable
from app.flow.nodes import Place
from app.service.library import CURE
from app.web.calls import Calls
from app.web.leaving import Leaving
from app.web.metrics import CONTENT_TYPE, Metrics

STORE_DEADLINE_S: Final = 2.0
ISSUES_SHOWN: Final = 20
GOING: Final = "the server is going: it was told to end, and still answers"


def health_router(calls: Calls, metrics: Metrics, leaving: Leaving, *, with_metrics: bool) -> APIRouter:
    """`/healthz`, `/readyz` and, if wanted, `/metrics`."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="The process is up")
    async def healthz() -> Response:
        return _json({"status": "up"})

    @router.get("/readyz", summary="Flows are loaded and the store can be written; 503 with the reasons otherwise")
    async def readyz() -> Response:
        state = await readiness(calls, leaving)
        return _json(state, 200 if state["ready"] else 503)

    if with_metrics:

        @router.get("/metrics", summary="Counters for Prometheus")
        async def metrics_page() -> Response:
            return Response(metrics.render(), media_type=CONTENT_TYPE)

    return router


async def readiness(calls: Calls, leaving: Leaving, deadline_s: float = STORE_DEADLINE_S) -> dict[str, Any]:
    """Whether new calls can be taken; the store must answer within `deadline_s`. A server that is leaving takes none.

    A project that was read and refused does not make a server unready while the last good one is in use: a bad save
    must not take every host out of service. It is listed under `rejected`, as are removals that nobody confirmed.
    """
    library = calls.library
    reasons = [GOING] if leaving.has_begun else []
    if not library.current.flows:
        reasons.append("no flows are loaded")
    if problem := await _store_problem(calls, deadline_s):
        reasons.append(problem)
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


async def _store_problem(calls: Calls, deadline_s: float) -> str:
    try:
        async with asyncio.timeout(deadline_s):
            await calls.check()
    except StoreUnavailable as error:
        return f"the store cannot be written: {error}"
    except TimeoutError:
        return f"the store does not answer within {deadline_s:g} seconds"
    return ""


def _shown(place: Place, problem: str, cure: str) -> str:
    return f"{place.file}:{place.line}:{place.column} {problem} ({cure})"


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
