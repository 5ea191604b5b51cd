"""Parties called by a connect: what they hear, their outcome, and the end of their session."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from ncco_server.engine import JOINED, WaitRef
from ncco_server.service.called_parties import called_id
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Reply
from ncco_server.service.tokens import make_token
from ncco_server.store import SessionRow, Store, milliseconds
from tests.support.stored_rows import results_of
from tests.unit.server.service.served_call import LEG, NOON, POLICY, NoRevisions, ServedCall, delivery, service_of

MAIN = """
flow: main
default: true
start: ring
steps:
  ring:
    do:
      - talk: "One moment."
      - connect: ["447700900111", "447700900222"]
        onAnswer: {run: whisper, with: {team: sales}}
    on: {completed: end, otherwise: nobody}
  nobody:
    do: [talk: "Nobody is here."]
    goto: end
"""
WHISPER = """
flow: whisper
params: {team: text}
outcomes: [accepted, rejected]
start: ask
hooks:
  left: {post: "https://crm.example.com/left"}
events: {hangup: left}
steps:
  ask:
    do: [talk: "A call for {{ team }}. To take it, press 1. Otherwise press 2."]
    choices:
      take: {dtmf: 1, goto: {return: accepted}}
      leave: {dtmf: 2, goto: {return: rejected}}
    retry: {then: {return: rejected}}
"""
SILENT = orjson.dumps([dict(JOINED)])
PARTY = "aa0100000000000000000000000000aa"
ASKED = {"to": "447700900111", "from": "442079460000", "uuid": PARTY, "conversation_uuid": "CON-1"}


@pytest.fixture
async def service(store: Store) -> CallService:
    return await service_of(store, MAIN, WHISPER)


@pytest.fixture
async def caller(service: CallService) -> ServedCall:
    call = ServedCall(service)
    await call.ring()
    return call


class Party(ServedCall):
    """A party called by a caller's connect."""

    def __init__(self, caller: ServedCall) -> None:
        super().__init__(caller.service)
        connect = next(action for action in caller.ncco if action["action"] == "connect")
        self.url: str = connect["endpoint"][0]["onAnswer"]["url"]
        self.asked = self.url.rpartition("/")[2]

    async def ask(self, **fields: Any) -> Reply:
        return self._heard(await self.service.resume("onanswer", self.asked, delivery({**ASKED, **fields})))

    async def row(self, store: Store) -> SessionRow:
        """Its session."""
        found = await store.load(called_id(WaitRef("onanswer", LEG, 1, 1)))
        assert found is not None
        return found


async def notify(caller: ServedCall) -> Reply:
    """End the caller's connect."""
    return await caller.post("notify", {"payload": {"checkpoint": "connected"}, "conversation_uuid": "CON-1"})


async def test_requests_at_the_same_moment_get_the_same_bytes(caller: ServedCall) -> None:
    party = Party(caller)
    replies = await asyncio.gather(*(party.ask() for _ in range(5)))

    assert 1 == len({reply.ncco for reply in replies})
    assert 4 == len([reply for reply in replies if reply.is_repeat])


async def test_the_dials_of_the_call_that_dialled_are_not_counted_again(caller: ServedCall) -> None:
    before = caller.service.take_dials()
    await Party(caller).ask()

    assert (1, 0) == (before, caller.service.take_dials())


async def test_a_party_that_hangs_up_before_being_joined_has_declined(caller: ServedCall) -> None:
    await Party(caller).ask()
    await caller.dial("answered", uuid=PARTY)
    await caller.dial("completed", uuid=PARTY)
    reply = await notify(caller)

    assert "rejected" == reply.outcome


async def test_a_party_that_declines_is_no_person_who_answered(caller: ServedCall, store: Store) -> None:
    for _ in range(2):
        party = Party(caller)
        await party.ask()
        await caller.dial("answered", uuid=PARTY)
        await party.press("2")
        await caller.dial("completed", uuid=PARTY)
        await notify(caller)
    said = caller.said
    await caller.hang_up()
    async with store.records() as records:
        (result,) = await results_of(records, LEG)

    assert ["Nobody is here."] == said
    assert ("missed", None) == (result.result, result.person_at)


async def test_a_caller_who_hangs_up_while_the_party_is_asked_has_reached_nobody(
    caller: ServedCall, store: Store
) -> None:
    party = Party(caller)
    await party.ask()
    await caller.dial("answered", uuid=PARTY)
    await caller.hang_up()
    await party.press("1")
    async with store.records() as records:
        (result,) = await results_of(records, LEG)

    assert ("missed", None) == (result.result, result.person_at)


