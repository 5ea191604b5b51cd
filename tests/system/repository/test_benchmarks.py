"""`make bench` runs every benchmark."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import BENCHMARKS, NIGHTLY
from tests.support.tracked import tracked_files


def test_every_benchmark_is_run_by_make_bench() -> None:
    names = {name.removeprefix("benchmarks/") for name in tracked_files() if name.startswith("benchmarks/")}
    modules = {name.removesuffix(".py") for name in names if name.endswith(".py") and "/" not in name}

    assert {*BENCHMARKS, *NIGHTLY} == modules - {"__main__", "__init__"}
    assert len(modules) - 1 == len([*BENCHMARKS, *NIGHTLY])
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert [] == [name for name in NIGHTLY if f"-m benchmarks.{name} " not in makefile]
