"""Kills a server repeatedly under load, and checks that everything it acknowledged was kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import orjson

from tests.support.postgres_server import shared_server
from tests.system.server.faults.office import Office
from tests.system.server.faults.phone import Luck, Phone, Tally
from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Answer, Lost, Wire
from tests.system.trial import Outcome, Trial, counted

MARK: Final = "timestamp"
"""The field that identifies a delivery, because it is stored also if what a caller entered is not."""
TRIES: Final = 5
"""How often a repeated delivery is sent while the server cannot answer in time."""
IN_TIME: Final = frozenset({"no-store", "late"})
"""The failures of a server that cannot answer in time."""
REPLAYED: Final = 200
"""How many acknowledged deliveries of each round are repeated; the unacknowledged ones are all repeated."""
WEBHOOKS_PER_KILL: Final = 150
"""How many there are in runs that look at more than the webhooks."""
REPEATERS: Final = 16
"""How many connections repeat them."""

HALF_WRITTEN: Final = {
    "a call without a turn": """
        SELECT count(*) FROM calls WHERE NOT EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key)
    """,
    "a turn that is missing between others": """
        SELECT count(*) FROM (
            SELECT call_key FROM turns GROUP BY call_key HAVING max(number) - min(number) + 1 <> count(*)
        ) AS torn
    """,
    "a turn without the webhook that caused it": """
        SELECT count(*) FROM turns WHERE webhook NOT IN (SELECT id FROM webhooks)
    """,
    "a call that has moved without a turn": """
        SELECT count(*) FROM calls
        WHERE version <> CASE WHEN is_over THEN 1 ELSE 0 END + (SELECT count(*) FROM turns WHERE call_key = calls.key)
    """,
    "a turn of no call": "SELECT count(*) FROM turns WHERE call_key NOT IN (SELECT key FROM calls)",
    "a hook of no call": "SELECT count(*) FROM hooks WHERE session NOT IN (SELECT id FROM calls)",
}

Rows: TypeAlias = Callable[..., list[tuple[Any, ...]]]
"""Reads rows of the server's database: SQL and its values."""

OVER: Final = """
    SELECT id FROM calls WHERE is_over = 1 AND instr(state, '"parent"') = 0
"""
WAITING: Final = "SELECT session FROM hooks WHERE name = 'over'"


class Killed(Exception):
    """The server was killed."""


