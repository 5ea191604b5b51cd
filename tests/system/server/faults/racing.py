"""Duplicate deliveries at the same moment to two servers on one database: only one of them handles each webhook."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from tests.support.postgres_server import Server, shared_server
from tests.support.webhooks import callback, facts, keys
from tests.system.server.faults.office import Office
from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Answer, Wire
from tests.system.trial import Outcome, Trial, counted

TOLD_S: Final = 60.0
KEY: Final = "invented-key-of-both-servers-for-tests-only"
OF_POSTGRES: Final = "convert_from(ncco, 'UTF8')"


class Database(NamedTuple):
    """The database that both servers write to.

    Attributes:
        count: runs a query that returns one number.
        ncco: the SQL expression for the text of an NCCO.
    """

    url: str
    count: Callable[[str], int]
    ncco: str


def in_postgres(server: Server) -> Database:
    """A new database on a PostgreSQL server."""
    name = server.new_database()
    return Database(server.url(name), lambda query: int(server.ask(query, database=name)[0][0]), OF_POSTGRES)


def _file(path: Path) -> Database:
    def count(query: str) -> int:
        with closing(sqlite3.connect(path)) as connection:
            return int(connection.execute(query).fetchone()[0])

    return Database("", count, "CAST(ncco AS TEXT)")


@dataclass
class Races:
    """The result of all pairs.

    Attributes:
        pairs: the number of pairs by kind of webhook.
        faults: violations and how often each occurred.
        hooks: how many hooks should be sent.
    """

    pairs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    hooks: int = 0


class Twins:
    """One call with duplicate webhooks: the two of a pair are sent at the same time, on different connections."""

    def __init__(self, wires: tuple[Wire, Wire], leg: str, races: Races) -> None:
        self._wires = wires
        self._leg = leg
        self._races = races
        self._ncco: list[dict[str, Any]] = []

    async def call(self) -> None:
        """Make a call: answer, a wrong key, sales, busy, a recording, the end. It causes three hooks."""
        of_call = facts(self._leg)
        await self._twice("answer", "/webhooks/answer", of_call)
        await self._twice("input", self._path("input"), {**of_call, **keys("9")})
        await self._twice("input", self._path("input"), {**of_call, **keys("4")})
        notify = {"payload": self._ncco[-1]["payload"], "conversation_uuid": f"CON-{self._leg}"}
        await self._twice("notify", self._path("notify"), notify)
        await self._twice("input", self._path("input"), {**of_call, **keys("1")})
        dialled = {**of_call, "uuid": f"{self._leg}-b", "direction": "outbound"}
        await self._twice("event", self._path("event"), {**dialled, "status": "ringing"})
        await self._twice("event", self._path("event"), {**dialled, "status": "busy"})
        recording = {"recording_url": "https://api.nexmo.com/v1/files/1", "conversation_uuid": f"CON-{self._leg}"}
        await self._twice("record", self._path("event"), recording)
        ended = {**of_call, "status": "completed", "direction": "inbound"}
        await self._twice("event", "/webhooks/event", ended)
        self._races.hooks += 3

    async def _twice(self, kind: str, path: str, fields: dict[str, Any]) -> None:
        one, other = await asyncio.gather(*(wire.post(path, fields) for wire in self._wires))
        self._races.pairs[kind] += 1
        if {one.status, other.status} != {200}:
            self._races.faults[f"{kind}: status {one.status} and {other.status}"] += 1
        if one.body != other.body:
            self._races.faults[f"{kind}: two replies"] += 1
        self._ncco = _ncco_of(one) or self._ncco

    def _path(self, kind: str) -> str:
        return f"/webhooks/{callback(self._ncco, kind).partition('/webhooks/')[2]}"


def _ncco_of(answer: Answer) -> list[dict[str, Any]]:
    return answer.ncco if answer.status == 200 else []


def serving(folder: Path, office: Office, database: Database | None) -> Served:
    """Start one of the two servers."""
    if database is None:
        return served(folder, office=office.url)
    return served(folder, office=office.url, NCCO_DATABASE_URL=database.url, NCCO_KEY=KEY)


async def race(folder: Path, pairs: int, *, database: Database | None = None, phones: int = 12, seed: int = 1) -> Races:
    """Send pairs of webhooks to two servers on one database, then count what the database and the office received.

    Args:
        folder: the folder of the servers.
        pairs: the minimum number of pairs.
        phones: the number of simultaneous calls.
        database: a PostgreSQL database; None means a file in `folder`.
        seed: determines the calls.
    """
    races = Races()
    async with Office() as office:
        with serving(folder, office, database) as one, serving(folder, office, database) as other:
            chance = Random(seed)  # noqa: S311 - the same calls in each run
            await asyncio.gather(*(_call((one, other), chance, pairs, races) for _ in range(phones)))
            async with asyncio.timeout(TOLD_S):
                while sum(map(len, office.told.values())) < races.hooks:  # noqa: ASYNC110 - of other processes
                    await asyncio.sleep(0.05)
            one.stop()
            other.stop()
        twice = sum(len(bodies) - len(set(bodies)) for bodies in office.told.values())
        races.faults.update({"hooks told under two ids": twice} if twice else {})
        again = sum(times - 1 for times in office.hooks.values())
        races.faults.update({"hooks sent once more": again} if again else {})
        if sum(map(len, office.told.values())) != races.hooks:
            races.faults["hooks that nobody expected"] += 1
    _count(database or _file(folder / "calls.db"), races)
    return races


async def _call(servers: tuple[Served, Served], chance: Random, pairs: int, races: Races) -> None:
    one, other = (Wire("127.0.0.1", server.port) for server in servers)
    while sum(races.pairs.values()) < pairs:
        await Twins((one, other), f"{chance.getrandbits(128):032x}", races).call()
    one.close()
    other.close()


TURNS: Final = 6
"""The turns of a call: the answer, three keys, a checkpoint and a busy line. Duplicates cause no further turns."""


def _count(database: Database, races: Races) -> None:
    queries = {
        f"calls that have not {TURNS} turns": f"""
            SELECT count(*) FROM (SELECT call_key FROM turns GROUP BY call_key HAVING count(*) <> {TURNS}) AS wrong
        """,
        "calls that are not over": "SELECT count(*) FROM calls WHERE NOT is_over",
        "calls whose first menu was not tried once": f"""
            SELECT count(*) FROM turns WHERE number = 2 AND {database.ncco} NOT LIKE '%That is no choice.%'
        """,
    }
    for name, query in queries.items():
        if count := database.count(query):
            races.faults[name] += count


async def raced(trial: Trial) -> Outcome:
    """Send each webhook to two servers at the same moment: they send the same bytes, and count it once."""
    database = None if trial.database == "sqlite" else in_postgres(shared_server())
    races = await race(trial.folder, trial.size, database=database, seed=trial.seed)
    seen = [f"{sum(races.pairs.values())} pairs: {dict(races.pairs)}", f"{races.hooks} hooks were to be told"]
    return Outcome(seen, [*counted(races.faults), *([] if races.hooks else ["no hook was to be told"])])
