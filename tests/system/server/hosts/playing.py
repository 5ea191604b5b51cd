"""Calls during releases and host restarts, in any number."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.postgres_server import running_server
from tests.system.server.hosts.caller import Vonage
from tests.system.server.hosts.host import Host, hosts
from tests.system.server.hosts.release import write_release
from tests.system.trial import Outcome, Trial


@dataclass(frozen=True, slots=True)
class Played:
    """The result of calls.

    Attributes:
        calls: how many calls were made to their end.
        mixed: for each call that heard two releases, the releases that it heard.
        heard: how many releases were heard by any call.
        failed: webhooks that no host answered.
        passed_on: webhooks that another host took over.
    """

    calls: int
    mixed: list[list[int]]
    heard: int
    failed: list[str]
    passed_on: int


async def play_during(
    vonage: Vonage, work: Coroutine[Any, Any, object], *, calls: int, at_once: int, pause_s: float = 0.02
) -> Played:
    """Make calls, at least this number and until `work` is done."""
    working = asyncio.ensure_future(work)
    heard = await _play(vonage, calls, at_once, working, pause_s)
    await working
    mixed = [call for call in heard if len(set(call)) != 1 or len(call) != 4]
    return Played(
        len(heard), mixed, len({number for call in heard for number in call}), vonage.failed, vonage.passed_on
    )


async def play_under_releases(
    hosts: Sequence[Host], *, calls: int, releases: int, pause_s: float, at_once: int
) -> Played:
    """Make calls while each host gets release after release, at different moments."""
    async with Vonage([host.address for host in hosts]) as vonage:
        releasing = _release(hosts, releases, pause_s)
        return await play_during(vonage, releasing, calls=calls, at_once=at_once, pause_s=pause_s / 4)


async def _release(hosts: Sequence[Host], releases: int, pause_s: float) -> None:
    for number in range(10, 10 + releases):
        for host in hosts:
            await asyncio.to_thread(write_release, host.folder, number)
            await asyncio.sleep(pause_s / len(hosts))


async def play_under_restarts(hosts: Sequence[Host], *, calls: int, rounds: int, at_once: int) -> Played:
    """Make calls while the hosts are restarted one after another."""
    async with Vonage([host.address for host in hosts]) as vonage:
        return await play_during(vonage, _restart(hosts, rounds), calls=calls, at_once=at_once)


async def _restart(hosts: Sequence[Host], rounds: int) -> None:
    for _ in range(rounds):
        for host in hosts:
            await restart(host)
            await asyncio.sleep(0.2)


async def restart(host: Host) -> None:
    """Stop a host as an orchestrator does, and start it again."""
    await asyncio.to_thread(host.stop)
    await asyncio.to_thread(host.start_again)


async def _play(
    vonage: Vonage, calls: int, at_once: int, meanwhile: asyncio.Future[object], pause_s: float
) -> list[list[int]]:
    """Make `calls` calls, then more until `meanwhile` is done."""
    heard: list[list[int]] = []
    begun = iter(range(1_000_000))

    async def play_on() -> None:
        for number in begun:
            if number >= calls and meanwhile.done():
                return
            heard.append(await vonage.whole_call(f"leg-{number}", pause_s))

    await asyncio.gather(*(play_on() for _ in range(at_once)))
    return heard


async def released_and_restarted(trial: Trial) -> Outcome:
    """Make calls to two hosts during releases and restarts: no call hears two releases, and no webhook fails."""
    seen, faults = [], list[str]()
    calls, rounds = trial.size, trial.size // 100
    with running_server(is_durable=True) as server:
        for name in ("releases", "restarts"):
            database = server.url(server.new_database())
            with hosts(trial.folder / name, database, (1, 2)) as started:
                played = await (
                    play_under_releases(started, calls=calls, releases=rounds * 10, pause_s=0.6, at_once=16)
                    if name == "releases"
                    else play_under_restarts(started, calls=calls, rounds=rounds, at_once=16)
                )
            seen.append(
                f"{name}: {played.calls:,} calls; {played.heard} releases were heard; "
                f"{played.passed_on} webhooks were taken over by the other host"
            )
            faults += [f"{name}: a call heard {call}" for call in played.mixed]
            faults += [f"{name}: failed: {path}" for path in played.failed]
    return Outcome(seen, faults)
