"""The simulator behaves as every case expects; the page describes the keys of a case."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.studio.conformance.judge import differences
from tests.system.studio.conformance.simulated import SECRET, Simulated
from tests.system.studio.conformance.suite import SOUNDS, Act, Caller, Case, Party, Reply, Webhook, load


@each_case("case", lambda: [pytest.param(case, id=f"{file}: {case.case}") for file, case in load()])
async def test_the_simulator_conforms(case: Case) -> None:
    played = await Simulated().play(case)

    assert [] == differences(case, played, SECRET)


PAGE = text_of("tests/system/studio/conformance/README.md")


def keys_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@each_case("model", [Act, Caller, Case, Party, Reply, Webhook])
def test_every_key_has_its_place_on_the_page(model: type[BaseModel]) -> None:
    assert [] == [key for key in sorted(keys_of(model)) if f"`{key}`" not in PAGE]


def test_every_sound_has_its_place_on_the_page() -> None:
    assert [] == [sound for sound in sorted(SOUNDS) if f"`{sound}`" not in PAGE]
