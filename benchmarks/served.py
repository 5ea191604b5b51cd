"""Requests per second of an answer webhook, as a ratio to a FastAPI route that returns constant bytes.

    .venv/bin/python -m benchmarks.served [--rounds 5] [--seconds 2] [--connections 64]

Each server is one uvicorn worker (uvloop, httptools, access log off). The servers take turns within each round, and
the ratio is taken within the round, since the speed of a shared machine drifts. Needs `wrk` (Debian package `wrk`).

- reference: a FastAPI route with `Request` in and 434 constant bytes out.
- memory: the flow of benchmarks/flows/, rendered and validated, kept in memory. 1.1 kB of NCCO: two computed texts, an
  input for keys and speech, and what is played when webhooks fail.
- input: the same server, where each answer webhook is followed by an input webhook that presses 1.
- sqlite: as memory, but committed to SQLite with full sync before each reply.

Servers write their log to a file. Beside the ratio of requests per second stands that of processor time, which other
work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

REFERENCE = """
from fastapi import FastAPI, Request, Response

BODY = b'[' + b'x' * 432 + b']'
app = FastAPI()

@app.post("/webhooks/answer")
async def answer(request: Request) -> Response:
    return Response(BODY, media_type="application/json")
"""
OURS = """
from app.settings import load_settings
from app.web import create_app
from app.web.journal import configure

settings = load_settings()
configure(settings)
app = create_app(settings)
"""
LUA = """
local count = 0
local run = os.time()
local waits = {}
request = function()
  if presses and #waits > 0 then
    return wrk.format("POST", table.remove(waits), {["Content-Type"] = "application/json"},
      '{"dtmf":{"digits":"1","timed_out":false},"speech":{"results":[]}}')
  end
  count = count + 1
  local leg = string.format('%08x%024x', run % 4294967296, count)
  local body = '{"to":"442079460000","from":"447700900123","uuid":"' .. leg .. '","conversation_uuid":"CON-' .. leg
    .. '","region_url":"https://api-eu-3.vonage.com","endpoint_type":"phone"}'
  return wrk.format("POST", "/webhooks/answer", {["Content-Type"] = "application/json"}, body)
end
if presses then
  response = function(_, _, body)
    local wait = body:match("/webhooks/input/[%w_-]+")
    if wait then table.insert(waits, wait) end
  end
end
"""


def main() -> int:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seconds", type=int, default=2)
    words.add_argument("--connections", type=int, default=64)
    args = words.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "answer.lua").write_text(LUA)
        (folder / "input.lua").write_text(f"presses = true\n{LUA}")
        reference = stack.enter_context(_server(folder, "reference", REFERENCE, {}))
        memory = stack.enter_context(_server(folder, "memory", OURS, {"NCCO_DATABASE_URL": "memory://"}))
        database = {"NCCO_DATABASE_URL": f"sqlite:///{folder}/calls.db"}
        sqlite = stack.enter_context(_server(folder, "sqlite", OURS, database))
        runs = {
            "reference": (reference, folder / "answer.lua"),
            "memory": (memory, folder / "answer.lua"),
            "input": (memory, folder / "input.lua"),
            "sqlite": (sqlite, folder / "answer.lua"),
        }
        rounds = [{name: _load(*run, args) for name, run in runs.items()} for _ in range(args.rounds)]
    _print_table(rounds, args)
    return 0


class Server(NamedTuple):
    """One process that serves."""

    url: str
    pid: int


class Load(NamedTuple):
    """What came of one run of wrk: requests a second, and microseconds of processor time for each."""

    rate: float
    cpu_us: float


@contextmanager
def _server(folder: Path, name: str, source: str, env: Mapping[str, str]) -> Iterator[Server]:
    module = f"bench_{name}"
    (folder / f"{module}.py").write_text(source)
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--log-level", "warning", "--app-dir", str(folder)]
    root = Path(__file__).resolve().parent.parent
    given = {
        **os.environ,
        "NCCO_INSECURE": "1",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_RELOAD": "0",
        "NCCO_FLOWS": str(root / "benchmarks" / "flows"),
        "NCCO_TEMPLATES": str(root / "templates"),
        "PYTHONPATH": str(root),
        **env,
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=given, cwd=folder, stdout=log, stderr=log)  # noqa: S603 - our own
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/webhooks/answer", folder / f"{name}.log")
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_up(url: str, log: Path) -> None:
    for _ in range(200):
        try:
            answer = httpx.post(url, json={"to": "442079460000", "from": "447700900123", "uuid": "warm-up"})
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200 and (answer.content.startswith(b"[x") or b'"input"' in answer.content):
            return
        raise RuntimeError(f"{url} answered {answer.status_code} {answer.text[:300]}\n{log.read_text()[-2000:]}")
    raise RuntimeError(f"{url} does not come up:\n{log.read_text()[-2000:]}")


def _load(server: Server, script: Path, args: argparse.Namespace) -> Load:
    command = ["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "-s", str(script), server.url]
    before = _cpu_us(server.pid)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    used = _cpu_us(server.pid) - before
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", output), re.search(r"(\d+) requests in", output)
    if rate is None or count is None:
        raise RuntimeError(output)
    time.sleep(1)  # the seconds are part of the next run's leg uuids
    return Load(float(rate[1]), used / int(count[1]))


def _cpu_us(pid: int) -> float:
    """Processor time of a process so far, its user's and its system's share; NaN where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return math.nan
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def _print_table(rounds: list[dict[str, Load]], args: argparse.Namespace) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; one worker, ", end="")
    print(f"{args.connections} connections, {args.rounds} rounds of {args.seconds} s")
    print(f"{'median (least to most)':22}{'requests/s':>12}{'ratio':>20}{'µs of CPU':>14}{'ratio':>20}")
    for name in rounds[0]:
        rates = [row[name].rate / row["reference"].rate for row in rounds]
        costs = [row["reference"].cpu_us / row[name].cpu_us for row in rounds]
        rate = statistics.median(row[name].rate for row in rounds)
        cost = statistics.median(row[name].cpu_us for row in rounds)
        print(f"{name:22}{rate:12.0f}{_spread(rates):>20}{cost:14.1f}{_spread(costs):>20}")


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    sys.exit(main())
