"""The switch between the owner's and the developer's view."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from app.console.app import create_console
from app.console.services import Services
from tests.unit.console.conftest import PASSWORDS, REPOSITORY, browser, csrf_token, log_in, logged_in, settings_for

OWNER, DEVELOPER = "· Phone line</title>", "· NCCO console</title>"


@pytest.fixture
def production() -> FastAPI:
    """A console behind TLS, as in production."""
    settings = settings_for(REPOSITORY, console_url="https://console.example.com")
    return create_console(settings, Services(), dev=False)


async def choose(client: httpx.AsyncClient, view: str, **more: str) -> httpx.Response:
    return await client.post("/view", data={"view": view, **more})


async def test_development_begins_in_the_developers_view_and_the_switch_is_remembered(
    client: httpx.AsyncClient,
) -> None:
    assert DEVELOPER in (await client.get("/messages")).text
    chosen = await choose(client, "owner", next="/calls?q=1")

    assert (303, "/calls?q=1") == (chosen.status_code, chosen.headers["location"])
    assert OWNER in (await client.get("/messages")).text


async def test_logins_in_production_begin_in_the_owners_view(production: FastAPI) -> None:
    async with browser(production, "https://console.example.com") as client:
        await log_in(client, PASSWORDS["look"])
        page = (await client.get("/messages")).text
        await client.post("/view", data={"view": "developer", "csrf_token": await csrf_token(client)})

        assert OWNER in page
        assert DEVELOPER in (await client.get("/messages")).text


async def test_a_view_gives_no_permission(console: FastAPI) -> None:
    async with await logged_in(console, may_change=False) as client:
        await choose(client, "developer")

        assert 403 == (await client.post(f"/messages/{'0' * 32}/done")).status_code


@pytest.mark.parametrize("view", ["", "admin"])
async def test_another_view_is_refused(client: httpx.AsyncClient, view: str) -> None:
    assert 422 == (await choose(client, view)).status_code


async def test_the_switch_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    assert "/" == (await choose(client, "owner", next="//example.com/")).headers["location"]


async def test_a_cookie_that_somebody_has_written_is_a_choice_or_nothing(client: httpx.AsyncClient) -> None:
    client.cookies.set("ncco-view-8001", "<script>", domain="127.0.0.1")

    assert DEVELOPER in (await client.get("/messages")).text
