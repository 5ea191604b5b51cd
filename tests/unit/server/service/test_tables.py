"""Calls that read and change tables: races, repeated webhooks, secrets, replays, and tables that change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ncco_server.desk.replay import replay
from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.service.call_ends import end_lost
from ncco_server.service.calls import CallService
from ncco_server.service.library import Library
from ncco_server.service.released import released_row
from ncco_server.store import SqliteDatabase, Store
from ncco_server.table_rows import RowChange
from tests.unit.server.service.served_call import LEG, NOON, POLICY, ServedCall, delivery, service_of

SHARED = """
shared: true
tables:
  customers: {key: {number: phone}, columns: {name: text, calls: int, pin: {type: text, sensitive: true}}, keep: 30d}
  jobs: {key: {job: text}, columns: {by: phone}}
lookups:
  customer: {table: customers, number: "{{ call.person }}"}
"""
MAIN = """
flow: main
default: true
start: count
vars:
  is_mine: {type: bool}
  pin: {type: text, sensitive: true}
steps:
  count:
    save: {table: customers, number: "{{ call.person }}", increase: {calls: 1}}
    goto: greet
  greet:
    lookup: customer
    do: [talk: "Hello {{ customer.name }}, call {{ customer.calls }}."]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: end}
    goto: check
  check:
    lookup: customer
    branch:
      - if: customer.pin == pin
        goto: accept
      - else: wrong
  accept:
    save: {table: jobs, job: today, set: {by: "{{ call.person }}"}, only_new: true, into: is_mine}
    branch:
      - if: is_mine
        goto: first
      - else: second
  first: {do: [talk: It is yours.], goto: end}
  second: {do: [talk: It is taken.], goto: end}
  wrong: {do: [talk: That is wrong.], goto: end}
"""
TWICE = """
flow: main
default: true
start: before
vars: {calls: int, one: {type: bool}, two: {type: bool}}
steps:
  before: {lookup: customer, set: {calls: "{{ customer.calls }}"}, goto: count}
  count:
    save:
      - {table: customers, number: "{{ call.person }}", increase: {calls: 1}}
      - {table: jobs, job: today, only_new: true, into: one}
      - {table: jobs, job: today, only_new: true, into: two}
    goto: after
  after:
    lookup: customer
    do: [talk: "{{ calls }} calls, then {{ customer.calls }} calls.", talk: "It is yours: {{ one }}, {{ two }}."]
    goto: end
