"""What calls do that no NCCO shows, and webhooks of calls whose flows or rows are lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ncco_server.engine import WaitRef
from ncco_server.service.calls import CallService
from ncco_server.service.tokens import make_token
from ncco_server.store import Store
from tests.unit.server.service.served_call import (
    ANSWER,
    LEG,
    NOON,
    POLICY,
    NoRevisions,
    ServedCall,
    delivery,
    service_of,
)

MENU = """
flow: menu
default: true
start: menu
steps:
  menu:
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, goto: sales}}
    retry: {nomatch: ["That is not a choice."], then: end}
  sales:
    do: [{talk: "Connecting you."}]
    goto: end
"""
NO_FLOW = MENU.replace("default", "entry")
"""It takes no calls."""


@pytest.fixture
async def call(store: Store) -> ServedCall:
    return ServedCall(await service_of(store, MENU))


async def test_racing_deliveries_get_the_same_bytes_and_count_as_one_try(call: ServedCall) -> None:
    rung = await asyncio.gather(*(call.ring() for _ in range(8)))
    token, wrong = call.token("input"), {"dtmf": {"digits": "9"}, "uuid": LEG}
    pressed = await asyncio.gather(*(call.post("input", wrong, token) for _ in range(8)))

    assert [1, 1] == [len({reply.ncco for reply in replies}) for replies in (rung, pressed)]
    assert 7 == sum(reply.is_repeat for reply in pressed)


async def test_an_event_names_the_user_who_calls_without_a_number(call: ServedCall) -> None:
    await call.ring()

    reply = await call.service.event(delivery({"status": "ringing", "uuid": "aa", "from_user": "ann"}))
    assert "ann" == reply.call.caller


async def test_a_step_that_cannot_be_played_is_logged_with_code_and_place(store: Store) -> None:
    dial = "{do: [{connect: '{{ call.from }}'}], on: {completed: end, otherwise: end}}"
    service = await service_of(store, f"flow: menu\ndefault: true\nstart: dial\nsteps:\n  dial: {dial}\n")
    reply = await ServedCall(service).ring()

    assert reply.is_failsafe
    assert 'step "dial" could not be played: R101 (flows/menu.yaml:5)' == reply.problem


async def test_a_call_finishes_on_its_revision_at_a_host_that_never_read_it(call: ServedCall, store: Store) -> None:
    await call.ring()
    call.service = await service_of(store, MENU.replace("Connecting you", "Now ringing"))
    await call.press("1")

    assert ["Connecting you."] == call.said


@pytest.mark.parametrize(
    ("fields", "problem", "told"),
    [
        ({}, "the body is not JSON", "the body is not JSON, and no flow has"),
        ({}, "", "the webhook does not name the called number, and no flow has"),
        (ANSWER, "", "no flow takes calls"),
    ],
)
async def test_a_call_without_a_flow_is_logged_with_its_reason(
    store: Store, fields: dict[str, Any], problem: str, told: str
) -> None:
    reply = await (await service_of(store, NO_FLOW)).answer(replace(delivery(fields), problem=problem))

    assert (True, True) == (reply.is_failsafe, told in reply.problem), reply.problem


def refused(**fields: Any) -> Any:
    """A fallback after Vonage refused the NCCO of an answer."""
    request = {"url": "https://x/webhooks/answer", "type": "answer"}
    return delivery({**ANSWER, "reason": "Invalid NCCO.", "original_request": request, **fields})


async def test_what_the_store_has_lost_gives_the_failsafe(call: ServedCall, store: Store) -> None:
    unknown = make_token(POLICY.keys[0], WaitRef("input", "lost", 1, 0))
    lost = [await call.post("input", {"dtmf": {"digits": "1"}}, unknown), await call.service.fallback(refused())]
    await call.ring()
    call.service = CallService(NoRevisions(store), lambda: call.service.library.current, POLICY)
    lost += [await call.press("1"), await call.service.fallback(refused())]

    assert [(True, call.service.failsafe)] * 4 == [(reply.is_failsafe, reply.ncco) for reply in lost]


async def test_a_fallback_that_looks_like_an_answer_is_answered(call: ServedCall) -> None:
    assert b"For sales" in ((await call.service.fallback(delivery(ANSWER))).ncco or b"")


async def test_a_call_that_began_days_ago_is_over(call: ServedCall) -> None:
    await call.ring()
    late = replace(delivery({"dtmf": {"digits": "1"}, "uuid": LEG}), received_at=NOON + timedelta(hours=49))
    reply = await call.service.resume("input", call.token("input"), late)

    assert (None, "recorded") == (reply.ncco, reply.outcome)
