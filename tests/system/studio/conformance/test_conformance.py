"""The simulator behaves as every case of the suite expects."""

from __future__ import annotations

import pytest

from tests.support.cases import each_case
from tests.system.studio.conformance.judge import differences
from tests.system.studio.conformance.simulated import SECRET, Simulated
from tests.system.studio.conformance.suite import Case, load


@each_case("case", lambda: [pytest.param(case, id=f"{file}: {case.case}") for file, case in load()])
async def test_the_simulator_conforms(case: Case) -> None:
    played = await Simulated().play(case)

    assert [] == differences(case, played, SECRET)
