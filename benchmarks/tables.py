"""How long an answer with a lookup in a table takes, and the console's pages of a table, on SQLite and PostgreSQL.

    .venv/bin/python -m benchmarks.tables [--rows 1000000] [--listed 100000] [--rounds 5] [--quick] [--write]

Bulk writes fill one table with a million rows, and another one with 100,000. Two servers on this database answer 50
calls a second, alternately: one looks up a random caller in the large table, the other one has the same flow without
the lookup. Then each page of the small table is fetched over HTTP, with a mark that the slowest should not exceed. At
last `ncco table` imports as many rows as the small table has into a third one, while callers look up numbers; the mark
is 15 seconds for 100,000 rows, with the start of the command.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.load import requests, serving
from benchmarks.load.databases import compare
from benchmarks.load.open_loop import Client, share
from benchmarks.pages import browser
from ncco_server.settings.passwords import hash_password
from ncco_server.store import open_store

RATE: Final = 50
SECONDS: Final = 5
FETCHES: Final = 30
MARK_MS: Final = 300
IMPORT_MARK_S: Final = 15.0
FIRST: Final = 447_000_000_000
COLUMNS: Final = ("name", "columns", "version", "changed_at", "changed_by", "expires_at")
TABLES: Final = """\
shared: true
tables:
  people: {key: {number: phone}, columns: {name: text, calls: int}}
  listed: {key: {number: phone}, columns: {name: text, calls: int}}
  imported: {key: {number: phone}, columns: {name: text, calls: int}}
lookups:
  person: {table: people, number: "{{ call.person }}"}
