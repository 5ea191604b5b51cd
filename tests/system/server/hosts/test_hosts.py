"""Two server processes on one PostgreSQL database, each with its own flow files, as in the middle of a release."""

from __future__ import annotations

import asyncio

from tests.support.postgres_stores import ask
from tests.system.server.hosts.caller import Vonage, releases_in
from tests.system.server.hosts.host import Host

RACES = 30


async def test_call_whose_webhooks_alternate_finishes_on_its_revision(two_hosts: list[Host]) -> None:
    async with Vonage([host.address for host in two_hosts]) as vonage:
        heard = []
        for began in (0, 1):
            ncco = await vonage.answer(f"leg-{began}", began)
            for step in (1, 2, 3):
                heard.append(releases_in(ncco))
                ncco = await vonage.press(ncco, f"leg-{began}", first=began + step)
            heard.append(releases_in(ncco))

    assert [[1]] * 4 + [[2]] * 4 == heard
    assert [] == vonage.failed
    assert [(2,)] == ask("SELECT count(*) FROM revisions WHERE flow <> ''")


async def test_a_call_continues_when_its_host_dies(two_hosts: list[Host]) -> None:
    async with Vonage([host.address for host in two_hosts]) as vonage:
        ncco = await vonage.press(await vonage.answer("leg-1", 0), "leg-1", first=0)
        two_hosts[0].kill()
        heard = [ncco, await vonage.press(ncco, "leg-1", first=0)]
        heard.append(await vonage.press(heard[-1], "leg-1", first=0))

    two_hosts[0].start_again()

    assert [[1], [1], [1]] == [releases_in(ncco) for ncco in heard]
    assert b"goodbye" in heard[-1]
    assert ([], 2) == (vonage.failed, vonage.passed_on)


async def test_racing_deliveries_at_both_hosts_get_the_same_bytes_and_count_once(two_hosts: list[Host]) -> None:
    legs = [f"leg-{number}" for number in range(RACES)]

    async def race(leg: str) -> list[tuple[bytes, bytes]]:
        answers = await asyncio.gather(vonage.answer(leg, 0), vonage.answer(leg, 1))
        wrong = await asyncio.gather(*(vonage.press(answers[0], leg, "9", first) for first in (0, 1)))
        again = await asyncio.gather(*(vonage.press(wrong[0], leg, "9", first) for first in (1, 0)))
        right = await asyncio.gather(*(vonage.press(again[0], leg, "1", first) for first in (0, 1)))
        return [tuple(pair) for pair in (answers, wrong, again, right)]  # type: ignore[misc]  # pairs

    async with Vonage([host.address for host in two_hosts]) as vonage:
        calls = await asyncio.gather(*(race(leg) for leg in legs))

    assert [] == vonage.failed
    assert [] == [(leg, pair) for leg, call in zip(legs, calls, strict=True) for pair in call if pair[0] != pair[1]]
    assert all(b"wrong key" in wrong and b"wrong again" in again for _, (wrong, _), (again, _), _ in calls)
    assert all(b"second menu" in right for *_, (right, _) in calls)
    assert [(RACES, 4)] == ask(
        "SELECT count(*), max(turns) FROM (SELECT count(*) AS turns FROM turns GROUP BY call_key) AS each"
    )
    assert [(RACES, RACES)] == ask("SELECT count(*), count(DISTINCT session) FROM hooks")
    stored = int(str(ask("SELECT count(*) FROM webhooks")[0][0]))
    assert 8 * RACES <= stored <= 8 * RACES + vonage.passed_on  # a busy host may store what it answers too late