"""
PIN = "84021739"
ADA = 'customers["447700900123"]'


async def rows(store: Store, table: str) -> dict[str, Any]:
    return {row.name: row.columns for row in await store.tables.of_table(table)}


async def save(store: Store, row: str, **columns: Any) -> None:
    await store.tables.change([RowChange(row, columns)], 0, "a test")


async def test_a_repeated_webhook_gets_the_same_reply_and_changes_nothing(store: Store) -> None:
    call = ServedCall(await service_of(store, SHARED, MAIN))
    await call.ring()
    first = call.said
    assert "Hello , call 1." == first[0]
    await call.ring()
    assert first == call.said
    assert {ADA: {"calls": 1}} == await rows(store, "customers")

    await save(store, ADA, pin=PIN)
    token = call.token("input")
    pressed = {"dtmf": {"digits": PIN, "timed_out": False}, "uuid": LEG}
    for _ in range(2):
        await call.post("input", pressed, token)
        assert ["It is yours."] == call.said
    assert {'jobs["today"]': {"by": "447700900123"}} == await rows(store, "jobs")


async def test_only_one_of_several_calls_that_accept_at_once_hears_that_it_is_first(store: Store) -> None:
    services = [await service_of(store, SHARED, MAIN) for _ in range(2)]
    calls = []
    for number in range(20):
        person = f"4477009001{number:02}"
        await save(store, f'customers["{person}"]', pin=PIN)
        call = ServedCall(services[number % 2])
        fields = {"from": person, "uuid": f"{LEG[:-2]}{number:02}"}
        await call.ring(**fields)
        calls.append(call)
    await asyncio.gather(*(call.press(PIN) for call in calls))
    winners = [number for number, call in enumerate(calls) if call.said == ["It is yours."]]
    assert 1 == len(winners)
    assert [["It is taken."]] * 19 == [call.said for number, call in enumerate(calls) if number not in winners]
    assert {'jobs["today"]': {"by": f"4477009001{winners[0]:02}"}} == await rows(store, "jobs")


async def test_a_caller_who_withholds_the_number_has_no_row(store: Store) -> None:
    call = ServedCall(await service_of(store, SHARED, MAIN))
    for number, caller in enumerate(("anonymous", "", "sip:ada@example.com", "0123")):
        await call.ring(**{"from": caller, "uuid": f"{LEG[:-1]}{number}"})
        assert "Hello , call 0." == call.said[0]
    assert {} == await rows(store, "customers")


async def test_a_sensitive_column_is_not_stored_with_any_call(store: Store) -> None:
    await save(store, ADA, name="Ada", pin=PIN)
    call = ServedCall(await service_of(store, SHARED, MAIN))
    await call.ring()
    await call.press(PIN)
    assert ["It is yours."] == call.said
    kept = [row async for row in _stored(store)]
    assert len(kept) > 3
    assert not [row for row in kept if PIN.encode() in row]


async def _stored(store: Store) -> AsyncIterator[bytes]:
    async with store.records() as records:
        timeline = await records.timeline(LEG)
        assert timeline is not None
        yield timeline.call.session.state
        for entry in timeline.turns:
            yield b"".join(each if isinstance(each, bytes) else str(each).encode() for each in entry)
        for webhook in timeline.webhooks:
            yield webhook.body


async def test_each_of_several_answers_in_one_turn_is_replayed(store: Store) -> None:
    service = await service_of(store, SHARED.replace(", pin: {type: text, sensitive: true}", ""), TWICE)
    await save(store, ADA, name="Ada", calls=4)
    call = ServedCall(service)
    await call.ring()
    assert ["4 calls, then 5 calls.", "It is yours: true, false."] == call.said
    async with store.records() as records:
        timeline = await records.timeline(LEG)
    assert timeline is not None
    (turn,) = replay(timeline, service.library.current.flows["main"], POLICY)
    assert (True, "") == (turn["same"], turn["because"])


async def test_a_webhook_is_requested_again_if_the_store_is_unavailable() -> None:
    store = Store(SqliteDatabase())
    async with store:
        service: CallService = await service_of(store, SHARED, MAIN)
    with pytest.raises(StoreUnavailable):
        await service.answer(delivery({"to": "442079460000", "from": "447700900123", "uuid": LEG}))


CHANGES = {
    "calls: int": ("calls: text", False),
    "name: text": ("name: [Ada, Bob], surname: text", True),
    "name: text, ": ("", True),
    "key: {number: phone}": ("key: {number: phone, line: phone}", True),
    "calls: int, ": ("calls: number, city: text, ", False),
    "keep: 30d": ("keep: 60d", False),
}


@pytest.mark.parametrize("old", CHANGES)
async def test_a_schema_change_that_would_lose_data_is_refused(store: Store, old: str) -> None:
    new, loses = CHANGES[old]
    before = load({"flows/shared.yaml": SHARED, "flows/main.yaml": MAIN})
    main = MAIN.replace(", call {{ customer.calls }}", "").replace("Hello {{ customer.name }}", "Hello")
    shared = SHARED.replace(old, new)
    if "line" in new:
        shared = shared.replace('number: "{{ call.person }}"', 'number: "{{ call.person }}", line: "{{ call.to }}"')
        main = main.replace('number: "{{ call.person }}"', 'number: "{{ call.person }}", line: "{{ call.to }}"')
    if new == "calls: text":
        main = main.replace("increase: {calls: 1}", "set: {calls: one}")
    if "[Ada" in new:
        shared = shared.replace('"{{ call.person }}"}', '"{{ call.person }}", default: {name: Ada}}')
    after = load({"flows/shared.yaml": shared, "flows/main.yaml": main})
    assert not after.has_errors, after.issues
    coming = iter([before, after, after, after])
    library = Library(store, lambda: next(coming))
    await library.reload()
    await library.reload()
    assert () == library.removed  # no row can lose anything
    await store.replace_revision(released_row(before, NOON))
    library.current = before
    await save(store, ADA, name="Ada")
    await library.reload()
    assert loses == bool(library.removed), library.removed
    assert (before if loses else after) is library.current
    await library.reload(confirms_removals=True)
    assert after is library.current


EVENTS = """
flow: main
default: true
start: dial
events:
  hangup: {save: {table: reported, what: hangup, increase: {times: 1}, set: {by: "{{ call.person }}"}}}
  ended:
    - save:
        table: reported
        what: "{{ event.name }}"
        set: {by: "{{ call.person }}", detail: "{{ event.how }} in {{ step }}"}
        increase: {times: 1}
    - save: {table: reported, what: calls, increase: {times: "{{ calls }}"}}
