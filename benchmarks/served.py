"""Requests per second of an answer webhook, as a ratio to a FastAPI route that returns constant bytes.

    .venv/bin/python -m benchmarks.served [--rounds 5] [--seconds 2] [--connections 64]

Each server is one uvicorn worker (uvloop, httptools, access log off). The servers take turns within each round, and
the ratio is taken within the round, since the speed of a shared machine drifts. Needs `wrk` (Debian package `wrk`).

- reference: a FastAPI route with `Request` in and 434 constant bytes out.
- memory: the reception flow of flows/, rendered and validated, kept in memory.
- sqlite: the same, committed to SQLite with full sync before each reply.
"""

from __future__ import annotations

import argparse
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
request = function()
  count = count + 1
  local leg = string.format('%08x%024x', run % 4294967296, count)
  local body = '{"to":"442079460000","from":"447700900123","uuid":"' .. leg .. '","conversation_uuid":"CON-' .. leg
    .. '","region_url":"https://api-eu-3.vonage.com","endpoint_type":"phone"}'
  return wrk.format("POST", "/webhooks/answer", {["Content-Type"] = "application/json"}, body)
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
        (folder / "post.lua").write_text(LUA)
        urls = {
            "reference": stack.enter_context(_server(folder, "reference", REFERENCE, {})),
            "memory": stack.enter_context(_server(folder, "memory", OURS, {"NCCO_DATABASE_URL": "memory://"})),
            "sqlite": stack.enter_context(
                _server(folder, "sqlite", OURS, {"NCCO_DATABASE_URL": f"sqlite:///{folder}/calls.db"})
            ),
        }
        rounds = [
            {name: _load(folder, url, args.seconds, args.connections) for name, url in urls.items()}
            for _ in range(args.rounds)
        ]
    _print_table(rounds, args)
    return 0


@contextmanager
def _server(folder: Path, name: str, source: str, env: Mapping[str, str]) -> Iterator[str]:
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
        "NCCO_FLOWS": str(root / "flows"),
        "NCCO_TEMPLATES": str(root / "templates"),
        "PYTHONPATH": str(root),
        **env,
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=given, cwd=folder, stdout=log, stderr=log)  # noqa: S603 - our own
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/webhooks/answer", folder / f"{name}.log")
        yield f"http://127.0.0.1:{port}"
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


def _load(folder: Path, url: str, seconds: int, connections: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(folder / "post.lua"), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise RuntimeError(output)
    time.sleep(1)  # the seconds are part of the next run's leg uuids
    return float(found[1])


def _print_table(rounds: list[dict[str, float]], args: argparse.Namespace) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; one worker, ", end="")
    print(f"{args.connections} connections, {args.rounds} rounds of {args.seconds} s")
    print(f"{'':12}{'requests/s':>12}{'ratio':>8}   (median; least to most)")
    for name in rounds[0]:
        rates = [row[name] for row in rounds]
        ratios = [row[name] / row["reference"] for row in rounds]
        middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{name:12}{statistics.median(rates):12.0f}{middle:8.2f}   {least:.2f} to {most:.2f}")


if __name__ == "__main__":
    sys.exit(main())
