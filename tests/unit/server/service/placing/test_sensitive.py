"""The sensitive params of placed calls are tokens everywhere except in the prompts that the phone plays."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server import engine
from ncco_server.engine import CallData, Turn, TurnContext
from ncco_server.engine.interpreter import Playing
from ncco_server.flow.loader import load
from ncco_server.service.masks import decrypted
from ncco_server.service.placed_values import PlacedCipher
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.store import PlacedRow, SqliteDatabase, Store
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Request
from tests.support.cases import each_case
from tests.support.placing import AT, BASE, TO, World, placing_world

EXAMPLE: Final = (Path(__file__).parents[5] / "examples/code/flows/code.yaml").read_text()
CODE: Final = "5820374961"  # too long for a random ID to have its digits
SPELLED: Final = (CODE, ", ".join(CODE), " ".join(CODE))
FLOWS: Final = EXAMPLE.replace("expires: 3m", "retry: {on: [busy], after: 10s, tries: 2}\n  expires: 3m").replace(
    "{{ env.LOGIN_URL }}", "https://login.example"
)
HANGS_UP: Final = FLOWS.replace("  ringing_timer", "  machine_detection: hangup\n  ringing_timer")
PERSON: Final = Behaviour(rings_s=2, talks_s=60)

End: TypeAlias = Callable[[World, PlacedRow], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """How a placed call ends: the behaviour of its phone, other events, and the stored outcome."""

    outcome: str
    phone: Behaviour = PERSON
    happens: End | None = None
    flows: str = FLOWS


async def hears_it(world: World, row: PlacedRow) -> None:
    await world.run(5)
    (leg,) = world.legs
    await leg.press("1")
    await world.run(2)
    assert [text for text in (heard.text for heard in leg.transcript) if SPELLED[1] in text]


async def hangs_up(world: World, row: PlacedRow) -> None:
    await world.run(5)
    await world.legs[0].hang_up()


async def loses_the_end(world: World, row: PlacedRow) -> None:
    world.server.lost = frozenset({"completed"})
    await hears_it(world, row)


async def is_refused(world: World, row: PlacedRow) -> None:
    world.requests.faults = ["400"]


async def is_of_unknown_fate(world: World, row: PlacedRow) -> None:
    world.requests.faults = ["500"]


async def is_cancelled_while_waiting(world: World, row: PlacedRow) -> None:
    await world.store.placed.cancel(row.id, world.clock.ms)


async def is_cancelled_while_ringing(world: World, row: PlacedRow) -> None:
    await world.run(1)
    await world.store.placed.cancel(row.id, world.clock.ms)


async def is_cancelled_before_it_is_sent(world: World, row: PlacedRow) -> None:
    (attempt,) = await world.placer.claim(1)
    await world.store.placed.cancel(row.id, world.clock.ms)
    await world.store.placed.not_sent(attempt, world.clock.ms, "", world.clock.ms)


async def its_batch_is_stopped(world: World, row: PlacedRow) -> None:
    await world.store.placed.stop_batch(row.batch, world.clock.ms)


async def it_expires(world: World, row: PlacedRow) -> None:
    await world.vonage.scheduler.advance(lambda: False, until_ms=world.clock.ms + 600_000)


async def its_number_is_no_longer_allowed(world: World, row: PlacedRow) -> None:
    world.service.policy = replace(world.service.policy, dial_allow=())


async def it_is_forgotten(world: World, row: PlacedRow) -> None:
    await world.store.forget([TO])


ENDS: Final = {
    "the code is heard": Case("answered", happens=hears_it),
    "nothing is pressed": Case("answered"),
    "the person hangs up": Case("answered", happens=hangs_up),
    "the end is lost": Case("answered", happens=loses_the_end),
    **{
        name: Case(name, Behaviour(name, rings_s=1)) for name in ("busy", "timeout", "unanswered", "rejected", "failed")
    },
    "a machine": Case("machine", Behaviour("machine", rings_s=1), flows=HANGS_UP),
    "Vonage refuses it": Case("failed", happens=is_refused),
    "nobody knows": Case("unknown", happens=is_of_unknown_fate),
    "cancelled while waiting": Case("cancelled", happens=is_cancelled_while_waiting),
    "cancelled while ringing": Case("cancelled", happens=is_cancelled_while_ringing),
    "cancelled before it is sent": Case("cancelled", happens=is_cancelled_before_it_is_sent),
    "the batch is stopped": Case("cancelled", happens=its_batch_is_stopped),
    "expired": Case("expired", happens=it_expires),
    "no longer allowed": Case("failed", happens=its_number_is_no_longer_allowed),
    "forgotten": Case("cancelled", happens=it_is_forgotten),
}


def backup_of(folder: Path) -> bytes:
    """A copy of the database, as backups contain it."""
    with closing(sqlite3.connect(folder / "calls.db")) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
        return copy.serialize()


def assert_hidden(folder: Path, *texts: str) -> None:
    """Check that a text, by default the code, is nowhere in the database, its write-ahead log and a backup."""
    written = b"".join(file.read_bytes() for file in folder.iterdir()) + backup_of(folder)
    assert [] == [text for text in texts or SPELLED if text.encode() in written]


@each_case("case", ENDS.values(), ids=ENDS.keys())
async def test_a_code_is_never_stored_in_clear_text_however_its_call_ends(tmp_path: Path, case: Case) -> None:
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    async with placing_world(store, {TO: case.phone}, flows=case.flows) as world:
        wanted = await world.want(flow="code", values={"code": CODE}, batch="codes", key="one")
        assert_hidden(tmp_path)
        if case.happens is not None:
            await case.happens(world, wanted)
            assert_hidden(tmp_path)
        await world.run(1200, step_s=15)
        over = await world.known(wanted.id)

        assert ("over", case.outcome, "") == (over.state, over.outcome, over.salt)
        assert_hidden(tmp_path)
        assert wanted.salt.encode() not in backup_of(tmp_path)
        assert CODE not in "".join(world.log + world.reports.problems)


async def test_a_repeated_webhook_gets_the_same_bytes_during_the_call(memory: Store) -> None:
    async with placing_world(memory, {TO: PERSON}, flows=FLOWS) as world:
        wanted = await world.want(flow="code", values={"code": CODE})
        await hears_it(world, wanted)
        request, response = next(each for each in world.server.delivered if "/webhooks/input/" in each[0].url)
        repeated = await world.server.deliver(request)
        await world.run(120)
        late = await world.server.deliver(request)

        assert SPELLED[1].encode() in response.body
        assert response.body == repeated.body
        assert b"Sorry." in late.body
        assert b"secret:" not in late.body


def test_a_prompt_that_only_looks_like_a_token_is_repeated_unchanged() -> None:
    ncco = b'[{"action":"talk","text":"secret: nobody knows it"}]'

    assert ncco == decrypted(ncco, None)


LOOKS_LIKE_A_TOKEN: Final = "secret:AAAAAAAAAAAAAAAAAAAA"
NOTED: Final = """
flow: noted
params:
  note: text
  code: {type: text, sensitive: true, spoken: true, default: ""}
