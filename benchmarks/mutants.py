"""The share of faulty flows that scenarios detect: every mutant of the sample flows, played with the flow's scenarios.

.venv/bin/python -m benchmarks.mutants [--survivors]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.system.studio.verify.scenarios.mutants import Verdict, mutants_of, try_mutant

FLOWS = ("reception", "pin", "findme", "conference")


def main() -> int:
    """Print a line for each flow, and a total."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--survivors", action="store_true", help="name each mutant that no scenario notices")
    args = words.parse_args()
    began = time.perf_counter()
    templates = {path.as_posix(): path.read_text() for path in Path("templates").iterdir()}
    verdicts = {}
    for name in FLOWS:
        file = f"flows/{name}.yaml"
        verdicts[name] = asyncio.run(_try(name, file, {file: Path(file).read_text(), **templates}))
    for name, found in verdicts.items():
        _show(name, found)
        for verdict in found:
            if args.survivors and verdict.loads and not verdict.killer:
                mutant = verdict.mutant
                print(f"  flows/{name}.yaml:{mutant.line}: {mutant.kind}: {mutant.what}")
    _show("all", [verdict for found in verdicts.values() for verdict in found])
    print(f"{time.perf_counter() - began:.1f} s")
    return 0


async def _try(name: str, file: str, texts: Mapping[str, str]) -> list[Verdict]:
    tests = [f"tests/scenarios/{name}.yaml"]
    return [await try_mutant(mutant, file, texts, tests) for mutant in mutants_of(file, texts[file])]


def _show(name: str, verdicts: list[Verdict]) -> None:
    alive = [verdict for verdict in verdicts if verdict.loads]
    killed = [verdict for verdict in alive if verdict.killer]
    kinds = Counter(verdict.mutant.kind for verdict in alive)
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    share = 100 * len(killed) / len(alive)
    refused = len(verdicts) - len(alive)
    print(f"{name}: {len(killed)} of {len(alive)} mutants noticed, {share:.1f} % ({shown}; {refused} more do not load)")


if __name__ == "__main__":
    sys.exit(main())
