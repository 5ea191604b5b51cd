"""Calls to the simulator show every value of the assumptions that live tests ask Vonage about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ncco_studio.simulator.assumptions import DEFAULTS, assumptions
from tests.live.test_platform import QUESTIONS
from tests.support.cases import each_case
from tests.system.studio.simulator.virtual_platform import NUMBERS, VirtualPlatform

OTHER_NUMBERS: Final[Mapping[str, tuple[float, ...]]] = {
    "retries": (0, 2, 3),
    "retry_after_s": (0.5, 2.0, 3.0),
    "answer_timeout_s": (2.0, 3.0, 10.0),
}
"""Other values of the assumptions that are numbers."""


def values() -> Iterator[tuple[str, Any]]:
    known = assumptions()
    for name in QUESTIONS:
        yield from ((name, value) for value in (known[name].choices or (known[name].default, *OTHER_NUMBERS[name])))


@each_case("name, value", list(values()), ids=lambda case: f"{case}")
async def test_a_call_shows_how_the_platform_behaves(name: str, value: Any) -> None:
    platform = VirtualPlatform(replace(DEFAULTS, **{name: value}), seed=f"{name} {value}")

    assert value == await QUESTIONS[name](platform.line)
    assert {leg.identity.to for leg in platform.vonage.legs.values()} <= {*NUMBERS}
    assert all(leg.is_over for leg in platform.vonage.legs.values())
