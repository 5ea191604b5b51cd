"""Runs the conformance suite.

    python -m tests.system.studio.conformance [--platform my.module:Name] [CASE ...]

Without an option it runs on this project's simulator; another one is a class with `async def play(self, case)`.
Arguments select cases: a file, or a part of a case's name. The exit code is 1 if anything fails.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys

from tests.system.studio.conformance.judge import differences
from tests.system.studio.conformance.played import Platform
from tests.system.studio.conformance.simulated import SECRET, Simulated
from tests.system.studio.conformance.suite import Case, load


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.studio.conformance", description="Runs the conformance suite."
    )
    parser.add_argument("cases", nargs="*", help="files or parts of names; all of them by default")
    parser.add_argument("--platform", help="module:Name of the class that plays cases")
    given = parser.parse_args()
    cases = [
        case
        for file, case in load()
        if not given.cases or any(part in f"{file}.yaml: {case.case}" for part in given.cases)
    ]
    if not cases:
        sys.exit("no case has such a name")
    return asyncio.run(_play(_platform(given.platform), cases))


def _platform(name: str | None) -> Platform:
    if name is None:
        return Simulated()
    module, _, attribute = name.partition(":")
    platform: Platform = getattr(importlib.import_module(module), attribute)()
    return platform


async def _play(platform: Platform, cases: list[Case]) -> int:
    failed = 0
    for case in cases:
        found = differences(case, await platform.play(case), SECRET)
        failed += bool(found)
        for line in [
            case.case,
            *(f"    {difference}" for difference in found),
            f"    {case.source or case.unverified}",
        ]:
            sys.stdout.write(f"{line}\n" if found else "")
    sys.stdout.write(f"{len(cases) - failed} of {len(cases)} cases conform\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
