"""Functions of handlers: a finished function never runs again, whatever happens to its turn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from textwrap import dedent
from typing import Any

import pytest

from ncco_server import idempotency_key
from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.functions import UNSTORED_LIMIT
from ncco_server.service.lookups import RESERVE_S, LookupClient, lookups_of_turn
from ncco_server.store import FunctionResultRow, Store, open_store
from ncco_server.store.database import Database
from ncco_server.store.function_results import SELECT_ALL, FunctionResults
from tests.unit.server.service.asking import PATIENCE_MS
from tests.unit.server.service.outbox_kit import until
from tests.unit.server.service.served_call import ANSWER, LEG, POLICY, ServedCall
from tests.unit.server.web.fake_calls import client_of

SHOP = """
import asyncio
from ncco_server import Call, RunFailed, call_flow, idempotency_key

RAN = []
KEYS = []
MAY_END = asyncio.Event()

def greeting() -> str:
    RAN.append("greeting")
    KEYS.append(idempotency_key())
    return f"Hello number {len(RAN)}."

async def reserve(table: str) -> str:
    RAN.append(table)
    KEYS.append(idempotency_key())
    if table == "7":
        await MAY_END.wait()
    if table == "9":
        raise ValueError(table)
    return f"table {table}, as number {len(RAN)}"

@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.talk(await call.run(greeting))
    for number in range(3):
        table = await call.collect("Which table?", digits=1)
        try:
            await call.talk(await call.run(reserve, table, limit_ms=3500))
        except RunFailed as failed:
            await call.talk(str(failed))
"""


class DyingStore(Store):
    """Fails to store the next turn if it `dies`, as if the process had died first."""

    dies = False

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.functions: BrokenResults = BrokenResults(database)

    def open_call(self, *args: Any, **kwargs: Any) -> Any:
        return _dead() if self._is_dying() else super().open_call(*args, **kwargs)

    def advance(self, *args: Any, **kwargs: Any) -> Any:
        return _dead() if self._is_dying() else super().advance(*args, **kwargs)

    def _is_dying(self) -> bool:
        dies, self.dies = self.dies, False
        return dies


class BrokenResults(FunctionResults):
    """Blocks in this method while it `hangs`, and stores nothing while it `fails`."""

    hangs = ""
    is_hanging = False
    fails = False

    async def get(self, session: str, turn: int, name: str) -> str | None:
        await self._answer("get")
        return await super().get(session, turn, name)

    async def add(self, row: FunctionResultRow) -> None:
        await self._answer("add")
        if self.fails:
            raise StoreUnavailable("it is away")
        await super().add(row)

    async def _answer(self, method: str) -> None:
        while self.hangs == method:
            self.is_hanging = True
            await asyncio.sleep(0)
        self.is_hanging = False


async def _dead() -> None:
    raise StoreUnavailable("it has died")


@dataclass(frozen=True)
class Shop:
    """A project whose handler runs functions, and a store."""

    project: Project
    store: DyingStore
    client: LookupClient

    @property
    def globals(self) -> dict[str, Any]:
        handler: Any = self.project.flows["shop"].handler
        found: dict[str, Any] = handler.flow.function.__globals__
        return found

    @property
    def ran(self) -> list[str]:
        """A log of the functions' work."""
        ran: list[str] = self.globals["RAN"]
        return ran

    async def host(self, store: Store | None = None) -> ServedCall:
        """A caller at a separate host, with this store or another connection to its database."""
        turn = partial(lookups_of_turn, self.client.answer, PATIENCE_MS)
        service = CallService(store or self.store, lambda: self.project, POLICY, look_ups=turn)
        assert not (await service.library.reload()).has_errors
        return ServedCall(service)


@pytest.fixture
async def store() -> AsyncIterator[DyingStore]:
    async with DyingStore(open_store("memory://").database) as opened:
        yield opened


def shop_of(code: str, store: DyingStore, client: LookupClient) -> Shop:
    project = load({"flows/shop.py": code}, {}, extent="project", handlers=["shop.py"])
    assert not project.has_errors
    return Shop(project, store, client)


@pytest.fixture
def shop(store: DyingStore, client: LookupClient) -> Shop:
    return shop_of(dedent(SHOP), store, client)


