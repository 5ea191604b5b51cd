"""Whether replies to callers get slower while the server places 10,000 calls.

    .venv/bin/python -m benchmarks.placing_load [--rounds 6] [--seconds 10] [--rate 100]

Placing is alternately paused and resumed, while answer webhooks arrive at a fixed rate (open loop). The calls go to
`ncco vonage` at ten times normal speed, so those of one round are over before the next. Prints p50 and p99 of both in
milliseconds, and their ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.load import machine, requests, serving
from benchmarks.load.open_loop import Client, share
from ncco_server.flow.loader import load
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.store import Store, open_store
from ncco_server.vonage.keys import new_private_key
from tests.support.placing import PLAIN_REMINDER

ROWS: Final = 10_000
SETTLE_S: Final = 5.0
PARTS: Final = (0.5, 0.99)
_OWNER: Final = "benchmark"


async def add_calls(store: Store) -> None:
    """Request all calls while placing is paused."""
    await store.placed.pause(1, _OWNER, "")
    flows = load({"flows/reminder.yaml": PLAIN_REMINDER}).flows
    now = datetime.now(UTC)
    rows = [
        checked(
            WantedCall(flow="reminder", to=f"4477{at:08}", values={"name": "Ada"}, origin="cli"),
            flows,
            ("44",),
            now,
            (b"key",),
        )
        for at in range(ROWS)
    ]
    for start in range(0, ROWS, 500):
        await store.placed.add(rows[start : start + 500])


async def switch(url: str, *, is_placing: bool) -> int:
    """Pause or resume placing, and return the number of calls placed so far."""
    async with open_store(url) as store:
        await (store.placed.resume() if is_placing else store.placed.pause(1, _OWNER, ""))
        return ROWS - (await store.placed.count_active()).waiting


async def prepare(url: str) -> None:
    """Create the database."""
    async with open_store(url) as store:
        await add_calls(store)


def measure(folder: Path, rounds: int, seconds: int, rate: int) -> None:
    """Measure both alternately, and print the figures."""
    project = folder / "flows"
    shutil.copytree(serving.ROOT / "benchmarks" / "flows", project)
    (project / "reminder.yaml").write_text(PLAIN_REMINDER)
    key = folder / "private.key"
    key.write_text(new_private_key())
    url = f"sqlite:///{folder}/calls.db"
    asyncio.run(prepare(url))
    port, vonage_port = serving.free_port(), serving.free_port()
    env = {
        **requests.CREDENTIALS,
        "VONAGE_PRIVATE_KEY": str(key),
        "NCCO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NCCO_VONAGE_API_URL": f"http://127.0.0.1:{vonage_port}",
        "NCCO_DIAL_ALLOW": "44",
        "NCCO_PLACE_PER_MINUTE": "180",
        "NCCO_PLACE_PER_DAY": str(ROWS),
        "NCCO_FLOWS": str(project),
    }
    vonage = [
        sys.executable,
        "-c",
        "from ncco_server.desk.commands import main; main()",
        "vonage",
        "--port",
        str(vonage_port),
    ]
    found: dict[bool, list[float]] = {True: [], False: []}
    with (
        serving.started(["nice", "-n", "19", *vonage, "--speed", "10"], folder / "vonage.log", env),
        serving.ours(folder, "server", url, env, port=port) as server,
    ):
        client = Client(server.port)
        client.run([requests.answer_request() for _ in range(rate)], rate)
        for each in range(2 * rounds):
            is_placing = each % 2 == 0
            asyncio.run(switch(url, is_placing=is_placing))
            time.sleep(SETTLE_S)
            found[is_placing] += client.run([requests.answer_request() for _ in range(rate * seconds)], rate)
        client.close()
        placed = asyncio.run(switch(url, is_placing=False))
    numbers = {state: [share(sorted(latencies), part) for part in PARTS] for state, latencies in found.items()}
    print(f"{rate} answers a second, {rounds} rounds of {seconds} s; {placed} calls placed; {machine.sentence(folder)}")
    for state, name in ((False, "not placing"), (True, "placing")):
        print(f"{name}: p50 {numbers[state][0]:.2f} ms, p99 {numbers[state][1]:.2f} ms")
    ratios = [numbers[True][at] / numbers[False][at] for at in range(len(PARTS))]
    print(f"ratio: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}")


def main() -> int:
    """Read the options, and measure."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=6)
    words.add_argument("--seconds", type=int, default=10)
    words.add_argument("--rate", type=int, default=100)
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="ncco-placing-load-") as folder:
        measure(Path(folder), given.rounds, given.seconds, given.rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
