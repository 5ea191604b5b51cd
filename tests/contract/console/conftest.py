"""The console as an ASGI application, and people who are logged in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.console.app import create_console
from app.console.services import Services
from app.settings import Settings

REPOSITORY = Path(__file__).parents[3]
BASE_URL = "http://127.0.0.1:8001"


def settings_for(project: Path, **more: Any) -> Settings:
    """Settings of a project folder, whose calls are kept in memory."""
    known: dict[str, Any] = {
        "flows": project / "flows",
        "templates": project / "templates",
        "database_url": "memory://",
    }
    return Settings(_env_file=None, **{**known, **more})


def make_console(project: Path = REPOSITORY) -> FastAPI:
    """The console of a project, in development."""
    return create_console(settings_for(project), Services(), dev=True)


async def logged_in(app: FastAPI, *, may_change: bool = True) -> httpx.AsyncClient:
    """A client with an open session, which sends the token against request forgery with each request."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL, headers={"X-CSRF-Token": ""})


@pytest.fixture
def console() -> FastAPI:
    """The console of the flows in this repository."""
    return make_console()


@pytest.fixture
async def client(console: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may look and change."""
    async with await logged_in(console) as known:
        yield known


@pytest.fixture
async def look_only(console: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may look."""
    async with await logged_in(console, may_change=False) as known:
        yield known
