"""Test several hosts on one PostgreSQL database: `python -m benchmarks.hosts [--short]`, about three minutes.

- releases: 1,000 calls to two hosts while 100 releases of their flow come out, on each host at a different moment. No
  call may hear two releases.
- restarts: calls while the two hosts are restarted one after the other, 10 times. No webhook may fail behind a proxy
  that tries the next host when one is down.

Each host is a separate `ncco serve` process. Exits with 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tests.support.postgres_server import NoPostgres, running_server
from tests.system.hosts.host import Host, hosts
from tests.system.hosts.playing import Played, play_under_releases, play_under_restarts

Play = Callable[[Sequence[Host]], Coroutine[Any, Any, Played]]


def main() -> int:
    """Run the tests and print the results."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--short", action="store_true", help="a tenth of it")
    share = 10 if words.parse_args().short else 1
    plays: dict[str, Play] = {
        "releases": lambda started: play_under_releases(
            started, calls=1_000 // share, releases=100 // share, pause_s=0.6, at_once=16
        ),
        "restarts": lambda started: play_under_restarts(started, calls=1_000 // share, rounds=10 // share, at_once=16),
    }
    try:
        with running_server(is_durable=True) as server:
            return max([_play(name, play, server.url(server.new_database())) for name, play in plays.items()])
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2


def _play(name: str, play: Play, database: str) -> int:
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), database, (1, 2)) as started:
        before = time.monotonic()
        played = asyncio.run(play(started))
        seconds = time.monotonic() - before
    print(f"{name}: {played.calls:,} calls in {seconds:.0f} s; {played.heard} releases were heard;", end=" ")
    print(f"{len(played.mixed)} calls heard two; {len(played.failed)} webhooks failed;", end=" ")
    print(f"{played.passed_on} were taken over by the other host", flush=True)
    return 1 if played.mixed or played.failed else 0


if __name__ == "__main__":
    sys.exit(main())
