"""Conditions that no test needs: each is replaced by True, and by False, and each whole number in one by the next.

.venv/bin/python -m benchmarks.condition_mutants [NAME ...] [--most 200] [--tests PATH ...] [--without PATH ...]

A NAME is one of the `LAYERS`, whose tests are known, a module, or a folder of modules; without, all layers are tried.
All mutants take hours, so a night tries a sample of each layer, with another seed each time. A mutant that survives is
a missing case, or a condition that is not needed; then the exit code is 1. With `--without`, only mutants that these
tests notice are tried with the others: those survive that would be missed without these files.

The tests are collected once, and run once to see which of them give each condition which value. A mutant is a copy of
that process in which the code of one function is another one, and which plays only tests that see another value, the
quickest first. So mutants are unknown to programs that tests start (servers of `contract/calls` are threads here), and
conditions that matter only while modules are imported are not tried.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import gc
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple, NoReturn

import pytest

APP: Final = "app/ncco_server"
LATEST: Final = 5
"""How many of the tests that noticed a mutant come first: the next mutant may be close to theirs."""
LONGEST_S: Final = 30
"""With ten times what it takes otherwise, what a test may take that does not run in circles."""
CHECK: Final = "tests/contract/server/check/test_check.py::test_check_reports_exactly_these_issues"


class Layer(NamedTuple):
    """Modules, and the tests that notice most of their mutants in seconds."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


LAYERS: Final = {
    "engine": Layer(
        (f"{APP}/engine",),
        (
            "tests/unit/server/engine",
            "tests/contract/server/calls",
            "tests/contract/studio/scenarios",
            "tests/contract/server/render",
            *(f"tests/unit/server/service/test_{name}.py" for name in ("called", "ended", "masked_values", "outages")),
            "tests/unit/server/service/test_unended_calls.py",
            "tests/unit/server/service/placing/test_sensitive.py",
        ),
    ),
    "ncco": Layer(
        (f"{APP}/ncco",),
        (
            "tests/unit/server/ncco",
            "tests/contract/server/ncco",
            "tests/unit/server/web",
            "tests/unit/server/engine/test_handlers.py::test_a_caller_hears_this",
            "tests/unit/studio/simulator",
            "tests/unit/server/vonage/test_signatures.py",
            "tests/unit/server/service/test_call_facts.py",
        ),
    ),
    "hours": Layer((f"{APP}/flow/hours",), ("tests/unit/server/flow/hours", f"{CHECK}[hours]", f"{CHECK}[times]")),
    "checks": Layer(
        (f"{APP}/flow/checks",),
        ("tests/unit/server/flow/checks", "tests/unit/server/flow/test_rules.py", "tests/contract/server/check"),
    ),
    "store": Layer(
        (f"{APP}/store",), ("tests/contract/server/store", "tests/unit/server/store", "tests/unit/server/service")
    ),
    "service": Layer(
        (f"{APP}/service", f"{APP}/service/placing"),
        (
            "tests/unit/server/service",
            "tests/unit/server/web",
            "tests/unit/server/desk/test_recorded_calls.py",
            "tests/contract/server/calls",
            "tests/contract/server/http/test_callers.py",
        ),
    ),
}


@cache
def source_of(file: str) -> bytes:
    """The module as it was imported, though somebody may edit it since."""
    return Path(file).read_bytes()


class Mutant(NamedTuple):
    """A module in which one condition is always the same, or one number is greater."""

    file: str
    line: int
    column: int
    value: int
    number: int
    """Which expression of the module it replaces."""
    begins: int
    """The first line of its function."""

    def module(self) -> ast.Module:
        """The changed module."""
        module = ast.parse(source_of(self.file))
        node, put, _ = list(_replaced(module))[self.number]
        constant = ast.Constant(self.value)
        # the condition stays where it is never evaluated: the function needs the same variables of those around it
        kept = ast.BoolOp(ast.Or() if self.value else ast.And(), [constant, node])
        put(ast.copy_location(kept if isinstance(self.value, bool) else constant, node))
        return ast.fix_missing_locations(module)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.value}"


