"""Whole placed calls: phones ring, hooks are sent, and nobody is called twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from ncco_server.engine import WaitRef
from ncco_server.service.outbox import Verdict
from ncco_server.service.placing.hooks import place
from ncco_server.service.placing.placer import Placer, PlacingPolicy
from ncco_server.service.placing.requests import RefusedRequest
from ncco_server.service.placing.webhooks import urls_of
from ncco_server.service.tokens import make_token
from ncco_server.store import RowChange, SqliteDatabase, Store
from ncco_server.store.database import Work
from ncco_server.store.sql import Sql
from ncco_server.store.table_rows import DELETE_ROW, HASH_KEY, INSERT_KEY, SELECT_KEY
from ncco_server.table_rows import StoredTypes
from ncco_server.vonage.voice_api import CallDetails, CreatedCall, NewCall
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Request, Response
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.placing import BASE, MANY, REMINDER, TO, World, placing_world

QUICK = Behaviour(rings_s=2, talks_s=8)
BUSY = Behaviour("busy", rings_s=1)


async def test_a_person_who_answers_hears_the_flow(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}) as world:
        wanted = await world.want()
        await world.run(60)
        (leg,) = world.legs
        placed = await world.known(wanted.id)
        (attempt,) = await world.attempts(wanted.id)

        assert "Hello Ada." in [heard.text for heard in leg.transcript]
        assert (TO, "442079460001") == (leg.identity.to, leg.identity.from_)
        assert ("over", "answered", 1) == (placed.state, placed.outcome, placed.tries)
        assert ("over", leg.uuid, "answered") == (attempt.state, attempt.leg, attempt.outcome)
        call = await world.store.load(leg.uuid)
        assert call is not None
        assert f'"request":"{wanted.id}"'.encode() in call.state
        assert [] == await world.hooks()
        assert [] == world.log == world.reports.problems


@dataclass(frozen=True)
class Case:
    """What happens to a request, and its outcome, attempts, hooks and requests to Vonage."""

    outcome: str
    tries: int = 1
    hooks: tuple[str, ...] = ()
    requests: int = 1
    phone: Behaviour | list[Behaviour] = QUICK
    faults: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    expires_s: int = 0
    flows: str = REMINDER


ONLY_OTHERWISE = REMINDER.replace("    unknown: {send: check_by_hand}\n", "")
"""Reports an outcome only by `otherwise`."""
CASES = {
    "a busy line, then a person": Case("answered", 2, requests=2, phone=[BUSY, QUICK]),
    "it expires before the next attempt": Case("busy", 1, ("not_reached",), phone=BUSY, expires_s=300),
    "not delivered": Case("answered", requests=3, faults=("refused", "refused")),
    "too many requests": Case("answered", requests=3, faults=("429", "429")),
    "refused": Case("failed", 1, ("not_reached",), faults=("400",)),
    "the reply is lost, and webhooks come": Case("answered", faults=("lost",)),
    "an error of Vonage": Case("unknown", 1, ("check_by_hand",), faults=("500",)),
    "an unknown outcome is not part of otherwise": Case("unknown", faults=("500",), flows=ONLY_OTHERWISE),
    "the end is lost": Case("answered", lost=("completed",)),
    "the answer webhook is lost": Case("answered", lost=("answer",)),
    "what tells of an answer is lost": Case("unknown", 1, ("check_by_hand",), lost=("answer", "answered")),
    "a busy line whose end is lost": Case("busy", 1, ("not_reached",), phone=BUSY, lost=("busy",), expires_s=60),
    "all webhooks of a busy line are lost": Case(
        "busy", 1, ("not_reached",), phone=BUSY, lost=("busy", "completed"), expires_s=60
    ),
}


@each_case("case", CASES.values(), ids=CASES)
async def test_a_request_has_one_outcome_whatever_happens_to_it(case: Case) -> None:
    async with placing_world(MemoryStore(), {TO: case.phone}, flows=case.flows) as world:
        world.requests.faults = [*case.faults]
        world.server.lost = frozenset(case.lost)
        wanted = await (world.want(expires_s=case.expires_s) if case.expires_s else world.want())
        await world.run(1200, step_s=10)
        placed = await world.known(wanted.id)

        assert ("over", case.outcome, case.tries) == (placed.state, placed.outcome, placed.tries)
        assert [*case.hooks] == [name for name, _ in await world.hooks()]
        assert case.requests == world.requests.requested


async def test_the_end_of_a_placed_call_is_reported_once_with_its_request(memory: Store) -> None:
    over = 'over: {post: "https://crm.example/over"}'
    flows = REMINDER.replace("hooks:\n", f"events: {{ended: over}}\nhooks:\n  {over}\n")
    async with placing_world(memory, {TO: [BUSY, QUICK]}, flows=flows) as world:
        wanted = await world.want()
        await world.run(11 * 60)
        ((name, body),) = await world.hooks()

        data = body["data"]
        assert ("over", wanted.id, world.legs[-1].uuid) == (name, data["call"]["request"], data["call"]["uuid"])
        assert ("ended", "completed", "hangup") == tuple(data["event"][each] for each in ("name", "status", "how"))
        assert {"name": "Ada"} == data["variables"]


async def test_a_busy_line_is_called_again_and_after_the_third_time_a_hook_is_sent(memory: Store) -> None:
    async with placing_world(memory, {TO: BUSY}) as world:
        wanted = await world.want()
        await world.run(25 * 60, step_s=10)
        placed = await world.known(wanted.id)
        attempts = await world.attempts(wanted.id)
        ((name, body),) = await world.hooks()

        assert ("over", "busy", 3) == (placed.state, placed.outcome, placed.tries)
        assert ["busy"] * 3 == [attempt.outcome for attempt in attempts]
        pauses = [(later.placing_at - former.placing_at) // 60_000 for former, later in pairwise(attempts)]
        assert [10, 10] == pauses
        assert ("not_reached", "busy", "Ada") == (
            name,
            body["data"]["event"]["status"],
            body["data"]["variables"]["name"],
        )
        assert 3 == len(world.legs)


async def test_pauses_between_attempts_pass_faster_in_development(memory: Store) -> None:
    async with placing_world(memory, {TO: BUSY}, speed=60) as world:
        wanted = await world.want()
        await world.run(2 * 60)
        attempts = await world.attempts(wanted.id)

        pauses = [(later.placing_at - former.placing_at) // 1_000 for former, later in pairwise(attempts)]
        assert [True] * 2 == [10 <= pause < 60 for pause in pauses]


async def test_nobody_is_called_at_night(memory: Store) -> None:
    late = datetime(2026, 3, 28, 20, 58, tzinfo=UTC)
    async with placing_world(memory, {TO: BUSY}, at=late) as world:
        wanted = await world.want(expires_s=24 * 3600)
        await world.run(12 * 3600, step_s=60)
        moments = [datetime.fromtimestamp(each.placing_at / 1000, UTC) for each in await world.attempts(wanted.id)]

        assert [(28, 20), (29, 7), (29, 7)] == [(moment.day, moment.hour) for moment in moments]  # the clocks changed


async def test_calls_still_waiting_at_night_are_placed_in_the_morning(memory: Store) -> None:
    async with placing_world(memory, at=datetime(2026, 3, 4, 20, 59, tzinfo=UTC)) as world:
        await world.store.placed.pause(world.clock.ms, "anna", "")
        rows = [await world.want(f"4477009001{number:02}", expires_s=24 * 3600) for number in range(50)]
        await world.run(120, step_s=10)
        await world.store.placed.resume()
        await world.run(10)

        assert {datetime(2026, 3, 5, 8, 0, tzinfo=UTC).timestamp() * 1000} == {
            (await world.known(row.id)).due_at for row in rows
        }


async def test_a_call_allowed_only_at_night_is_refused(memory: Store) -> None:
    late = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)
    async with placing_world(memory, at=late) as world:
        with pytest.raises(RefusedRequest, match=r"expires: .* 08:00 UTC, is too late: it is night in") as refused:
            await world.want()

        assert "`ncco simulate reminder`" in refused.value.cure


async def test_a_simulated_call_may_be_placed_at_night(memory: Store) -> None:
    at = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)
    async with placing_world(memory, {TO: QUICK}, at=at, keeps_hours=False) as world:
        asked = await world.want(keeps_hours=False)
        waiting = await world.want("447700900124", expires_s=24 * 3600)
        await world.run(60)
        assert (1, 0) == ((await world.known(asked.id)).tries, (await world.known(waiting.id)).tries)

        pressed_at = world.clock.ms  # *Call now*
        await world.store.placed.postpone([(waiting, pressed_at, "")], pressed_at)
        await world.run(60)
        assert 1 == (await world.known(waiting.id)).tries


async def test_retry_after_is_honoured_for_all_calls(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}) as world:
        world.requests.faults = ["429 120"]
        await world.want()
        await world.run(2)
        await world.want("447700900124")
        await world.run(110)
        control = await world.store.placed.control()

        assert 1 == world.requests.requested
        assert "status 429" in control.held_for
        await world.run(20)
        assert 3 == world.requests.requested


@pytest.mark.parametrize("fault", ["refused", "429"])
async def test_requests_are_sent_less_and_less_often_until_the_call_expires(memory: Store, fault: str) -> None:
    async with placing_world(memory) as world:
        world.requests.faults = [fault] * 1000
        wanted = await world.want(expires_s=3600)
        await world.run(3700)
        placed = await world.known(wanted.id)
        ((name, body),) = await world.hooks()

        assert 10 < world.requests.requested < 25
        assert ("over", "expired", 0) == (placed.state, placed.outcome, placed.tries)
        assert placed.problem
        assert ("not_reached", "expired") == (name, body["data"]["event"]["status"])


async def test_a_wrong_key_pauses_all_placing_and_no_call_is_lost(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}) as world:
        world.requests.faults = ["401"]
        wanted = await world.want()
        await world.run(60)
        control = await world.store.placed.control()

        assert control.paused_at is not None
        assert "401" in control.reason
        assert "placing is paused" in world.reports.problems[0]
        assert "waiting" == (await world.known(wanted.id)).state
        await world.store.placed.resume()
        await world.run(60)
        assert "answered" == (await world.known(wanted.id)).outcome


async def test_a_server_that_stops_after_the_commit_calls_nobody_twice(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}) as world:
        wanted = await world.want()
        (lost,) = await world.placer.claim(1)  # and the process is killed before it sends the request
        await world.run(300)

        assert 0 == world.requests.requested
        assert lost.placed == wanted.id
        assert ["check_by_hand"] == [name for name, _ in await world.hooks()]


async def test_a_cancelled_call_is_hung_up_and_not_repeated(memory: Store) -> None:
    async with placing_world(memory, {TO: Behaviour(rings_s=20)}) as world:
        wanted = await world.want()
        await world.run(5)
        await world.store.placed.cancel(wanted.id, world.clock.ms)
        await world.run(60)
        (leg,) = world.legs
        placed = await world.known(wanted.id)

        assert leg.is_over
        assert not leg.is_answered
        assert ("over", "cancelled", 1) == (placed.state, placed.outcome, placed.tries)
        assert [] == await world.hooks()


async def test_a_person_who_answers_a_cancelled_call_hears_a_goodbye(memory: Store) -> None:
    async with placing_world(memory, {TO: Behaviour(rings_s=3, talks_s=20)}) as world:
        wanted = await world.want()
        await world.place()
        await world.store.placed.cancel(wanted.id, world.clock.ms)
        await world.vonage.scheduler.advance(lambda: False, until_ms=60_000)  # no placer hangs up
        (leg,) = world.legs

        assert ["Goodbye."] == [heard.text for heard in leg.transcript if heard.text]
        assert await world.store.load(leg.uuid) is None


class Vonage:
    """Reports every call as answered."""

    async def create_call(self, call: NewCall) -> CreatedCall:
        return CreatedCall(uuid=f"leg-{call.to}")

    async def call(self, uuid: str) -> CallDetails:
        return CallDetails(uuid=uuid, status="answered")

    async def hang_up(self, uuid: str) -> None:
        raise AssertionError(uuid)


async def test_a_call_that_vonage_reports_as_answered_is_not_repeated(memory: Store) -> None:
    flows = REMINDER.replace("[timeout, busy, unanswered]", "[unknown]")
    async with placing_world(memory, flows=flows) as world:
        wanted = await world.want()
        policy = PlacingPolicy(base_url=BASE, limits=MANY)
        world.placer = Placer(world.service, Vonage(), policy, world.reports, lambda: world.now)
        await world.run(120)
        (attempt,) = await world.attempts(wanted.id)
        await world.receive(attempt, "completed", attempt.leg)
        placed = await world.known(wanted.id)

        assert ("over", "answered", 1) == (placed.state, placed.outcome, placed.tries)


CHAIN = """
flow: again
params: {name: text}
outbound:
  from: "442079460001"
  quiet: false
  on: {otherwise: {send: call_again}}
