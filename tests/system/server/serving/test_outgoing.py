from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpcore
import httpx
import pytest

from ncco_server.service.outgoing import REQUESTS_PER_HOST, PrivateAddress, new_client
from tests.support.cases import each_case
from tests.unit.server.service.lookup_server import GOOD, LookUpServer
from tests.unit.server.service.outbox_kit import until

NOWHERE = "192.0.2.1"


class Names:
    """A name resolver that returns its answers in turn, then the last one every time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def failing(host: str, port: int) -> Sequence[str]:
    raise OSError("no such host")


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


async def test_a_public_name_with_a_private_address_is_refused(server: LookUpServer) -> None:
    async with new_client(resolve=Names(["127.0.0.1", "::1", "::ffff:127.0.0.1"])) as client:
        with pytest.raises(PrivateAddress, match=r"crm\.example\.com has only private or link-local addresses"):
            await client.get(server.url("good", "crm.example.com"))

    assert [] == server.requests


async def test_an_allowed_name_is_reached_under_its_own_name(server: LookUpServer) -> None:
    names = Names(["127.0.0.1"])

    async with new_client(["CRM.example.com"], names) as client:
        answer = await client.get(server.url("good", "crm.example.com"))

    assert 200 == answer.status_code
    assert f"Host: crm.example.com:{server.port}\r\n" in server.requests[0]


async def test_a_name_whose_address_changes_is_checked_each_time(server: LookUpServer) -> None:
    names = Names(["10.255.255.1"], ["127.0.0.1"])

    async with new_client(resolve=names) as client:
        for _ in range(2):
            with pytest.raises(PrivateAddress):
                await client.get(server.url("good", "crm.example.com"))

    assert (2, []) == (names.asked, server.requests)


async def test_the_checked_address_is_the_one_reached(server: LookUpServer) -> None:
    names = Names(["127.0.0.1"], [NOWHERE])

    async with new_client(["crm.example.com"], names) as client:
        await client.get(server.url("good", "crm.example.com"))

    assert (1, 1) == (names.asked, len(server.requests))


async def test_the_next_address_is_tried_when_one_is_silent(server: LookUpServer) -> None:
    names = Names(["::1", "127.0.0.2", "127.0.0.1"])

    async with new_client(["crm.example.com"], names) as client:
        answer = await client.get(server.url("good", "crm.example.com"), timeout=5)

    assert 200 == answer.status_code


@pytest.mark.parametrize("resolve", [failing, Names([])])
async def test_a_name_without_an_address_is_reported(resolve: Names) -> None:
    async with new_client(resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError, match=r"crm\.example\.com has no address"):
            await client.get("http://crm.example.com/")


async def test_a_name_server_that_hangs_stops_nobody_else(server: LookUpServer) -> None:
    is_over = threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        is_over.wait(60)
        return []

    async with new_client(resolve=hanging) as client:
        lost = [asyncio.create_task(client.get("http://crm.example.com/", timeout=60)) for _ in range(20)]
        await asyncio.sleep(0.02)
        answer = await client.get(server.url("good"), timeout=30)
        written = await asyncio.to_thread(lambda: "written")
        hang = [not task.done() for task in lost]
        is_over.set()
        for task in lost:
            task.cancel()
        await asyncio.gather(*lost, return_exceptions=True)

    assert (200, "written", [True] * 20) == (answer.status_code, written, hang)


@pytest.mark.parametrize("host", ["0.0.0.0", "169.254.42.42", "[::ffff:169.254.42.42]"])  # noqa: S104 - nothing is bound
async def test_no_connection_is_tried_to_an_address_that_is_never_allowed(host: str) -> None:
    async with new_client([host]) as client:
        with pytest.raises(PrivateAddress):
            await client.get(f"http://{host}:1/")


async def test_no_redirect_is_followed(server: LookUpServer) -> None:
    async with new_client() as client:
        answer = await client.get(server.url("redirect"))

    assert (302, 1) == (answer.status_code, len(server.requests))


async def test_connection_errors_have_the_names_of_httpx(server: LookUpServer) -> None:
    async with new_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url("closing_early"))
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url("silent"), timeout=httpx.Timeout(30, read=0.05))
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(server.url("good"), headers={"X": "a\r\nb"})


class Garbled(httpcore.AsyncMockStream):
    """A connection whose incoming data cannot be decrypted, after some data that can be."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - of httpcore
        return await super().read(max_bytes, timeout) or self._fail()

    def _fail(self) -> bytes:
        raise ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")


