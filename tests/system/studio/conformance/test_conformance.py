"""The simulator behaves as every case and every recorded exchange expects; the page describes the keys of a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from ncco_studio.simulator.assumptions import DEFAULTS, Assumptions
from ncco_studio.verify.platform_check.probes import PROBES
from ncco_studio.verify.platform_check.recorded import case_of
from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.support.virtual_platform import NUMBERS, VirtualPlatform
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


RECORDED = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "recorded").glob("*.yaml"))
}


def changes(case: Mapping[str, Any], played: Mapping[str, Any]) -> Iterator[str]:
    """How a played case differs from a recorded one, apart from times and order."""
    for part in ("seen", "requests"):
        if case[part] != played[part]:
            yield f"{part}: {played[part]} instead of {case[part]}"
    before, after = (Counter(_kind(each) for each in found["webhooks"]) for found in (case, played))
    yield from (f"not sent: {kind}" for kind in sorted((before - after).elements()))
    yield from (f"sent: {kind}" for kind in sorted((after - before).elements()))


def _kind(webhook: Mapping[str, Any]) -> str:
    fields = webhook["fields"]
    words = [webhook["method"], webhook["name"], webhook["role"] or "dialled", fields.get("status", "")]
    return " ".join([*filter(None, words), f"({', '.join(sorted(fields))})"])


async def played(name: str, assumes: Assumptions) -> dict[str, Any]:
    platform = VirtualPlatform(assumes)
    probe = next(each for each in PROBES if each.name == name)
    seen = await platform.check.ask(probe)
    ((_, exchange),) = platform.check.exchanges
    return case_of(probe, exchange, seen, NUMBERS)


@each_case("case", RECORDED.values(), ids=RECORDED)
async def test_the_simulator_sends_what_was_recorded(case: Mapping[str, Any]) -> None:
    again = await played(case["probe"], replace(DEFAULTS, **case["seen"]))
    assert [] == list(changes(case, again))


@each_case("probe", PROBES, ids=lambda probe: probe.name)
async def test_a_platform_conforms_to_its_own_recording(probe: Any) -> None:
    case = await played(probe.name, DEFAULTS)
    assert [] == list(changes(case, await played(probe.name, DEFAULTS)))


async def test_a_recording_of_another_platform_is_distinguished() -> None:
    case = await played("after_connect", replace(DEFAULTS, after_connect="ends"))
    found = list(changes(case, await played("after_connect", DEFAULTS)))
    assert "seen: {'after_connect': 'continues'} instead of {'after_connect': 'ends'}" in found
    assert any(line.startswith("sent: POST tail") for line in found)


async def test_a_recording_has_no_numbers_ids_or_texts() -> None:
    for probe in PROBES:
        text = yaml.safe_dump(await played(probe.name, DEFAULTS))
        assert not [number for number in NUMBERS if number in text], probe.name
        assert "CON-" not in text
        assert "2026-" not in text
