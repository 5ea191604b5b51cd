"""Calls on two hosts and a program that change the same rows of tables at the same moment.

In each race, two calls of a person and a request to the API want to add the same row, and change one counter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from ncco_server.store import open_store
from ncco_server.store.api_keys import ApiKeyRow
from tests.support.server import free_port
from tests.system.server.faults.result_races import judged
from tests.system.server.hosts.host import hosts_of
from tests.system.trial import Outcome, Trial

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
AT_ONCE: Final = 4
"""Number of races at the same time."""
KEY: Final = "a key of a program in the tests"
COUNTER: Final = "/tables/counters/all"


async def race(folder: Path, races: int, url: str = "") -> Counter[str]:
    """Run races between two servers, each a process: how many, what was wrong, and what the program had to repeat.

    Args:
        folder: an empty folder.
        races: how many.
        url: an empty database in PostgreSQL; "" for a SQLite file.
    """
    database = url or f"sqlite:///{folder}/calls.db"
    api_port = free_port()
    async with open_store(database) as store:
        await store.api_keys.add(KEY, ApiKeyRow("crm", (), 0, ("counters", "jobs")))
    headers = {"Authorization": f"Bearer {KEY}"}
    limits = httpx.Limits(keepalive_expiry=None)  # the pool may close a connection that it has just given to a request
    found = Counter[str]()
    with hosts_of(folder, database, [partial(_write, api_port=api_port), _write]) as hosts:
        addresses = [host.address for host in hosts]
        async with (
            httpx.AsyncClient(timeout=60, limits=limits) as vonage,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{api_port}", headers=headers, timeout=60, limits=limits
            ) as program,
        ):
            await program.patch(COUNTER, json={"calls": 0})
            for start in range(0, races, AT_ONCE):
                numbers = range(start, min(start + AT_ONCE, races))
                await asyncio.gather(*(_race(addresses, vonage, program, number, found) for number in numbers))
            await _judge(program, races, found)
    return found


def _write(folder: Path, api_port: int | None = None) -> None:
    (folder / "flows").mkdir(parents=True)
    (folder / "flows/shared.yaml").write_text(SHARED)
    (folder / "flows/main.yaml").write_text(MAIN)
    (folder / ".env").write_text(f"NCCO_API_PORT={api_port}\n" if api_port else "")


async def _race(
    addresses: Sequence[str], vonage: httpx.AsyncClient, program: httpx.AsyncClient, number: int, found: Counter[str]
) -> None:
    person = f"4477{number:08}"
    legs = [f"{number:08x}-{host}" for host in range(2)]
    path = f"/tables/jobs/{person}"
    later_s = number % 4 / 200  # so that each may be the first
    first, second, added, _ = await asyncio.gather(
        _call(vonage, addresses[0], person, legs[0], later_s),
        _call(vonage, addresses[1], person, legs[1], later_s),
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


async def _call(vonage: httpx.AsyncClient, address: str, person: str, leg: str, later_s: float) -> list[str]:
    """What the caller hears; each reply if the replies to one webhook differ."""
    await asyncio.sleep(later_s)
    asked = {"from": person, "to": "442079460000", "uuid": leg, "conversation_uuid": f"CON-{leg}"}
    replies = [await vonage.post(f"http://{address}/webhooks/answer", json=asked) for _ in range(2)]
    nccos = dict.fromkeys(reply.content for reply in replies)  # Vonage repeats a webhook
    return [str(action["text"]) for ncco in nccos for action in orjson.loads(ncco)]


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


async def _judge(program: httpx.AsyncClient, races: int, found: Counter[str]) -> None:
    counter = await program.get(COUNTER)
    expected: dict[str, Any] = {"calls": 2 * races, "program": races}
    if counter.json()["columns"] != expected:
        found[f"the counter is {counter.text} instead of {expected}"] += 1
    if not counter.headers["etag"].startswith(f'"{3 * races + 1}-'):
        found[f"the counter has version {counter.headers['etag']}"] += 1


async def tables_raced(trial: Trial) -> Outcome:
    """Let calls on two servers and a program add the same row and change a counter: one is first, sums are exact."""
    return judged(await race(trial.folder, trial.size, "" if trial.database == "sqlite" else trial.url()))
