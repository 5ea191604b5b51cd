"""People who call on the phone page, each with a real subprocess."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ncco_studio.console.app import create_console
from ncco_studio.console.phone import player
from ncco_studio.console.phone.calls import PhoneCalls
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.editor.worker import Worker
from tests.unit.studio.console.conftest import REPOSITORY, logged_in, make_console, settings_for, with_worker_here
from tests.unit.studio.console.test_phone import RUNAWAY, WORLD, Phone
from tests.unit.studio.editor import worker_tasks


@pytest.fixture
async def console() -> AsyncIterator[FastAPI]:
    """A console whose calls may use two seconds of processor time; calls of read-only users may use more."""
    app = with_worker_here(make_console(REPOSITORY))
    calls: PhoneCalls = app.state.console.phone_calls
    calls.make_worker = lambda session: Worker(seconds=2 if session.role == "change" else 600, module=player)
    yield app
    await calls.close()


async def test_a_call_that_takes_too_long_is_ended_and_delays_nobody(console: FastAPI) -> None:
    async with await logged_in(console) as one, await logged_in(console, may_change=False) as other:
        slow, quick = Phone(one), Phone(other)
        await quick.call("flows/pin.yaml")
        await slow.call("pasted.yaml", text=RUNAWAY, world=WORLD)
        running = asyncio.create_task(slow.post(f"/phone/calls/{slow.id}/advance", at=3600))
        answered = 0
        while not running.done():
            await quick.skip()
            answered += 1
        ended = await running
        gone = await slow.post(f"/phone/calls/{slow.id}/advance", at=1)
        await slow.call("flows/pin.yaml")

    # On a busy machine ten seconds pass first, or nothing can be started.
    said = {
        422: "This call took too long, so it was ended",
        503: "This machine has too much to do at the moment",
        200: "playing it took longer than 10 seconds",
    }
    assert said[ended.status_code] in ended.text
    assert answered > 3
    is_shown = ended.status_code == 200  # by then it exists and has ended
    assert (200 if is_shown else 404) == gone.status_code
    assert (said[200] if is_shown else "This call no longer exists; call again") in gone.text


SECRETS = (
    "NCCO_KEY",
    "NCCO_DATABASE_URL",
    "VONAGE_PRIVATE_KEY",
    "VONAGE_API_SIGNATURE_SECRET",
    "AWS_SECRET_ACCESS_KEY",
)


async def test_a_subprocess_has_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(REPOSITORY, python_lookups="loyalty")
    for name in (*SECRETS, "LOYALTY_URL"):
        monkeypatch.setenv(name, "canary")
    console = create_console(settings, dev=True)
    calls: PhoneCalls = console.state.console.phone_calls
    person = await calls.person(ConsoleSession("one", "one", "change", "", 0, 0))
    known = await person.worker.run(worker_tasks.environment, {})
    await calls.close()

    assert set() == {*SECRETS, "LOYALTY_URL"} & {*known}


async def test_two_simultaneous_new_callers_end_the_calls_of_two_others() -> None:
    """The idle person is not the one who waits, even if all others send requests."""
    closed: list[str] = []
    calls = PhoneCalls()
    calls.make_worker = lambda session: cast(Worker, SlowToEnd(session.id, closed))
    names = ("one", "two", "three", "four", "five")
    one, two, three, four, five = (ConsoleSession(name, name, "change", "", 0, 0) for name in names)

    async def asks(session: ConsoleSession) -> None:
        (await calls.person(session)).asking += 1

    for session in (one, two, three):
        await asks(session)
    await asyncio.gather(asks(four), asks(five))
    ended_for_them = [*closed]
    await calls.close()

    assert ["one", "two"] == ended_for_them
    assert {*names} == {*closed}
    assert 5 == len(closed)


class SlowToEnd:
    """A worker that takes some rounds of the event loop to stop."""

    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self.closed = closed

    async def close(self) -> None:
        await asyncio.sleep(0.01)
        self.closed.append(self.name)


async def test_closing_the_page_stops_the_call(console: FastAPI) -> None:
    console.state.console.phone_calls.make_worker = lambda _: Worker(seconds=600)
    async with await logged_in(console) as client:
        phone = Phone(client)
        await phone.call("pasted.yaml", text=RUNAWAY, world=WORLD)
        began = time.monotonic()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(_left_after(console, 1.0)),
            base_url=client.base_url,
            headers={"X-CSRF-Token": client.headers["X-CSRF-Token"]},
            cookies=client.cookies,
        ) as page:
            closed = await page.post(f"/phone/calls/{phone.id}/advance", json={"at": 3600})
        took_s = time.monotonic() - began
        gone = await phone.post(f"/phone/calls/{phone.id}/advance", at=1)

    assert 503 == closed.status_code
    assert took_s < 8  # of the ten after which it would be stopped anyway
    assert 404 == gone.status_code


def _left_after(app: ASGIApp, seconds: float) -> ASGIApp:
    """The same application; every page is closed after some seconds."""

    async def left(scope: Scope, receive: Receive, send: Send) -> None:
        is_read = False

        async def until_left() -> Message:
            nonlocal is_read
            if not is_read:
                message = await receive()
                is_read = not message.get("more_body", False)
                return message
            if (left_s := ends_at - time.monotonic()) > 0:
                await asyncio.sleep(left_s)
            return {"type": "http.disconnect"}

        ends_at = time.monotonic() + seconds
        await app(scope, until_left, send)

    return left
