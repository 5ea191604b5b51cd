"""Runs the conformance suite.

    python -m tests.system.studio.conformance [OPTION] [CASE ...]

    no option                                    this project's simulator
    --platform my.module:Name                    another one: a class with `async def play(self, case)`
    --server http://localhost:8000/webhooks [--secret ...]
                                                 a webhook server: would the platform accept its replies?
    --count                                      only the number of cases, by file and by source

Arguments select cases: a file, or a part of a case's name. The exit code is 1 if anything fails.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from typing import Any

from tests.system.studio.conformance.judge import differences
from tests.system.studio.conformance.played import Platform, Sent
from tests.system.studio.conformance.served import URLS, Target, faults_of
from tests.system.studio.conformance.simulated import SECRET, Simulated
from tests.system.studio.conformance.suite import Case, load, table


def main() -> int:
    """Run what the arguments ask for."""
    given = _parser().parse_args()
    cases = [
        case
        for file, case in load()
        if not given.cases or any(part in f"{file}.yaml: {case.case}" for part in given.cases)
    ]
    if not cases:
        sys.exit("no case has such a name; `--count` shows the files")
    if given.count:
        sys.stdout.write(table(load()))
        return 0
    if given.server:
        return asyncio.run(_serve(given, cases))
    return asyncio.run(_play(_platform(given.platform), cases))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.studio.conformance", description="Runs the conformance suite."
    )
    parser.add_argument("cases", nargs="*", help="files or parts of names; all of them by default")
    parser.add_argument("--platform", help="module:Name of the class that plays cases")
    parser.add_argument("--server", help="URL under which /answer, /event and /fallback are")
    parser.add_argument("--secret", default="", help="signs what goes to the server")
    parser.add_argument("--api-key", default="", help="goes into the token")
    parser.add_argument("--application-id", default="", help="goes into the token")
    parser.add_argument("--count", action="store_true", help="count the cases")
    return parser


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


async def _serve(given: Any, cases: list[Case]) -> int:
    target = Target(
        {name: f"{given.server.rstrip('/')}/{name}" for name in URLS},
        given.secret,
        {"api_key": given.api_key, "application_id": given.application_id},
    )
    webhooks: list[Sent] = []
    for case in cases:
        webhooks += (await Simulated().play(case)).webhooks
    faults = await faults_of(target, webhooks)
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(f"{len(webhooks) - len(faults)} of {len(webhooks)} webhooks got a reply that the platform takes\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
