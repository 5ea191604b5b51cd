"""Conditions that no test needs: each is replaced by True, and by False, and each whole number in one by the next.

.venv/bin/python -m benchmarks.condition_mutants [--most 200] [PATH ...] [--tests PATH ...] [--without PATH ...]

Without PATHs it tries the checks of flows with their tests; a PATH is a module or a folder of modules. All 2,000
mutants take hours, so a night tries a sample, with another seed each time. A mutant that survives is a missing case, or
a condition that is not needed. With `--without`, only mutants that these tests notice are tried with the others, and
those survive that only they notice: what would be lost without these files. Exit code 1 if a mutant survives.

The tests are collected once. Each mutant is a copy of that process in which the code of one function is another one, so
mutants are unknown to programs that tests start, and conditions outside functions are not tried.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import importlib
import os
import random
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final, NamedTuple

import pytest

MODULES: Final = ("app/ncco_server/flow/checks", "app/ncco_server/flow/hours")
TESTS: Final = (
    *("tests/unit/flow/checks", "tests/unit/flow/hours", "tests/unit/flow/test_rules.py"),
    "tests/contract/check",
)
LIMIT_S: Final = 300
"""A mutant whose tests take longer than this runs in circles, and counts as noticed."""


class Mutant(NamedTuple):
    """A module in which one condition is always the same, or one number is greater."""

    file: str
    line: int
    column: int
    value: int
    number: int
    """Which expression of the module it replaces."""

    def module(self) -> ast.Module:
        """The changed module."""
        module = ast.parse(Path(self.file).read_bytes())
        node, put, _ = list(_replaced(module))[self.number]
        put(ast.copy_location(ast.Constant(self.value), node))
        return module

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.value}"


def mutants_of(file: str) -> Iterator[Mutant]:
    """The mutants of tests, operands of `and` and `or`, filters of comprehensions, and numbers that are compared."""
    for number, (node, _, values) in enumerate(_replaced(ast.parse(Path(file).read_bytes()))):
        for value in values:
            yield Mutant(file, node.lineno, node.col_offset, value, number)


@dataclass(frozen=True)
class _Put:
    """Where an expression stands."""

    owner: ast.AST
    field: str
    index: int | None = None

    def __call__(self, node: ast.expr) -> None:
        """Put another one there."""
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


def _replaced(module: ast.Module) -> Iterator[tuple[ast.expr, _Put, tuple[int, ...]]]:
    """Expressions in functions, with what replaces them."""
    both = (True, False)
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in _own(function):
            match node:
                case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                    yield test, _Put(node, "test"), both
                case ast.BoolOp(values=operands):
                    yield from ((operand, _Put(node, "values", at), both) for at, operand in enumerate(operands))
                case ast.comprehension(ifs=ifs):
                    yield from ((test, _Put(node, "ifs", at), both) for at, test in enumerate(ifs))
                case ast.Compare(comparators=compared):
                    for at, each in enumerate(compared):
                        match each:
                            case ast.Constant(value=int(number)) if not isinstance(number, bool):
                                yield each, _Put(node, "comparators", at), (number + 1,)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What a function consists of, without the functions in it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _own(node)


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """Each function's code, by its name and line."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield (each.co_qualname, each.co_firstlineno), each
            yield from _codes(each)


