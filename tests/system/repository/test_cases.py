from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
        "-p",
        "no:schemathesis",
        "-p",
        "tests.conftest",
        f"--rootdir={folder}",
        "-o",
        "asyncio_mode=auto",
        *options,
    ]
    shown = subprocess.run(
        [sys.executable, *words, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
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
