"""Rules for every test: what it can import, and how its assertions are written; and tests of many cases."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.support.tracked import text_of, tracked_files

ALLOWED = {
    "contract": ("tests.contract", "tests.support", "ncco_server.ncco", "ncco_server.store"),
    "unit": ("tests.unit", "tests.support", "ncco_server"),
    "support": ("tests.support", "ncco_server"),
}
"""What each tests folder can import from this repository. For contract tests, this excludes their submodules."""


def imported(text: str) -> set[str]:
    """The modules of this repository that a file imports, and the names that it imports from tests folders."""
    found = set[str]()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith("tests"):
                found |= {f"{module}.{alias.name}" for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case _:
                pass
    return {name for name in found if name.partition(".")[0] in ("ncco_server", "tests", "benchmarks")}


def refused(kind: str, text: str) -> list[str]:
    """What a file in `tests/KIND` imports although it must not."""
    whole = tuple(name for name in ALLOWED[kind] if kind != "contract" or name.startswith("tests"))
    return sorted(
        name
        for name in imported(text)
        if name not in ALLOWED[kind] and not name.startswith(tuple(f"{prefix}." for prefix in whole))
    )


@pytest.mark.parametrize("kind", ALLOWED)
def test_tests_import_only_what_their_folder_allows(kind: str) -> None:
    files = [name for name in tracked_files() if name.startswith(f"tests/{kind}/") and name.endswith(".py")]
    assert files
    assert {} == {name: found for name in files if (found := refused(kind, text_of(name)))}


@each_case(
    ("kind", "line"),
    [
        ("contract", "from ncco_server.store.rows import CallRow"),
        ("contract", "from ncco_server.ncco.rules import RULES"),
        ("contract", "import ncco_server.errors"),
        ("contract", "from tests.unit.server.engine import scripted_call"),
        ("contract", "def test() -> None:\n    from ncco_server.desk.commands import main"),
        ("unit", "from tests.contract import cases"),
        ("unit", "from tests.system.server.faults.served import PROJECT"),
        ("support", "from tests.contract.server.http.serving import serving"),
    ],
)
def test_other_imports_are_found(kind: str, line: str) -> None:
    assert 1 == len(refused(kind, f"from ncco_server.store import Store\n{line}\n"))


# The expected value is on the left


def is_literal(node: ast.expr) -> bool:
    """Whether a value is a literal or a constant."""
    match node:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return all(map(is_literal, parts))
        case ast.Dict(keys=keys, values=values):
            return all(is_literal(part) for part in (*keys, *values) if part is not None)
        case ast.UnaryOp(operand=value) | ast.Starred(value=value):
            return is_literal(value)
        case _:
            return False


def turned_around(text: str) -> list[int]:
    """The lines of assertions with the expected value to the right of `==`, or with None to the left of `is`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1
        for left, right in [(node.test.left, node.test.comparators[0])]
        if (isinstance(node.test.ops[0], ast.Eq | ast.NotEq) and is_literal(right) and not is_literal(left))
        or (isinstance(node.test.ops[0], ast.Is | ast.IsNot) and isinstance(left, ast.Constant))
    ]


def test_expected_values_are_on_the_left() -> None:
    files = [name for name in tracked_files() if name.startswith("tests/") and name.endswith(".py")]
    assert [] == [f"{name}:{line}" for name in files for line in turned_around(text_of(name))]


@each_case(
    "line", ["assert found == 3", "assert found(1) == [1, 'a']", "assert found == {'a': NOON}", "assert None is found"]
)
def test_a_reversed_assertion_is_found(line: str) -> None:
    assert [1] == turned_around(line)


ROOT = Path(__file__).parents[3]
MANY = """
import pytest
from tests.support.cases import each_case

@each_case("word", ["one", "two", pytest.param("three", id="a name")])
def test_words(word, tmp_path):
    (tmp_path / "found").open("x").close()
    assert word == "one"

@each_case(("left", "right"), lambda: [(1, 1), (1, 2)], ids=["same", "other"])
async def test_pairs(left, right):
    assert left == right
"""


def _run(folder: Path, *options: str) -> str:
    (folder / "test_many.py").write_text(MANY)
    words = [
        "-m",
        "pytest",
        "-q",
        *(f"-p{name}" for name in ("xdist", "asyncio", "tests.conftest")),
        f"--rootdir={folder}",
        "-o",
        "asyncio_mode=auto",
        *options,
    ]
    shown = subprocess.run(
        [sys.executable, *words, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return shown.stdout


@pytest.mark.parametrize("processes", [[], ["-n", "1"]], ids=["here", "in processes"])
def test_each_case_that_fails_is_named(tmp_path: Path, processes: list[str]) -> None:
    shown = _run(tmp_path, *processes)

    failed = {line.split()[0] for line in shown.splitlines() if line.startswith("SUBFAILED")}
    assert {"SUBFAILED[two]", "SUBFAILED[other]", "SUBFAILED[a"} == failed
    assert "5 failed" in shown  # three cases, and the two tests that have them


def test_a_case_is_run_by_its_name(tmp_path: Path) -> None:
    shown = _run(tmp_path, "--case", "one")

    assert "1 passed, 1 skipped" in shown
