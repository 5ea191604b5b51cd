"""Kills servers that place calls with a virtual Vonage in this process, and checks what happened to the calls."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from ncco_server.errors import StoreUnavailable
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.store import PlacedFilter, PlacedRow, RowChange, Store, open_store
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from tests.support.live_vonage import ACCESS, live_vonage
from tests.support.server import Server
from tests.system.server.faults.placed_calls import REMINDER, flows_of, utc_now
from tests.system.trial import Outcome, Trial

UNLESS: Final = REMINDER.replace("  quiet: false\n", "  quiet: false\n  unless: do_not_call\n")
TABLES: Final = "shared: true\ntables: {do_not_call: {key: {number: phone}}}\n"

PERSON: Final = Behaviour(rings_s=3, talks_s=6)
"""Everybody answers soon and talks briefly."""
CALLS_PER_KILL: Final = 4
WITHIN_S: Final = 120.0
"""How long an event may take on a busy machine, in seconds."""
SETTLES_S: Final = 600
"""How long the calls may take after the last kill, in seconds. Silent attempts are given up after about 100 s."""
POLL_S: Final = 0.005
MOMENTS: Final = ("committed", "requested", "answered", "any")


@dataclass(slots=True)
class KilledPlacing:
    """What was killed, and what happened to the calls.

    Attributes:
        moments: number of kills by what had just happened: an attempt was committed, its request was accepted,
            somebody picked up, or nothing special.
        rows: the calls at the end.
        rung: how often each number rang.
        unsent: calls whose request Vonage never received.
        refused: numbers that were in the table under `unless` before their calls were requested.
        unheard: calls that rang, but whose outcome is unknown because no server received the webhooks.
        faults: violations, as sentences.
    """

    moments: Counter[str] = field(default_factory=Counter)
    rows: Sequence[PlacedRow] = ()
    rung: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    refused: set[str] = field(default_factory=set)
    unheard: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        """The number of calls by outcome; unfinished calls are counted by state."""
        return Counter(row.outcome or row.state for row in self.rows)


async def kill_while_placing(
    folder: Path, database: str, kills: int, *, hosts: int = 1, seed: int = 1, is_patient: bool = True
) -> KilledPlacing:
    """Place calls and kill hosts again and again; a single host restarts at once.

    If `is_patient`, wait until silent attempts are given up. Otherwise a call is not forgotten as soon as its attempt
    has a time to be given up.
    """
    (folder / "flows").mkdir()
    (folder / "flows" / "reminder.yaml").write_text(UNLESS)
    (folder / "flows" / "shared.yaml").write_text(TABLES)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    found = KilledPlacing()
    async with live_vonage(Parties(other=PERSON)) as (url, live):
        servers = [_server(folder, database, url) for _ in range(hosts)]
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers))
        try:
            async with open_store(database) as store:
                ids: list[str] = []
                numbers = count(447_700_000_000)
                for _ in range(kills):
                    refused = str(next(numbers))
                    await store.tables.change([RowChange(f'do_not_call["{refused}"]')], 1, "a test")
                    found.refused.add(refused)
                    ids += await _add(store, [refused, *(str(next(numbers)) for _ in range(CALLS_PER_KILL - 1))])
                    moment = chance.choice(MOMENTS)
                    await _wait_for(moment, store, live, chance)
                    found.moments[moment] += 1
                    server = chance.choice(servers)
                    await asyncio.to_thread(server.end, signal.SIGKILL)
                    if hosts > 1 and not await _goes_on(store, live):
                        found.faults.append("the other host does not carry on")
                    await asyncio.to_thread(server.start)
                await _settle(store, live, len(ids), is_patient=is_patient)
                await _end(servers)  # otherwise a call could end between two of the reads that judge it
                await _judge(found, store, live, ids, is_patient=is_patient)
        finally:
            await _end(servers)
    return found


async def _end(servers: Sequence[Server]) -> None:
    for server in servers:
        with suppress(ProcessLookupError):
            await asyncio.to_thread(server.end)


def _server(folder: Path, database: str, vonage_url: str) -> Server:
    settings = {
        "NCCO_DATABASE_URL": database,
        "NCCO_VONAGE_API_URL": vonage_url,
        "NCCO_DIAL_ALLOW": "44",
        **ACCESS,
        "NCCO_PLACE_PER_MINUTE": "180",
        "NCCO_PLACE_PER_DAY": "100000",
        "NCCO_KEY": "a key that is shared by the hosts of a test",
    }
    server = Server(folder, settings)
    server.settings["NCCO_PUBLIC_URL"] = server.url
    return server


async def _add(store: Store, numbers: Sequence[str]) -> list[str]:
    wanted = [WantedCall(flow="reminder", to=number, values={"name": "Ada"}, origin="cli") for number in numbers]
    keys = (b"nothing is read that this encrypts",)
    rows = await store.placed.add([checked(each, flows_of(REMINDER), ("44",), utc_now(), keys) for each in wanted])
    return [row.id for row in rows]


async def _wait_for(moment: str, store: Store, live: LiveVonage, chance: random.Random) -> None:
    """Wait for one of MOMENTS, or until nothing is left that could lead to it: another host may have been faster."""
    legs = live.vonage.legs
    known = len(legs)
    answered = sum(leg.is_answered for leg in legs.values())

    async def happened() -> bool:
        active = await store.placed.count_active()
        ringing = [leg for leg in legs.values() if not (leg.is_over or leg.is_answered)]
        if moment == "any" or not (active.waiting or ringing):
            return True
        match moment:
            case "committed":
                return active.calling > sum(not leg.is_over for leg in legs.values())
            case "requested":
                return len(legs) > known or not active.waiting
        return sum(leg.is_answered for leg in legs.values()) > answered

    await _until(happened, WITHIN_S)
    await asyncio.sleep(chance.uniform(0, 1.0 if moment == "any" else 0.01))  # some moment after it


async def _goes_on(store: Store, live: LiveVonage) -> bool:
    """Wait until the host that is left requests another call, or has nothing more to request; whether it did."""
    known = len(live.vonage.legs)

    async def happened() -> bool:
        return len(live.vonage.legs) > known or not (await store.placed.count_active()).waiting

    return await _until(happened, WITHIN_S)


async def _until(happened: Callable[[], Awaitable[bool]], seconds: float, poll_s: float = POLL_S) -> bool:
    """Wait until `happened()` is true; False if the time is up first. The store may be too busy to be asked."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(StoreUnavailable):
            if await happened():
                return True
        await asyncio.sleep(poll_s)
    return False


