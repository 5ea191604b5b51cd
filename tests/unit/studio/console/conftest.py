"""The console as an ASGI application, with clients that are logged in."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from ncco_server.settings import Settings
from ncco_studio.console import app as application
from ncco_studio.console.app import create_console
from ncco_studio.console.phone.player import PhonePlayer
from ncco_studio.console.state import Console
from ncco_studio.editor.project import ProjectFolder

REPOSITORY = Path(__file__).parents[4]
BASE_URL = "http://127.0.0.1:8001"


PASSWORDS = {"change": "correct horse battery staple", "look": "looking only"}
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHES = {role: CHEAP.hash(password) for role, password in PASSWORDS.items()}
OWN: dict[tuple[str, ...], ProjectFolder] = {}
CSRF = re.compile('<meta name="csrf-token" content="([0-9a-f]{64})">')


def settings_for(project: Path, **more: Any) -> Settings:
    """Settings of a project folder, whose calls are kept in memory, with a password for each role."""
    known: dict[str, Any] = {
        "flows": project / "flows",
        "templates": project / "templates",
        "database_url": "memory://",
        "console_password_hash": HASHES["change"],
        "console_viewer_password_hash": HASHES["look"],
    }
    return Settings(**{**known, **more})


def make_console(project: Path = REPOSITORY, **more: Any) -> FastAPI:
    """The console of a project, in development."""
    return create_console(settings_for(project, **more), dev=True)


class SameProcess:
    """Runs the work of the console's subprocess (`Worker`) in this process: fast, and without its limits."""

    async def run(self, function: Callable[..., Any], values: Mapping[str, Any], **_: object) -> Any:
        found = await asyncio.to_thread(function, **json.loads(json.dumps(values)))
        return json.loads(json.dumps(found))

    async def close(self) -> None:
        """Nothing to end."""


def with_worker_here(app: FastAPI) -> FastAPI:
    """The same console, but it reads texts in this process: starting a subprocess takes most of a test's time."""
    app.state.console.worker = SameProcess()
    return app


class OwnPlayer(SameProcess):
    """Plays the calls of a person's subprocess in this process."""

    def __init__(self, *_: object) -> None:
        self._player = PhonePlayer()

    async def run(self, function: Callable[..., Any], values: Mapping[str, Any], **options: Any) -> Any:
        loop = asyncio.get_running_loop()

        def ask(asked: Any) -> Any:
            answer = options["answer"](json.loads(json.dumps(asked)))
            return json.loads(json.dumps(asyncio.run_coroutine_threadsafe(answer, loop).result()))

        return await super().run(partial(self._player.play, ask), values)

    async def close(self) -> None:
        """End the calls of the person, as often as the worker does."""
        ended, self._player = self._player, PhonePlayer()
        await asyncio.to_thread(ended.close)


def browser(app: FastAPI, base_url: str = BASE_URL) -> httpx.AsyncClient:
    """A client that keeps cookies, and shows pages instead of JSON."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url, headers={"Accept": "text/html"})


async def log_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    """Enter a password on the login page."""
    return await client.post("/login", data={"password": password})


async def csrf_token(client: httpx.AsyncClient) -> str:
    """The token of the session's pages."""
    found = CSRF.search((await client.get("/no/such/page")).text)
    assert found, "the page has no token"
    return found[1]


async def logged_in(app: FastAPI, *, may_change: bool = True) -> httpx.AsyncClient:
    """A client with an open session, which sends the token against request forgery with each request."""
    async with browser(app) as client:
        response = await log_in(client, PASSWORDS["change" if may_change else "look"])
        assert 303 == response.status_code, response.text
        (cookie,) = client.cookies.values()
        headers = {"X-CSRF-Token": app.state.console.sessions.find(cookie).csrf_token}  # costs less than a page
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=BASE_URL, headers=headers, cookies=client.cookies
        )


@pytest.fixture(autouse=True)
async def _ended_consoles(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """End what a test left open: calls, subprocesses and databases. The flows in this repository are read once."""
    consoles: list[Console] = []

    def recorded(project: ProjectFolder, **fields: Any) -> Console:
        if project.flows == REPOSITORY / "flows":
            project = OWN.setdefault((str(project.env), *project.modules, *project.handlers), project)
        consoles.append(Console(project=project, **fields))
        return consoles[-1]

    monkeypatch.setattr(application, "Console", recorded)
    yield
    for console in consoles:
        await console.close()


@pytest.fixture
def console() -> FastAPI:
    """The console of the flows in this repository."""
    return make_console()


@pytest.fixture
async def client(console: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may view and change."""
    async with await logged_in(console) as known:
        yield known


@pytest.fixture
async def look_only(console: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may only view."""
    async with await logged_in(console, may_change=False) as known:
        yield known


@pytest.fixture
def flow(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The file with the module's FLOW."""
    path = tmp_path / "flows/shop.yaml"
    path.parent.mkdir()
    path.write_text(request.module.FLOW, encoding="utf-8")
    return path


@pytest.fixture
async def owner(flow: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may change the project of `flow`."""
    app = with_worker_here(create_console(settings_for(flow.parents[1]), dev=True))
    async with await logged_in(app) as known:
        yield known