outbound: {from: "442079460001", quiet: false}
start: hello
steps:
  hello:
    do:
      - talk: "{{ note }}"
      - talk: "Your code is {{ code }}."
    choices: {more: {dtmf: 1, goto: hello}}
    retry: {then: end}
"""
PARAM: Final = '  code: {type: text, sensitive: true, spoken: true, default: ""}\n'
OPEN: Final = NOTED.replace(PARAM, "").replace("{{ code }}", "")


@pytest.mark.parametrize("flows", [NOTED, OPEN], ids=["with a code", "without a code"])
@pytest.mark.parametrize("with_code", [True, False])
async def test_a_param_that_looks_like_a_token_is_ordinary_text(memory: Store, flows: str, *, with_code: bool) -> None:
    async with placing_world(memory, {TO: PERSON}, flows=flows) as world:
        values = {"note": LOOKS_LIKE_A_TOKEN, **({"code": CODE} if with_code and flows is NOTED else {})}
        await world.want(flow="noted", values=values)
        await world.run(10)
        placed = (each for each in world.server.delivered if "/webhooks/placed/" in each[0].url)
        request, response = next(each for each in placed if "/event" not in each[0].url)
        repeated = await world.server.deliver(request)

        assert LOOKS_LIKE_A_TOKEN.encode() in response.body
        assert response.body == repeated.body


def test_every_option_that_depends_on_a_code_is_restored_with_its_type() -> None:
    spoken = FLOWS.replace(
        "- talk:", '- talk: {bargeIn: "{{ code == \'5820374961\' }}", text: "{{ code }}"}\n      - talk:'
    )
    flow = load({"flows/code.yaml": spoken}).flows["code"]
    cipher = PlacedCipher.of(KEYS, "salt")
    context = TurnContext(AT, lambda ref: "https://ncco.example", lambda session, secret: "hidden", cipher=cipher)

    turn = turn_of(engine.begin_placed(flow, "leg", CallData(), {"code": CODE}, context))
    written = orjson.dumps(turn.stored_ncco)

    assert CODE.encode() not in written
    assert turn.ncco[0]["bargeIn"] is True
    assert orjson.dumps(turn.ncco) == decrypted(written, cipher)
    assert decrypted(written, None) is None


COMPARED: Final = """
flow: gate
params:
  code: {type: text, sensitive: true}
outbound: {from: "442079460001", quiet: false}
entry: true
start: hello
steps:
  hello:
    branch:
      - if: code == "7777"
        goto: right
      - else: wrong
  right:
    do:
      - talk: "That is right."
    goto: end
  wrong:
    do:
      - talk: "That is wrong."
    goto: end