async def _settle(store: Store, live: LiveVonage, number: int, *, is_patient: bool) -> None:
    """Wait until all calls are over; see `kill_while_placing`."""
    legs = live.vonage.legs

    async def are_over() -> bool:
        for row in await store.placed.list(number, wanted=PlacedFilter(state="calling")):
            for attempt in await store.placed.attempts(row.id):
                if attempt.state == "answered" and legs[attempt.leg].is_over:  # as if ten minutes had passed
                    await store.placed.look_again(attempt, 0)
        active = await store.placed.count_active()
        return active == (0, 0) or (not (is_patient or active.waiting) and all(leg.is_over for leg in legs.values()))

    await _until(are_over, SETTLES_S + number / 2, poll_s=0.5)


async def _judge(found: KilledPlacing, store: Store, live: LiveVonage, ids: Sequence[str], *, is_patient: bool) -> None:
    """Look for calls that were placed twice or forgotten, while no server is running."""
    legs = live.vonage.legs
    found.rows = [row for id_ in ids if (row := await store.placed.get(id_)) is not None]
    found.rung = Counter(leg.identity.to for leg in legs.values())
    for row in found.rows:
        attempts = await store.placed.attempts(row.id)
        rung = found.rung[row.number]
        is_watched = any(each.give_up_at is not None for each in attempts)  # 0 after `_settle`: it is due
        if row.number in found.refused:
            if rung or attempts or row.outcome != "refused":
                found.faults.append(f"{row.number} must not be called, rang {rung} times and is {row.outcome}")
            continue
        if row.state != "over" and (is_patient or not is_watched):
            found.faults.append(f"{row.number} is forgotten: {row.state}")
        if rung > 1 or len(attempts) != 1:
            found.faults.append(f"{row.number} rang {rung} times in {len(attempts)} attempts")
        found.unsent += not rung
        found.unheard += bool(rung) and row.outcome == "unknown"
        if row.state == "over" and row.outcome not in (("answered", "unanswered", "unknown") if rung else ("unknown",)):
            found.faults.append(f"{row.number} rang {rung} times and is {row.outcome}")
    if len(found.rows) < len(ids):
        found.faults.append(f"{len(ids) - len(found.rows)} calls are gone")


async def placing_killed(trial: Trial) -> Outcome:
    """Kill servers while they place calls. Each person must be called once."""
    hosts = 2 if trial.database == "hosts" else 1
    found = await kill_while_placing(trial.folder, trial.url(), trial.size, hosts=hosts, seed=trial.seed)
    moments = ", ".join(f"{moment} {number}" for moment, number in sorted(found.moments.items()))
    outcomes = ", ".join(f"{outcome}: {number}" for outcome, number in sorted(found.outcomes.items()))
    seen = [
        f"{trial.size} kills ({moments}), {len(found.rows)} calls",
        f"{outcomes}; {found.unsent} never requested, {found.unheard} unheard; "
        f"most calls of a number: {max(found.rung.values())}",
    ]
    return Outcome(seen, found.faults)
