"""`make bench` leaves no benchmark out."""

from __future__ import annotations

from benchmarks.__main__ import BENCHMARKS
from tests.house.tracked import tracked_files


def test_make_bench_runs_every_benchmark() -> None:
    files = {name for name in tracked_files() if name.startswith("benchmarks/") and name.endswith(".py")}
    modules = {name.removeprefix("benchmarks/").removesuffix(".py") for name in files}

    assert set(BENCHMARKS) == modules - {"__main__", "__init__"}
