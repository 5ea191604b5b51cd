"""How many seconds of processor time commands take, as whole processes, in this version and others.

    .venv/bin/python -m benchmarks.commands [--runs 5] [--also FOLDER ...]

`--also` takes checkouts of other versions, each with a `.venv`. The versions take turns, and the lowest time counts.
The first run of a version writes its bytecode, as an installation does.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
STEPS: Final = 20
QUEUE: Final = ROOT / "examples" / "queue"

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
    """Print a line for each command, with a figure for each version."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--also", type=Path, nargs="*", default=[])
    args = words.parse_args()
    versions = [ROOT, *args.also]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; seconds of processor time"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = (
            ("ncco --help", ["--help"], QUEUE),
            (f"ncco check, 100 flows of {STEPS} steps", ["check"], _project(folder / "100", 100)),
            (f"ncco prove, 20 flows of {STEPS} steps", ["prove"], _project(folder / "20", 20)),
            ("ncco test, examples/queue", ["test"], QUEUE),
        )
        for shown, arguments, project in commands:
            copies = {
                version: folder / f"{number} {shown}".replace("/", " ") for number, version in enumerate(versions)
            }
            for copy in copies.values():
                shutil.copytree(project, copy)
            seconds = {version: list[float]() for version in versions}
            for _ in range(args.runs):
                for version in versions:
                    seconds[version].append(_run(version, arguments, copies[version]))
            print(f"{shown}: {', '.join(f'{min(each):.2f} ({version})' for version, each in seconds.items())}")
    return 0


def _project(folder: Path, flows: int) -> Path:
    (folder / "flows").mkdir(parents=True)
    (folder / "templates").mkdir()
    for number in range(flows):
        (folder / "flows" / f"flow{number}.yaml").write_text(flow_text(number))
    return folder


def flow_text(number: int, steps: int = STEPS) -> str:
    """A flow of this many steps, with the number 4420794 and five digits."""
    kinds = (MENU, DIAL)
    middle = "".join(kinds[step % 2].format(step=step, following=step + 1) for step in range(steps - 2))
    before_last = DIAL.format(step=steps - 2, following=0).replace("step0", "last")
    return HEAD.format(number=number) + middle + before_last + LAST


def _run(version: Path, arguments: list[str], folder: Path) -> float:
    """The processor time of one command. Raises RuntimeError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(version / ".venv" / "bin" / "ncco"), *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{version}: {done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
