"""Seconds that `ncco check` takes for 100 and for 500 flows of 20 steps, as a whole process.

.venv/bin/python -m benchmarks.check_flows [--flows 100 500] [--steps 20] [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = """flow: flow{number}
numbers: ["4420794{number:05}"]
start: step0
vars:
  team: {{type: text, default: nobody}}
defaults:
  talk: {{language: en-GB, style: 2}}
  retry:
    noinput: ["Sorry, I did not hear you.", "You can also press a key."]
    nomatch: ["Sorry, that is not one of the choices."]
    then: last
  on: {{error: last}}
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


def main() -> int:
    """Print a line for each number of flows."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--flows", type=int, nargs="+", default=[100, 500])
    words.add_argument("--steps", type=int, default=20)
    words.add_argument("--runs", type=int, default=5)
    args = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for flows in args.flows:
        seconds = _measure(flows, args.steps, args.runs)
        print(f"ncco check, {flows} flows of {args.steps} steps: median {statistics.median(seconds):.2f} s", end="")
        print(f" ({min(seconds):.2f} to {max(seconds):.2f} s, {args.runs} runs)")
    return 0


def _measure(flows: int, steps: int, runs: int) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flows").mkdir()
        (folder / "templates").mkdir()
        for number in range(flows):
            (folder / "flows" / f"flow{number}.yaml").write_text(_flow(number, steps))
        return [_check(folder) for _ in range(runs)]


def _flow(number: int, steps: int) -> str:
    kinds = (MENU, DIAL)
    middle = "".join(kinds[step % 2].format(step=step, following=step + 1) for step in range(steps - 2))
    before_last = DIAL.format(step=steps - 2, following=0).replace("step0", "last")
    return HEAD.format(number=number) + middle + before_last + LAST


def _check(folder: Path) -> float:
    command = [str(Path(sys.executable).with_name("ncco")), "check"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
