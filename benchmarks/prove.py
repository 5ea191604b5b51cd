"""How many seconds of processor time and how much memory proofs take.

    .venv/bin/python -m benchmarks.prove [--runs 3]

Of a flow of 100 steps, with lookups, counters and opening hours; of one with five menus and 10^8 paths; and of two
flow files of this project.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ncco_server.flow.files import read_project
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_studio.verify.prove import Proof, prove

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
HEAD = """flow: large
default: true
start: step0
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}
    holidays: {2026-12-25: Christmas Day}
lookups:
  customer:
    get: "https://example.com/c"
    returns: {name: text, tier: [gold, silver, standard]}
    default: {tier: standard}
  orders: {get: "https://example.com/o", returns: {open: int, late: bool}}
  place: {get: "https://example.com/p", returns: {free: bool, position: int}}
vars:
  tries: {type: int}
  rounds: {type: int}
defaults:
  talk: {language: en-GB, style: 2}
  retry: {noinput: ["Sorry?", "You can also press a key."], nomatch: ["That is no choice."], then: bye}
  on: {error: bye}
steps:
"""
BYE = """  bye:
    do:
      - talk: "Goodbye."
    goto: end
"""
STEPS = (
    """  step{n}:
    lookup: customer
    do:
      - talk: "Hello{{% if customer.name %}} {{{{ customer.name }}}}{{% endif %}}."
    branch:
      - if: customer.tier == "gold"
        goto: step{after}
      - else: step{next}
""",
    """  step{n}:
    do:
      - talk: "Press 1 or say sales, press 2 or say support."
    choices:
      sales: {{dtmf: 1, speech: [sales, buy], set: {{tries: "{{{{ tries + 1 }}}}"}}, goto: step{next}}}
      support: {{dtmf: 2, speech: [support], goto: step{next}}}
""",
    """  step{n}:
    branch:
      - if: tries >= 3 and hours.office.open
        goto: step{after}
      - if: hours.office.reason == "holiday"
        goto: step{next}
      - else: step{next}
""",
    """  step{n}:
    lookup: orders
    do:
      - talk: "You have {{{{ orders.open }}}} open orders. Press 1 to go on."
    choices: {{next: {{dtmf: 1, goto: step{next}}}}}
""",
    """  step{n}:
    set: {{rounds: "{{{{ rounds + 1 }}}}"}}
    branch:
      - if: rounds > 4 or orders.late
        goto: step{after}
      - else: step{next}
""",
    """  step{n}:
    lookup: place
    do:
      - talk: "You are number {{{{ place.position }}}}."
      - stream: https://example.com/music.mp3
    hold: {{until: place.free, up_to: 2m}}
    on: {{ready: step{next}, too_long: step{after}}}
""",
    """  step{n}:
    do:
      - talk: "I am putting you through."
      - connect: "447700900111"
        timeout: 20
    on: {{completed: end, busy: step{after}, otherwise: step{next}}}
""",
)
FOLDERS: Final = {"flows": "reception", "benchmarks/flows": "frontdesk"}
"""A flow of each of these folders."""
SAYS = """  step{n}:
    do:
      - talk: "One moment."
    goto: step{next}
"""


def main() -> int:
    """Print a line for each flow."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=3)
    args = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name, flow in (
        ("100 steps, 3 look-ups, 2 counters, hours", large()),
        ("5 menus of 40 choices, 10^8 paths", menus()),
        *((f"{folder}, {name}", _in_folder(Path(folder), name)) for folder, name in FOLDERS.items()),
    ):
        times, proof = _measure(flow, args.runs)
        space = proof.space
        print(
            f"ncco prove, {name}: median {statistics.median(times):.2f} s of processor, {proof.verdict.status}, ",
            end="",
        )
        print(f"{len(space.states):,} states, {len(space.transitions):,} edges, {space.nccos:,} NCCOs, ", end="")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most so far")
    return 0


def _measure(flow: Flow, runs: int) -> tuple[list[float], Proof]:
    times = []
    for _ in range(runs):
        started = time.process_time()
        proof = prove(flow, NOW)
        times.append(time.process_time() - started)
    return times, proof


def _in_folder(folder: Path, name: str) -> Flow:
    texts, _ = read_project(folder, folder.with_name("templates"))
    return load(texts).flows[name]


def _loaded(text: str) -> Flow:
    project = load({"flows/bench.yaml": text})
    if project.has_errors:
        raise RuntimeError(str(project.issues[0]))
    return next(iter(project.flows.values()))


def large(steps: int = 99) -> Flow:
    """A flow with all kinds of steps in turn, each of which leads to the next two."""
    return _loaded(HEAD + "".join(_large_steps(steps)) + BYE)


def _large_steps(steps: int) -> Iterator[str]:
    for number in range(steps):
        kind = STEPS[number % len(STEPS)]
        if kind is STEPS[-1] and number % (2 * len(STEPS)) < len(STEPS):
            kind = SAYS  # at most ten dials in a call
        text = kind.format(n=number, next=number + 1, after=number + 2)
        yield text.replace(f"step{steps}", "bye").replace(f"step{steps + 1}", "bye")


def menus(count: int = 5, choices: int = 40) -> Flow:
    """A flow of menus in a row, with all choices of each leading to the next menu."""
    steps = "".join(_menu(number, count, choices) for number in range(count))
    head = "flow: menus\ndefault: true\nstart: menu0\ndefaults:\n  talk: {language: en-GB}\n  on: {error: bye}\n"
    return _loaded(f"{head}  retry: {{tries: 2, then: bye}}\nsteps:\n{steps}{BYE}")


def _menu(number: int, count: int, choices: int) -> str:
    following = f"menu{number + 1}" if number + 1 < count else "bye"
    lines = "".join(f"      c{each}: {{dtmf: {each + 10}, goto: {following}}}\n" for each in range(choices))
    return f'  menu{number}:\n    do:\n      - talk: "Key in the number of the town."\n    choices:\n{lines}'


if __name__ == "__main__":
    sys.exit(main())
