"""Probes detect every value of every assumption that webhooks and the REST API can show, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ncco_studio.simulator.assumptions import DEFAULTS, assumptions
from ncco_studio.verify.platform_check.probes import PROBES
from tests.support.cases import each_case
from tests.support.virtual_platform import OTHER_NUMBERS, VirtualPlatform

NEVER_DONE = {
    ("retries", 0): {"retry_after_s", "repeated_jti"},
    ("hung_up_ringing", "completed"): {"completed_after_cancelled"},
    ("hung_up_ringing", "unanswered"): {"completed_after_cancelled"},
}
"""What a platform never shows that has this value."""


def observable() -> Iterator[tuple[str, Any]]:
    for each in assumptions().values():
        if not each.basis.hidden:
            yield from ((each.name, value) for value in each.choices or OTHER_NUMBERS[each.name])


@pytest.fixture
def asks_all(request: pytest.FixtureRequest) -> bool:
    """By night every probe is asked about each value; otherwise only the one that looks for it."""
    return bool(request.config.getoption("--night"))


@pytest.mark.timeout(900)  # on a busy machine
@each_case("name, value", list(observable()), ids=lambda case: f"{case}")
async def test_every_value_is_observed_and_none_is_invented(name: str, value: Any, *, asks_all: bool) -> None:
    platform = VirtualPlatform(replace(DEFAULTS, **{name: value}), seed=f"{name} {value}")
    probes = PROBES if asks_all else [probe for probe in PROBES if name in probe.asks]
    seen = await platform.ask_all(probes)
    never_done = NEVER_DONE.get((name, value), ())
    asked = {each for probe in probes for each in probe.asks if each not in never_done}
    assert {each: getattr(platform.vonage.assumes, each) for each in asked} == seen


async def test_the_documented_platform_is_observed_as_it_is() -> None:
    seen = await VirtualPlatform(DEFAULTS).ask_all()
    assert {name: getattr(DEFAULTS, name) for name, each in assumptions().items() if not each.basis.hidden} == seen


def test_every_assumption_is_probed_once_or_says_why_it_is_not() -> None:
    asked = [name for probe in PROBES for name in probe.asks]
    hidden = {each.name for each in assumptions().values() if each.basis.hidden}
    assert sorted(assumptions().keys() - hidden) == sorted(asked)


def test_only_the_owner_can_read_the_numbers_in_the_journal(tmp_path: Path) -> None:
    VirtualPlatform(DEFAULTS).journal.save(tmp_path)

    assert [0o600] == [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()]


async def test_only_the_two_numbers_are_dialled() -> None:
    platform = VirtualPlatform(DEFAULTS)
    await platform.ask_all()
    dialled = {leg.identity.to for leg in platform.vonage.legs.values()}
    assert set(platform.journal.numbers) == dialled


async def test_a_check_costs_no_more_than_announced() -> None:
    platform = VirtualPlatform(DEFAULTS)
    for probe in PROBES:
        before = platform.journal.spent_eur
        await platform.check.ask(probe)
        assert platform.journal.spent_eur - before <= platform.check.cost_eur(probe)


async def test_no_call_is_left_open_after_a_probe() -> None:
    platform = VirtualPlatform(DEFAULTS)
    for probe in PROBES:
        await platform.check.ask(probe)
        assert [] == [leg for leg in platform.vonage.legs.values() if not leg.is_over], probe.name


@pytest.mark.parametrize("secret", ["", "s" * 32])
async def test_signatures_are_judged_only_if_some_webhooks_are_signed(secret: str) -> None:
    platform = VirtualPlatform(DEFAULTS, secret=secret)
    seen = await platform.ask_all()
    assert {"get_signature", "repeated_jti"} & seen.keys() == ({"get_signature", "repeated_jti"} if secret else set())
