"""`make bench` and `make chaos` run everything that they should."""

from __future__ import annotations

from benchmarks.__main__ import BENCHMARKS, PROOFS
from tests.support.tracked import tracked_files


def test_every_benchmark_is_run_by_one_of_them() -> None:
    names = {name.removeprefix("benchmarks/") for name in tracked_files() if name.startswith("benchmarks/")}
    modules = {name.removesuffix(".py") for name in names if name.endswith(".py") and "/" not in name}

    assert {*BENCHMARKS, *PROOFS} == modules - {"__main__", "__init__"}
    assert set() == {*BENCHMARKS} & {*PROOFS}
