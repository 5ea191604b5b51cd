"""Later facts of a call at the same moment, on two hosts, while rows are counted: rows and sums must stay right."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias

from ncco_server.store import Conflict, EndOfCall, ResultRow, Store, StoreError, open_store
from tests.support.stored_rows import NOON_MS, NUMBER, session_row, turn_row, webhook_row
from tests.system.trial import Outcome, Trial, counted

LINE: Final = "442079460000"
LEGS_AT_ONCE: Final = 16
PLAYED, HOURS, ASKED, CHOSEN = 1, 2, 4, 8

Act: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass
class Expected:
    """What is known about a single call: everything that was written, in no order.

    Attributes:
        heard: the facts of its turns.
        answered, machines: when a party answered, and which machines were found, by turn.
        recorded: the turns that a recording belongs to.
        ended_at: when its end was reported.
        returned_at: when its caller was called back.
    """

    heard: list[int] = field(default_factory=list)
    rang: bool = False
    answered: dict[int, int] = field(default_factory=dict)
    machines: set[int] = field(default_factory=set)
    recorded: set[int] = field(default_factory=set)
    ended_at: int | None = None
    returned_at: int | None = None

    @property
    def person_at(self) -> int | None:
        """When a person answered."""
        return min((at for turn, at in self.answered.items() if turn not in self.machines), default=None)

    @property
    def result(self) -> str:
        """The result, as `ncco_server.results.RESULTS` describes it."""
        if self.person_at is not None:
            return "person"
        if any(self.heard[turn - 1] & ASKED for turn in self.recorded):
            return "message"
        if self.ended_at is None:
            return "lost"
        if self.rang:
            return "missed"
        if any(heard & CHOSEN for heard in self.heard):
            return "served"
        if any(heard & ASKED for heard in self.heard):
            return "missed"
        is_informed = any(heard & HOURS for heard in self.heard) or self.heard[-1] & PLAYED
        return "served" if is_informed else "missed"


async def race(hosts: tuple[Store, Store], races: int, seed: int = 1) -> Counter[str]:
    """Let later facts of calls race on two hosts; returns how often each thing was wrong, and `races`.

    Each race is one call with up to seven facts at once: an answered party, one or two machines, a recording, the end
    or its loss and a late end, a call-back. Rows are counted all the while.
    """
    found = Counter[str](races=0)
    calls: dict[str, Expected] = {}
    done = asyncio.Event()

    async def count(host: Store) -> None:
        while not done.is_set():
            await host.results.count(20)
            await asyncio.sleep(0.001)

    async def play(numbers: range) -> None:
        for number in numbers:
            id_ = f"leg-{number}"
            calls[id_] = await _one(hosts, id_, Random(f"{seed} {number}"), found)  # noqa: S311 - to be repeated
            found["races"] += 1

    counting = [asyncio.create_task(count(host)) for host in hosts]
    try:
        await asyncio.gather(*(play(range(first, races, LEGS_AT_ONCE)) for first in range(LEGS_AT_ONCE)))
    finally:
        done.set()
        await asyncio.gather(*counting)
    while await hosts[0].results.count():
        pass
    async with hosts[0].records() as records:
        rows = {row.id: row for row in await records.results_between(0, 1 << 40)}
        sums = await records.result_sums(0, NOON_MS * 2)
    found.update(_wrong(calls, rows))
    stored = {(each.result, each.until_s): (each.calls, each.ms) for each in sums}
    found["sums differ from rows"] += stored != _summed(rows)
    return found


def _wrong(calls: Mapping[str, Expected], rows: Mapping[str, ResultRow]) -> Counter[str]:
    found = Counter[str]()
    for id_, call in calls.items():
        row = rows.get(id_)
        if row is None:
            found["no row"] += 1
            continue
        for name in ("result", "person_at", "ended_at", "returned_at"):
            found[f"{name} is wrong"] += getattr(row, name) != getattr(call, name)
    return found


def _summed(rows: Mapping[str, ResultRow]) -> dict[tuple[str, int], tuple[int, int]]:
    sums = defaultdict[tuple[str, int], list[int]](lambda: [0, 0])
    for row in rows.values():
        until_s = -1 if row.person_at is None else (row.person_at - row.began_at) // 1000
        sums[row.result, until_s][0] += 1
        sums[row.result, until_s][1] += max(0, row.ended_at - row.began_at) if row.ended_at is not None else 0
    return {key: (calls, ms) for key, (calls, ms) in sums.items()}


async def _one(hosts: tuple[Store, Store], id_: str, luck: Random, found: Counter[str]) -> Expected:
    """Begin a call, and let its facts race."""
    call = Expected()
    for number in range(1, luck.randint(1, 2) + 1):
        heard = luck.choice((0, PLAYED, HOURS, ASKED, CHOSEN, HOURS | ASKED))
        rang = luck.choice(("", "", "acme.sales"))
        call.heard.append(heard)
        call.rang |= bool(rang)
        turn = turn_row(id_, number, heard=heard, rang=rang, result="")
        if number == 1:
            await _retried(partial(hosts[0].open_call, session_row(id_), turn, webhook_row(id_)), found)
        else:
            session, webhook = session_row(id_, version=number), webhook_row(id_, number - 1, 0)
            await _retried(partial(hosts[0].advance, session, turn, webhook), found)
    acts = _facts(hosts, id_, call, luck, found)
    luck.shuffle(acts)
    await asyncio.gather(*(act() for act in acts))
    if call.returned_at:
        await _retried(partial(hosts[1].results.mark_returned, id_, NOON_MS, ""), found)
    return call


def _facts(hosts: tuple[Store, Store], id_: str, call: Expected, luck: Random, found: Counter[str]) -> list[Act]:
    """What happens at once, each on a random host."""

    async def record(kind: str, turn: int, at: int) -> None:
        status = kind.removeprefix("event-")
        webhook = webhook_row(id_, turn, 0, status, kind=kind, received_at=at)
        await _retried(partial(luck.choice(hosts).record, webhook), found)

    def fact(kind: str, turn: int, at: int) -> Act:
        return lambda: record(kind, turn, at)

    turns = range(1, len(call.heard) + 1)
    acts: list[Act] = []
    for turn in turns:
        if luck.random() < 0.4:
            call.answered[turn] = NOON_MS + luck.randint(1, 60_000)
            acts.append(fact("event-answered", turn, call.answered[turn]))
        if luck.random() < 0.4:
            call.machines.add(turn)
            acts.append(fact("event-machine", turn, NOON_MS + luck.randint(1, 60_000)))
        if luck.random() < 0.4:
            call.recorded.add(turn)
            acts.append(fact("record", turn, NOON_MS + 90_000))
    ends_at = NOON_MS + luck.randint(1, 100_000)
    is_reported = luck.random() < 0.8
    call.ended_at = ends_at if is_reported else None
    version = len(call.heard)
    if luck.random() < 0.3 or not is_reported:
        acts.append(lambda: _lose(luck.choice(hosts), id_, version, found))
    if is_reported:
        acts.append(lambda: _end(luck.choice(hosts), id_, ends_at, found))
    if luck.random() < 0.3:
        call.returned_at = NOON_MS
        acts.append(lambda: _retried(partial(luck.choice(hosts).results.mark_returned, id_, NOON_MS, ""), found))
    return acts


async def _retried(write: Act, found: Counter[str]) -> None:
    """Write as Vonage does, which sends a webhook again after a 503."""
    for _ in range(3):
        try:
            await write()
        except StoreError as error:
            found[f"note: {type(error).__name__}, sent again"] += 1
        else:
            return
    found["not written after three times"] += 1


async def _lose(host: Store, id_: str, version: int, found: Counter[str]) -> None:
    call = EndOfCall(id_, version, "inbound", NUMBER, LINE)
    await _retried(partial(host.end_lost, call, id_, NOON_MS + 200_000), found)


async def _end(host: Store, id_: str, at: int, found: Counter[str]) -> None:
    webhook = webhook_row(id_, kind="event-completed", received_at=at)

    async def end() -> None:
        while True:
            calls = [EndOfCall(row.id, row.version, "inbound", NUMBER, LINE) for row in await host.calls_of(id_)]
            try:
                await host.end(id_, calls, webhook)
            except Conflict:
                continue
            return

    await _retried(end, found)


async def results_raced(trial: Trial) -> Outcome:
    """Let late facts about a call race on two hosts: rows and sums are right in any order."""
    url = trial.url()
    async with open_store(url) as one, open_store(url) as other:
        found = await race((one, other), trial.size, trial.seed)
    return judged(found)


def judged(found: Counter[str]) -> Outcome:
    """What races counted: a key that is not a note is a fault."""
    seen = [f"{found.pop('races')} races", *(f"{what}: {count}" for what, count in found.items() if count)]
    return Outcome(seen, counted({what: count for what, count in found.items() if not what.startswith("note: ")}))
