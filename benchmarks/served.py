"""How many answer webhooks a second one worker answers, as ratios to a FastAPI route that returns constant bytes.

    .venv/bin/python -m benchmarks.served [--quick] [--rounds 7] [--seconds 3] [--connections 64] [--write]

The servers take turns in each round, and ratios are calculated per round, because the speed of a shared machine
varies. The first round is a warm-up and does not count. Needs `wrk` (Debian package `wrk`). All servers get the same
POSTs, each for a new call, signed in advance.

- reference: a FastAPI route that takes a `Request` and returns 434 constant bytes, under the same uvicorn. It reads,
  checks, stores and logs nothing.
- memory: `ncco serve` with the flow of benchmarks/flows. It checks the signature and the body's hash, renders two texts
  and an input for keys and speech with a signed callback URL and the actions to play if webhooks fail (1.1 kB with
  headers, 680 bytes of NCCO), validates the NCCO, keeps the call in memory and logs one line to a file.
- input: the same, where each answer webhook is followed by a signed input webhook that presses 1.
- handler, handler input: like memory and input, with the flow as a handler in Python (benchmarks/handlers).
- typical: like memory, with the flow of benchmarks/typical, whose first turn asks for opening hours and looks up the
  caller in a table before it plays the same menu.
- sqlite, postgresql: like memory, but webhook, session and turn are committed with full sync before each reply. The
  processor time of PostgreSQL's own processes is not included.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import machine, page, requests, serving, wrk
from benchmarks.load.serving import Server
from tests.support.postgres_server import NoPostgres, running_server

MOST_ANSWERS, MOST_INPUTS = 25_000, 10_000
"""Requests prepared per second of a run: more than any server here answers."""
HANDLERS = ("handler", "handler input")


def main() -> int:
    """Print the table; with `--write`, also write it to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--seconds", type=int, default=3)
    words.add_argument("--connections", type=int, default=64)
    words.add_argument("--quick", action="store_true", help="3 rounds of 1 s")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.rounds, args.seconds = 3, 1
    if shutil.which("wrk") is None:
        print("wrk is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = _start(stack, folder)
        every = [_round(servers, folder, args) for _ in range(args.rounds + 1)][1:]
        about = machine.sentence(folder)
    rounds = [row for row in every if all(load.rate and load.cpu_us for load in row.values())]
    if not rounds:
        print("the machine is too busy: in each round there was a server that answered nothing", file=sys.stderr)
        return 1
    how = f"{args.connections} connections, {len(rounds)} rounds of {args.seconds} s."
    head = ["", "requests/s", "ratio (least to most)", "µs of processor", "ratio (least to most)"]
    rows = [[f"**{name}**", *_figures(rounds, name)] for name in rounds[0]]
    lines = [f"{about}; {how}", "", *page.table(head, rows)]
    print("\n".join(lines))
    if args.write:
        page.write("served", lines)
    return 0


def _start(stack: ExitStack, folder: Path) -> dict[str, Server]:
    """The servers by the names of their rows in the table, the reference first."""
    servers = {"reference": stack.enter_context(serving.reference(folder))}
    databases = dict.fromkeys(("memory", "input", "typical"), "memory://") | {"sqlite": f"sqlite:///{folder}/calls.db"}
    databases |= _postgres(stack) | dict.fromkeys(HANDLERS, "memory://")
    in_python = {"NCCO_FLOWS": str(serving.ROOT / "benchmarks/handlers"), "NCCO_PYTHON_FLOWS": "frontdesk.py"}
    settings = {"typical": {"NCCO_FLOWS": str(serving.ROOT / "benchmarks/typical")}}
    settings |= dict.fromkeys(HANDLERS, in_python)
    for name, database in databases.items():
        servers[name] = stack.enter_context(serving.ours(folder, name, database, settings.get(name)))
    return servers


def _postgres(stack: ExitStack) -> dict[str, str]:
    """A database on a new PostgreSQL server with full sync; {} if PostgreSQL can't be started."""
    try:
        server = stack.enter_context(running_server(is_durable=True))
    except (NoPostgres, OSError, subprocess.SubprocessError) as why:
        print(f"postgresql is left out: {why}")
        return {}
    return {"postgresql": server.url(server.new_database())}


def _round(servers: dict[str, Server], folder: Path, args: argparse.Namespace) -> dict[str, wrk.Load]:
    """Run each server once, all with the same new requests."""
    answers, inputs = folder / "answers", folder / "inputs"
    length = requests.write_requests(answers, MOST_ANSWERS * args.seconds)
    inputs_length = requests.write_inputs(inputs, MOST_INPUTS * args.seconds)
    scripts = dict.fromkeys(("input", "handler input"), folder / "input.lua") | {"": folder / "answer.lua"}
    given = {"answers": answers, "inputs": inputs, "length": length, "inputs_length": inputs_length}
    scripts["input"].write_text(wrk.INPUTS.format(**given))
    scripts[""].write_text(wrk.ANSWERS.format(**given))
    return {
        name: wrk.load(server, scripts.get(name, scripts[""]), seconds=args.seconds, connections=args.connections)
        for name, server in servers.items()
    }


def _figures(rounds: list[dict[str, wrk.Load]], name: str) -> tuple[str, str, str, str]:
    """Requests a second, their ratio, processor time per request, and its ratio."""
    rates = [row[name].rate / row["reference"].rate for row in rounds]
    costs = [row["reference"].cpu_us / row[name].cpu_us for row in rounds]
    rate = statistics.median(row[name].rate for row in rounds)
    cost = statistics.median(row[name].cpu_us for row in rounds)
    return f"{rate:,.0f}", _spread(rates), f"{cost:.0f}", _spread(costs)


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    sys.exit(main())
