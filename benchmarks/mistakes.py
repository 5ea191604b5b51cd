"""How many of five mistakes `ncco check` reports at once, and how many false issues their combination causes.

Run it from the project's root: `python -m benchmarks.mistakes --projects 300 --seed 1`.
"""

from __future__ import annotations

import argparse

from tests.support.mistakes import SLIPS, outcomes


def main() -> None:
    """Print the mean of all projects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = [*outcomes(given.projects, given.seed)]
    mean = sum(SLIPS - len(each.missed) for each in found) / len(found)
    false = sum(bool(each.follow_ups) for each in found) / len(found)
    print(f"{mean:.2f} of {SLIPS} slips are reported at once; {false:.1%} of the projects have a false issue")


if __name__ == "__main__":
    main()
