"""Connections are kept while they are idle, and none is lost, whenever somebody stops waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import httpx
import pytest

from app.service.outgoing.pool import MOST_IDLE, MOST_REQUESTS
from app.service.outgoing.reach import Reach
from app.service.outgoing.transport import GuardedTransport, new_client
from tests.service.lookups.look_up_server import GOOD, LookUpServer

STEPS = 150
"""More often than that no request gives way to others, from its beginning to its end."""


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


async def ask(client: httpx.AsyncClient, url: str) -> bytes:
    async with client.stream("GET", url) as answer:
        return await answer.aread()


async def ask_and_give_up(client: httpx.AsyncClient, url: str, steps: int) -> bool:
    """Whether the answer had not come after so many steps of the loop; nobody waits for it then."""
    task = asyncio.create_task(ask(client, url))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


def held(port: int) -> int:
    """How many connections to a port of this machine somebody holds open (established, or closed by the other side)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] in ("01", "08") for row in rows)


async def test_one_connection_serves_one_request_after_another(server: LookUpServer) -> None:
    async with new_client() as client:
        for _ in range(5):
            await ask(client, server.url("good"))

    assert 5 == len(server.requests)
    assert 1 == server.connections


async def test_what_comes_behind_an_answer_is_not_the_answer_to_the_next_request(server: LookUpServer) -> None:
    async with new_client() as client:
        answers = [await ask(client, server.url("surplus")) for _ in range(3)]

    assert [GOOD] * 3 == answers
    assert 3 == server.connections


@pytest.mark.parametrize("path", ["good", "slow", "silent", "closing_early", "dribbling", "failing"])
async def test_a_request_given_up_at_any_step_keeps_no_place_and_no_connection(server: LookUpServer, path: str) -> None:
    transport = GuardedTransport(Reach())
    async with httpx.AsyncClient(transport=transport) as client:
        given_up = [await ask_and_give_up(client, server.url(path), steps) for steps in range(STEPS)]
        await asyncio.gather(*(ask_and_give_up(client, server.url(path), steps) for steps in range(STEPS)))
        await asyncio.sleep(0.05)
        counted = transport.pool.in_use, transport.pool.idle - held(server.port)
        answer = await ask(client, server.url("good"))
    await asyncio.sleep(0.05)

    assert given_up[0]
    assert (0, 0) == counted
    assert GOOD == answer
    assert (0, 0) == (transport.pool.idle, held(server.port))


async def test_requests_that_are_given_up_while_the_server_is_busy_lose_nothing(server: LookUpServer) -> None:
    transport = GuardedTransport(Reach())
    chance = Random(7)  # noqa: S311 - the same moments in each run

    async def ask_impatiently(client: httpx.AsyncClient) -> None:
        for _ in range(60):
            with suppress(TimeoutError):
                async with asyncio.timeout(chance.choice([0.003, 0.005, 0.008, 0.01, 0.02])):
                    await ask(client, server.url(chance.choice(["good", "good", "good", "slow"])))
            await asyncio.sleep(chance.random() * 0.03)

    async with httpx.AsyncClient(transport=transport) as client:
        await asyncio.gather(*(ask_impatiently(client) for _ in range(8)))
        await asyncio.sleep(0.05)
        counted = transport.pool.in_use, transport.pool.idle - held(server.port)

    assert (0, 0) == counted


async def test_more_requests_than_places_wait_for_their_turn(server: LookUpServer) -> None:
    async with new_client() as client, asyncio.timeout(20):
        answers = await asyncio.gather(*(ask(client, server.url("good")) for _ in range(MOST_REQUESTS + 50)))

    assert [GOOD] * (MOST_REQUESTS + 50) == answers
    assert MOST_REQUESTS >= server.connections


async def test_an_old_connection_is_not_used_again_and_one_that_is_left_over_is_closed(server: LookUpServer) -> None:
    transport = GuardedTransport(Reach())
    async with httpx.AsyncClient(transport=transport) as client:
        await asyncio.gather(*(ask(client, server.url("good")) for _ in range(MOST_IDLE + 10)))
        kept = transport.pool.idle
        await server.stop()
        await server.start()
        answer = await ask(client, server.url("good"))

    assert (MOST_IDLE, GOOD) == (kept, answer)