async def test_a_function_that_has_finished_is_not_called_again_if_its_turn_was_not_stored(shop: Shop) -> None:
    first, second = await shop.host(), await shop.host()
    shop.store.dies = True
    with pytest.raises(StoreUnavailable):
        await first.ring()
    await second.ring()
    assert ["Hello number 1.", "Which table?"] == second.said[:2]

    first.ncco = second.ncco
    shop.store.dies = True
    with pytest.raises(StoreUnavailable):
        await first.press("4")
    token = second.token("input")
    reply = await second.press("4")
    assert ["table 4, as number 2", "Which table?"] == second.said[:2]
    assert reply.ncco == (await first.press("4")).ncco
    assert ["greeting", "4"] == shop.ran
    assert reply.ncco == (await first.post("input", {"dtmf": {"digits": "4"}}, token)).ncco
    assert ["greeting", "4"] == shop.ran


async def test_a_function_that_has_failed_is_not_called_again_either(shop: Shop) -> None:
    caller = await shop.host()
    await caller.ring()
    shop.store.dies = True
    with pytest.raises(StoreUnavailable):
        await caller.press("9")
    await caller.press("9")
    assert caller.said[0].startswith("the function raised ValueError")
    assert ["greeting", "9"] == shop.ran


async def test_another_input_at_the_same_place_does_not_get_the_results_of_the_first(shop: Shop) -> None:
    caller = await shop.host()
    await caller.ring()
    shop.store.dies = True
    with pytest.raises(StoreUnavailable):
        await caller.press("4")
    await caller.press("5")
    assert ["table 5, as number 3", "Which table?"] == caller.said[:2]
    assert ["greeting", "4", "5"] == shop.ran


async def test_a_repeated_webhook_waits_for_the_function_that_runs(shop: Shop) -> None:
    caller = await shop.host()
    await caller.ring()
    other = ServedCall(caller.service)
    other.ncco = caller.ncco
    both = asyncio.gather(caller.press("7"), other.press("7"))
    await until(lambda: "7" in shop.ran)
    shop.globals["MAY_END"].set()
    first, second = await both
    assert first.ncco == second.ncco
    assert ["greeting", "7"] == shop.ran


@pytest.mark.parametrize("method", ["get", "add"])
async def test_a_webhook_is_requested_again_if_the_store_keeps_the_result_of_a_function_waiting(
    shop: Shop, method: str
) -> None:
    caller = await shop.host()
    shop.store.functions.hangs = method
    late = await client_of(caller.service, deadline_s=1.0).post("/webhooks/answer", json=ANSWER)
    shop.store.functions.hangs = ""
    again = await client_of(caller.service).post("/webhooks/answer", json=ANSWER)
    assert (503, "no-store") == (late.status_code, late.headers["ncco-failure"])
    assert "Hello number 1." == again.json()[0]["text"]
    assert ["greeting"] == shop.ran


async def test_a_result_that_could_not_be_stored_is_kept_for_the_repeated_webhook(shop: Shop) -> None:
    caller = await shop.host()
    shop.store.functions.fails = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await caller.ring()
    shop.store.functions.fails = False
    await caller.ring()
    assert ["Hello number 1.", "Which table?"] == caller.said[:2]
    assert ["greeting"] == shop.ran


async def test_a_function_that_runs_again_has_the_same_key_and_any_other_call_another_one(shop: Shop) -> None:
    first, second = await shop.host(), await shop.host()
    keys = shop.globals["KEYS"]
    for caller, fails in ((first, True), (second, False)):
        shop.store.functions.fails = fails
        with pytest.raises(StoreUnavailable) if fails else nullcontext():
            await caller.ring()
    for caller, fails in ((first, True), (second, False)):
        caller.ncco = second.ncco
        shop.store.functions.fails = fails
        with pytest.raises(StoreUnavailable) if fails else nullcontext():
            await caller.press("4")
    await second.press("4")
    greeted, greeted_again, asked, asked_again, other = keys
    assert (greeted, asked) == (greeted_again, asked_again)
    assert 3 == len({greeted, asked, other})
    assert all(re.fullmatch(rf"{LEG}:[12]:[!-~]{{1,200}}", key) for key in keys[:4])


def test_there_is_no_key_outside_a_function_of_a_handler() -> None:
    with pytest.raises(RuntimeError, match=r"call\.run"):
        idempotency_key()


