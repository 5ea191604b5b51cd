"""What `ncco serve` loads to answer calls: lines of its own modules, memory, and the time until it answers.

    .venv/bin/python -m benchmarks.loaded [--runs 5] [--calls 1000] [--modules] [--also FOLDER ...]

`--also` takes checkouts of other versions, each with a `.venv`; the versions take turns. The flow of benchmarks/flows
uses no mail, no recordings, no lookups and places no calls. Each call is answered, presses 1 and ends. Lines are all
lines of the files of `ncco_server` in `sys.modules`, with blanks and docstrings, after the last call. Memory is read
then too: what is resident, and the part of it that is private. A start takes from the first instruction of Python until
the first NCCO has arrived; the lowest of all runs counts, because other programs only make it longer.
"""

from __future__ import annotations

import argparse
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
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load.requests import CREDENTIALS, answer_request, input_request, status_request
from benchmarks.load.serving import ROOT, ask, cpu_us, free_port, started

PROGRAM: Final = """
import atexit, json, os, sys
from pathlib import Path

sys.modules.update(rich=None, greenlet=None)

def write():
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    own = {name: file for name, file in files.items() if name.partition(".")[0] == "ncco_server" and file}
    Path(os.environ["MODULES"]).write_text(json.dumps(own))

atexit.register(write)
from ncco_server.cli import main
main()
"""
FLOWS: Final = ROOT / "benchmarks" / "flows"
START_S: Final = 30.0
LEG: Final = re.compile(rb'"uuid":"([0-9a-f]+)"')
WAIT: Final = re.compile(rb"https://calls\.example\.com(/webhooks/input/[^\"]+)")


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
    args = words.parse_args()
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
