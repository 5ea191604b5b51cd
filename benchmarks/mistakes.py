"""What `ncco check` makes of mistakes: of five typos at once, or of the single mistakes of the contract tests.

Run it from the project's root: `python -m benchmarks.mistakes --projects 300 --seed 1`, or
`python -m benchmarks.mistakes --corpus`, which prints how many mistakes are found, at the right place, told once, and
with a fix that helps, and the name of each that is not. Whether a fix in words helps is in the data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.support import corpus
from tests.support.mistakes import SLIPS, outcomes

MARKS = {"found": 98, "place": 97, "once": 95, "helps": 95}
"""Per cent."""


def main() -> None:
    """Print the mean of all projects, or the shares of the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, nargs="*", help="files of mistakes; by default those of the tests")
    given = parser.parse_args()
    if given.corpus is not None:
        print_shares(given.corpus or sorted(corpus.FOLDER.glob("*.yaml")))
        return
    found = [*outcomes(given.projects, given.seed)]
    mean = sum(SLIPS - len(each.missed) for each in found) / len(found)
    false = sum(bool(each.follow_ups) for each in found) / len(found)
    print(f"{mean:.2f} of {SLIPS} slips are reported at once; {false:.1%} of the projects have a false issue")


def print_shares(files: list[Path]) -> None:
    mistakes = [mistake for file in files for mistake in corpus.mistakes_in(file)]
    for mark, wanted in MARKS.items():
        missed = [mistake for mistake in mistakes if mark in mistake.missed]
        share = 1 - len(missed) / len(mistakes)
        print(f"{mark}: {len(mistakes) - len(missed)} of {len(mistakes)}, {share:.1%}, wanted {wanted} %")
        for mistake in missed:
            print(f"  {mistake.base.name}: {mistake.name}")
    changed = [mistake for mistake in mistakes if mistake.unhelpful not in ("", mistake.cures)]
    print(f"to be judged again, since the cure has another text now: {len(changed)}")
    for mistake in changed:
        print(f"  {mistake.base.name}: {mistake.name}: {mistake.cures}")


if __name__ == "__main__":
    main()
