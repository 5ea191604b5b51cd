"""Asks virtual Vonages that differ from the assumptions in one to ten ways, behind REST and webhooks only.

    python -m benchmarks.platforms
    python -m benchmarks.platforms --platforms 10 --runs 50 --seed 1

Prints how many differences were found, missed and invented, and which could not be observed and why.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ncco_server.simulator.assumptions import DEFAULTS, Assumption, assumptions
from tests.support.virtual_platform import OTHER_NUMBERS, VirtualPlatform

DEPENDENT: Final[Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "retry_after_s": ("retries", (0,)),
    "repeated_jti": ("retries", (0,)),
    "completed_after_cancelled": ("hung_up_ringing", ("completed", "unanswered")),
}
"""What cannot be observed if another assumption has one of these values: the platform then never does it."""


def other_values(assumption: Assumption) -> tuple[Any, ...]:
    default = assumption.default
    return OTHER_NUMBERS.get(assumption.name, tuple(each for each in assumption.choices if each != default))


async def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--platforms", type=int, default=10)
    words.add_argument("--runs", type=int, default=50)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help="one run of each platform")
    given = words.parse_args()
    given.runs = 1 if given.short else given.runs
    luck = random.Random(given.seed)  # noqa: S311 - reproducible, not secret
    observable = [each for each in assumptions().values() if not each.basis.hidden]
    counts: Counter[str] = Counter()
    began = time.perf_counter()
    for number in range(given.platforms):
        ways = luck.sample(observable, 1 + number % 10)
        differing = {each.name: luck.choice(other_values(each)) for each in ways}
        platform = replace(DEFAULTS, **differing)
        for run in range(given.runs):
            seen = await VirtualPlatform(platform, seed=f"{number}:{run}").ask_all()
            for each in observable:
                counts[_verdict(each.name, seen, platform, differing)] += 1
    hidden = [each for each in assumptions().values() if each.basis.hidden]
    seconds = time.perf_counter() - began
    sys.stdout.write(
        f"{given.platforms} platforms, {given.runs} runs each: {counts['found']} differences found, "
        f"{counts['missed']} missed, {counts['invented']} invented; {counts['confirmed']} assumptions confirmed, "
        f"{counts['never done']} that the platform never shows ({seconds:.0f} s)\n"
    )
    for each in hidden:
        sys.stdout.write(f"{each.name} cannot be observed: {each.basis.hidden}\n")
    return 1 if counts["missed"] or counts["invented"] else 0


def _verdict(name: str, seen: Mapping[str, Any], platform: Any, differing: Mapping[str, Any]) -> str:
    on, values = DEPENDENT.get(name, ("", ()))
    value = seen.get(name)
    if on and differing.get(on) in values:
        return "never done" if value is None else "invented"
    if value is None:
        return "missed"
    if value != getattr(platform, name):
        return "invented"
    return "found" if name in differing else "confirmed"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
