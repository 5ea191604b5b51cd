"""Databases with months of recorded calls, written in bulk: copies of calls that a server has taken, and their results.

Indexes are made at the end, which takes a fraction of the time.

Most calls come on weekdays in office hours, from people who call again and again. The documents are those of two real
calls, one that was put through and one that was not, with other legs and numbers.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from benchmarks.load import requests, serving
from ncco_server.results import CHOSEN, ResultName
from ncco_server.store import QUARTER_MS, EndOfCall, ResultRow, SessionRow, Timeline, TurnRow, open_store

DAYS: Final = 90
AT_ONCE: Final = 5_000
OPEN_CALLS: Final = 40
UNCOUNTED: Final = 200
"""How many of the newest results the sums do not contain yet."""
LINES: Final = tuple(f"44207946000{number}" for number in range(5))
FLOWS: Final = (("frontdesk", 70), ("sales", 17), ("repairs", 10), ("night", 3))
HOURS: Final = (1, 1, 1, 1, 1, 2, 5, 20, 70, 100, 110, 100, 80, 85, 100, 95, 80, 50, 25, 15, 10, 6, 3, 2)
"""How many calls come in each hour of a weekday, relative to each other; on Sundays, a tenth."""
NAMES: Final = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Mary Jackson", "Tim Berners-Lee", "Zoë Müller")
CALLER: Final = "447700900123"
LINE: Final = "442079460000"


class Ending(NamedTuple):
    """How calls end: their result and the flow's own one, out of a thousand, and whether they were put through."""

    result: ResultName
    own: str
    share: int
    dials: bool


ENDINGS: Final = (
    Ending("person", "", 430, dials=True),
    Ending("person", "booked", 40, dials=True),
    Ending("missed", "", 110, dials=True),
    Ending("missed", "", 60, dials=False),
    Ending("served", "", 225, dials=False),
    Ending("own", "moved", 65, dials=False),
    Ending("message", "", 60, dials=False),
    Ending("lost", "", 10, dials=False),
)

WEBHOOK_COLUMNS: Final = "key call_key id kind session turn wait status leg conversation method body received_at"
COLUMNS: Final = {
    "calls": ["key", *SessionRow._fields],
    "turns": ["call_key", *TurnRow._fields[1:]],
    "webhooks": WEBHOOK_COLUMNS.split(),
    "ncco_results": list(ResultRow._fields[:-1]),  # the reason is not stored
}

COUNT: Final = (
    "DELETE FROM ncco_sums",
    *(
        f"""
        INSERT INTO ncco_sums
        SELECT {level}, began_at / {QUARTER_MS} / {width} * {width}, counted_result, flow, {about}, count(*),
            sum(counted_ms)
        FROM ncco_results
        WHERE counted_result <> ''
        GROUP BY 2, 3, 4, 5, 6, 7
        """  # noqa: S608 - our own names
        for level, width, about in (
            (0, 1, "'', '', -1"),
            (1, 1, "line, counted_own, counted_until_s"),
            (2, 96, "line, counted_own, counted_until_s"),
        )
    ),
)
"""Count the results, as servers do in small parts."""


class Call(NamedTuple):
    """A stored call to copy."""

    leg: str
    conversation: str
    timeline: Timeline