async def test_a_party_that_takes_the_call_after_another_has_declined_is_a_person(
    caller: ServedCall, store: Store
) -> None:
    await Party(caller).ask()
    await caller.dial("answered", uuid=PARTY)
    await caller.dial("completed", uuid=PARTY)
    await notify(caller)
    second = Party(caller)
    await second.ask(uuid="second")
    await second.press("1")
    caller.now += timedelta(seconds=30)
    await caller.dial("answered", uuid="second")
    await caller.hang_up()
    async with store.records() as records:
        (result,) = await results_of(records, LEG)

    assert ("person", milliseconds(caller.now)) == (result.result, result.person_at)


async def test_a_party_that_never_requested_its_flow_is_reported_by_events_only(caller: ServedCall) -> None:
    await caller.dial("answered", uuid=PARTY)
    reply = await notify(caller)

    assert "completed" == reply.outcome


async def test_the_end_of_the_leg_ends_its_session_and_reports_a_party_that_left_early(
    caller: ServedCall, store: Store
) -> None:
    party = Party(caller)
    await party.ask()
    await caller.dial("completed", uuid=PARTY)
    await caller.dial("completed", uuid=PARTY)
    hooks = await store.hooks.claim(2**60, 2**60, 10)
    caller_row = await store.load(LEG)

    assert (await party.row(store)).is_over
    assert caller_row is not None
    assert not caller_row.is_over
    assert ["left"] == [hook.name for hook in hooks]


async def test_the_end_of_the_callers_leg_does_not_end_the_session_of_the_party(
    caller: ServedCall, store: Store
) -> None:
    party = Party(caller)
    await party.ask()
    await party.service.event(delivery({"status": "completed", "uuid": LEG, "direction": "inbound"}))
    between = (await party.row(store)).is_over
    await caller.dial("completed", uuid=PARTY)

    assert (False, True) == (between, (await party.row(store)).is_over)


async def test_a_party_whose_revision_is_lost_during_its_flow_is_joined(caller: ServedCall, store: Store) -> None:
    party = Party(caller)
    await party.ask()
    party.service = CallService(NoRevisions(store), lambda: caller.service.library.last, POLICY)
    lost = await party.press("1")
    ended = await party.service.resume(
        "event", caller.token("event"), delivery({"status": "completed", "uuid": PARTY, "direction": "outbound"})
    )

    assert SILENT == lost.ncco
    assert ended.ncco is not None
    assert not (await party.row(store)).is_over


async def test_a_refused_ncco_of_a_party_takes_its_error_exit_and_joins(caller: ServedCall, store: Store) -> None:
    party = Party(caller)
    await party.ask()
    fields = {**ASKED, "reason": "Invalid NCCO.", "original_request": {"url": party.url, "type": "answer"}}
    first = await party.service.fallback(delivery(fields))
    second = await party.service.fallback(delivery(fields))

    assert SILENT == first.ncco == second.ncco
    assert PARTY == (await party.row(store)).leg


async def test_a_party_of_a_call_that_cannot_be_found_is_joined_silently(caller: ServedCall, store: Store) -> None:
    party, service = Party(caller), caller.service
    late = replace(delivery(ASKED), received_at=NOON + timedelta(days=3))
    unknown = make_token(POLICY.keys[0], WaitRef("onanswer", "f" * 32, 1, 1))
    request = {"url": f"https://calls.example.com/webhooks/onanswer/{unknown}", "type": "answer"}
    emptied = CallService(NoRevisions(store), lambda: service.library.last, POLICY)
    replies = [
        await service.resume("onanswer", party.asked, late),
        await service.fallback(delivery({**ASKED, "reason": "Invalid NCCO.", "original_request": request})),
        await service.resume("onanswer", unknown, delivery(ASKED)),
        await emptied.resume("onanswer", party.asked, delivery(ASKED)),
    ]
    await caller.dial("busy")
    replies.append(await party.ask())

    assert [SILENT] * 5 == [reply.ncco for reply in replies]
    assert "the call that dialled this party is not stored" == replies[2].problem
    assert replies[3].problem.endswith("of flow main is lost")
    assert "the call that dialled this party has moved on" == replies[4].problem
