from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from app.service.outgoing.transport import PrivateAddress, new_client
from tests.service.lookups.look_up_server import LookUpServer

NOWHERE = "192.0.2.1"


class Names:
    """A name server that gives its answers one after another, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def failing(host: str, port: int) -> Sequence[str]:
    raise OSError("no such host")


def hanging(host: str, port: int) -> Sequence[str]:
    time.sleep(0.5)
    return []


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


async def test_a_public_name_with_a_private_address_is_refused(server: LookUpServer) -> None:
    async with new_client(resolve=Names(["127.0.0.1", "::1", "::ffff:127.0.0.1"])) as client:
        with pytest.raises(PrivateAddress, match=r"crm\.example\.com leads to a private address"):
            await client.get(server.url("good", "crm.example.com"))

    assert [] == server.requests


async def test_a_name_that_was_named_is_reached_under_its_own_name(server: LookUpServer) -> None:
    names = Names(["127.0.0.1"])

    async with new_client(["CRM.example.com"], names) as client:
        answer = await client.get(server.url("good", "crm.example.com"))

    assert 200 == answer.status_code
    assert f"Host: crm.example.com:{server.port}\r\n" in server.requests[0]


async def test_a_name_that_changes_its_mind_is_checked_each_time(server: LookUpServer) -> None:
    names = Names(["10.255.255.1"], ["127.0.0.1"])

    async with new_client(resolve=names) as client:
        for _ in range(2):
            with pytest.raises(PrivateAddress):
                await client.get(server.url("good", "crm.example.com"))

    assert (2, []) == (names.asked, server.requests)


async def test_what_was_checked_is_what_is_reached(server: LookUpServer) -> None:
    names = Names(["127.0.0.1"], [NOWHERE])

    async with new_client(["crm.example.com"], names) as client:
        await client.get(server.url("good", "crm.example.com"))
        await client.get(server.url("good", "crm.example.com"))

    assert (1, 2) == (names.asked, len(server.requests))


async def test_the_next_address_is_tried_when_one_is_silent(server: LookUpServer) -> None:
    names = Names(["::1", "127.0.0.2", "127.0.0.1"])

    async with new_client(["crm.example.com"], names) as client:
        answer = await client.get(server.url("good", "crm.example.com"), timeout=5)

    assert 200 == answer.status_code


@pytest.mark.parametrize("resolve", [failing, Names([])])
async def test_a_name_without_an_address_is_told(resolve: Names) -> None:
    async with new_client(resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError, match=r"crm\.example\.com has no address"):
            await client.get("http://crm.example.com/")


async def test_a_name_server_that_hangs_stops_nobody_else(server: LookUpServer) -> None:
    async with new_client(resolve=hanging) as client:
        lost = [asyncio.create_task(client.get("http://crm.example.com/")) for _ in range(20)]
        await asyncio.sleep(0.02)
        started = time.monotonic()
        answer = await client.get(server.url("good"))
        written = await asyncio.to_thread(lambda: "written")
        spent = time.monotonic() - started
        for task in lost:
            task.cancel()
        await asyncio.gather(*lost, return_exceptions=True)

    assert (200, "written") == (answer.status_code, written)
    assert spent < 0.3


async def test_an_address_of_nobody_is_refused() -> None:
    async with new_client() as client:
        with pytest.raises(PrivateAddress):
            await client.get("http://0.0.0.0:1/")


async def test_no_redirect_is_followed(server: LookUpServer) -> None:
    async with new_client() as client:
        answer = await client.get(server.url("redirect"))

    assert (302, 1) == (answer.status_code, len(server.requests))


async def test_the_faults_of_a_connection_have_the_names_of_httpx(server: LookUpServer) -> None:
    async with new_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url("closing_early"))
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url("silent"), timeout=0.05)
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(server.url("good"), headers={"X": "a\r\nb"})


async def test_a_handshake_that_nobody_waits_for_is_ended(server: LookUpServer) -> None:
    async with new_client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.get(server.url("good").replace("http:", "https:"))
        await asyncio.sleep(0.05)

    assert 0 == server.open_connections
