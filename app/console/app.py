"""Builds the application of the console."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from app.console import calls, change, events
from app.console.events import CallChanges
from app.console.pages import STATIC
from app.console.project import ProjectFolder
from app.console.services import Services
from app.settings import Settings


def create_console(settings: Settings, services: Services, *, dev: bool = False) -> FastAPI:
    """The console as an ASGI application.

    Args:
        settings: checked already.
        services: what the console asks of `web` and `verify`.
        dev: development.
    """
    app = FastAPI(title="NCCO console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.services = services
    app.state.dev = dev
    app.state.project = ProjectFolder(settings.flows, settings.templates, settings.policy().env)
    app.state.changes = CallChanges(settings.database_url)
    for module in (calls, change, events):
        app.include_router(module.router)
    app.mount("/static/{version}", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/", lambda: RedirectResponse("/phone"), include_in_schema=False)
    return app
