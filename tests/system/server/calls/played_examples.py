"""Calls to all examples at once, which two hosts answer; and whether the stored results are those of the oracle."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from ncco_server.service.call_results import add_up
from ncco_server.store import ResultRow, open_store
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties, PartyOutcome
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import HttpServer, Request, Response
from ncco_studio.simulator.transcript import CallMoment
from tests.system.server.calls.result_oracle import Ask, OldResult, old_results, why_different
from tests.system.server.hosts.host import Host
from tests.system.studio.simulator.unlucky_calls import CALLERS, NETWORKS
from tests.system.studio.simulator.unlucky_lines import ROOT, Line

BASE: Final = "https://calls.example.com"
APPLICATION: Final = Application(
    f"{BASE}/webhooks/answer", f"{BASE}/webhooks/event", f"{BASE}/webhooks/fallback", api_key="ab12cd34"
)
AT_ONCE: Final = 8
MOST_MOMENTS: Final = 8
"""Maximum number of things that a caller does before hanging up."""
PATIENCE_S: Final = 90.0
"""How long a caller waits for something to happen, in virtual seconds."""
REQUEST_S: Final = 60.0
"""How long a request may take, in real seconds, so that a busy machine is fast enough."""
DIGITS: Final = ("1", "2", "3", "1234#")
OUTCOMES: Final = ("answered", "answered", "busy", "timeout", "machine", "human", "beep")


def write_examples(home: Path) -> None:
    """Write one project with the flows of flows/ and of all YAML examples. If a name is taken, it gets another one."""
    names = set[str]()
    for name in ("flows", "templates"):
        (home / name).mkdir(parents=True, exist_ok=True)
    examples = [each for each in sorted((ROOT / "examples").iterdir()) if not any((each / "flows").glob("*.py"))]
    for project in (*examples, ROOT):
        for file in sorted((project / "flows").glob("*.yaml")):
            text = file.read_text("utf-8")
            flow = next((line for line in text.splitlines() if line.startswith("flow:")), "")
            if flow in names:
                text = text.replace(flow, f"{flow}_too", 1)
            (home / "flows" / f"{project.name}_{file.name}").write_text(text, "utf-8")
            names |= {flow} - {""}
        for file in (project / "templates").glob("*"):
            shutil.copy(file, home / "templates")


@dataclass
class Agreement:
    """How the stored results compare with the oracle's.

    Attributes:
        results: how many calls have each stored result.
        intended: how many differ on purpose, by reason.
        wrong: what differs otherwise.
        failed: requests that no host has answered.
    """

    results: Counter[str] = field(default_factory=Counter)
    intended: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Hosts:
    """Sends each request to one of the hosts, and to the other one if that has died."""

    def __init__(self, hosts: Sequence[Host], http: HttpServer, luck: Random) -> None:
        self._hosts = hosts
        self._http = http
        self._luck = luck
        self.failed: list[str] = []

    @property
    def now(self) -> datetime:
        """See `HttpServer`."""
        return self._http.now

    async def deliver(self, request: Request) -> Response:
        """Deliver a request to either host."""
        failures = []
        for host in self._luck.sample(self._hosts, len(self._hosts)):
            url = request.url.replace(BASE, f"http://{host.address}")
            response = await self._http.deliver(replace(request, url=url))
            if not response.failure:
                break
            failures.append(f"{host.folder.name} {response.failure}")
        if response.failure or response.status >= 500:
            self.failed.append(f"{request.url}: {response.status}, {', '.join(failures)}")
        return response


async def play_examples(hosts: Sequence[Host], calls: int, *, kills: int, seed: int = 1) -> list[str]:
    """Make calls to all examples, while the hosts are killed in turn; returns the requests that nobody answered."""
    lines = [
        Line(flow.name, hosts[0].folder / "flows", flow.numbers[0] if flow.numbers else "442079460000")
        for flow in Line("all", hosts[0].folder / "flows", "").project.flows.values()
        if flow.numbers or flow.default
    ]
    begun = iter(range(calls))
    done = 0
    has_come = [asyncio.Event() for _ in range(kills)]
    async with HttpServer(patience_s=REQUEST_S) as http:
        door = Hosts(hosts, http, Random(seed))  # noqa: S311 - the same hosts in every run

        async def play_on() -> None:
            nonlocal done
            for number in begun:
                await _play(lines[number % len(lines)], door, seed * 100_000 + number)
                done += 1
                for place, event in enumerate(has_come):
                    if done >= calls * (place + 1) // (kills + 1):
                        event.set()

        async def kill() -> None:
            for place, event in enumerate(has_come):
                await event.wait()
                await asyncio.to_thread(hosts[place % len(hosts)].kill)
                await asyncio.to_thread(hosts[place % len(hosts)].start_again)

        await asyncio.gather(kill(), *(play_on() for _ in range(AT_ONCE)))
    return door.failed


async def _play(line: Line, door: Hosts, seed: int) -> None:
    """Play the call of a seed to its end."""
    luck = Random(f"{line.name} {seed}")  # noqa: S311 - to be repeated
    outcome: PartyOutcome = luck.choice(OUTCOMES)
    parties = Parties(other=Behaviour(outcome, luck.uniform(1, 10), luck.uniform(5, 60), luck.random() < 0.8))
    chaos = NETWORKS[("calm", "unlucky")[seed % 2]](seed)
    vonage = Vonage(APPLICATION, door, VirtualClock(), parties, chaos=chaos, seed=f"{seed}")
    call = await vonage.call(line.number, luck.choice(CALLERS))
    for _ in range(luck.randint(0, MOST_MOMENTS)):
        moment = await call.listen(at_most=PATIENCE_S)
        if moment.kind in ("end", "idle"):
            break
        await _act(call, moment, line, luck)
    await call.hang_up()
    await vonage.run(PATIENCE_S)


async def _act(call: Leg, moment: CallMoment, line: Line, luck: Random) -> None:
    takes = moment.waited.takes if moment.waited is not None else frozenset[str]()
    if moment.kind == "record":
        await call.speak("Please call me back.")
    elif "speech" in takes and luck.random() < 0.3:
        await call.speak(luck.choice(line.phrases))
    elif "dtmf" in takes and luck.random() < 0.9:
        await call.press(luck.choice(DIGITS if luck.random() < 0.8 else line.digits))
    else:
        await call.silence()


async def stored_rows(url: str) -> dict[str, ResultRow]:
    """The stored results, after all of them were counted."""
    async with open_store(url) as store, store.records() as records:
        await add_up(store)
        return {row.id: row for row in await records.results_between(0, 1 << 40)}


async def compare(url: str, ask: Ask, folder: Path) -> Agreement:
    """Compare each stored result with the oracle's."""
    found = Agreement()
    old = await asyncio.to_thread(old_results, ask, Line("all", folder / "flows", "").project.flows)
    rows = {id_: row for id_, row in (await stored_rows(url)).items() if row.direction == "inbound"}
    for id_ in old.keys() ^ rows.keys():
        found.wrong.append(f"{id_} has {'no row' if id_ in old else 'a row, but has not ended'}")
    for id_ in old.keys() & rows.keys():
        row = rows[id_]
        found.results[row.result] += 1
        if row.result != old[id_].result:
            reason = why_different(old[id_], row.result)
            if reason is None:
                found.wrong.append(f"{id_}: {old[id_]}, but stored {row}")
            else:
                found.intended[reason] += 1
        found.wrong += [
            f"{id_}: {name}: {before}, but stored {now}" for name, before, now in _facts(old[id_], row) if before != now
        ]
    return found


def _facts(old: OldResult, row: ResultRow) -> list[tuple[str, object, object]]:
    """What both say about a call besides its result: name, the oracle's and the stored value."""
    return [
        ("flow", old.flow, row.flow),
        ("caller", old.caller, row.party),
        ("to", old.to, row.line),
        ("step", old.step, row.step.rpartition(".")[2]),
        ("rang", old.rang, bool(row.rang)),
        ("began_at", old.began_at, row.began_at),
        ("person_at", old.person_at, row.person_at),
        ("ended_at", old.ended_at, row.ended_at),
    ]
