"""What `ncco serve` loads to answer calls: lines of its own modules, memory, and the time until it answers.

    .venv/bin/python -m benchmarks.loaded [--runs 5] [--calls 1000] [--modules] [--also FOLDER ...]
    .venv/bin/python -m benchmarks.loaded --starts [--stored 300000] [--runs 5] [--quick] [--write]

With `--starts`, the time until the first answer is measured with an empty database and with many stored calls, and then
how long four calls wait whose old revision of 2,000 steps a server has not loaded yet, alone and beside busy processes.
They have 4 seconds.

`--also` takes checkouts of other versions, each with a `.venv`; the versions take turns. The flow of benchmarks/flows
uses no mail, no recordings, no lookups and places no calls. Each call is answered, presses 1 and ends. Lines are all
lines of the files of `ncco_server` in `sys.modules`, with blanks and docstrings, after the last call. Memory is read
then too: what is resident, and the part of it that is private. A start takes from the first instruction of Python until
the first NCCO has arrived; the lowest of all runs counts, because other programs only make it longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
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

PROGRAM: Final = """
import atexit, json, os, sys
from pathlib import Path

sys.modules.update(rich=None, greenlet=None)

def write():
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    own = {name: file for name, file in files.items() if name.partition(".")[0] == "ncco_server" and file}
    Path(os.environ["MODULES"]).write_text(json.dumps(own))

atexit.register(write)
from ncco_server.desk.commands import main
main()
"""
FLOWS: Final = ROOT / "benchmarks" / "flows"
START_S: Final = 30.0
STEPS: Final = 2_000
CALLERS: Final = 4
BUSY: Final = 8
LEG: Final = re.compile(rb'"uuid":"([0-9a-f]+)"')
WAIT: Final = re.compile(rb"https://calls\.example\.com(/webhooks/input/[^\"]+)")


HEAD = """flow: flow
default: true
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
"""
MENU = """  step{step}:
    do:
      - talk: "Hello {{{{ call.from }}}}. For sales press 1 or say sales, for support press 2 or say support."
    choices:
      sales: {{dtmf: 1, speech: [sales, buy, order], set: {{team: sales}}, goto: step{following}}}
      support: {{dtmf: 2, speech: [support, help], set: {{team: support}}, goto: step{following}}}
"""
DIAL = """  step{step}:
    do:
      - talk: "Connecting you to {{{{ team }}}}."
      - connect: "447700900111"
        timeout: 20
    on:
      completed: end
      otherwise: step{following}
"""
LAST = """  last:
    do:
      - talk: "Please leave a message after the tone."
      - record: {beepStart: true, endOnSilence: 4}
    goto: end
