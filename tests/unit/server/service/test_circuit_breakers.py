from __future__ import annotations

import asyncio

from ncco_server.service.lookups import PAUSE_S, LookupClient, lookups_of_turn
from tests.unit.server.service.asking import ask, ask_one, get, lookup
from tests.unit.server.service.conftest import StandingClock
from tests.unit.server.service.lookup_server import LookUpServer, failing, good, missing, silent, slow


async def fail_often(client: LookupClient, server: LookUpServer, times: int = 5) -> None:
    server.behaviours["c"] = failing
    for _ in range(times):
        await ask_one(client, get(server.url("c")))


async def test_a_host_that_fails_five_times_gets_a_pause(client: LookupClient, server: LookUpServer) -> None:
    await fail_often(client, server)
    server.behaviours["c"] = good

    answer = await ask_one(client, get(server.url("c")))

    assert f"not asked: 127.0.0.1:{server.port} has failed 5 times in a row and is paused" == answer.problem
    assert 5 == len(server.requests)


async def test_after_a_pause_one_request_probes_for_all(
    client: LookupClient, server: LookUpServer, pauses: StandingClock
) -> None:
    await fail_often(client, server)
    server.behaviours["c"] = slow
    pauses.now += PAUSE_S

    answers = await ask(client, *[get(server.url("c"))] * 4)

    assert [False, False, False, True] == sorted(answer.problem == "" for answer in answers)
    assert 6 == len(server.requests)


async def test_a_probe_that_is_cancelled_is_left_to_the_next_request(
    client: LookupClient, server: LookUpServer, pauses: StandingClock
) -> None:
    await fail_often(client, server)
    pauses.now += PAUSE_S
    server.behaviours["c"] = silent
    asking = asyncio.create_task(ask_one(client, get(server.url("c"))))
    while len(server.requests) < 6:  # noqa: ASYNC110 - the server is a task of its own
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait({asking})
    server.behaviours["c"] = good

    assert "" == (await ask_one(client, get(server.url("c")))).problem


async def test_a_host_that_still_fails_gets_another_pause(
    client: LookupClient, server: LookUpServer, pauses: StandingClock
) -> None:
    await fail_often(client, server)
    pauses.now += PAUSE_S

    first, second = [await ask_one(client, get(server.url("c"))) for _ in range(2)]

    assert "status 503" == first.problem
    assert second.problem.startswith("not asked: ")


async def test_a_client_error_does_not_count_as_a_failure(client: LookupClient, server: LookUpServer) -> None:
    await fail_often(client, server, 4)
    server.behaviours["c"] = missing
    await ask_one(client, get(server.url("c")))
    await fail_often(client, server, 4)

    answer = await ask_one(client, get(server.url("c")))

    assert "status 503" == answer.problem


async def test_other_hosts_are_still_asked(client: LookupClient, server: LookUpServer) -> None:
    await fail_often(client, server)

    answer = await ask_one(client, get(server.url("good", "localhost")))

    assert "" == answer.problem


async def test_a_host_whose_requests_are_cut_short_by_the_budget_has_not_failed(
    client: LookupClient, server: LookUpServer
) -> None:
    for _ in range(6):
        await lookups_of_turn(client.answer, 20)((lookup(get(server.url("silent"))),))

    assert "" == (await ask_one(client, get(server.url("good")))).problem