def mutants_of(file: str) -> Iterator[Mutant]:
    """The mutants of tests, operands of `and` and `or`, filters of comprehensions, and numbers that are compared."""
    module = ast.parse(source_of(file))
    functions = [each for each in ast.walk(module) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    spans = [(min(at.lineno for at in (each, *each.decorator_list)), each.end_lineno or 0) for each in functions]
    for number, (node, _, values) in enumerate(_replaced(module)):
        begins = max(first for first, last in spans if first <= node.lineno <= last)
        for value in values:
            if getattr(node, "value", None) is not value:  # as in `while True`
                yield Mutant(file, node.lineno, node.col_offset, value, number, begins)


@dataclass(frozen=True)
class _Put:
    """Where an expression stands."""

    owner: ast.AST
    field: str
    index: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether more than its truth can matter."""
        return not isinstance(self.owner, ast.comprehension | ast.If | ast.IfExp | ast.While)

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
    """Each function's code, by its name and line; not those of lambdas, of which a line may have several."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_name != "<lambda>":
                yield (each.co_qualname, each.co_firstlineno), each
            yield from _codes(each)


class Seen(NamedTuple):
    """A test that gives a value to an expression, in its fixtures (for others of its file, too) or itself."""

    expression: tuple[str, int]
    value: bool
    test: int
    is_prepared: bool


class Run:
    """Runs the tests of a pytest session once for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], without: Sequence[str], imported: set[tuple[str, int]]) -> None:
        """`imported`: the functions that ran while modules were imported, as files and lines."""
        self.mutants = mutants
        self._imported = imported
        self.survivors: list[Mutant] = []
        self.noticed = 0
        self._without = tuple(str(Path(path).resolve()) for path in without)
        self._functions: list[FunctionType] = []
        self._latest: list[pytest.Item] = []

    def pytest_collection_finish(self) -> None:
        """Find the functions of the modules."""
        files = {str(Path(mutant.file).resolve()) for mutant in self.mutants}
        found = (each for each in gc.get_objects() if isinstance(each, FunctionType))
        self._functions = [each for each in found if each.__code__.co_filename in files]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants."""
        session.config.pluginmanager.unregister(name="terminalreporter")
        seen, seconds = self._watched(session.items)
        for mutant in self.mutants:
            where = mutant.file, mutant.number
            if not (seen[*where, True] or seen[*where, False]) and self._is_imported(mutant):
                continue
            tests = _by_file(session.items, seen[*where, not mutant.value], seconds)
            first = [each for each in tests if str(each.path).startswith(self._without)] if self._without else []
            others = [each for each in tests if each not in first]
            if self._without and not self._notices(mutant, first, seconds):
                continue
            self.noticed += 1
            if not self._notices(mutant, others, seconds):
                self.survivors.append(mutant)
                print(f"\n{mutant}{'' if others else ' (always so in the tests)'}", flush=True)
        return True

    def _is_imported(self, mutant: Mutant) -> bool:
        return (str(Path(mutant.file).resolve()), mutant.begins) in self._imported

    def _watched(
        self, items: list[pytest.Item]
    ) -> tuple[dict[tuple[str, int, bool], set[int]], dict[pytest.Item, float]]:
        """The numbers of the tests that give each value to an expression, and the seconds that each test takes."""
        numbers = defaultdict[str, set[int]](set)
        for mutant in self.mutants:
            numbers[mutant.file].add(mutant.number)

        def watch(tell: Callable[[Any], NoReturn]) -> None:
            found: set[Seen] = set()
            listener = _Listener()

            def see(file: str, number: int, value: Any, is_exact: bool) -> Any:
                for each in {bool(value)} if isinstance(value, bool) or not is_exact else (False, True):
                    found.add(Seen((file, number), each, listener.test, listener.is_prepared))
                return value

            setattr(builtins, SEE, see)
            for file, wanted in numbers.items():
                self._replace(file, watched_module(file, wanted))
            _play(items, listener)
            tell([listener.failed, listener.seconds, sorted(found)])

        failed, took, found = _in_a_copy(watch)
        if failed:
            print("fail without a mutant:", *sorted({items[each].nodeid for each in failed}), sep="\n")
            pytest.exit("only tests that pass can notice a mutant", 3)
        seen = defaultdict[tuple[str, int, bool], set[int]](set)
        for (file, number), value, test, is_prepared in found:
            same = (at for at, item in enumerate(items) if item.path == items[test].path)
            seen[file, number, value].update(same if is_prepared else (test,))
        return seen, {item: took.get(str(at), 0.0) for at, item in enumerate(items)}

    def _notices(self, mutant: Mutant, items: list[pytest.Item], seconds: dict[pytest.Item, float]) -> bool:
        """Whether a test fails, or takes so long that it runs in circles."""
        first = [each for each in self._latest if each in items]
        tests = [*first, *(each for each in items if each not in first)]

        def play(tell: Callable[[Any], NoReturn]) -> None:
            self._replace(mutant.file, mutant.module())
            _play(tests, _Listener(tell), [LONGEST_S + round(10 * seconds[each]) for each in tests])
            tell(-1)

        if not tests:
            return False
        failed: int | None = _in_a_copy(play)
        if failed is not None and failed >= 0:
            self._latest = [tests[failed], *(each for each in self._latest if each is not tests[failed])][:LATEST]
        return failed != -1

    def _replace(self, file: str, module: ast.Module) -> None:
        """Give the functions of a file the code of a changed module."""
        path = str(Path(file).resolve())
        codes = dict(_codes(compile(module, path, "exec", dont_inherit=True)))
        for function in self._functions:
            if function.__code__.co_filename == path:
                code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
                function.__code__ = code or function.__code__


SEE: Final = "_see_value"


def watched_module(file: str, numbers: Iterable[int]) -> ast.Module:
    """A module that shows `SEE` the values of these expressions."""
    module = ast.parse(source_of(file))
    replaced = list(_replaced(module))
    for number in numbers:
        node, put, _ = replaced[number]
        words = [ast.Constant(file), ast.Constant(number), node, ast.Constant(put.is_exact)]
        put(ast.copy_location(ast.Call(ast.Name(SEE, ast.Load()), words, []), node))
    return ast.fix_missing_locations(module)


def _by_file(items: Sequence[pytest.Item], wanted: set[int], seconds: dict[pytest.Item, float]) -> list[pytest.Item]:
    """These tests; those of one file follow each other, and the quickest file comes first."""
    files = defaultdict[Path, list[pytest.Item]](list)
    for at in sorted(wanted):
        files[items[at].path].append(items[at])
    ordered = sorted(files.values(), key=lambda tests: sum(map(seconds.__getitem__, tests)))
    return [each for tests in ordered for each in tests]


def _in_a_copy(work: Callable[[Callable[[Any], NoReturn]], None]) -> Any:
    """What a copy of this process tells at its end, as JSON; None if it ends otherwise."""
    told, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)

        def tell(what: Any) -> NoReturn:
            with os.fdopen(tells, "w") as writing:
                json.dump(what, writing)
            os._exit(0)

        try:
            work(tell)
        finally:
            os._exit(1)
    os.close(tells)
    with os.fdopen(told) as reading:
        said = reading.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else None