"""


@pytest.mark.parametrize(("code", "heard"), [("7777", "That is right."), ("7778", "That is wrong.")])
async def test_a_flow_compares_a_sensitive_param_of_a_placed_call(memory: Store, code: str, heard: str) -> None:
    async with placing_world(memory, {TO: PERSON}, flows=COMPARED) as world:
        await world.want(flow="gate", values={"code": code})
        await world.run(20)

        assert [heard] == [each.text for each in world.legs[0].transcript if each.text]


@pytest.mark.parametrize(
    "repeats", [("answer/gate", ""), ("fallback", "&reason=Connection+timeout.&original_request=")]
)
async def test_a_sensitive_param_in_the_query_of_an_answer_url_is_not_stored(
    tmp_path: Path, repeats: tuple[str, str]
) -> None:
    query = f"code={CODE}&to=442079460001&from={TO}&uuid=leg-1&conversation_uuid=CON-1"
    url = f"{BASE}/webhooks/answer/gate?{query}"
    path, more = repeats
    more += quote(f'{{"url":"{url}","type":"answer"}}') if more else ""
    async with placing_world(Store(SqliteDatabase(tmp_path / "calls.db")), flows=COMPARED) as world:
        first = await world.server.deliver(Request("GET", url, {}))
        again = await world.server.deliver(Request("GET", f"{BASE}/webhooks/{path}?{query}{more}", {}))

        assert b"That is wrong." in first.body
        assert first.body == again.body
        assert_hidden(tmp_path)


KEYS: Final = (b"key of the test",)
PROJECT: Final = load({"flows/code.yaml": FLOWS}).flows


def stored(code: str, keys: tuple[bytes, ...] = KEYS, key: str = "visit-17") -> PlacedRow:
    wanted = WantedCall(flow="code", to=TO, values={"code": code}, origin="cli", key=key)
    return checked(wanted, PROJECT, ("44",), AT, keys)


def test_a_digest_distinguishes_requests_without_revealing_their_values() -> None:
    first = stored(CODE)

    assert first.digest == stored(CODE).digest
    assert first.digest != stored("58204").digest
    assert first.digest != stored(CODE, keys=(b"another key",)).digest
    assert first.params != stored(CODE).params


def test_a_refusal_does_not_quote_a_sensitive_value() -> None:
    flows = load({"flows/code.yaml": FLOWS.replace("type: text", "type: int")}).flows
    wanted = WantedCall(flow="code", to=TO, values={"code": "secret-4711"}, origin="cli")

    with pytest.raises(RefusedRequest) as refused:
        checked(wanted, flows, ("44",), AT, KEYS)
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(("keys", "outcome"), [((b"new", *KEYS), "answered"), ((b"new",), "failed")])
async def test_a_call_is_not_placed_if_the_server_cannot_read_its_code(
    memory: Store, keys: tuple[bytes, ...], outcome: str
) -> None:
    async with placing_world(memory, {TO: PERSON}, flows=FLOWS) as world:
        wanted = await world.want(flow="code", values={"code": CODE})
        world.service.policy = replace(world.service.policy, keys=keys)
        await world.run(120)
        over = await world.known(wanted.id)

        assert outcome == over.outcome
        assert (outcome == "answered") == bool(world.legs)
        assert (outcome == "failed") == ("with another key" in over.problem)


LITERALS: Final = {
    "text": ('"7777"', st.sampled_from(["7777", "7778", "", "secret:x", "7, 7"])),
    "int": ("7777", st.integers(7776, 7778).map(str)),
    "number": ("0.5", st.sampled_from(["0.5", "0.25", "7"])),
    "bool": ("true", st.sampled_from(["true", "false"])),
    "phone": ('"447700900123"', st.sampled_from([TO, "447700900124"])),
}


@given(type_=st.sampled_from(sorted(LITERALS)), data=st.data(), is_spoken=st.booleans())
def test_a_placed_call_takes_the_same_decisions_as_an_incoming_one(
    type_: str, data: st.DataObject, *, is_spoken: bool
) -> None:
    literal, values = LITERALS[type_]
    text = data.draw(values)
    placed = COMPARED.replace("type: text", f"type: {type_}").replace('"7777"', literal)
    if is_spoken:
        placed = placed.replace("sensitive: true", "sensitive: true, spoken: true").replace("entry: true\n", "")
    (flow,) = load({"flows/gate.yaml": placed}).flows.values()
    cipher = PlacedCipher.of(KEYS, "salt")
    context = TurnContext(AT, lambda ref: "https://ncco.example", lambda session, secret: "hidden", cipher=cipher)
    value = flow.params["code"].type.cast(text)
    called = turn_of(engine.begin(flow, "leg", CallData(), context, {"code": text}))
    by_us = turn_of(engine.begin_placed(flow, "leg", CallData(), {"code": value}, context))

    assert called.ncco == by_us.ncco
    assert [line.because for line in called.trace] == [line.because for line in by_us.trace]
    assert text not in map(str, by_us.session.variables.values()) or value == flow.params["code"].default


def turn_of(playing: Playing[Turn]) -> Turn:
    with pytest.raises(StopIteration) as ended:
        next(playing)
    turn: Turn = ended.value.value
    return turn
