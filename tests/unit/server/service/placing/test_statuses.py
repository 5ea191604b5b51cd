"""An attempt's webhooks in every order and with any of them lost: a person who answered is not called again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count, permutations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.store import AttemptRow, PlacedRow
from tests.support.memory_store import MemoryStore
from tests.support.placing import PLAIN_REMINDER, World, placing_world

ANSWER: Final = "the answer webhook"
ENDS: Final = ("busy", "timeout", "unanswered", "rejected", "failed", "cancelled")
STATUSES: Final = ("started", "ringing", "answered", "human", "machine", "completed", *ENDS)
PAIRED: Final = (ANSWER, *(status for status in STATUSES if status not in ENDS[1:-1]))
"""Every kind of webhook, and of those ends that are the same but for their names, one."""
RETRIES: Final = {
    "once": "",
    "again": "retry: {on: [timeout, busy, unanswered, rejected, failed, machine, unknown], after: 20m, tries: 3}",
}
DETECTIONS: Final = ("continue", "hangup")
FLOWS: Final = "---\n".join(
    PLAIN_REMINDER.replace("flow: reminder", f"flow: {name}_{detection}").replace(
        "outbound:\n", f"outbound:\n  machine_detection: {detection}\n  {retry}\n"
    )
    for name, retry in RETRIES.items()
    for detection in DETECTIONS
)


def outcome_of(webhooks: Iterable[str], retry: str, detection: str) -> str:
    """The outcome of an attempt after these webhooks in this order, and nothing else."""
    picked_up = {ANSWER, "answered", "human", *(["machine"] if detection == "continue" else [])}
    is_answered = False
    outcome = ""
    for webhook in webhooks:
        if webhook in picked_up:
            is_answered = True
            if retry == "again" and outcome not in ("", "machine"):
                return "answered"
        elif outcome:
            continue
        elif webhook == "machine":
            outcome = "machine"
        elif is_answered and webhook in (*ENDS, "completed"):
            return "answered"
        elif webhook in ENDS:
            outcome = "unanswered" if webhook == "cancelled" else webhook
    return outcome or ("answered" if is_answered else "unknown")


class Attempts:
    """One server with a flow for each kind of retry and machine detection. Every attempt calls another number."""

    def __init__(self, runner: asyncio.Runner, world: World) -> None:
        self._runner = runner
        self._world = world
        self._numbers = count(447700900000)

    def receive(self, flow: str, webhooks: Sequence[str]) -> tuple[PlacedRow, AttemptRow, list[str]]:
        """The call and its first attempt after these webhooks and eleven silent minutes, with the hooks to send."""
        return self._runner.run(self._receive(flow, webhooks))

    async def _receive(self, flow: str, webhooks: Sequence[str]) -> tuple[PlacedRow, AttemptRow, list[str]]:
        world = self._world
        row = await world.want(str(next(self._numbers)), flow=flow)
        (attempt,) = await world.placer.claim(1)
        assert row.id == attempt.placed
        for webhook in webhooks:
            await world.receive(attempt, "" if webhook == ANSWER else webhook)
        world.clock.ms += 660_000
        assert [] == list(await world.placer.claim(1))
        names = []
        for hook in await world.store.hooks.first(9):
            names.append(hook.name)
            await world.store.hooks.sent(hook.id, world.clock.ms)
        (first,) = await world.attempts(row.id)
        known = await world.known(row.id)
        if known.state == "waiting":
            await world.store.placed.cancel(row.id, world.clock.ms)
        return known, first, names


@pytest.fixture(scope="module")
def attempts() -> Iterator[Attempts]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(placing_world(MemoryStore(), flows=FLOWS)))
        yield Attempts(runner, world)
        runner.run(stack.aclose())


def check(attempts: Attempts, webhooks: Sequence[str], retry: str, detection: str) -> None:
    outcome = outcome_of(webhooks, retry, detection)
    placed, attempt, hooks = attempts.receive(f"{retry}_{detection}", webhooks)

    assert outcome == attempt.outcome
    if outcome == "answered":
        assert ("over", "answered", []) == (placed.state, placed.outcome, hooks)
    elif retry == "once":
        hook = "check_by_hand" if outcome == "unknown" else "not_reached"
        assert ("over", outcome, [hook]) == (placed.state, placed.outcome, hooks)
    else:
        assert ("waiting", []) == (placed.state, hooks)
    if detection == "continue" and not {ANSWER, "answered", "human", "machine"}.isdisjoint(webhooks):
        assert "over" == placed.state


@pytest.mark.parametrize("detection", DETECTIONS)
@pytest.mark.parametrize("retry", RETRIES)
def test_every_pair_of_webhooks_works_in_both_orders(attempts: Attempts, retry: str, detection: str) -> None:
    for webhooks in [(), *((status,) for status in STATUSES), *permutations(PAIRED, 2)]:
        check(attempts, webhooks, retry, detection)


@given(
    webhooks=st.lists(st.sampled_from((ANSWER, *STATUSES)), max_size=8),
    retry=st.sampled_from(sorted(RETRIES)),
    detection=st.sampled_from(DETECTIONS),
)
def test_webhooks_work_in_any_order(attempts: Attempts, webhooks: list[str], retry: str, detection: str) -> None:
    check(attempts, webhooks, retry, detection)