hooks:
  call_again: {place: {flow: again, to: "{{ call.to }}", with: {name: "{{ name }}"}, after: 10s}}
start: hello
steps:
  hello:
    send: call_again
    do:
      - talk: "Hello {{ name }}."
    goto: end
"""


async def send_hooks(world: World) -> list[Verdict]:
    """Send every waiting hook twice, because the first reply may be lost."""
    send = partial(place, world.service)
    verdicts = []
    for hook in await world.store.hooks.first(100):
        await send(hook, world.now)
        verdicts.append(await send(hook, world.now))
        await world.store.hooks.sent(hook.id, world.clock.ms)
    return verdicts


@pytest.mark.parametrize("behaviour", [QUICK, BUSY])
async def test_calls_that_place_each_other_end_after_ten_links(memory: Store, behaviour: Behaviour) -> None:
    async with placing_world(memory, {TO: behaviour}, flows=CHAIN) as world:
        await world.want(flow="again")
        verdicts = list[Verdict]()
        while not verdicts or verdicts[-1].outcome == "sent":
            await world.run(60)
            verdicts += await send_hooks(world)

        assert 11 == len(await world.store.placed.list(100))
        assert ["sent"] * 10 + ["never"] == [verdict.outcome for verdict in verdicts]
        assert "10 placed calls have led to this one" in verdicts[-1].problem


async def test_a_call_waits_for_a_host_that_has_its_flow(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}) as world:
        early = await world.want(expires_s=None)
        late = early._replace(id="late", key="late", number="447700900125", wanted_at=early.wanted_at - 86_400_000)
        await world.store.placed.add([late])
        project = world.service.library.current
        world.service.library.current = replace(project, flows={})
        await world.run(30)
        assert [early, late] == [await world.known(row.id) for row in (early, late)]
        world.service.library.current = project
        await world.run(60)

        assert {"answered"} == {(await world.known(row.id)).outcome for row in (early, late)}


async def test_a_call_expires_an_hour_late_if_no_host_has_its_flow(memory: Store) -> None:
    async with placing_world(memory) as world:
        wanted = await world.want(expires_s=600)
        world.service.library.current = replace(world.service.library.current, flows={})
        await world.run(600 + 3590, step_s=10)
        left = await world.known(wanted.id)
        assert wanted == left._replace(problem="", updated_at=wanted.updated_at)
        await world.run(30)
        placed = await world.known(wanted.id)

        assert ("over", "expired", "no server has the flow reminder", "") == (
            placed.state,
            placed.outcome,
            placed.problem,
            placed.salt,
        )
        assert [] == await world.hooks()


async def test_calls_expire_in_time_while_placing_is_paused(memory: Store) -> None:
    async with placing_world(memory) as world:
        await world.store.placed.pause(world.clock.ms, "anna", "")
        rows = [await world.want(f"44770090010{number}", expires_s=3600 if number else None) for number in range(3)]
        await world.run(3610, step_s=10)

        assert ["", "expired", "expired"] == [(await world.known(row.id)).outcome for row in rows]
        assert 2 == len(await world.hooks())


@pytest.mark.parametrize("to", [TO, "447700900199"])
@pytest.mark.parametrize("status", ["ringing", "answered", "completed"])
async def test_an_event_of_another_leg_does_not_affect_the_called_person(memory: Store, status: str, to: str) -> None:
    """It is signed, has the token of the attempt, and arrives before the reply to the request."""
    async with placing_world(memory, {TO: QUICK}) as world:
        wanted = await world.want()
        (attempt,) = await world.placer.claim(1)
        await world.receive(attempt._replace(to_number=to), status, leg="foreign")
        await world.placer.run_one(attempt)
        await world.run(60)
        (leg,) = world.legs
        placed = await world.known(wanted.id)

        assert "Hello Ada." in [heard.text for heard in leg.transcript]
        assert ("over", "answered", 1) == (placed.state, placed.outcome, placed.tries)
        assert leg.uuid == (await world.attempts(wanted.id))[0].leg


@pytest.mark.parametrize("when", ["waiting", "ringing"])
async def test_late_webhooks_of_a_deleted_call_are_not_stored(tmp_path: Path, when: str) -> None:
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    async with placing_world(store, {TO: Behaviour(rings_s=5, talks_s=8)}) as world:
        wanted = await world.want()
        if when == "ringing":
            await world.run(2)
            await store.forget([TO])
            await world.run(30)
        else:
            await world.place()
            await store.forget([TO])
        leg = world.legs[0]
        ref = WaitRef("placed", wanted.id, 1, 0)
        url = f"{BASE}/webhooks/placed/{make_token(world.service.policy.keys[0], ref)}"
        about = {"to": TO, "from": "442079460001", "uuid": "another-leg", "conversation_uuid": "CON-another"}
        answered = await post(world, url, about)
        await post(world, f"{url}/event", {**about, "status": "answered", "direction": "outbound"})
        await world.run(30)
        left = await store.forget([TO], dry_run=True)

        assert b"Goodbye." in answered.body
        assert ["Goodbye."] == [heard.text for heard in leg.transcript if heard.text]
        assert (0, 0, 0, 0) == (left.calls, left.webhooks, left.hooks, left.placed)


async def test_the_fallback_of_an_event_of_a_placed_call_starts_no_other_flow(memory: Store) -> None:
    flows = (
        f"{REMINDER}---\nflow: reception\ndefault: true\nstart: a\nsteps: {{a: {{do: [talk: Reception.], goto: end}}}}"
    )
    async with placing_world(memory, {TO: Behaviour(rings_s=30)}, flows=flows) as world:
        wanted = await world.want()
        await world.place()
        (attempt,) = await world.attempts(wanted.id)
        _, url = urls_of(BASE, world.service.policy.keys[0], attempt)
        ringing = {"to": TO, "uuid": attempt.leg, "status": "ringing", "direction": "outbound"}
        failed = {"reason": "Connection timeout.", "original_request": {"url": url, "type": "event"}}
        reply = await post(world, f"{BASE}/webhooks/fallback", ringing | failed)

        assert (200, b"") == (reply.status, reply.body)
        assert await world.store.load(attempt.leg) is None


async def post(world: World, url: str, body: dict[str, Any]) -> Response:
    return await world.server.deliver(Request("POST", url, {"content-type": "application/json"}, orjson.dumps(body)))


UNLESS = REMINDER.replace("  on:\n", "  unless: do_not_call\n  on:\n    refused: {send: refused}\n", 1).replace(
    "hooks:\n", 'hooks:\n  refused: {post: "https://crm.example/refused"}\n', 1
)
TABLES = "---\nshared: true\ntables: {do_not_call: {key: {number: phone}}}\n"


async def test_a_number_that_must_not_be_called_is_not_called_and_its_hook_is_sent(memory: Store) -> None:
    async with placing_world(memory, {TO: QUICK}, flows=UNLESS + TABLES) as world:
        await world.store.tables.change([RowChange(f'do_not_call["{TO}"]')], 1, "a test")
        wanted = await world.want()
        await world.run(60)
        placed = await world.known(wanted.id)

        assert [] == world.legs
        assert [] == await world.attempts(wanted.id)
        assert ("over", "refused", 0) == (placed.state, placed.outcome, placed.tries)
        assert "the number is in the table do_not_call" == placed.problem
        ((name, body),) = await world.hooks()
        assert ("refused", "refused") == (name, body["data"]["event"]["status"])


async def test_nobody_is_called_while_hashes_of_forgotten_numbers_match_nobody(memory: Store) -> None:
    tables = TABLES.replace("phone}}", "phone}, after_forget: keep_hash}")
    declared = {"do_not_call": StoredTypes(["phone"], {}, keeps_hash=True)}
    async with placing_world(memory, {TO: QUICK}, flows=UNLESS + tables) as world:
        await world.store.tables.change([RowChange(f'do_not_call["{TO}"]')], 1, "a test")
        await world.store.forget([TO], tables=declared)
        refused = await world.want()
        await world.run(60)
        assert "refused" == (await world.known(refused.id)).outcome

        ((_, key),) = await world.store.database.read(SELECT_KEY, "")
        await world.store.database.write(partial(_run, DELETE_ROW, (HASH_KEY,)))
        wanted = await world.want()
        await world.run(60)
        control = await world.store.placed.control()
        assert control.paused_at is not None
        assert "restore the row #key of ncco_rows from a backup" in control.reason
        assert "placing is paused: the table do_not_call has hashes" in world.reports.problems[0]

        await world.store.placed.resume()
        await world.run(60)
        assert (await world.store.placed.control()).paused_at is not None
        await world.store.database.write(partial(_run, INSERT_KEY, (key, 1)))
        await world.store.placed.resume()
        await world.run(60)
        assert ("refused", []) == ((await world.known(wanted.id)).outcome, world.legs)


def _run(sql: Sql, values: tuple[object, ...]) -> Work[None]:
    yield sql, values


async def test_a_number_that_is_added_between_two_attempts_is_not_called_again(memory: Store) -> None:
    flows = UNLESS.replace("    refused: {send: refused}\n", "")
    async with placing_world(memory, {TO: BUSY}, flows=flows + TABLES) as world:
        wanted = await world.want()
        await world.run(60)
        await world.store.tables.change([RowChange(f'do_not_call["{TO}"]')], 1, "a test")
        await world.run(25 * 60, step_s=10)
        placed = await world.known(wanted.id)

        assert ("refused", 1, 1) == (placed.outcome, placed.tries, len(world.legs))
        assert [] == await world.hooks()  # `otherwise` does not include it
