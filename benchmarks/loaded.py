"""How long `ncco serve` takes to start, and to load an old revision of a flow while callers wait.

    .venv/bin/python -m benchmarks.loaded [--stored 300000] [--runs 5] [--quick] [--write]

A start takes from the first instruction of Python until the first NCCO has arrived, with an empty database and with
many stored calls; the lowest of all runs counts, because other programs only make it longer. So it does for a Python
file, with the server's wheel in an environment of its own, whose first start also compiles all code. Then four calls
wait whose old revision of 2,000 steps a server has not loaded yet, alone and beside busy processes. They have 4 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from benchmarks.load import machine, page
from benchmarks.load.requests import CREDENTIALS, answer_request, input_request, status_request
from benchmarks.load.serving import ROOT, ask, cpu_us, free_port, ours, started
from benchmarks.load.stored import NOW_MS, fill
from ncco_server.flow.loader import revision_of
from ncco_server.store import RevisionRow, open_store
from tests.system.repository.release import build, run

PROGRAM: Final = """
import atexit, json, os, sys
from pathlib import Path

sys.modules.update(rich=None, greenlet=None)

def write():
    own = [name for name in sys.modules if name.partition(".")[0] == "ncco_server"]
    Path(os.environ["MODULES"]).write_text(json.dumps(own))

atexit.register(write)
from ncco_server.desk.commands import main
main()
"""
FLOWS: Final = ROOT / "benchmarks" / "flows"
HANDLER: Final = ROOT / "benchmarks" / "handlers" / "frontdesk.py"
START_S: Final = 30.0
STEPS: Final = 2_000
CALLERS: Final = 4
BUSY: Final = 8
HEAD: Final = """flow: long
numbers: ["442079460000"]
start: step0
vars:
  team: {type: text, default: nobody}
defaults:
  talk: {language: en-GB, style: 2}
  retry:
    noinput: ["Sorry, I did not hear you.", "You can also press a key."]
    nomatch: ["Sorry, that is not one of the choices."]
    then: last
  on: {error: last}
steps:
  last: {do: [{talk: "Nobody is free."}], goto: end}
"""
MENU: Final = """  step%d:
    do:
      - talk: "Hello {{ call.from }}. For sales press 1 or say sales, for support press 2 or say support."
    choices:
      sales: {dtmf: 1, speech: [sales, buy, order], set: {team: sales}, goto: %s}
      support: {dtmf: 2, speech: [support, help], set: {team: support}, goto: last}
"""
DIAL: Final = """  step%d:
    do:
      - talk: "Connecting you to {{ team }}."
      - connect: "447700900111"
        timeout: 20
    on: {completed: end, otherwise: %s}
"""
LEG: Final = re.compile(rb'"uuid":"([0-9a-f]+)"')
WAIT: Final = re.compile(rb"https://calls\.example\.com(/webhooks/input/[^\"]+)")


class Start(NamedTuple):
    """The modules of `ncco_server` that one server has loaded, and how long it took until the first answer."""

    modules: frozenset[str]
    seconds: float
    cpu_s: float


def main() -> int:
    """Print the table; with `--write`, also write it to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--stored", type=int, default=300_000)
    words.add_argument("--quick", action="store_true", help="two runs, and a hundredth of the stored calls")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.runs, args.stored = 2, args.stored // 100
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in (0, args.stored):
            folder = Path(name) / str(count)
            folder.mkdir()
            fill(f"sqlite:///{folder}/calls.db", count)
            starts = [measured(folder, 1) for _ in range(args.runs)]
            rows.append([f"first answer, {count:,} stored calls", *_best(starts)])
        installed = _installed(Path(name), args.runs)
        rows.append(["first answer of a Python file, installed from the wheel: the first start", *_best(installed[:1])])
        rows.append(["the same, later starts", *_best(installed[1:])])
        for busy in (0, BUSY):
            waits = []
            for run in range(args.runs):
                folder = Path(name) / f"{busy} {run}"
                folder.mkdir()
                waits.append(_old_revision(folder, busy))
            beside = f", beside {busy} busy processes" if busy else ""
            figures = f"{max(wait for wait, _ in waits):.2f}", f"{min(used for _, used in waits):.2f}"
            rows.append([f"{CALLERS} callers with an old revision of {STEPS:,} steps{beside}", *figures])
    about = machine.sentence(Path(tempfile.gettempdir()))
    head = ["", "seconds", "seconds of processor time"]
    how = f"SQLite, {args.runs} runs; the best first answer, the slowest caller."
    lines = [f"{about}; {how}", "", *page.table(head, rows)]
    print("\n".join(lines))
    if args.write:
        page.write("starts", lines)
    return 0


def flow_text(steps: int) -> str:
    """A flow of menus and dials in turn."""
    names = [*(f"step{step}" for step in range(1, steps)), "last"]
    return HEAD + "".join((MENU, DIAL)[step % 2] % (step, name) for step, name in enumerate(names))


