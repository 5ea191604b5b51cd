"""`ncco replay`: recorded calls produce the same bytes again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ncco_server.desk.replay import first_difference
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.service.delivery import Delivery
from ncco_server.store import Store
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.stored_rows import in_store
from tests.system.cli.projects import write_project
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, ServedCall, delivery, service_at

DESK = """flow: desk
numbers: ["442079460000"]
start: menu
defaults: {on: {error: sorry}}
lookups:
  customer: {get: "https://crm.example.com/{{ call.from }}", returns: {name: text, vip: bool}, default: {vip: false}}
vars:
  pin: {type: text, default: "", sensitive: true}
steps:
  menu:
    lookup: customer
    do: [{talk: "Hello {{ customer.name }}, it is {{ now | spoken }}."}]
    choices: {sales: {dtmf: 1, speech: [sales], goto: sales}, pin: {dtmf: 2, goto: pin}}
    retry: {then: sales}
  sales: {do: [{checkpoint: terms}, {connect: "447700900111"}], on: {completed: end, otherwise: sorry}}
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {then: end}
    goto: sorry
  sorry: {do: [{talk: Sorry.}], goto: end}
"""
Play = Callable[[ServedCall], Awaitable[Any]]


async def crm(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
    return tuple(LookupAnswer({"name": "Ada", "vip": True, "card": "4929"}) for _ in wanted)


def record(play: Play, flow: str = DESK, *, asks: Any = crm) -> None:
    """Record a call in the database in the working directory."""
    write_project(Path(), desk=flow)

    async def play_in(store: Store) -> None:
        await play(ServedCall(await service_at(store, Path("flows"), look_ups=lambda: asks)))

    in_store(Path("ncco.db"), play_in)


def change(statement: str, *values: object) -> None:
    """Change the database in a way that nobody should."""
    connection = sqlite3.connect("ncco.db")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


async def to_sales(call: ServedCall) -> None:
    await call.ring()
    await call.press("7")
    await call.press("1")
    await call.dial("busy")


def replayed() -> dict[int, dict[str, Any]]:
    turns = json.loads(ncco("replay", LEG, "--format", "json").stdout)["turns"]
    return {turn["number"]: turn for turn in turns}


def test_the_flow_on_disk_does_not_matter() -> None:
    record(to_sales)
    write_project(Path(), desk=DESK.replace("Hello", "Goodbye"))

    assert 0 == ncco("replay", LEG).exit_code


@each_case("path", ["abcde", "not-one-of-our-tokens-but-long-enough"])
def test_another_url_that_looks_like_ours_is_compared_literally(path: str) -> None:
    record(to_sales, DESK.replace("Sorry.", f"Write to https://crm.example.com/webhooks/event/{path} then."))

    done = ncco("replay", LEG)

    assert 0 == done.exit_code, done.output


def test_a_failed_lookup_fails_again() -> None:
    async def is_down(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        return tuple(LookupAnswer(None, "status 500") for _ in wanted)

    record(to_sales, asks=is_down)

    assert 0 == ncco("replay", LEG).exit_code


def test_checkpoints_and_refused_nccos_are_replayed() -> None:
    async def refused(call: ServedCall) -> None:
        await call.ring()
        token = call.token("input")
        await call.press("1")
        await call.post("notify", {"payload": {"checkpoint": "terms"}, "conversation_uuid": "CON-1"})
        failed = {"reason": "Invalid NCCO.", "original_request": {"url": f"https://x/webhooks/input/{token}"}}
        await call.service.fallback(delivery({**ANSWER, **failed}))

    record(refused)

    assert [True, True, True] == [turn["same"] for turn in replayed().values()]


def test_a_refused_ncco_that_ends_the_call_is_replayed() -> None:
    async def refused(call: ServedCall) -> None:
        await call.ring()
        failed = {"reason": "Invalid NCCO.", "original_request": {"url": "https://x/webhooks/answer"}}
        await call.service.fallback(delivery({**ANSWER, **failed}))

    record(refused, DESK.replace("error: sorry", "error: end"))

    assert replayed()[2]["same"]


def test_a_dial_that_the_called_party_declined_is_replayed() -> None:
    async def declined(call: ServedCall) -> None:
        await call.ring()
        await call.press("1")
        (endpoint,) = (action["endpoint"][0] for action in call.ncco if action["action"] == "connect")
        await call.service.resume(
            "onanswer", endpoint["onAnswer"]["url"].rpartition("/")[2], delivery({"uuid": "aa01"})
        )
        await call.dial("answered")
        await call.dial("completed")
        await call.post("notify", {"payload": {"checkpoint": "connected"}, "conversation_uuid": "CON-1"})

    dial = '{connect: {endpoint: [{type: phone, number: "447700900111", onAnswer: {run: desk}}]}}'
    record(declined, DESK.replace('{checkpoint: terms}, {connect: "447700900111"}', dial))

    assert [True, True, True] == [turn["same"] for turn in replayed().values()]


def test_a_key_press_through_the_fallback_url_is_replayed() -> None:
    async def lost(call: ServedCall) -> None:
        await call.ring()
        url = f"https://x/webhooks/input/{call.token('input')}"
        failed = {"reason": "Socket timeout.", "original_request": {"url": url, "type": "event"}}
        await call.service.fallback(delivery({"uuid": LEG, "dtmf": {"digits": "1"}, **failed}))

    record(lost)

    assert [True, True] == [turn["same"] for turn in replayed().values()]


def test_the_first_difference_is_shown() -> None:
    record(to_sales)
    change("UPDATE turns SET ncco = CAST(replace(CAST(ncco AS TEXT), 'Ada', 'Eve') AS BLOB) WHERE number = 1")

    done = ncco("replay", LEG)

    assert 1 == done.exit_code
    first, then, now, *_ = done.stdout.splitlines()
    assert "turn 1: differs at /0/text" == first
    assert then.startswith('  then  "Hello Eve, it is ')
    assert now.startswith('  now   "Hello Ada, it is ')
    assert "/0/text" == replayed()[1]["differs"]["path"]


def test_a_sensitive_input_ends_the_replay() -> None:
    async def with_pin(call: ServedCall) -> None:
        await call.ring()
        await call.press("2")
        await call.press("4711")

    record(with_pin)

    done = ncco("replay", LEG)

    assert 0 == done.exit_code
    assert (
        "turn 3: not replayed: what the caller said or pressed is sensitive, so it was not stored"
        == done.stdout.splitlines()[-1]
    )
    assert replayed()[3]["same"] is False


@pytest.mark.parametrize(
    "returns",
    [
        "card: {type: text, sensitive: true}",
        "home: {code: {type: text, sensitive: true}}",
        "cards: [{brand: text, number: {type: text, sensitive: true}}]",
    ],
)
def test_a_sensitive_lookup_answer_ends_the_replay(returns: str) -> None:
    answer = {"name": "Ada", "vip": True, "card": "49", "home": {"code": "1"}, "cards": [{"brand": "V", "number": "2"}]}

    async def asks(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        return tuple(LookupAnswer(answer) for _ in wanted)

    record(to_sales, DESK.replace("vip: bool}, default", f"vip: bool, {returns}}}, default"), asks=asks)

    assert "the answer of the lookup customer is sensitive" in ncco("replay", LEG).stdout


GREETING = """flow: desk
default: true
params: {who: {type: text, default: you}, pin: {type: text, default: "", sensitive: true}}
start: hello
steps:
  hello: {branch: [{if: pin == "4711", goto: in}, {else: in}]}
  in: {do: [{talk: "Hello {{ who }}."}], goto: end}