"""
GREETING: Final = '      - talk: "Thank you for calling from {{ call.from }}."\n'
LOOKUP: Final = (
    "    lookup: person\n",
    '      - talk: "Thank you for calling from {{ call.from }}{% if person.name %}, {{ person.name }}{% endif %}."\n',
)
PAGES: Final = {
    "list": "/tables/listed",
    "list, its middle": "/tables/listed?after=listed%5B%22447000050000%22%5D",
    "search by number": "/tables/listed?q=447000099999",
    "search by name": "/tables/listed?q=person%2077777",
    "search for what many have": "/tables/listed?q=person",
    "search for what nobody has": "/tables/listed?q=xylophone",
    "form of a row": "/tables/listed/row?key=447000077777",
}


def main() -> int:
    """Print the tables; with `--write`, also write them to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=1_000_000)
    words.add_argument("--listed", type=int, default=100_000)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--quick", action="store_true", help="a hundredth of the rows, 1 round")
    words.add_argument("--write", action="store_true", help="write the tables to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.rows, args.listed, args.rounds = args.rows // 100, args.listed // 100, 1
    heading = f"{args.rows:,} and {args.listed:,} rows, {args.rounds} rounds; milliseconds, 50 % and 99 %."
    compare(lambda folder, url: _measure(folder, url, args), heading, "tables" if args.write else "")
    return 0


def _measure(folder: Path, url: str, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    began = time.perf_counter()
    fill(url, args.rows, args.listed)
    print(f"{args.rows + args.listed:,} rows stored in {time.perf_counter() - began:.0f} s", flush=True)
    flows = folder / "flows"
    write_flows(flows)
    port = serving.free_port()
    password = "a password of the benchmark"  # noqa: S105 - for the benchmark only
    console = {"NCCO_CONSOLE_PORT": str(port), "NCCO_CONSOLE_PASSWORD_HASH": hash_password(password)}
    env = {**console, "NCCO_FLOWS": str(flows)}
    other = {**console, "NCCO_CONSOLE_PORT": str(serving.free_port())}
    with serving.ours(folder, "without", url, other) as plain, serving.ours(folder, "with", url, env) as looking:
        yield from _answers(plain, looking, args)
        with browser(port, password) as client:
            for name, address in PAGES.items():
                times = []
                for _ in range(FETCHES):
                    began = time.perf_counter()
                    reply = client.get(address)
                    times.append(time.perf_counter() - began)
                    if reply.status_code != 200:
                        raise RuntimeError(f"{address} answers {reply.status_code}: {reply.text[:500]}")
                slow = "" if share(sorted(times), 0.99) < MARK_MS else f", above {MARK_MS}"
                yield name, _shown(sorted(times)) + slow
                print(f"{name}: {_shown(sorted(times))}{slow}", flush=True)
        yield from _import(folder, url, looking, args)


def _import(folder: Path, url: str, looking: serving.Server, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Import rows while callers look up others. Raises RuntimeError if not all are imported."""
    file = folder / "rows.csv"
    lines = (f"+{FIRST + number},person {number},{number % 9}\n" for number in range(args.listed))
    file.write_text("number,name,calls\n" + "".join(lines), encoding="utf-8")
    command = [sys.executable, "-c", "from ncco_server.desk.commands import main; main()", "table", "imported"]
    env = {"NCCO_DATABASE_URL": url, "NCCO_FLOWS": str(folder / "flows"), "PYTHONPYCACHEPREFIX": str(folder / "cache")}
    env |= {"PYTHONDONTWRITEBYTECODE": ""}
    with serving.started([*command, "show"], folder / "show.log", env) as showing:  # writes bytecode
        showing.wait()
    chance = random.Random(2)  # noqa: S311 - the same callers in each run
    client, times = Client(looking.port), list[float]()
    began = time.perf_counter()
    with serving.started([*command, "import", str(file)], folder / "import.log", env) as importing:
        used = 0.0
        while importing.poll() is None:
            used = serving.cpu_us(importing.pid) / 1e6
            callers = (str(FIRST + chance.randrange(args.rows)) for _ in range(RATE))
            times += client.run([requests.answer_request(caller) for caller in callers], RATE)
        seconds = time.perf_counter() - began
    client.close()
    told = (folder / "import.log").read_text()
    if importing.returncode or f"{args.listed:,} rows are written" not in told:
        raise RuntimeError(f"the import ends with {importing.returncode}: {told[-2000:]}")
    slow = "" if seconds < IMPORT_MARK_S else f", above {IMPORT_MARK_S:.0f}"
    shown = f"{seconds:.0f}{slow}, processor time {used:.1f}"
    print(f"import of {args.listed:,} rows, seconds: {shown}; meanwhile {_shown(sorted(times))}", flush=True)
    yield f"import of {args.listed:,} rows, seconds", shown
    yield "an answer with a lookup, meanwhile", _shown(sorted(times))


def write_flows(flows: Path) -> None:
    """Write the flow of benchmarks/flows, with a lookup, to a new folder."""
    flows.mkdir()
    flow = (serving.ROOT / "benchmarks/flows/frontdesk.yaml").read_text(encoding="utf-8")
    lookup, greeting = LOOKUP
    with_lookup = flow.replace(f"    do:\n{GREETING}", f"{lookup}    do:\n{greeting}")
    if with_lookup == flow:
        raise RuntimeError("the flow of benchmarks/flows greets with other words")
    (flows / "frontdesk.yaml").write_text(with_lookup, encoding="utf-8")
    (flows / "shared.yaml").write_text(TABLES, encoding="utf-8")


def _answers(plain: serving.Server, looking: serving.Server, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    chance = random.Random(1)  # noqa: S311 - the same callers in each run
    servers = {"an answer without a lookup": plain, "an answer with a lookup": looking}
    latencies = {name: list[float]() for name in servers}
    used = {name: list[float]() for name in servers}
    for number in range(args.rounds + 1):  # the first one warms up
        for name, server in servers.items():
            callers = (str(FIRST + chance.randrange(args.rows)) for _ in range(RATE * SECONDS))
            sent = [requests.answer_request(caller) for caller in callers]
            before = serving.cpu_us(server.pid)
            client = Client(server.port)
            times = client.run(sent, RATE)
            client.close()
            if number:
                latencies[name] += times
                used[name].append((serving.cpu_us(server.pid) - before) / len(sent))
    for name in servers:
        print(f"{name}: {_shown(sorted(latencies[name]))}", flush=True)
        yield name, _shown(sorted(latencies[name]))
    for name, found in used.items():
        yield f"{name}, processor time", f"{statistics.median(found) / 1000:.2f}"


def _shown(times: list[float]) -> str:
    return f"{share(times, 0.5):,.1f}, {share(times, 0.99):,.1f}"


def _rows(table: str, count: int) -> Iterator[tuple[str, str, int, int, str, None]]:
    for number in range(count):
        columns = f'{{"name":"person {number}","calls":{number % 9}}}'
        yield f'{table}["{FIRST + number}"]', columns, 1, 0, "a benchmark", None


def fill(url: str, rows: int, listed: int) -> None:
    """Fill two tables of an empty database: `people` with `rows` rows, `listed` with `listed`."""

    async def create() -> None:
        async with open_store(url):
            pass

    async def copy() -> None:
        connection = await asyncpg.connect(url)
        for table, count in (("people", rows), ("listed", listed)):
            await connection.copy_records_to_table("ncco_rows", records=_rows(table, count), columns=COLUMNS)
        await connection.execute("VACUUM ANALYZE ncco_rows")
        await connection.close()

    asyncio.run(create())
    if not url.startswith("sqlite"):
        asyncio.run(copy())
        return
    insert = f"INSERT INTO ncco_rows ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for table, count in (("people", rows), ("listed", listed)):
            connection.executemany(insert, _rows(table, count))


if __name__ == "__main__":
    sys.exit(main())