def _old_revision(folder: Path, busy: int) -> tuple[float, float]:
    """Return how long the slowest caller waits, and the processor time that the server uses for all."""
    flows = {"new": flow_text(10), "old": flow_text(20)}  # a start loads the revisions of open calls
    url = f"sqlite:///{folder}/calls.db"
    with ExitStack() as stack:
        servers = {}
        for name, text in flows.items():
            (folder / name / "flows").mkdir(parents=True)
            (folder / name / "flows" / "flow.yaml").write_text(text)
            env = {"NCCO_FLOWS": str(folder / name / "flows")}
            servers[name] = stack.enter_context(ours(folder, name, url, env))
        found = (WAIT.search(ask(servers["old"].port, answer_request())) for _ in range(CALLERS))
        requests = [b"POST " + wait[1] + input_request() for wait in found if wait]
        asyncio.run(_lengthen(url, flows["old"]))
        for _ in range(busy):
            stack.callback(subprocess.Popen([sys.executable, "-c", "while True: pass"]).kill)
        used = cpu_us(servers["new"].pid)
        with ThreadPoolExecutor(CALLERS) as callers:
            waits = list(callers.map(lambda request: _waited(servers["new"].port, request), requests))
        return max(waits), (cpu_us(servers["new"].pid) - used) / 1e6


async def _lengthen(url: str, text: str) -> None:
    """Add steps to a stored revision: to check them when it is new takes seconds."""
    sources = {"flows/flow.yaml": flow_text(STEPS)}
    hash_ = revision_of({"flows/flow.yaml": text})
    async with open_store(url) as store:
        await store.replace_revision(RevisionRow(hash_, "long", orjson.dumps(sources), NOW_MS))


def _waited(port: int, request: bytes) -> float:
    begun = time.monotonic()
    reply = ask(port, request)
    if not reply.startswith(b"HTTP/1.1 200") or b"Connecting you" not in reply:
        raise RuntimeError(f"it answers {reply[:500]!r}")
    return time.monotonic() - begun


def _best(starts: list[Start]) -> tuple[str, str]:
    return f"{min(each.seconds for each in starts):.2f}", f"{min(each.cpu_s for each in starts):.2f}"


def _installed(folder: Path, runs: int) -> list[Start]:
    """Install the server's wheel into an empty environment, and start it `runs` times and once more."""
    (folder / "wheels").mkdir()
    wheels = build(folder / "wheels")
    environment = wheels.home / "environment"
    run("uv", "venv", str(environment), cwd=wheels.home, env=wheels.env)
    run("uv", "pip", "install", "--python", str(environment), str(wheels.server), cwd=wheels.home, env=wheels.env)
    (folder / "empty").mkdir()
    command = [str(environment / "bin" / "ncco"), "serve", str(HANDLER)]
    return [_started(folder / "empty", command, 1) for _ in range(runs + 1)]


def measured(folder: Path, calls: int, flows: Path = FLOWS) -> Start:
    """Start a server, make calls, and end it. Raises RuntimeError if it does not answer.

    The first call is only answered, because its flow may ask for other keys than 1.
    """
    modules = folder / "modules.json"
    env = {"MODULES": str(modules), "NCCO_FLOWS": str(flows)}
    start = _started(folder, [sys.executable, "-c", PROGRAM, "serve"], calls, env)
    return start._replace(modules=frozenset(json.loads(modules.read_text())))


def _started(folder: Path, command: list[str], calls: int, settings: Mapping[str, str] | None = None) -> Start:
    port = free_port()
    env = {
        **CREDENTIALS,
        "PYTHONPATH": "",
        "PYTHONDONTWRITEBYTECODE": "",
        "NCCO_HOST": "127.0.0.1",
        "NCCO_PORT": str(port),
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_TEMPLATES": str(folder / "templates"),
        "NCCO_DATABASE_URL": f"sqlite:///{folder}/calls.db",
        **(settings or {}),
    }
    begun = time.monotonic()
    with started(command, folder / "log", env) as process:
        _call(port, process, folder / "log")
        start_s = time.monotonic() - begun
        start_cpu_s = cpu_us(process.pid) / 1e6
        for _ in range(calls - 1):
            _call(port)
    return Start(frozenset(), start_s, start_cpu_s)


def _call(port: int, process: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
    """Make one call from answer to end; with a process, wait until it answers."""
    until = time.monotonic() + START_S
    answer = answer_request()
    while True:
        try:
            reply = ask(port, answer)
            break
        except OSError:
            if process is None or process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it does not come up: {log.read_text()[-2000:] if log else ''}") from None
            time.sleep(0.005)
    if process is not None:
        return
    leg, wait = LEG.search(answer), WAIT.search(reply)
    if leg is None or wait is None:
        raise RuntimeError(f"it answers {reply[:500]!r}")
    ask(port, b"POST " + wait[1] + input_request())
    ask(port, b"POST /webhooks/event" + status_request("completed", leg[1].decode()))


if __name__ == "__main__":
    sys.exit(main())