async def test_a_function_that_takes_too_long_is_not_called_again_when_its_webhook_is_repeated(shop: Shop) -> None:
    caller = await shop.host()
    patient = client_of(caller.service)
    caller.ncco = (await patient.post("/webhooks/answer", json=ANSWER)).json()
    path = f"/webhooks/input/{caller.token('input')}"
    fields = {"dtmf": {"digits": "7", "timed_out": False}, "uuid": LEG}
    late = await client_of(caller.service, deadline_s=RESERVE_S * 0.9).post(path, json=fields)
    await until(lambda: "7" in shop.ran)
    shop.globals["MAY_END"].set()
    again = await patient.post(path, json=fields)
    assert (503, "late") == (late.status_code, late.headers["ncco-failure"])
    assert "table 7, as number 2" == again.json()[0]["text"]
    assert ["greeting", "7"] == shop.ran


async def test_a_webhook_whose_turn_another_host_has_stored_meanwhile_gets_its_bytes(shop: Shop) -> None:
    slow = await shop.host(shop.store)
    fast = await shop.host(DyingStore(shop.store.database))
    for send in ("ring", "press"):
        shop.store.functions.hangs = "get"
        late = asyncio.create_task(slow.ring() if send == "ring" else slow.press("4"))
        await until(lambda: shop.store.functions.is_hanging)
        first = await (fast.ring() if send == "ring" else fast.press("4"))
        shop.store.functions.hangs = ""
        assert first.ncco == (await late).ncco
    assert ["greeting", "4"] == shop.ran


async def test_a_function_interrupted_by_the_end_of_its_server_runs_again(shop: Shop) -> None:
    caller = await shop.host()
    await caller.ring()
    shop.store.dies = True
    webhook = asyncio.create_task(caller.press("7"))
    await until(lambda: "7" in shop.ran)
    await shop.client.close()
    with pytest.raises(StoreUnavailable):
        await webhook
    assert 0 == await count_results(shop.store)


async def test_the_number_of_results_waiting_to_be_stored_is_limited(shop: Shop) -> None:
    caller = await shop.host()
    shop.store.functions.fails = True
    called = []
    for leg in (*range(UNSTORED_LIMIT + 1), UNSTORED_LIMIT, 0):
        with pytest.raises(StoreUnavailable):
            await caller.ring(uuid=f"leg-{leg}")
        called.append(len(shop.ran))
    assert [UNSTORED_LIMIT + 1, UNSTORED_LIMIT + 1, UNSTORED_LIMIT + 2] == called[-3:]


ECHO = """
from ncco_server import Call, Secret, call_flow

def echo(pin: Secret) -> str:
    return f"It is {pin.reveal()}."

@call_flow(default=True)
async def shop(call: Call) -> None:
    pin = await call.collect("Your PIN.", digits=8, sensitive=True).or_raise()
    await call.talk(await call.run(echo, pin))
"""


async def test_a_stored_result_repeats_no_secret(store: DyingStore, client: LookupClient) -> None:
    caller = await shop_of(ECHO, store, client).host()
    await caller.ring()
    store.dies = True
    with pytest.raises(StoreUnavailable):
        await caller.press("84021739")
    (row,) = await store.database.read(SELECT_ALL)
    assert "secret:" in str(row)
    assert "84021739" not in str(row)


async def count_results(store: Store) -> int:
    return len(await store.database.read(SELECT_ALL))


TOGETHER = """

async def open_door() -> str:
    RAN.append("door")
    KEYS.append(idempotency_key())
    MAY_END.set()
    return "the door is open"

@call_flow(default=True)
async def shop(call: Call) -> None:
    table, door = await call.run_all(call.run(reserve, "7", limit_ms=3500), call.run(open_door))
    await call.talk(f"{table}, {door}")
    await call.collect("Which table?", digits=1)
"""


async def test_functions_that_run_together_are_called_at_the_same_time_and_once(
    store: DyingStore, client: LookupClient
) -> None:
    together = shop_of(dedent(SHOP).partition("@call_flow")[0] + TOGETHER, store, client)
    first, second = await together.host(), await together.host()
    store.dies = True
    with pytest.raises(StoreUnavailable):
        await first.ring()
    await second.ring()

    assert ["table 7, as number 2, the door is open", "Which table?"] == second.said[:2]
    assert ["7", "door"] == together.ran
    assert 2 == len(set(together.globals["KEYS"]))
