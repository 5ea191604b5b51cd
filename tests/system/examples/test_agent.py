"""The example of an agent, with real websockets: what callers hear from it, and when it fails."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from ncco_server.vonage.application_token import ApplicationTokens
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from tests.support.application_api import APPLICATION_ID
from tests.support.bots import serving_bots
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.keys import private_pem, rsa_key
from tests.support.live_calls import call_in, heard, press, until
from tests.support.live_vonage import live_vonage
from tests.support.server import free_port, running_server
from tests.support.tracked import ROOT

EXAMPLE = ROOT / "examples" / "agent"
FERRIES, CRUISES = "442079460520", "442079460521"
GREETING = "Thank you for calling Harbour Ferries. You are talking to our assistant."
CANNOT, COLLEAGUE = "Our assistant cannot go on.", "I am connecting you to a colleague."
REFUND = "I am connecting you to a colleague, about the refund for order 4, 7, 1, 1."
DESKS = Parties(other=Behaviour(talks_s=2))


@pytest.fixture(scope="module")
def bot() -> Iterator[str]:
    with serving_bots(runpy.run_path(str(EXAMPLE / "bot.py"))["app"]) as url:
        yield f"{url}/calls"


@pytest.fixture(scope="module")
def bots() -> Iterator[str]:
    with serving_bots() as url:
        yield url


@asynccontextmanager
async def called(home: Path, uri: str, number: str = FERRIES) -> AsyncIterator[tuple[str, LiveVonage, Leg]]:
    """A caller of the example whose agent is at this address: the URL of the virtual Vonage, this Vonage, the leg."""
    port = free_port()
    env = {
        "FLOW_BOT_URL": uri,
        "NCCO_PYTHON_FLOWS": "cruises.py",
        "NCCO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NCCO_DIAL_ALLOW": "447700",
    }
    words = ("--dev", "--port", str(port))
    with running_server(home, *words, cwd=EXAMPLE, env=env) as server:
        answer, event = f"{server.url}/webhooks/answer", f"{server.url}/webhooks/event"
        async with live_vonage(DESKS, 4, answer, event, opens_sockets=True) as (url, live):
            yield url, live, await call_in(live, number)


@each_case(("key", "said"), [("2", REFUND), ("0", COLLEAGUE), ("*", "Thank you for calling. Goodbye.")])
async def test_the_bot_hands_back_what_the_caller_wants(tmp_path: Path, bot: str, key: str, said: str) -> None:
    async with called(tmp_path, bot) as (_, live, leg):
        await until(lambda: heard(leg, "agent"))
        await press(live, leg, key)
        await until(lambda: leg.is_over)

    assert [GREETING, said] == heard(leg)[:2]
    assert 2 == len(heard(leg, "agent"))


async def test_the_handler_in_python_gets_the_same_wishes(tmp_path: Path, bot: str) -> None:
    async with called(tmp_path, bot, CRUISES) as (_, live, leg):
        await until(lambda: heard(leg, "agent"))
        await press(live, leg, "1")
        await until(lambda: leg.is_over)

    assert COLLEAGUE == heard(leg)[1]
    assert "447700900444" == leg.dialled[-1].identity.to


def test_the_call_contains_what_the_bot_has_said(tmp_path: Path, bot: str) -> None:
    async def a_refund() -> str:
        async with called(tmp_path, bot) as (_, live, leg):
            await until(lambda: heard(leg, "agent"))
            await press(live, leg, "2")
            await until(lambda: leg.is_over)
            return leg.uuid

    uuid = asyncio.run(a_refund())
    shown = ncco("calls", uuid, cwd=EXAMPLE, env={"NCCO_DATABASE_URL": f"sqlite:///{tmp_path}/ncco.db"})

    assert "Do you want to book (1), a refund (2), or a person (0)?" in shown.output


@each_case("name", ["closing", "refusing"])
async def test_whatever_the_bot_does_wrong_a_person_takes_the_call(tmp_path: Path, bots: str, name: str) -> None:
    async with called(tmp_path, f"{bots}/{name}") as (_, _, leg):
        await until(lambda: leg.is_over)

    assert [GREETING, CANNOT, COLLEAGUE] == heard(leg)
    assert [] == heard(leg, "agent")
    assert "completed" == leg.dialled[-1].status


async def test_without_a_bot_a_person_takes_the_call(tmp_path: Path) -> None:
    async with called(tmp_path, f"ws://127.0.0.1:{free_port()}/calls") as (_, _, leg):
        await until(lambda: leg.is_over)

    assert [GREETING, CANNOT, COLLEAGUE] == heard(leg)


async def test_a_silent_bot_leaves_the_caller_in_silence_until_somebody_hangs_up(tmp_path: Path, bots: str) -> None:
    token = ApplicationTokens(APPLICATION_ID, private_pem(rsa_key())).make(datetime.now(UTC))
    async with called(tmp_path, f"{bots}/silent") as (url, _, leg), httpx.AsyncClient(trust_env=False) as client:
        await until(lambda: leg.dialled)
        client.headers["authorization"] = f"Bearer {token}"
        call = f"{url}/v1/calls/{leg.dialled[0].uuid}"
        while (await client.put(call, json={"action": "hangup"})).is_client_error:
            assert [GREETING] == heard(leg)
            await asyncio.sleep(0.4)
        await until(lambda: leg.is_over)

    assert [GREETING, CANNOT, COLLEAGUE] == heard(leg)


def test_the_bot_does_well_alone(bot: str) -> None:
    done = ncco("agent", bot, "--press", "2")

    assert 0 == done.exit_code, done.output
    assert json.dumps({"outcome": "refund", "values": {"order": "4711"}}) in done.output


def test_the_bot_is_short() -> None:
    assert len((EXAMPLE / "bot.py").read_text(encoding="utf-8").splitlines()) <= 80
