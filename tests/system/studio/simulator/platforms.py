"""Asks virtual Vonages that differ from the assumptions in one to ten ways, behind REST and webhooks only."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ncco_studio.simulator.assumptions import DEFAULTS, Assumption, assumptions
from ncco_studio.verify.platform_check.stored import VISIBLE
from tests.support.recorded_platforms import seen_on
from tests.support.virtual_platform import OTHER_NUMBERS, VirtualPlatform
from tests.system.trial import Outcome, Trial, counted

PLATFORMS: Final = 10
DEPENDENT: Final[Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "retry_after_s": ("retries", (0,)),
    "repeated_jti": ("retries", (0,)),
    "completed_after_cancelled": ("hung_up_ringing", ("completed", "unanswered")),
}
"""What cannot be observed if another assumption has one of these values: the platform then never does it."""


def other_values(assumption: Assumption) -> tuple[Any, ...]:
    default = assumption.default
    return OTHER_NUMBERS.get(assumption.name, tuple(each for each in assumption.choices if each != default))


async def platforms_asked(trial: Trial) -> Outcome:
    """Ask platforms: every difference is found, and none is invented. `size` is how often each is asked."""
    luck = random.Random(trial.seed)  # noqa: S311 - reproducible, not secret
    observable = [each for each in assumptions().values() if not each.basis.hidden]
    counts: Counter[str] = Counter()
    for number in range(PLATFORMS):
        ways = luck.sample(observable, 1 + number % 10)
        differing = {each.name: luck.choice(other_values(each)) for each in ways}
        platform = replace(DEFAULTS, **differing)
        for run in range(trial.size):
            seen = await VirtualPlatform(platform, seed=f"{number}:{run}").ask_all()
            for each in observable:
                counts[_verdict(each.name, seen, platform, differing)] += 1
    hidden = [each for each in assumptions().values() if each.basis.hidden]
    summary = (
        f"{PLATFORMS} platforms, {trial.size} runs each: {counts['found']} differences found, "
        f"{counts['missed']} missed, {counts['invented']} invented; {counts['confirmed']} assumptions confirmed, "
        f"{counts['never done']} that the platform never shows"
    )
    faults = {verdict: counts[verdict] for verdict in ("missed", "invented")}
    return Outcome(
        [summary, *(f"{each.name} cannot be observed: {each.basis.hidden}" for each in hidden)], counted(faults)
    )


def _verdict(name: str, seen: Mapping[str, Any], platform: Any, differing: Mapping[str, Any]) -> str:
    on, values = DEPENDENT.get(name, ("", ()))
    value = seen.get(name)
    if on and differing.get(on) in values:
        return "never done" if value is None else "invented"
    if value is None:
        return "missed"
    if value != getattr(platform, name):
        return "invented"
    return "found" if name in differing else "confirmed"


async def stored_calls_read(trial: Trial) -> Outcome:
    """Read what calls on other platforms, over an unreliable network, have stored: differences are found."""
    luck = random.Random(trial.seed)  # noqa: S311 - reproducible, not secret
    verdicts: Counter[str] = Counter()
    faults = []
    for number in range(PLATFORMS):
        names = luck.sample(VISIBLE, 1 + number % 5)
        differing = {name: luck.choice(other_values(assumptions()[name])) for name in names}
        platform = replace(DEFAULTS, **differing)
        seen = await seen_on(platform, trial.size // PLATFORMS, trial.seed + number)
        for name in VISIBLE:
            is_right = seen.get(name) == getattr(platform, name)
            verdict = ("found" if name in differing else "confirmed") if is_right else "invented"
            verdict = "missed" if seen.get(name) is None else verdict
            verdicts[verdict] += 1
            faults += [f"platform {number}: {name} {verdict}"] if verdict in ("missed", "invented") else []
    return Outcome([f"{trial.size} calls on {PLATFORMS} platforms: {dict(verdicts)}"], faults)