class Run:
    """Runs the tests of a pytest session once for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], without: Sequence[str]) -> None:
        self.mutants = mutants
        self.survivors: list[Mutant] = []
        self.noticed = 0
        self._without = tuple(str(Path(path).resolve()) for path in without)
        self._functions: list[FunctionType] = []

    def pytest_collection_finish(self) -> None:
        """Find the functions of the modules."""
        files = {str(Path(mutant.file).resolve()) for mutant in self.mutants}
        found = (each for each in gc.get_objects() if isinstance(each, FunctionType))
        self._functions = [each for each in found if each.__code__.co_filename in files]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants."""
        first = [item for item in session.items if str(item.path).startswith(self._without)] if self._without else []
        others = [item for item in session.items if item not in first]
        for suite in (first, others):
            if suite and (failed := self._failed(None, suite)) is not None:
                pytest.exit(f"fails without a mutant: {suite[failed].nodeid}", 3)
        for mutant in self.mutants:
            if first and self._notices(mutant, first) is False:
                continue
            self.noticed += 1
            if not self._notices(mutant, others):
                self.survivors.append(mutant)
                print(f"\n{mutant}", flush=True)
        return True

    def _notices(self, mutant: Mutant, items: list[pytest.Item]) -> bool:
        """Whether a test fails, which then comes first, because the next mutant is close to this one."""
        failed = self._failed(mutant, items)
        if failed is not None and failed >= 0:
            items.insert(0, items.pop(failed))
        return failed is not None

    def _failed(self, mutant: Mutant | None, items: Sequence[pytest.Item]) -> int | None:
        """The index of the first test that fails, None if there is none, and -1 if they take too long."""
        told, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            self._play(mutant, items, tells)
        os.close(tells)
        with os.fdopen(told) as reading:
            is_over = bool(select.select([reading], [], [], LIMIT_S)[0])
            if not is_over:
                os.kill(pid, signal.SIGKILL)
            said = reading.read()
        os.waitpid(pid, 0)
        return int(said) if said else None if is_over else -1

    def _play(self, mutant: Mutant | None, items: Sequence[pytest.Item], tells: int) -> None:
        """Run the tests up to the first one that fails, and end this copy of the process."""
        if mutant is not None:
            codes = dict(_codes(compile(mutant.module(), str(Path(mutant.file).resolve()), "exec", dont_inherit=True)))
            for function in self._functions:
                code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
                if code is not None and function.__code__.co_filename == code.co_filename:
                    with contextlib.suppress(ValueError):  # a mutant may need fewer variables of the function around
                        function.__code__ = code
        items[0].config.pluginmanager.unregister(name="terminalreporter")
        for at, item in enumerate(items):
            item.config.pluginmanager.register(_Ends(partial(os.write, tells, str(at).encode())), "ends")
            following = items[at + 1] if at + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item.config.pluginmanager.unregister(name="ends")
        os._exit(0)


class _Ends:
    """Ends the process at the first failure."""

    def __init__(self, tell: partial[int]) -> None:
        self._tell = tell

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at the report of a test or of a case."""
        if report.failed:
            self._tell()
            os._exit(1)


def main() -> int:
    """Print each mutant that survives, and the number of mutants."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("paths", nargs="*", default=MODULES, metavar="PATH", help="modules, and folders of modules")
    words.add_argument("--tests", nargs="+", default=TESTS, metavar="PATH", help="the tests to run")
    words.add_argument("--without", nargs="+", default=[], metavar="PATH", help="name what only these tests notice")
    words.add_argument("--most", type=int, default=0, help="try only this many, chosen at random; 0: all")
    words.add_argument("--seed", type=int, default=1, help="choose others with another number")
    args = words.parse_args()
    files = [
        file for path in map(Path, args.paths) for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])
    ]
    for file in files:
        importlib.import_module(".".join(file.relative_to("app").with_suffix("").parts).removesuffix(".__init__"))
    mutants = [mutant for file in files for mutant in mutants_of(str(file))]
    if 0 < args.most < len(mutants):
        mutants = random.Random(args.seed).sample(mutants, args.most)  # noqa: S311 - no secret
    run = Run(mutants, args.without)
    began = time.perf_counter()
    options = ["-q", "-n", "0", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
    code = pytest.main([*options, *args.tests, *args.without], plugins=[run])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return int(code)
    noticed = run.noticed - len(run.survivors)
    print(f"\n{noticed} of {run.noticed} mutants noticed in {time.perf_counter() - began:.0f} s ({len(mutants)} tried)")
    return 1 if run.survivors else 0


if __name__ == "__main__":
    sys.exit(main())