"""


def answered_with(method: str, flow: str | None, **params: str) -> Play:
    """A call whose answer URL has these params."""
    fields = {**ANSWER, "uuid": LEG}
    url = "https://calls.example.com"
    if method == "GET":
        webhook = Delivery(
            "GET", urlencode(fields | params).encode(), fields | params, url, NOON, query=fields | params
        )
    else:
        webhook = Delivery("POST", json.dumps(fields).encode(), fields, url, NOON, query=params)
    return lambda call: call.service.answer(webhook, flow)


@pytest.mark.parametrize(("method", "flow"), [("GET", "desk"), ("POST", None)])
def test_params_of_the_answer_url_are_used_in_the_replay(method: str, flow: str | None) -> None:
    record(answered_with(method, flow, who="Ann"), GREETING)

    assert [(1, True)] == [(number, turn["same"]) for number, turn in replayed().items()]
    assert "Ann" in ncco("calls", LEG).stdout


@pytest.mark.parametrize(("method", "flow"), [("GET", "desk"), ("POST", None)])
def test_sensitive_params_of_the_answer_url_are_not_stored_and_end_the_replay(method: str, flow: str | None) -> None:
    record(answered_with(method, flow, pin="258014"), GREETING)

    assert "a param in the answer URL is sensitive, so it was not stored" in ncco("replay", LEG).stdout
    assert b"258014" not in b"".join(file.read_bytes() for file in Path().glob("ncco.db*"))


STATE = "UPDATE calls SET state = CAST(json_set(CAST(state AS TEXT), '$.{}', 'x') AS BLOB)"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "UPDATE webhooks SET wait = 9 WHERE kind = 'input-dtmf'",
            "with the current flows, the call does not wait for its webhook here",
        ),
        (STATE.format("call.request"), "turn 1: not replayed: the server placed it"),
        (STATE.format("parent"), "turn 1: not replayed: it is the leg of a called party"),
    ],
    ids=["a wait is missing", "the server placed the call", "the leg of a dialled party"],
)
def test_what_is_not_replayed_is_explained(statement: str, why: str) -> None:
    record(to_sales)
    change(statement)

    assert why in ncco("replay", LEG).stdout


@pytest.mark.parametrize("statement", ["DELETE FROM revisions", "UPDATE revisions SET sources = '{}'"])
def test_a_lost_revision_is_reported(statement: str) -> None:
    record(to_sales)
    change(statement)

    done = ncco("replay", LEG)

    assert 2 == done.exit_code
    assert "of flow desk is not stored, or can no longer be read\n  fix: " in done.stderr


@each_case(
    ("expected", "then", "now"),
    [
        (("/1", {"b": 1}, None), [{"a": 1}, {"b": 1}], [{"a": 1}]),
        (("/0/b", None, 2), [{"a": 1}], [{"a": 1, "b": 2}]),
        (("", [1], None), [1], None),
        (("", [1], [1]), [1], [1]),
    ],
)
def test_first_difference_of_two_documents(expected: tuple[str, Any, Any], then: Any, now: Any) -> None:
    assert expected == first_difference(then, now)
