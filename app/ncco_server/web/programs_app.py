"""The application for programs, on a port of its own: placed calls, and rows of tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from ncco_server.store import Store
from ncco_server.version import VERSION
from ncco_server.web.methods import HeadMiddleware
from ncco_server.web.placing_api import router as placed_calls
from ncco_server.web.programs import HANDLERS, ApiState, ReleasedProject
from ncco_server.web.spans import ShortUrlMiddleware
from ncco_server.web.tables_api import router as tables


def programs_app(
    store: Store,
    allowed: tuple[str, ...],
    keys: tuple[bytes, ...],
    handlers: Collection[str] = (),
) -> FastAPI:
    """Make the application, which opens and closes the store."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store:
            yield

    app = FastAPI(
        title="ncco-server for programs",
        description="Every request needs a key from `ncco api-key add`: `Authorization: Bearer KEY`.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # behind a proxy, it would lead to http and to any host
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the paths contain numbers
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.state.api = ApiState(store, ReleasedProject(store, handlers), allowed, keys, lambda: datetime.now(UTC))
    app.add_middleware(HeadMiddleware)
    app.add_middleware(ShortUrlMiddleware)
    app.include_router(placed_calls)
    app.include_router(tables)
    return app