def _play(items: Sequence[pytest.Item], listener: _Listener, limits_s: Sequence[int] = ()) -> None:
    """Run tests, and tell the listener. One that exceeds its limit ends this process."""
    for listener.test, item in enumerate(items):
        signal.alarm(limits_s[listener.test] if limits_s else 0)
        listener.is_prepared = True
        item.config.pluginmanager.register(listener, "listener")
        following = items[listener.test + 1] if listener.test + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        item.config.pluginmanager.unregister(name="listener")


class _Listener:
    """Keeps what the tests do; with `tell`, tells the number of the first one that fails."""

    def __init__(self, tell: Callable[[int], NoReturn] | None = None) -> None:
        self.test = 0
        self.is_prepared = True
        self.failed: list[int] = []
        self.seconds: dict[int, float] = {}
        self._tell = tell

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """The test begins; its fixtures are ready."""
        self.is_prepared = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at the report of a test or of a case."""
        self.seconds[self.test] = self.seconds.get(self.test, 0.0) + report.duration
        if report.failed:
            if self._tell is not None:
                self._tell(self.test)
            self.failed.append(self.test)


def main() -> int:
    """Print each mutant that survives, and the number of mutants."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", default=LAYERS, metavar="NAME", help="layers, modules, folders of modules")
    words.add_argument("--tests", nargs="+", default=[], metavar="PATH", help="other tests than those of the layer")
    words.add_argument("--without", nargs="+", default=[], metavar="PATH", help="name what only these tests notice")
    words.add_argument("--most", type=int, default=0, help="try only this many of each, chosen at random; 0: all")
    words.add_argument("--seed", type=int, default=1, help="choose others with another number")
    args = words.parse_args()
    layers = {name: LAYERS.get(name, Layer((name,), ())) for name in args.names}
    if len(layers) > 1:  # each collects other tests
        rest = ["--most", str(args.most), "--seed", str(args.seed)]
        for option in ("tests", "without"):
            rest += [f"--{option}", *getattr(args, option)] if getattr(args, option) else []
        runs = [[sys.executable, "-m", "benchmarks.condition_mutants", name, *rest] for name in layers]
        return max(subprocess.run(words, check=False).returncode for words in runs)  # noqa: S603 - ourselves
    ((name, layer),) = layers.items()
    files = [
        file for path in map(Path, layer.modules) for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])
    ]
    imported = set[tuple[str, int]]()
    sys.setprofile(lambda frame, *_: imported.add((frame.f_code.co_filename, frame.f_code.co_firstlineno)))
    for file in files:
        importlib.import_module(".".join(file.relative_to("app").with_suffix("").parts).removesuffix(".__init__"))
    sys.setprofile(None)
    mutants = [mutant for file in files for mutant in mutants_of(str(file))]
    if 0 < args.most < len(mutants):
        mutants = sorted(random.Random(args.seed).sample(mutants, args.most))  # noqa: S311 - no secret
    run = Run(mutants, args.without, imported)
    began = time.perf_counter()
    options = ["-q", "-n", "0", "--no-header", "--no-summary", "-p", "no:cacheprovider", "--servers-in-threads"]
    options += ["--timeout", "0"]  # it would replace the alarm
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the modules have imported plugins, such as anyio
    code = pytest.main([*options, *(args.tests or layer.tests), *args.without], plugins=[run])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return int(code)
    noticed = run.noticed - len(run.survivors)
    took = f"{time.perf_counter() - began:.0f} s"
    print(f"\n{name}: {noticed} of {run.noticed} mutants noticed in {took} ({len(mutants)} tried)")
    return 1 if run.survivors else 0


if __name__ == "__main__":
    sys.exit(main())
