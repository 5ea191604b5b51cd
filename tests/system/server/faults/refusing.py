"""Places calls while others change the table of blocked numbers and all of them are killed; then checks the calls."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.store import Store, open_store
from tests.support.fork_server import Forked
from tests.support.waiting import happens
from tests.system.server.faults import refusing_process
from tests.system.server.faults.placed_calls import REMINDER, flows_of, utc_now
from tests.system.server.faults.refusing_process import WRITERS
from tests.system.trial import Outcome, Trial

FIRST_NUMBER: Final = 447_700_000_000
SCRIPT: Final = Path(refusing_process.__file__)
ENDS_WITHIN_S: Final = 1_800


class Line(NamedTuple):
    """A line of a log; `at` is nanoseconds."""

    event: str
    number: str
    at: int


@dataclass(slots=True)
class RefusedCalls:
    """What happened.

    Attributes:
        kills: how many processes were killed while they worked.
        outcomes: how many numbers were called, and how many were refused.
        changes: how many changes of the table were committed, by kind.
        close: how many of the refused were added in the same 10 ms in which they were tried.
        faults: violations, as sentences.
    """

    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    close: int = 0
    faults: list[str] = field(default_factory=list)


async def refuse_while_killing(
    folder: Path, url: str, calls: int, kills: int, *, callers: int = 1, seed: int = 1
) -> RefusedCalls:
    """Place `calls` while three writers change the table, and kill one of them at a time, up to `kills` times."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    found = RefusedCalls()
    async with open_store(url) as store:
        await _add(store, calls)
        names = [f"writer {share}" for share in range(WRITERS)] + [f"caller {share}" for share in range(callers)]
        logs = {name: folder / f"{name}.log" for name in names}
        processes = dict[str, Forked]()
        try:
            for name, log in logs.items():
                processes[name] = _start(name, url, log)
                if name.startswith("writer"):  # or the calls may be over before it begins
                    await asyncio.to_thread(happens, partial(_lines, log))
            pause_s = 0.2 + calls / 400 / max(kills, 1)  # spread over the run
            while found.kills < kills:
                await asyncio.sleep(chance.uniform(0, pause_s))
                working = [name for name, process in processes.items() if process.poll() is None]
                if not working:
                    break
                name = chance.choice(working)
                processes[name].kill()
                await asyncio.to_thread(processes[name].wait)
                found.kills += 1
                processes[name] = _start(name, url, logs[name])
            ends = await asyncio.gather(
                *(asyncio.to_thread(process.wait, ENDS_WITHIN_S) for process in processes.values())
            )
            found.faults += [f"a process ended with {code}" for code in ends if code]
        finally:
            for process in processes.values():
                process.kill()
        await _judge(found, store, {name: _lines(log) for name, log in logs.items()}, calls)
    return found


async def _add(store: Store, calls: int) -> None:
    flows = flows_of(REMINDER)
    wanted = [
        WantedCall(flow="reminder", to=str(FIRST_NUMBER + number), values={"name": "Ada"}, origin="cli")
        for number in range(calls)
    ]
    await store.placed.add_many([checked(each, flows, ("44",), utc_now(), (b"a key",)) for each in wanted])


def _start(name: str, url: str, log: Path) -> Forked:
    kind, share = name.split()
    return Forked([SCRIPT, kind, url, log, share])


def _lines(log: Path) -> list[Line]:
    found = (line.split() for line in log.read_text().splitlines()) if log.exists() else ()
    return [Line(event, number, int(at)) for event, number, at in found]


async def _judge(found: RefusedCalls, store: Store, logs: Mapping[str, Sequence[Line]], calls: int) -> None:
    tries = defaultdict[str, list[tuple[int, float, str]]](list)  # its start, its end and its result
    changes = defaultdict[str, list[Line]](list)
    for name, lines in logs.items():
        for line, following in pairwise([*lines, Line("", "", 0)]):
            if name.startswith("writer"):
                changes[line.number].append(line)
                found.changes[line.event] += line.event in ("added", "removed", "forgotten")
            elif line.event == "trying":
                is_known = following.number == line.number and following.event != "trying"
                tries[line.number].append((line.at, following.at if is_known else inf, following.event * is_known))
    rows = {row.number: row for row in await store.placed.list(calls)}
    for number, row in rows.items():
        attempts = await store.placed.attempts(row.id)
        outcome = "called" if attempts else row.outcome
        found.outcomes[outcome] += 1
        periods = _refused_periods(changes[number])
        own = [each for each in tries[number] if each[2] == outcome] or [each for each in tries[number] if not each[2]]
        if not own or outcome not in ("called", "refused"):
            found.faults.append(f"{number} is {row.state} after {len(own)} tries")
        elif outcome == "called" and all(_is_in(periods, each) for each in own):
            found.faults.append(f"{number} was called, but had been added before")
        elif outcome == "refused" and not any(line.event == "adding" for line in changes[number]):
            found.faults.append(f"{number} was refused, but had never been added")
        found.close += outcome == "refused" and any(own[0][0] - start < 10_000_000 for start, _ in periods)
    if len(rows) != calls:
        found.faults.append(f"{calls - len(rows)} calls are gone")


def _refused_periods(changes: Sequence[Line]) -> list[tuple[int, float]]:
    """The times when a number was certainly in the table: from a commit to the beginning of a removal."""
    periods = list[tuple[int, float]]()
    start: int | None = None
    for line in changes:
        if line.event == "added" and start is None:
            start = line.at
        elif line.event == "removing" and start is not None:
            periods.append((start, line.at))
            start = None
    return periods if start is None else [*periods, (start, inf)]


def _is_in(periods: Sequence[tuple[int, float]], attempt: tuple[int, float, str]) -> bool:
    """Whether a number was in the table from before an attempt until after it."""
    return any(start < attempt[0] and attempt[1] <= end for start, end in periods)


async def refused(trial: Trial) -> Outcome:
    """Change a table under `unless` while calls are placed. A number added before an attempt is not called."""
    calls = trial.size * (333 if trial.is_long else 100)
    callers = 2 if trial.database == "hosts" else 1
    found = await refuse_while_killing(trial.folder, trial.url(), calls, trial.size, callers=callers, seed=trial.seed)
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(found.outcomes.items()))
    changes = ", ".join(f"{number:,} {change}" for change, number in sorted(found.changes.items()) if number)
    seen = [
        f"{calls:,} calls, {found.kills} kills: {outcomes}",
        f"rows: {changes}; {found.close:,} were added in the 10 ms before they were refused",
    ]
    return Outcome(seen, found.faults)