vars: {calls: {type: int, default: 2}}
steps:
  dial:
    do: [{connect: "447700900800"}]
    on: {completed: goodbye, otherwise: sorry}
    events:
      ringing: {save: {table: reported, what: ringing, increase: {times: 1}}}
      busy:
        save:
          - {table: reported, what: busy, increase: {times: 1}}
          - {table: reported, what: dials, set: {detail: "{{ event.status }}"}}
  sorry: {do: [talk: "They are busy."], choices: {again: {dtmf: 1, goto: sorry}}, retry: {then: end}}
  goodbye: {do: [talk: Goodbye.], goto: end}
"""
EVENT_TABLES = """
shared: true
tables: {reported: {key: {what: text}, columns: {times: int, by: phone, detail: text}}}
"""
ENDED = {"status": "completed", "uuid": LEG, "disconnected_by": "user", "direction": "inbound"}


@pytest.fixture
async def dialling(store: Store) -> ServedCall:
    call = ServedCall(await service_of(store, EVENT_TABLES, EVENTS))
    await call.ring()
    return call


async def test_a_row_saved_by_an_event_is_written_once(store: Store, dialling: ServedCall) -> None:
    token = dialling.token("event")
    for status in ("ringing", "ringing", "busy", "busy", "ringing"):
        await dialling.post("event", {"status": status, "uuid": "aa01", "direction": "outbound"}, token)
    assert "They are busy." == dialling.said[0]
    assert {
        'reported["busy"]': {"times": 1},
        'reported["dials"]': {"detail": "busy"},
        'reported["ringing"]': {"times": 1},
    } == await rows(store, "reported")


async def test_a_row_saved_at_the_end_of_a_call_is_written_once(store: Store, dialling: ServedCall) -> None:
    await asyncio.gather(*(dialling.service.event(delivery(ENDED)) for _ in range(5)))
    assert {
        'reported["calls"]': {"times": 2},
        'reported["ended"]': {"times": 1, "by": "447700900123", "detail": "hangup in dial"},
        'reported["hangup"]': {"times": 1, "by": "447700900123"},
    } == await rows(store, "reported")


async def test_a_call_whose_end_was_lost_saves_its_row_once(store: Store, dialling: ServedCall) -> None:
    for _ in range(2):
        await end_lost(dialling.service, LEG, NOON)
    await dialling.service.event(delivery(ENDED))
    assert {
        'reported["calls"]': {"times": 2},
        'reported["ended"]': {"times": 1, "by": "447700900123", "detail": "lost in dial"},
    } == await rows(store, "reported")


async def test_a_row_that_an_event_cannot_save_is_kept_as_a_failed_hook(store: Store) -> None:
    late = EVENTS.replace('increase: {times: "{{ calls }}"}', 'set: {times: "{{ event.price }}"}')
    call = ServedCall(await service_of(store, EVENT_TABLES, late))
    await call.ring()
    await call.service.event(delivery({**ENDED, "price": "much"}))
    (hook,) = await store.hooks.first(9)
    assert ("save", True) == (hook.name, hook.is_parked)
    assert hook.problem.startswith("E392: ")
    assert {'reported["ended"]', 'reported["hangup"]'} == set(await rows(store, "reported"))
