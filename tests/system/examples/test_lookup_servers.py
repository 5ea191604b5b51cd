"""Examples that ask a server while a caller is on the line, with a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import pytest

from ncco_server.service.lookups import LookupClient, lookups_of_turn
from tests.support.memory_store import MemoryStore
from tests.support.tracked import ROOT
from tests.unit.server.service.lookup_server import Behaviour, Connection, LookUpServer, html, silent
from tests.unit.server.service.served_call import POLICY, ServedCall, service_at

CALLER = "447700900123"
LEG = "leg-1"


class Ring(Protocol):
    """Calls an example's number; `setting` is the setting that names the example's lookup server."""

    async def __call__(self, example: str, to: str, setting: str) -> ServedCall: ...


@pytest.fixture
async def asked() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def ring(asked: LookUpServer) -> AsyncIterator[Ring]:
    async with AsyncExitStack() as stack:

        async def ringing(example: str, to: str, setting: str) -> ServedCall:
            client = LookupClient(2000)
            stack.push_async_callback(client.close)
            store = MemoryStore()
            await store.open()
            env = {setting: asked.url("").rstrip("/"), "CRM_TOKEN": "t0ken"}
            policy = replace(POLICY, env=env, dial_allow=("4477",))
            look_ups = partial(lookups_of_turn, client.answer, client.budget_ms)
            service = await service_at(store, ROOT / "examples" / example / "flows", policy, look_ups=look_ups)
            call = ServedCall(service)
            await call.ring(to=to, uuid=LEG)
            return call

        yield ringing


def answering(*answers: object) -> Behaviour:
    """Answers with each value in turn, then with the last one every time."""
    left = list(answers)

    async def answer(connection: Connection) -> None:
        await connection.answer(json.dumps(left.pop(0) if len(left) > 1 else left[0]).encode())

    return answer


def dialled(call: ServedCall) -> list[str]:
    return [action["endpoint"][0]["number"] for action in call.ncco if action["action"] == "connect"]


def place(position: int, *, free: bool = False) -> dict[str, Any]:
    return {"adviser_free": free, "position": position, "minutes": 2 * position}


HELD = {"payload": {"checkpoint": "held"}, "uuid": LEG}
BUSY = "All our advisers are helping other customers."


async def test_a_queue_announces_the_place_that_the_server_gives(asked: LookUpServer, ring: Ring) -> None:
    asked.behaviours[f"callers/{LEG}"] = answering(place(2), place(1), place(0, free=True))

    call = await ring("queue", "442079460400", "QUEUE_URL")
    heard = [call.said]
    await call.post("notify", HELD)
    heard.append(call.said)
    await call.post("notify", HELD)

    assert [
        ["Brightwater Energy.", f"{BUSY} You are number 2 in the queue, about 4 minutes."],
        [f"{BUSY} You are next."],
    ] == heard
    assert (["An adviser is free now."], ["447700900401"]) == (call.said, dialled(call))
    assert f"GET /callers/{LEG}?from={CALLER} HTTP/1.1" in asked.requests[0]


async def test_a_queue_whose_server_hangs_keeps_the_caller_on_hold(asked: LookUpServer, ring: Ring) -> None:
    asked.behaviours[f"callers/{LEG}"] = silent

    call = await ring("queue", "442079460400", "QUEUE_URL")
    await call.post("notify", HELD)

    assert [f"{BUSY} Please hold the line."] == call.said


CUSTOMER = {
    "name": "Ann Lee",
    "kind": "business",
    "has_open_claim": False,
    "manager": {"name": "Bo Fox", "number": "+44 7700 900703", "room": "7"},
}


async def test_a_customer_reaches_the_account_manager_that_the_crm_names(asked: LookUpServer, ring: Ring) -> None:
    asked.behaviours["customers"] = answering(CUSTOMER)

    call = await ring("crm", "442079460700", "CRM_URL")

    assert ["Fairfield Insurance. Good day, Ann Lee.", "I am putting you through to Bo Fox."] == call.said
    assert ["447700900703"] == dialled(call)
    assert f"GET /customers?phone={CALLER} HTTP/1.1" in asked.requests[0]
    assert "Authorization: Bearer t0ken\r\n" in asked.requests[0]


@pytest.mark.parametrize("behaviour", [silent, html, answering({**CUSTOMER, "kind": "platinum"}), answering([])])
async def test_a_crm_that_hangs_or_returns_nonsense_leads_to_the_desk(
    asked: LookUpServer, ring: Ring, behaviour: Behaviour
) -> None:
    asked.behaviours["customers"] = behaviour

    call = await ring("crm", "442079460700", "CRM_URL")

    assert ["Fairfield Insurance. Good day.", "One moment, please."] == call.said
    assert ["447700900701"] == dialled(call)


async def test_a_survey_asks_all_questions_of_the_server_however_many(asked: LookUpServer, ring: Ring) -> None:
    questions = [{"ask": f"Question {number}?", "highest": 5} for number in range(1, 41)]
    asked.behaviours["surveys/visit"] = answering({"questions": questions})

    call = await ring("survey", "442079460500", "SURVEY_URL")
    heard = call.said[:2]
    for _ in questions[:-1]:
        await call.press("5")
    last = call.said
    await call.press("5")

    assert "We have 40 short questions." in heard[0]
    assert "Question 1? Press a key from 1 to 5." == heard[1]
    assert ["Question 40? Press a key from 1 to 5."] == last[:1]
    assert ["Thank you, that was the last question. See you soon."] == call.said
    assert 1 == len(asked.requests)


async def test_a_survey_with_more_questions_than_a_list_may_have_is_closed(asked: LookUpServer, ring: Ring) -> None:
    questions = [{"ask": "More?", "highest": 5}] * 201
    asked.behaviours["surveys/visit"] = answering({"questions": questions})

    call = await ring("survey", "442079460500", "SURVEY_URL")

    assert ["Our survey is closed right now. Thank you for calling."] == call.said
