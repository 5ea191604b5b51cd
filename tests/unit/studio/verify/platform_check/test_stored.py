"""What stored webhooks show about the platform."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ncco_server.store.rows import CallRow, SessionRow, Timeline, WebhookRow
from ncco_studio.simulator.assumptions import DEFAULTS, assumptions
from ncco_studio.verify.platform_check.stored import VISIBLE, evidence_of, observations
from tests.support.cases import each_case
from tests.support.recorded_platforms import WAYS, seen_on

CALLS = 6 * len(WAYS)


def platforms() -> list[dict[str, Any]]:
    """As assumed, and so many others that each value of each assumption is one of some platform."""
    values = {name: assumptions()[name].choices for name in VISIBLE}
    most = max(map(len, values.values()))
    return [{name: choices[at % len(choices)] for name, choices in values.items()} for at in range(most)]


@each_case("values", [{}, *platforms()], ids=str)
async def test_each_value_is_found_and_none_is_invented(values: dict[str, Any]) -> None:
    platform = replace(DEFAULTS, **values)
    assert {each: getattr(platform, each) for each in VISIBLE} == await seen_on(platform, CALLS, 1)


async def test_keys_that_were_stored_as_a_secret_show_nothing() -> None:
    """These callers press keys that arrive after the call has ended."""
    assert "one_each" == (await seen_on(DEFAULTS, CALLS, 7))["keys_while_asynchronous"]


def received(kind: str, at: int, **fields: Any) -> WebhookRow:
    return WebhookRow(kind, kind, "leg", -1, -1, "", "leg", "CON-1", "POST", json.dumps(fields).encode(), at)


def test_webhooks_are_in_the_order_in_which_they_came_not_that_of_the_store() -> None:
    """An answer webhook whose turn has a slow lookup is stored after an event that came later."""
    session = SessionRow("leg", "leg", "CON-1", "desk", "", 1, b"", True, 0, 0)
    event = {"status": "answered", "direction": "inbound", "timestamp": "1970-01-01T00:00:01.500Z"}
    webhooks = received("event-answered", 1600, **event), received("answer", 1000)
    timeline = Timeline(CallRow(1, session, 1, has_failed=False), webhooks, (), ())
    assert [("inbound_answered", "after")] == list(observations(timeline))


def test_each_value_that_can_be_seen_is_one_of_the_assumption() -> None:
    assert set(VISIBLE) <= assumptions().keys()


@pytest.mark.parametrize(
    ("counts", "decided"),
    [({"two": 4}, None), ({"two": 5}, "two"), ({"two": 70, "one": 30}, None), ({"two": 75, "one": 25}, "two")],
)
def test_few_calls_and_mixed_ones_decide_nothing(counts: dict[str, int], decided: str | None) -> None:
    found = evidence_of([("retries", value) for value, times in counts.items() for _ in range(times)])
    assert [decided] == [each.seen for each in found if each.assumption.name == "retries"]
