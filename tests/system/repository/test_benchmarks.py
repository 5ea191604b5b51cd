"""`make bench` and `make chaos` run everything that they should."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import BENCHMARKS, NIGHTLY, PROOFS
from tests.support.tracked import tracked_files


def test_every_benchmark_is_run_by_make_bench_or_make_chaos() -> None:
    names = {name.removeprefix("benchmarks/") for name in tracked_files() if name.startswith("benchmarks/")}
    modules = {name.removesuffix(".py") for name in names if name.endswith(".py") and "/" not in name}

    assert {*BENCHMARKS, *PROOFS, *NIGHTLY} == modules - {"__main__", "__init__"}
    assert len(modules) - 1 == len([*BENCHMARKS, *PROOFS, *NIGHTLY])
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert [] == [name for name in NIGHTLY if f"-m benchmarks.{name} " not in makefile]
