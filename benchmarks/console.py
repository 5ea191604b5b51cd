"""How much three open consoles slow down replies: 200 new calls a second, alternately with and without the consoles.

    .venv/bin/python -m benchmarks.console [--rounds 5] [--seconds 5] [--calls 10000]

Each console follows the page of calls as a browser does: it asks every two seconds, and gets the list if calls have
changed. One worker on SQLite with full sync, with signatures checked, open loop. Then come `--calls` more calls, while
the console's memory is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.load import machine, requests, serving
from benchmarks.load.open_loop import Client, share
from ncco_server.settings.passwords import hash_password

RATE: Final = 200
CONSOLES: Final = 3
POLL_S: Final = 2.0
PASSWORD: Final = "a password of the benchmark"  # noqa: S105 - for the benchmark only


@contextmanager
def consoles(port: int) -> Iterator[list[int]]:
    """Open the pages of calls, and yield how often each has received the list."""
    fetched, end = [0] * CONSOLES, threading.Event()
    clients = [httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) for _ in range(CONSOLES)]
    threads = [threading.Thread(target=_follow, args=(client, fetched, n, end)) for n, client in enumerate(clients)]
    for client in clients:
        reply = client.post("/login", data={"password": PASSWORD, "next": "/calls"})
        if reply.status_code != 303:
            raise RuntimeError(f"the console answers {reply.status_code}: {reply.text[:300]}")
        client.headers["cookie"] = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
    for thread in threads:
        thread.start()
    try:
        yield fetched
    finally:
        end.set()
        for thread, client in zip(threads, clients, strict=True):
            thread.join()
            client.close()


def _follow(client: httpx.Client, fetched: list[int], number: int, end: threading.Event) -> None:
    """Ask for the list until the end; it comes only if calls have changed."""
    headers = {"HX-Request": "true", "X-Unattended": "true"}
    while not end.wait(POLL_S):
        reply = client.get("/calls", headers=headers)
        if reply.status_code == httpx.codes.OK:
            fetched[number] += 1
            headers["If-None-Match"] = reply.headers["etag"]


def main() -> int:
    """Print each round, and the ratios."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seconds", type=int, default=5, help="for each measurement")
    words.add_argument("--calls", type=int, default=10_000, help="while memory is watched")
    args = words.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        port = serving.free_port()
        env = {"NCCO_CONSOLE_PORT": str(port), "NCCO_CONSOLE_PASSWORD_HASH": hash_password(PASSWORD)}
        alone = stack.enter_context(serving.ours(folder, "alone", f"sqlite:///{folder}/alone.db"))
        watched = stack.enter_context(serving.ours(folder, "watched", f"sqlite:///{folder}/watched.db", env))
        fetched = stack.enter_context(consoles(port))
        ratios: dict[float, list[float]] = {0.5: [], 0.99: []}
        for number in range(args.rounds):
            with_them, without = (_latencies(server.port, args.seconds) for server in (watched, alone))
            for part, found in ratios.items():
                found.append(share(with_them, part) / share(without, part))
            print(f"round {number + 1}: {_told(without)} without, {_told(with_them)} with consoles", flush=True)
        for part, found in ratios.items():
            print(f"{part:.0%}: {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f}) times as long")
        console = console_of(watched.pid)
        before = serving.memory_mb(console)
        _latencies(watched.port, args.calls // RATE)
        print(f"lists fetched: {fetched}; the console has {before:.0f} MB, and after {args.calls:,} calls "
              f"{serving.memory_mb(console):.0f} MB")  # fmt: skip
        print(machine.sentence(folder))
    return 0


def _latencies(port: int, seconds: int) -> list[float]:
    client = Client(port)
    client.run([requests.answer_request() for _ in range(RATE)], RATE)
    found = client.run([requests.answer_request() for _ in range(RATE * seconds)], RATE)
    client.close()
    return found


def _told(latencies: list[float]) -> str:
    return f"{share(latencies, 0.5):.1f} and {share(latencies, 0.99):.1f} ms (50 %, 99 %)"


def console_of(pid: int) -> int:
    """The largest child process of a server, which is the console. (The other child tracks resources.) Needs Linux."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = children or [child for task in threads for child in task.read_text().split()]
    return max(map(int, children), key=serving.memory_mb)


if __name__ == "__main__":
    sys.exit(main())
