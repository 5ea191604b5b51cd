"""Places a long list of calls with a virtual Vonage, in virtual time, despite stops and lost replies."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.store import PlacedRow, SqliteDatabase, Store
from ncco_studio.simulator.parties import Behaviour
from tests.support.placing import PLAIN_REMINDER, World, placing_world
from tests.system.trial import Outcome, Trial

SECOND_MS: Final = 1_000
KEPT_LEGS: Final = 100
PARTIES: Final = (
    Behaviour(rings_s=2, talks_s=5),
    Behaviour("busy", rings_s=1),
    Behaviour("timeout", rings_s=20),
    Behaviour("unanswered", rings_s=3),
)


@dataclass(slots=True)
class Tally:
    """Counts how often each number rang, when calls began, and which faults occurred."""

    rung: Counter[str] = field(default_factory=Counter)
    began: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)

    def look(self, world: World) -> None:
        """Count the new legs, and discard old ones."""
        for leg in world.legs:
            if leg.uuid not in self.seen:
                self.seen.add(leg.uuid)
                self.rung[leg.identity.to] += 1
                self.began.append(leg.started_ms)
        if len(world.legs) > 2 * KEPT_LEGS:
            world.vonage.forget_ended(KEPT_LEGS)


async def place_all(world: World, rows: int, faults: int, chance: random.Random, tally: Tally) -> list[PlacedRow]:
    """Place every call, and return the calls as stored afterwards."""
    flows = world.service.library.current.flows
    wanted = [
        checked(
            WantedCall(flow="reminder", to=f"4477{number:08}", values={"name": "Ada"}, origin="cli", key=str(number)),
            flows,
            world.service.policy.dial_allow,
            world.now,
            world.service.policy.keys,
        )
        for number in range(rows)
    ]
    for start in range(0, rows, 500):
        await world.store.placed.add(wanted[start : start + 500])
    while (await world.store.placed.count_active()) != (0, 0):
        for attempt in await world.placer.claim(1):
            fault = chance.choice(["stop", "lost", "500"]) if chance.random() < faults / rows else ""
            tally.faults[fault] += 1
            if fault == "stop":  # another server continues
                continue
            world.requests.faults = [fault] if fault else []
            await world.placer.run_one(attempt)
        await world.vonage.scheduler.advance(lambda: False, until_ms=world.clock.ms + 100)
        tally.look(world)
    found = [await world.store.placed.get(row.id) for row in wanted]
    return [row for row in found if row is not None]


async def list_placed(trial: Trial) -> Outcome:
    """Stop the server after an attempt or lose a reply, at random: each is called once, at most three a second."""
    rows, faults = trial.size, trial.size // (50 if trial.is_long else 15)
    chance = random.Random(trial.seed)  # noqa: S311 - not for secrets
    tally = Tally()
    parties = {f"4477{number:08}": chance.choice(PARTIES) for number in range(rows)}
    async with placing_world(Store(SqliteDatabase(trial.folder / "calls.db")), parties, flows=PLAIN_REMINDER) as world:
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.monotonic()
        placed = await place_all(world, rows, faults, chance, tally)
        seconds = time.monotonic() - begun
        virtual_s = world.clock.ms / 1000
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    outcomes = Counter(row.outcome for row in placed)
    began = sorted(tally.began)
    most = max(sum(1 for other in began[at : at + 4] if other - moment < SECOND_MS) for at, moment in enumerate(began))
    unsent = tally.faults["stop"] + tally.faults["500"]
    seen = [
        f"{rows:,} calls ({virtual_s / 60:.0f} virtual minutes), {seconds / rows * 1000:.1f} ms each",
        ", ".join(f"{outcome}: {count:,}" for outcome, count in sorted(outcomes.items())),
        ", ".join(f"{fault or 'no fault'}: {count:,}" for fault, count in sorted(tally.faults.items())),
        f"most calls of a number: {max(tally.rung.values())}; most in a second: {most}; memory: +{grown_mb:.0f} MB",
    ]
    is_broken = {
        "a number rang twice": max(tally.rung.values()) > 1,
        "a call is forgotten": len(placed) < rows or any(row.state != "over" for row in placed),
        "more than three calls began in a second": most > 3,
        "an attempt is unknown although it was sent": outcomes["unknown"] > unsent,
    }
    return Outcome(seen, [fault for fault, is_so in is_broken.items() if is_so])
