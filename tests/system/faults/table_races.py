"""Calls on two hosts and a program that change the same rows of tables at the same moment.

In each race, two calls of a person and a request to the API want to add the same row, and change one counter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
from structlog.testing import capture_logs

from ncco_server.service.calls import CallService
from ncco_server.store import SqliteDatabase, Store, open_store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web.programs_app import programs_app
from tests.unit.service.served_call import POLICY, ServedCall, service_at

SHARED: Final = """\
shared: true
tables:
  counters: {key: {name: text}, columns: {calls: int, program: int}}
  jobs: {key: {number: phone}, columns: {by: text}}
"""
MAIN: Final = """\
flow: main
default: true
start: take
vars: {is_mine: {type: bool}}
steps:
  take:
    save:
      - {table: counters, name: all, increase: {calls: 1}}
      - {table: jobs, number: "{{ call.person }}", set: {by: "{{ call.uuid }}"}, only_new: true, into: is_mine}
    branch:
      - if: is_mine
        goto: mine
      - else: taken
  mine: {do: [talk: It is yours.], goto: end}
  taken: {do: [talk: It is taken.], goto: end}
"""
AT_ONCE: Final = 8
"""Number of races at the same time."""
KEY: Final = "a key of a program in the tests"
COUNTER: Final = "/tables/counters/all"


async def race(folder: Path, races: int, url: str = "") -> Counter[str]:
    """Run races: how many, what was wrong, and how often the program had to repeat a change.

    Args:
        folder: an empty folder.
        races: how many.
        url: an empty database in PostgreSQL; "" for a SQLite file.
    """

    def opened() -> Store:  # a busy machine may let a host wait for the lock of the file for seconds
        return open_store(url) if url else Store(SqliteDatabase(folder / "calls.db", busy_ms=60_000))

    (folder / "flows").mkdir()
    (folder / "flows/shared.yaml").write_text(SHARED)
    (folder / "flows/main.yaml").write_text(MAIN)
    async with opened() as one, opened() as other:
        hosts = [await service_at(store, folder / "flows") for store in (one, other)]
        await one.api_keys.add(KEY, ApiKeyRow("crm", (), 0, ("counters", "jobs")))
        api = programs_app(opened(), (), POLICY.keys)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with (
            api.router.lifespan_context(api),
            httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://api", headers=headers) as program,
        ):
            await program.patch(COUNTER, json={"calls": 0})
            found = Counter[str]()
            with capture_logs():
                for start in range(0, races, AT_ONCE):
                    numbers = range(start, min(start + AT_ONCE, races))
                    await asyncio.gather(*(_race(hosts, program, number, found) for number in numbers))
            await _judge(one, races, found)
    return found


async def _race(hosts: list[CallService], program: httpx.AsyncClient, number: int, found: Counter[str]) -> None:
    person = f"4477{number:08}"
    legs = [f"{number:08x}-{host}" for host in range(2)]
    path = f"/tables/jobs/{person}"
    later_s = (number % 4 - 2) / 60  # a request takes longer than a call, so in some races it begins first
    first, second, added, _ = await asyncio.gather(
        _call(hosts[0], person, legs[0], later_s),
        _call(hosts[1], person, legs[1], later_s),
        program.put(path, json={"by": "program"}, headers={"If-None-Match": "*"}),
        _count(program, found),
    )
    said = [first, second]
    winners = [leg for leg, words in zip(legs, said, strict=True) if words == ["It is yours."]]
    winners += ["program"] if added.status_code == 204 else []
    stored = (await program.get(path)).json()["columns"]["by"]
    others = {tuple(words) for words in said} - {("It is yours.",), ("It is taken.",)}
    if others or added.status_code not in (204, 412):
        found[f"a reply to {others}, status {added.status_code}"] += 1
    if winners != [stored]:
        found["not one winner, or another one in the row"] += 1
    found["races"] += 1
    found[f"note: won by {'the program' if stored == 'program' else 'a call'}"] += 1


async def _call(host: CallService, person: str, leg: str, later_s: float) -> list[str]:
    call = ServedCall(host)
    if later_s > 0:
        await asyncio.sleep(later_s)
    for _ in range(2):  # Vonage repeats it
        await call.ring(**{"from": person, "uuid": leg, "conversation_uuid": f"CON-{leg}"})
    return call.said


async def _count(program: httpx.AsyncClient, found: Counter[str]) -> None:
    """Add 1 to the program's own column, as long as somebody else has changed the row meanwhile."""
    while True:
        row = await program.get(COUNTER)
        count: int = row.json()["columns"].get("program", 0)
        changed = {"program": count + 1}
        reply = await program.patch(COUNTER, json=changed, headers={"If-Match": row.headers["etag"]})
        if reply.status_code == 204:
            return
        found["note: changes repeated by the program" if reply.status_code == 412 else f"{reply.status_code}"] += 1


async def _judge(store: Store, races: int, found: Counter[str]) -> None:
    (counter,) = await store.tables.of_table("counters")
    expected: dict[str, Any] = {"calls": 2 * races, "program": races}
    if counter.columns != expected:
        found[f"the counter is {dict(counter.columns)} instead of {expected}"] += 1
    if counter.version != 3 * races + 1:
        found[f"the counter has version {counter.version}"] += 1