class GarbledNetwork(httpcore.AsyncMockBackend):
    """Opens connections with data that cannot be decrypted."""

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return Garbled(list(self._buffer))


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"])
async def test_undecryptable_data_counts_as_a_broken_connection(sent: bytes) -> None:
    async with new_client(network=GarbledNetwork([sent])) as client:
        with pytest.raises(httpx.ReadError, match="the TLS connection failed"):
            await client.get("http://crm.example.com/")


async def test_an_abandoned_handshake_is_closed(server: LookUpServer) -> None:
    async with new_client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.get(server.url("good").replace("http:", "https:"))
        await until(lambda: not server.open_connections)


STEPS = 40
"""Steps of the event loop: twice those that a request needs."""


async def ask(client: httpx.AsyncClient, url: str) -> bytes:
    async with client.stream("GET", url) as answer:
        return await answer.aread()


async def ask_and_give_up(client: httpx.AsyncClient, url: str, steps: int) -> bool:
    """Cancel a request after some steps of the event loop. Returns whether it was still waiting for its answer."""
    task = asyncio.create_task(ask(client, url))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


def held(port: int) -> int:
    """How many connections to a local port are still held open, either established or closed by the other side only."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] in ("01", "08") for row in rows)


async def test_a_connection_serves_one_request(server: LookUpServer) -> None:
    async with new_client() as client:
        for _ in range(5):
            await ask(client, server.url("good"))
        await until(lambda: held(server.port) == 0)

    assert (5, 5) == (len(server.requests), server.connections)
    assert all("Connection: close\r\n" in request for request in server.requests)


async def test_data_after_a_reply_is_not_taken_for_the_next_reply(server: LookUpServer) -> None:
    async with new_client() as client:
        answers = [await ask(client, server.url("surplus")) for _ in range(3)]

    assert [GOOD] * 3 == answers
    assert 3 == server.connections


@each_case("path", ["good", "silent", "closing_early", "dribbling"])
async def test_a_request_cancelled_at_any_step_keeps_no_slot_and_no_connection(server: LookUpServer, path: str) -> None:
    async with new_client() as client:
        given_up = [await ask_and_give_up(client, server.url(path), steps) for steps in range(STEPS)]
        await asyncio.gather(*(ask_and_give_up(client, server.url(path), steps) for steps in range(STEPS)))
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*(ask(client, server.url("good")) for _ in range(REQUESTS_PER_HOST)))
        await until(lambda: held(server.port) == 0)

    assert given_up[0]
    assert [GOOD] * REQUESTS_PER_HOST == answers


async def test_requests_cancelled_while_the_server_is_busy_leak_nothing(server: LookUpServer) -> None:
    chance = Random(7)  # noqa: S311 - the same moments in each run

    async def ask_impatiently(client: httpx.AsyncClient) -> None:
        for _ in range(60):
            with suppress(TimeoutError):
                async with asyncio.timeout(chance.choice([0.003, 0.005, 0.008, 0.01, 0.02])):
                    await ask(client, server.url(chance.choice(["good", "good", "good", "slow"])))
            await asyncio.sleep(chance.random() * 0.03)

    async with new_client() as client:
        await asyncio.gather(*(ask_impatiently(client) for _ in range(8)))
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*(ask(client, server.url("good")) for _ in range(REQUESTS_PER_HOST)))

    assert [GOOD] * REQUESTS_PER_HOST == answers


async def test_more_requests_than_slots_wait_for_their_turn(server: LookUpServer) -> None:
    async with new_client() as client, asyncio.timeout(30):
        answers = await asyncio.gather(*(ask(client, server.url("good")) for _ in range(REQUESTS_PER_HOST + 50)))

    assert [GOOD] * (REQUESTS_PER_HOST + 50) == answers


async def test_a_slow_host_takes_no_slot_from_another(server: LookUpServer) -> None:
    async with new_client() as client:
        slow = [asyncio.create_task(ask(client, server.url("silent"))) for _ in range(REQUESTS_PER_HOST + 50)]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(30):
            answer = await ask(client, server.url("good", "localhost"))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    assert GOOD == answer
