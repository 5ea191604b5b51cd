"""How many webhooks get 504 behind deploy/nginx-hosts.conf when one of two hosts freezes.

    .venv/bin/python -m benchmarks.frozen [--quick] [--rate 5] [--seconds 75]

Both hosts use one PostgreSQL database. Answer webhooks are sent at fixed times, whether or not earlier ones have been
answered, and from when the host freezes (SIGSTOP). It stays frozen for longer than the minute for which nginx skips it.
In the second row, the other host had been frozen before, and came back `BACK_S` seconds earlier.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load import machine, page, requests, serving
from tests.support.postgres_server import NoPostgres, running_server
from tests.system.server.hosts.proxy import NGINX, proxy

AWAY_S: Final = 10.0
BACK_S: Final = 5.0
DELAYED_S: Final = 0.9
"""A second is what nginx waits for its check of a frozen host."""
HEAD: Final = ("the other host", "webhooks", "200", "504", "other", "200 after a second or more", "slowest, s")


class Reply(NamedTuple):
    """`seconds` counts from the time at which the webhook should be sent."""

    status: int
    seconds: float


def main() -> int:
    """Print the table; return 1 without nginx or PostgreSQL."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rate", type=float, default=5.0, help="webhooks a second")
    words.add_argument("--seconds", type=float, default=75.0, help="how long the host is frozen")
    words.add_argument("--quick", action="store_true", help="10 s")
    args = words.parse_args()
    if args.quick:
        args.seconds = 10.0
    if NGINX is None or not shutil.which(str(NGINX)):
        print("nginx is not installed")
        return 1
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            postgres = stack.enter_context(running_server(is_durable=True))
        except NoPostgres as why:
            print(f"PostgreSQL is needed: {why}")
            return 1
        rows = [
            _row("was up", _measured(folder / "up", postgres.url(postgres.new_database()), args, was_away=False)),
            _row(
                "just came back", _measured(folder / "back", postgres.url(postgres.new_database()), args, was_away=True)
            ),
        ]
        print("\n".join([machine.sentence(folder), "", *page.table([*HEAD], rows)]))
    return 0


def _measured(folder: Path, database: str, args: argparse.Namespace, *, was_away: bool) -> list[Reply]:
    folder.mkdir(mode=0o755)
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving.ours(folder, name, database)) for name in ("one", "other"))
        addresses = [f"127.0.0.1:{host.port}" for host in (one, other)]
        port = int(stack.enter_context(proxy(folder, serving.free_port(), addresses)).rpartition(":")[2])
        _posted(port, args.rate, AWAY_S)
        if was_away:
            with _frozen(other.pid):
                _posted(port, args.rate, AWAY_S)
            _posted(port, args.rate, BACK_S)
        with _frozen(one.pid):
            return _posted(port, args.rate, args.seconds)


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _posted(port: int, rate: float, seconds: float) -> list[Reply]:
    begin = time.perf_counter()
    dues = [begin + number / rate for number in range(round(rate * seconds))]
    with ThreadPoolExecutor(64) as callers:
        return [*callers.map(lambda due: _reply(port, due), dues)]


def _reply(port: int, due: float) -> Reply:
    time.sleep(max(0.0, due - time.perf_counter()))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(requests.answer_request())
        status = int(connection.recv(65536).split()[1])
    return Reply(status, time.perf_counter() - due)


def _row(other: str, replies: list[Reply]) -> list[str]:
    statuses = Counter(reply.status for reply in replies)
    delayed = sum(reply.status == 200 and reply.seconds >= DELAYED_S for reply in replies)
    rest = len(replies) - statuses[200] - statuses[504]
    slowest = max(reply.seconds for reply in replies)
    counts = [str(number) for number in (len(replies), statuses[200], statuses[504], rest, delayed)]
    return [other, *counts, f"{slowest:.1f}"]


if __name__ == "__main__":
    sys.exit(main())
