"""Conditions of the checks that no test needs: each is replaced by True, and by False.

.venv/bin/python -m benchmarks.condition_mutants [--most 200] [--seed 1] [FILE ...]

The tests run in a copy of the project, so that the files that people edit are never changed. Tests near the code come
first; the cases of `ncco check` are tried only on mutants that survive these. All 2,000 mutants take hours, so a night
tries a sample, with another seed each time. A mutant that survives is a missing case,
or a condition that is not needed. Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FOLDERS: Final = ("app/flow/checks", "app/flow/hours")
COPIED: Final = ("app", "benchmarks", "examples", "flows", "templates", "tests", "pyproject.toml")
SUITES: Final = (
    ("tests/unit/flow/checks", "tests/unit/flow/hours", "tests/unit/flow/test_rules.py"),
    ("tests/contract/check",),
)
"""The tests that are tried one after another until one fails."""
LIMIT_S: Final = 300
"""A mutant whose tests take longer than this runs in circles, and counts as noticed."""


class ConditionMutant(NamedTuple):
    """A condition from `start` to `end` (offsets in bytes), and what replaces it."""

    file: str
    line: int
    start: int
    end: int
    text: str


def mutants_of(file: str, source: bytes) -> Iterator[ConditionMutant]:
    """The mutants of all tests, operands of `and` and `or`, and filters of comprehensions in a module."""
    begins = [0]
    for line in source.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    for node in _conditions(ast.parse(source)):
        if node.end_lineno is None or node.end_col_offset is None:
            continue
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[node.end_lineno - 1] + node.end_col_offset
        for text in ("True", "False"):
            yield ConditionMutant(file, node.lineno, start, end, text)


def _conditions(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                yield test
            case ast.BoolOp(values=values):
                yield from values
            case ast.comprehension(ifs=ifs):
                yield from ifs


def survives(mutant: ConditionMutant, folder: Path) -> bool:
    """Whether all tests pass with a mutant, which is written into `folder` for that time."""
    path = folder / mutant.file
    source = path.read_bytes()
    path.write_bytes(source[: mutant.start] + mutant.text.encode() + source[mutant.end :])
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        for tests in SUITES:
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
            try:
                result = subprocess.run(  # noqa: S603 - our own tests
                    command, cwd=folder, env=environment, capture_output=True, timeout=LIMIT_S, check=False
                )
            except subprocess.TimeoutExpired:
                return False
            if result.returncode:
                return False
        return True
    finally:
        path.write_bytes(source)


def main() -> int:
    """Print each mutant that survives, and the number of mutants."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("files", nargs="*", metavar="FILE", help=f"only these modules of {' and '.join(FOLDERS)}")
    words.add_argument("--most", type=int, default=0, help="try only this many, chosen at random; 0: all")
    words.add_argument("--seed", type=int, default=1, help="choose others with another number")
    args = words.parse_args()
    files = args.files or sorted(path.as_posix() for folder in FOLDERS for path in Path(folder).glob("*.py"))
    mutants = [mutant for file in files for mutant in mutants_of(file, Path(file).read_bytes())]
    if 0 < args.most < len(mutants):
        mutants = random.Random(args.seed).sample(mutants, args.most)  # noqa: S311 - no secret
    began = time.perf_counter()
    left = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in map(Path, COPIED):
            if part.is_dir():
                shutil.copytree(part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copy(part, folder / part)
        for mutant in mutants:
            if survives(mutant, folder):
                left += 1
                print(f"{mutant.file}:{mutant.line}: {mutant.text}", flush=True)
    print(f"{len(mutants) - left} of {len(mutants)} mutants noticed in {time.perf_counter() - began:.0f} s")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