"""


class Load(NamedTuple):
    """What one server took. `modules` has the lines of each module; memory is in MB."""

    modules: Mapping[str, int]
    resident: float
    private: float
    start_s: float
    start_cpu_s: float


def main() -> int:
    """Print the figures of each version, and with `--modules` the lines of each module."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--calls", type=int, default=1000)
    words.add_argument("--modules", action="store_true", help="print the lines of each module")
    words.add_argument("--also", type=Path, nargs="*", default=[])
    words.add_argument("--starts", action="store_true", help="measure starts and old revisions")
    words.add_argument("--stored", type=int, default=300_000)
    words.add_argument("--quick", action="store_true", help="two runs, and a hundredth of the stored calls")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.starts:
        quick = (2, args.stored // 100)
        _starts(*(quick if args.quick else (args.runs, args.stored)), is_written=args.write)
        return 0
    versions = [ROOT, *args.also]
    found: dict[Path, list[Load]] = {version: [] for version in versions}
    for _ in range(args.runs):
        for version in versions:
            with tempfile.TemporaryDirectory() as name:
                found[version].append(measured(version.resolve(), Path(name), args.calls))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {args.calls:,} calls")
    for version, loads in found.items():
        if args.modules:
            print("\n".join(f"{lines:6} {name}" for name, lines in sorted(loads[0].modules.items())))
        packages = Counter[str]()
        for name, lines in loads[0].modules.items():
            packages[name.split(".")[1] if "." in name else "ncco_server"] += lines
        print(f"{version}: {sum(packages.values()):,} lines in {len(loads[0].modules)} modules, of which")
        print(f"    {', '.join(f'{package} {lines:,}' for package, lines in packages.most_common())}")
        print(
            f"    memory {min(each.resident for each in loads):.1f} MB, "
            f"{min(each.private for each in loads):.1f} of it private; first answer after "
            f"{min(each.start_s for each in loads):.2f} s, "
            f"{min(each.start_cpu_s for each in loads):.2f} s of processor time"
        )
    return 0


def _starts(runs: int, stored: int, *, is_written: bool) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in (0, stored):
            folder = Path(name) / str(count)
            folder.mkdir()
            fill(f"sqlite:///{folder}/calls.db", count)
            starts = [measured(ROOT, folder, 1) for _ in range(runs)]
            figures = f"{min(each.start_s for each in starts):.2f}", f"{min(each.start_cpu_s for each in starts):.2f}"
            rows.append([f"first answer, {count:,} stored calls", *figures])
        for busy in (0, BUSY):
            waits = []
            for run in range(runs):
                folder = Path(name) / f"{busy} {run}"
                folder.mkdir()
                waits.append(_old_revision(folder, busy))
            beside = f", beside {busy} busy processes" if busy else ""
            figures = f"{max(wait for wait, _ in waits):.2f}", f"{min(used for _, used in waits):.2f}"
            rows.append([f"{CALLERS} callers with an old revision of {STEPS:,} steps{beside}", *figures])
    about = machine.sentence(Path(tempfile.gettempdir()))
    head = ["", "seconds", "seconds of processor time"]
    lines = [f"{about}; SQLite, {runs} runs; the best first answer, the slowest caller.", "", *page.table(head, rows)]
    print("\n".join(lines))
    if is_written:
        page.write("starts", lines)


def _old_revision(folder: Path, busy: int) -> tuple[float, float]:
    """Return how long the slowest caller waits, and the processor time that the server uses for all."""
    flows = {"new": _flow_text(10), "old": _flow_text(20)}  # a start loads the revisions of open calls
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
    sources = {"flows/flow.yaml": _flow_text(STEPS)}
    hash_ = revision_of({"flows/flow.yaml": text})
    async with open_store(url) as store:
        await store.replace_revision(RevisionRow(hash_, "flow", orjson.dumps(sources), NOW_MS))


def _flow_text(steps: int) -> str:
    middle = "".join((MENU, DIAL)[step % 2].format(step=step, following=step + 1) for step in range(steps - 2))
    return HEAD + middle + DIAL.format(step=steps - 2, following=0).replace("step0", "last") + LAST


def _waited(port: int, request: bytes) -> float:
    begun = time.monotonic()
    reply = ask(port, request)
    if not reply.startswith(b"HTTP/1.1 200") or b"Connecting you" not in reply:
        raise RuntimeError(f"it answers {reply[:500]!r}")
    return time.monotonic() - begun


def measured(version: Path, folder: Path, calls: int, flows: Path = FLOWS) -> Load:
    """Start the server of a version, make calls, and end it. Raises RuntimeError if it does not answer.

    The first call is only answered, because its flow may ask for other keys than 1.
    """
    port = free_port()
    modules = folder / "modules.json"
    env = {
        **CREDENTIALS,
        "MODULES": str(modules),
        "PYTHONPATH": "",
        "NCCO_HOST": "127.0.0.1",
        "NCCO_PORT": str(port),
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_FLOWS": str(flows),
        "NCCO_TEMPLATES": str(folder / "templates"),
        "NCCO_DATABASE_URL": f"sqlite:///{folder}/calls.db",
    }
    command = [str(version / ".venv" / "bin" / "python"), "-c", PROGRAM, "serve"]
    begun = time.monotonic()
    with started(command, folder / "log", env) as process:
        _call(port, process, folder / "log")
        start_s = time.monotonic() - begun
        start_cpu_s = cpu_us(process.pid) / 1e6
        for _ in range(calls - 1):
            _call(port)
        resident, private = _memory(process.pid)
    own = json.loads(modules.read_text())
    lines = {name: len(Path(file).read_text().splitlines()) for name, file in own.items()}
    return Load(lines, resident, private, start_s, start_cpu_s)


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


def _memory(pid: int) -> tuple[float, float]:
    """Resident and private memory of a process in MB. Needs Linux."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = {name: int(number) for name, number in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return kilobytes["Rss"] / 1024, (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1024


if __name__ == "__main__":
    sys.exit(main())
