"""How long the console's pages take with 90 days of stored calls, on SQLite and PostgreSQL.

    .venv/bin/python -m benchmarks.pages [--stored 2000000] [--database sqlite|postgresql] [--rounds 7] [--write]

Bulk writes fill each database; then a server and its console start on it, and each page is fetched over HTTP. Each has
a mark, which the median of the rounds should not exceed. Takes about 14 GB of disk for each database.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from benchmarks.load import machine, page, serving
from benchmarks.load.history import fill
from ncco_server.settings.passwords import hash_password
from tests.support.postgres_server import NoPostgres, running_server

PASSWORD: Final = "a password of the benchmark"  # noqa: S105 - for the benchmark only


class Page(NamedTuple):
    """A page: its name in the table, its address, and its mark in seconds."""

    name: str
    address: str
    mark_s: float


def pages(numbers: list[str]) -> Iterator[Page]:
    """The pages to fetch, in a database that these numbers have called."""
    today = datetime.now(UTC).date()
    yield Page("Home", "/home", 0.3)
    yield Page("Report, 4 weeks", "/report?days=28", 1.0)
    yield Page("Report, 4 weeks, one flow", "/report?days=28&flow=frontdesk", 1.0)
    yield Page("Report, a year", f"/report?from={today - timedelta(364)}&to={today}", 3.0)
    yield Page("Calls", "/calls", 0.2)
    for days in ("today", "7", "last-week", "28", "91"):
        yield Page(f"Calls of the period {days}", f"/calls?days={days}", 0.2)
    for state in ("missed", "message", "person", "served", "open", "failed"):
        yield Page(f"Calls: {state}", f"/calls?state={state}", 0.2)
    yield Page("Calls of a flow", "/calls?flow=frontdesk", 0.2)
    yield Page("Calls of a rare flow", "/calls?flow=night", 0.2)
    yield Page("Calls of no flow", "/calls?flow=nothing", 0.2)
    yield Page("Calls with an own result", "/calls?state=own:booked", 0.2)
    yield Page("Calls with an own result, rare", "/calls?state=own:nothing", 0.2)
    yield Page("Calls: missed, of a rare flow, in 4 weeks", "/calls?state=missed&flow=night&days=28", 0.2)
    searches = {
        "of a frequent caller": numbers[0],
        "of a rare caller": numbers[-1],
        "of nobody": "15550001111",
        "first 6 digits": numbers[len(numbers) // 2][:6],
        "first digits of most callers": "447",
        "last 4 digits": numbers[len(numbers) // 2][-4:],
        "last digit": numbers[0][-1],
        "called": "442079460004",
    }
    for name, number in searches.items():
        yield Page(f"Number {name}", f"/calls?q={number}", 0.2)
    yield Page("Number of nobody, in 7 days", "/calls?q=15550001111&days=7", 0.2)
    yield Page("First digits of most callers, missed", "/calls?q=447&state=missed", 0.2)
    for name, word in (("Name", "Lovelace"), ("Spoken word", "Repairs"), ("Absent word", "xylophone")):
        yield Page(name, f"/calls?q={word}", 2.5)


LIST_MARK: Final = "200"
"""The mark of every list and search by number, in milliseconds."""

DEEP: Final = ("/calls?", "/calls?state=missed&", "/calls?flow=frontdesk&", "/calls?q=447&", "/calls?q=442079460000&")
"""Lists that are also fetched from their middle and near their end."""


def main() -> int:
    """Print the table; with `--write`, also write it to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--stored", type=int, default=2_000_000)
    words.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--quick", action="store_true", help="20,000 stored calls, 3 rounds")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.stored, args.rounds = 20_000, 3
    found: dict[str, dict[str, Figure]] = {}
    for database in [args.database] if args.database else ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                url = _database(stack, folder, database)
            except NoPostgres as why:
                print(f"postgresql is left out: {why}")
                continue
            found[database] = _measure(folder, database, url, args)
    about = machine.sentence(Path(tempfile.gettempdir()))
    heading = f"{about}; {args.stored:,} calls of 90 days, {args.rounds} rounds; milliseconds, median (slowest)."
    lines = [heading, "", *page.table(["page", *found, "mark"], _rows(found))]
    print("\n".join(lines))
    if args.write:
        page.write("pages", lines)
    missed = [f"{database}: {name}" for database, each in found.items() for name in each if not each[name].is_met]
    print(f"above their mark: {', '.join(missed) or 'none'}")
    return 0


class Figure(NamedTuple):
    """A measured figure with its mark, both in words.

    Attributes:
        median_s: of a page's answers, in seconds.
    """

    words: str
    mark: str
    is_met: bool
    median_s: float = 0


def _rows(found: dict[str, dict[str, Figure]]) -> list[list[str]]:
    """A row for each page, but one row for the lists: that of the slowest."""
    first = next(iter(found.values()))
    lists = [name for name, figure in first.items() if figure.mark == LIST_MARK]
    slowest = [max((each[name] for name in lists), key=lambda figure: figure.median_s) for each in found.values()]
    rows = [[name, *(each[name].words for each in found.values()), first[name].mark] for name in first]
    row = [f"The slowest of {len(lists)} lists and searches by number", *(each.words for each in slowest), LIST_MARK]
    return [row, *(each for each in rows if each[0] not in lists)]


def _database(stack: ExitStack, folder: Path, database: str) -> str:
    if database == "sqlite":
        return f"sqlite:///{folder}/calls.db"
    server = stack.enter_context(running_server(is_durable=True))
    return server.url(server.new_database())


def _measure(folder: Path, database: str, url: str, args: argparse.Namespace) -> dict[str, Figure]:
    began = time.perf_counter()
    numbers = fill(url, args.stored, folder)
    print(f"{database}: {args.stored:,} calls stored in {time.perf_counter() - began:.0f} s", flush=True)
    port = serving.free_port()
    env = {"NCCO_CONSOLE_PORT": str(port), "NCCO_CONSOLE_PASSWORD_HASH": hash_password(PASSWORD)}
    with serving.ours(folder, database, url, env), browser(port) as client:
        return {each.name: _fetch(client, each, args.rounds) for each in (*pages(numbers), *deep_pages(args.stored))}


def deep_pages(stored: int) -> Iterator[Page]:
    """Pages from the middle of lists, and from near their end."""
    for start in DEEP:
        for part in (0.5, 0.02):
            yield Page(f"`{start[:-1]}`, {1 - part:.0%} down", f"{start}before={int(1_000 + stored * part)}", 0.2)


@contextmanager
def browser(port: int) -> Iterator[httpx.Client]:
    """A client that is logged in to the console."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        reply = client.post("/login", data={"password": PASSWORD})
        if reply.status_code != 303:
            raise RuntimeError(f"the console answers {reply.status_code}: {reply.text[:300]}")
        client.headers["cookie"] = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
        yield client


def _fetch(client: httpx.Client, wanted: Page, rounds: int) -> Figure:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        reply = client.get(wanted.address)
        times.append(time.perf_counter() - began)
        if reply.status_code != 200:
            raise RuntimeError(f"{wanted.address} answers {reply.status_code}: {reply.text[:1000]}")
    median = statistics.median(times)
    text = f"{1000 * median:,.0f} ({1000 * max(times):,.0f})"
    print(f"{wanted.name}: {text}{'' if median < wanted.mark_s else '  ABOVE THE MARK'}", flush=True)
    return Figure(text, f"{1000 * wanted.mark_s:,.0f}", median < wanted.mark_s, median)


if __name__ == "__main__":
    sys.exit(main())
