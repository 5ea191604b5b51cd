"""What a completion of the editor costs in a project of 50 flows of 20 steps; the aim is 100 ms.

    .venv/bin/python -m benchmarks.complete [--rounds 20]

The first one reads the whole project; each later one follows a changed letter, as somebody types.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from app.flow.assist import completions

FLOWS = 50
STEPS = 20


def main() -> int:
    """Print the first and the median of the later ones."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=20)
    args = words.parse_args()
    steps = "".join(f"  s{number}: {{do: [{{talk: Hello.}}], goto: end}}\n" for number in range(STEPS))
    texts = {f"flows/f{number}.yaml": f"flow: f{number}\nstart: s0\nsteps:\n{steps}" for number in range(FLOWS)}
    took = []
    for number in range(args.rounds + 1):
        typed = "s" * (number + 1)
        line = f"  last: {{goto: {typed}"
        changed = {**texts, "flows/f0.yaml": f"flow: f0\nstart: s0\nsteps:\n{steps}{line}}}\n"}
        began = time.process_time()
        found = completions(changed, "flows/f0.yaml", STEPS + 4, len(line) + 1)
        took.append((time.process_time() - began) * 1000)
        if "s0" not in {option.label for option in found.options}:
            raise RuntimeError("the steps of the flow are not offered")
    later = statistics.median(took[1:])
    print(
        f"{FLOWS} flows of {STEPS} steps: {took[0]:.0f} ms of processor time for the first, {later:.0f} for later ones"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