def fill(url: str, count: int, folder: Path, seed: int = 1) -> list[str]:
    """Store `count` calls of the last `DAYS` days in an empty database; returns the callers' numbers."""
    rng = random.Random(seed)  # noqa: S311 - test data
    samples = _take_samples(url, folder)
    numbers = [f"447{rng.randrange(10**9):09}" for _ in range(max(10, count // 4))]
    batches = _batches(samples, numbers, count, rng)
    path = url.removeprefix("sqlite:///")
    if path != url:
        _fill_sqlite(Path(path), batches)
    else:
        asyncio.run(_fill_postgres(url, batches))
    return numbers


def _take_samples(url: str, folder: Path) -> list[Call]:
    """A call that pressed no key, and one that was put through, as a server stores them."""
    legs = []
    with serving.ours(folder, "samples", url) as server:
        for presses in (False, True):
            answer = requests.answer_request()
            leg = orjson.loads(answer.partition(b"\r\n\r\n")[2])["uuid"]
            reply = serving.ask(server.port, answer)
            if presses:
                connect = _callback(serving.ask(server.port, b"POST " + _callback(reply) + requests.input_request()))
                for status in ("started", "ringing", "answered"):
                    serving.ask(server.port, b"POST " + connect + requests.status_request(status))
            serving.ask(server.port, b"POST /webhooks/event" + requests.status_request("completed", leg))
            legs.append(leg)
    return asyncio.run(_stored(url, legs))


def _callback(reply: bytes) -> bytes:
    ncco = orjson.loads(reply.partition(b"\r\n\r\n")[2])
    url: str = next(action["eventUrl"][0] for action in ncco if "eventUrl" in action)
    return url.partition("example.com")[2].encode()


async def _stored(url: str, legs: Sequence[str]) -> list[Call]:
    async with open_store(url).records() as records:
        timelines = [await records.timeline(leg) for leg in legs]
    return [Call(each.call.session.leg, each.call.session.conversation, each) for each in timelines if each]


def _batches(
    samples: Sequence[Call], numbers: Sequence[str], count: int, rng: random.Random
) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """The rows of all calls, by table, oldest call first."""
    now = int(time.time() * 1000)
    times = _times(now, count, rng)
    shares = list(accumulate(each.share for each in ENDINGS))
    flows = [name for name, _ in FLOWS]
    weights = list(accumulate(weight for _, weight in FLOWS))
    key, webhook_key = 1_000, 10_000
    for first in range(0, count, AT_ONCE):
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        for number, at in enumerate(times[first : first + AT_ONCE], first):
            ending = ENDINGS[bisect(shares, rng.randrange(shares[-1]))]
            sample = samples[ending.dials]
            caller = "" if rng.random() < 0.04 else numbers[int(len(numbers) * rng.random() ** 3)]
            line = LINES[int(len(LINES) * rng.random() ** 2)]
            flow = flows[bisect(weights, rng.randrange(weights[-1]))]
            is_over = number < count - OPEN_CALLS
            key += 1
            names = f"{rng.getrandbits(128):032x}", caller, line, flow
            call = _copy(rows, sample, (key, webhook_key, at), names, is_over=is_over)
            webhook_key += len(sample.timeline.webhooks)
            if is_over:
                is_counted = number < count - OPEN_CALLS - UNCOUNTED
                keys = key, webhook_key, at
                rows["ncco_results"].append(_result(call, ending, keys, rng, is_counted=is_counted)[:-1])
        yield rows


def _times(now: int, count: int, rng: random.Random) -> list[int]:
    """When each call began, in order; the last ones are still in progress."""
    first = now // QUARTER_MS - DAYS * 96
    weights = []
    for quarter in range(first, first + DAYS * 96):
        weekday = (quarter // 96 + 3) % 7
        weights.append(HOURS[quarter // 4 % 24] * (1.0 if weekday < 5 else 0.4 if weekday == 5 else 0.1))
    quarters = rng.choices(range(first, first + DAYS * 96), weights, k=count - OPEN_CALLS)
    times = [quarter * QUARTER_MS + rng.randrange(QUARTER_MS) for quarter in quarters]
    return sorted(times) + sorted(now - rng.randrange(120_000) for _ in range(OPEN_CALLS))


def _copy(
    rows: dict[str, list[tuple[Any, ...]]],
    sample: Call,
    numbers: tuple[int, int, int],
    names: tuple[str, str, str, str],
    *,
    is_over: bool,
) -> EndOfCall:
    """Add a copy of a call with other keys, another start, leg, caller, line and flow."""
    key, webhook_key, at = numbers
    leg, caller, line, flow = names
    conversation = f"CON-{leg[:8]}-{leg[8:12]}-{leg[12:16]}-{leg[16:20]}-{leg[20:]}"
    changes = (
        (sample.leg.encode(), leg.encode()),
        (sample.conversation.encode(), conversation.encode()),
        (CALLER.encode(), caller.encode()),
        (LINE.encode(), line.encode()),
    )

    def changed(document: bytes) -> bytes:
        for old, new in changes:
            document = document.replace(old, new)
        return document

    session = sample.timeline.call.session
    state = changed(session.state)
    rows["calls"].append(
        (key, leg, leg, conversation, flow, session.revision, session.version, state, is_over, at, at + 90_000)
    )
    for turn in sample.timeline.turns:
        facts = (False, CHOSEN if turn.number > 1 else 0, f"{flow}.operator" if turn.number > 1 else "", "")
        documents = changed(turn.ncco), changed(turn.trace), turn.inputs
        rows["turns"].append((key, turn.number, *documents, *turn[5:9], at + 12_000 * turn.number, *facts))
    for number, webhook in enumerate(sample.timeline.webhooks, 1):
        about = (webhook.id[:20] + leg[:12], webhook.kind, leg, *webhook[3:6])
        body = changed(webhook.body)
        rows["webhooks"].append(
            (webhook_key + number, key, *about, leg, conversation, webhook.method, body, at + 9_000 * number)
        )
    name = NAMES[key % len(NAMES)] if key % 3 == 0 else ""
    return EndOfCall(leg, session.version, "inbound", caller, line, name, f"{flow}.operator")


def _result(
    call: EndOfCall, ending: Ending, numbers: tuple[int, int, int], rng: random.Random, *, is_counted: bool
) -> ResultRow:
    key, webhook, at = numbers
    until_s = int(min(6 + rng.expovariate(1 / 20), 110)) if ending.result == "person" else -1
    ms = 0 if ending.result == "lost" else int(1000 * min(8 + max(until_s, 0) + rng.expovariate(1 / 120), 7_200))
    is_returned = ending.result == "missed" and rng.random() < 0.3
    return ResultRow(
        call_key=key,
        id=call.id,
        previous="",
        is_last=True,
        direction="inbound",
        flow=call.step.partition(".")[0],
        party=call.party,
        party_end=call.party[::-1],
        line=call.line,
        name=call.name,
        step=call.step,
        is_played=ending.result == "served",
        has_failed=key % 200 == 0,
        result=ending.result,
        own=ending.own,
        rang=call.step if ending.dials else "",
        began_at=at,
        person_at=at + 1000 * until_s if until_s >= 0 else None,
        ended_at=at + ms if ms else None,
        returned_at=at + 7_200_000 if is_returned else None,
        returned_by="owner" if is_returned else "",
        version=call.version,
        webhook=webhook,
        changed_at=at + ms,
        is_counted=is_counted,
        counted_result=ending.result if is_counted else "",
        counted_own=ending.own if is_counted else "",
        counted_ms=ms if is_counted else 0,
        counted_until_s=until_s if is_counted else -1,
    )


def _fill_sqlite(path: Path, batches: Iterator[dict[str, list[tuple[Any, ...]]]]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
            connection.execute(f"PRAGMA {pragma}")
        marks = ", ".join("?" * len(COLUMNS))
        found = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = connection.execute(f"{found} AND tbl_name IN ({marks})", list(COLUMNS)).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for rows in batches:
            connection.execute("BEGIN")
            for table, columns in COLUMNS.items():
                marks = ", ".join("?" * len(columns))
                sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
                connection.executemany(sql, rows[table])
            connection.execute("COMMIT")
        for sql in (*(sql for _, sql in indexes), *COUNT):
            connection.execute(sql)
        connection.execute("PRAGMA journal_mode = WAL")


async def _fill_postgres(url: str, batches: Iterator[dict[str, list[tuple[Any, ...]]]]) -> None:
    connection = await asyncpg.connect(url, command_timeout=900)
    await connection.execute("SET session_replication_role = replica")  # foreign keys are not checked
    await connection.execute("SET maintenance_work_mem = '1GB'")
    indexes = await connection.fetch(
        """
        SELECT indexname, indexdef
        FROM pg_indexes
        WHERE tablename = ANY($1) AND indexname NOT IN (SELECT conname FROM pg_constraint)
        """,
        list(COLUMNS),
    )
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    for rows in batches:
        for table, columns in COLUMNS.items():
            await connection.copy_records_to_table(table, records=rows[table], columns=columns)
    for sql in (*(sql for _, sql in indexes), *COUNT):
        await connection.execute(sql)
    for table in ("calls", "webhooks"):
        await connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'key'), max(key)) FROM {table}")  # noqa: S608 - our own names
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
