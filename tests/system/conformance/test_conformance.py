"""The simulator behaves as every case of the suite says."""

from __future__ import annotations

import pytest

from tests.system.conformance.judge import differences
from tests.system.conformance.simulated import SECRET, Simulated
from tests.system.conformance.suite import Case, load

CASES = load()


def _params() -> list[object]:
    return [
        pytest.param(
            case, id=f"{file}: {case.case}", marks=[pytest.mark.xfail(reason=case.fails)] if case.fails else []
        )
        for file, case in CASES
    ]  # fmt: skip


@pytest.mark.parametrize("case", _params())
async def test_the_simulator_conforms(case: Case) -> None:
    played = await Simulated().play(case)

    assert [] == differences(case, played, SECRET)