class Sent(NamedTuple):
    """A delivery and its answer; None if the server was killed before it answered."""

    path: str
    fields: dict[str, Any]
    answer: Answer | None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the server has said that it handled the webhook."""
        return self.answer is not None and not self.answer.failure


class MarkedWire(Wire):
    """Adds a mark to each delivery, the same to a repeated one, and records the answer.

    Raises Killed where `Wire` raises Lost.
    """

    def __init__(self, port: int, sent: list[Sent]) -> None:
        super().__init__("127.0.0.1", port)
        self._sent = sent

    async def post(self, path: str, fields: dict[str, Any]) -> Answer:
        """Send one webhook."""
        marked = {**fields, MARK: hashlib.sha256(orjson.dumps([path, fields])).hexdigest()[:16]}
        try:
            answer = await super().post(path, marked)
        except Lost as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                self._sent.append(Sent(path, marked, None))
            raise Killed from error
        self._sent.append(Sent(path, marked, answer))
        return answer


@dataclass
class Losses:
    """The result of all rounds.

    Attributes:
        acknowledged: webhooks that were answered with 200 or 204.
        committed: unanswered webhooks that were stored all the same.
        unstored: webhooks whose answer said that they are not stored, because of the store or the time.
        ends: calls that are over.
        faults: violations and how often each occurred.
    """

    kills: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    committed: int = 0
    replayed: int = 0
    unstored: int = 0
    ends: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def rows_of(url: str) -> Rows:
    """A reader of the database with this URL, in SQL for both kinds."""

    def read(sql: str, *values: object) -> list[tuple[Any, ...]]:
        parts = urlsplit(url)
        if parts.scheme != "sqlite":
            return shared_server().ask(sql, *values, database=parts.path.lstrip("/"))
        with closing(sqlite3.connect(parts.path)) as connection:
            return connection.execute(sql.replace("$", "?"), values).fetchall()

    return read


def _look_at_nothing(rows: Rows, kills: int) -> None:
    """Do nothing."""


async def kill_again_and_again(
    folder: Path,
    kills: int,
    webhooks: int,
    *,
    seed: int = 1,
    phones: int = 24,
    say: Callable[[str], None] = print,
    luck: Luck | None = None,
    url: str = "",
    look: Callable[[Rows, int], None] = _look_at_nothing,
    tells_ends: bool = True,
    **variables: str,
) -> Losses:
    """Kill and restart a server `kills` times, spread over `webhooks` acknowledged deliveries.

    Args:
        folder: where the server writes.
        kills, webhooks: how many.
        seed: of all random decisions.
        phones: how many calls there are at a time.
        say: is told how it goes.
        luck: the bad luck of the calls.
        url: the database; by default, a SQLite file in `folder`.
        look: is called with the database and the number of kills after each kill, and once after the last restart.
        tells_ends: whether the server's flow reports the end of each call.
        variables: settings of the server, other than the usual ones.
    """
    chance = Random(seed)  # noqa: S311 - the same moments in each run
    losses, sent, read = Losses(), list[Sent](), 0
    url = url or f"sqlite:///{folder}/calls.db"
    rows = rows_of(url)
    async with Office() as office:
        for number in range(kills + 1):
            if number:
                look(rows, number - 1)
            with served(folder, office=office.url, NCCO_DATABASE_URL=url, **variables) as server:
                await _replay(server, sent, _stored(rows, sent, read, losses), chance, losses)
                if number == kills:
                    break
                read, sent = _last_key(rows), []
                await _serve_and_kill(server, chance, phones, webhooks // kills, sent, luck=luck)
            losses.kills += 1
            if number % 10 == 9:
                say(
                    f"{losses.kills} kills, {losses.acknowledged} acknowledged, faults: {dict(losses.faults) or 'none'}"
                )
        look(rows, kills)
        _look_at_all(rows, losses, is_file=url.startswith("sqlite"))
        if tells_ends:
            _look_at_ends(rows, office, losses)
    return losses


async def _serve_and_kill(
    server: Served, chance: Random, phones: int, webhooks: int, sent: list[Sent], *, luck: Luck | None
) -> None:
    """Make calls until `webhooks` webhooks have been sent, then kill the server within 30 ms."""
    callers = [asyncio.create_task(_call(server, chance, sent, luck)) for _ in range(phones)]
    while len(sent) < webhooks:
        await asyncio.sleep(0.005)
        assert server.process.poll() is None, "it has ended by itself"
    await asyncio.sleep(chance.random() * 0.03)
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.gather(*callers)


async def _call(server: Served, chance: Random, sent: list[Sent], luck: Luck | None) -> None:
    wires = (MarkedWire(server.port, sent), MarkedWire(server.port, sent))
    phone = Phone(wires, Random(chance.random()), Tally(), luck)  # noqa: S311 - the same calls in each run
    try:
        while True:
            await phone.call()
    except Killed:
        for wire in wires:
            wire.close()


def _last_key(rows: Rows) -> int:
    key: int = rows("SELECT coalesce(max(key), 0) FROM webhooks")[0][0]
    return key


def _stored(rows: Rows, sent: list[Sent], after: int, losses: Losses) -> dict[str, bytes | None]:
    """What a killed server has stored of a round: by mark, the reply that was stored with the webhook, or None."""
    if not sent:
        return {}
    query = "SELECT w.body, t.ncco FROM webhooks w LEFT JOIN turns t ON t.webhook = w.id WHERE w.key > $1"
    found: dict[str, bytes | None] = {}
    for body, ncco in rows(query, after):
        mark = orjson.loads(body)[MARK]
        found[mark] = found.get(mark) or ncco
    for delivery in sent:
        is_there = delivery.fields[MARK] in found
        if delivery.answer is None:
            losses.unanswered += 1
            losses.committed += is_there
        elif delivery.answer.failure in IN_TIME:
            losses.unstored += 1
        elif not delivery.is_acknowledged or delivery.answer.status not in (200, 204):
            losses.faults[f"status {delivery.answer.status} {delivery.answer.failure}"] += 1
        else:
            losses.acknowledged += 1
            losses.faults.update([] if is_there else ["acknowledged and lost"])
    return found


async def _replay(
    server: Served, sent: list[Sent], stored: dict[str, bytes | None], chance: Random, losses: Losses
) -> None:
    """Repeat all unanswered deliveries and some answered ones. Each must get the bytes that were stored."""
    answered = [delivery for delivery in sent if delivery.is_acknowledged]
    again = [delivery for delivery in sent if delivery.answer is None]
    again += chance.sample(answered, min(REPLAYED, len(answered)))
    await asyncio.gather(*(_send_again(server, again[n::REPEATERS], stored, losses) for n in range(REPEATERS)))


async def _send_again(server: Served, deliveries: list[Sent], stored: dict[str, bytes | None], losses: Losses) -> None:
    wire = Wire("127.0.0.1", server.port)
    for delivery in deliveries:
        for _ in range(TRIES):
            answer = await wire.post(delivery.path, delivery.fields)
            if answer.failure not in IN_TIME:
                break
        losses.replayed += 1
        if answer.status != 200 or answer.failure:
            losses.faults[f"status {answer.status} {answer.failure} when it was sent again"] += 1
            continue
        if delivery.answer is not None and answer.body != delivery.answer.body:
            losses.faults["acknowledged, and other bytes when it was sent again"] += 1
        written = stored.get(delivery.fields[MARK])
        if written is not None and answer.body != written:
            losses.faults["written, and other bytes when it was sent again"] += 1
    wire.close()


def _look_at_ends(rows: Rows, office: Office, losses: Losses) -> None:
    """Check that the end of each finished call was reported or is waiting to be, and no other."""
    told = [orjson.loads(body)["call"] for body in office.told.get("/over", ())]
    over = {id_ for (id_,) in rows(OVER)}
    waiting = [id_ for (id_,) in rows(WAITING)]
    losses.ends = len(over)
    losses.faults.update(
        {
            fault: count
            for fault, count in {
                "an end that nobody is told": len(over - {*told, *waiting}),
                "an end of a call that is not over": len({*told, *waiting} - over),
                "an end under two ids": len(told) - len({*told}) + len(waiting) - len({*waiting}),
            }.items()
            if count
        }
    )


def _look_at_all(rows: Rows, losses: Losses, *, is_file: bool) -> None:
    for name, query in HALF_WRITTEN.items():
        if count := rows(query)[0][0]:
            losses.faults[name] += count
    integrity = rows("PRAGMA integrity_check")[0][0] if is_file else "ok"
    if integrity != "ok":
        losses.faults[f"integrity_check: {integrity}"] += 1


async def killed(trial: Trial) -> Outcome:
    """Kill a server under load.

    All is kept that was acknowledged, what was written but not acknowledged gets the stored reply when it is sent
    again, and nothing is half written. A kill is not a power cut: tests/contract/server/store shows that the file
    is synced before each acknowledgement.
    """
    webhooks = trial.size * (2_000 if trial.is_long else 600)
    losses = await kill_again_and_again(trial.folder, trial.size, webhooks, seed=trial.seed)
    seen = [*told(losses), f"{losses.ends} calls have ended"]
    unlucky = [] if 0 < losses.unanswered < losses.replayed else ["no kill came while a webhook was being handled"]
    return Outcome(seen, [*counted(losses.faults), *unlucky])


def told(losses: Losses) -> list[str]:
    """The kills and what became of the webhooks, in words."""
    return [
        f"{losses.kills} kills, {losses.acknowledged} webhooks acknowledged",
        f"{losses.unanswered} were not answered, {losses.committed} of these were written; "
        f"{losses.replayed} were sent again; {losses.unstored} answers said that they were not stored",
    ]
