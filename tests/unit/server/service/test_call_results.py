"""Results of open and ended calls, as the home page and reports add them up."""

from __future__ import annotations

from typing import Any, Final

import orjson

from ncco_server import engine
from ncco_server.engine import CallData
from ncco_server.engine.session import to_json
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.call_results import count_results, open_result, results_of
from ncco_server.service.overview import Overview, Today
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.store import QUARTER_MS, EndOfCall, SessionRow, Store, moment_of
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, new_call, session_row, webhook_row

LINE: Final = "442079460000"
HALF_DAY_MS: Final = 12 * 60 * 60 * 1000
LATER: Final = NOON_MS + CALL_EXPIRY_MS
FLOWS: Final = load(
    {
        "flows/acme.yaml": """
flow: acme
default: true
vars: {caller_name: {type: text, default: Ada}}
start: menu
steps: {menu: {do: [{talk: Hello.}], goto: end}}
"""
    }
).flows
NAMED: Final = to_json(engine.new_session(FLOWS["acme"], "leg-1", CallData(to=LINE, from_number="447700900123"), {}))


def state(step: str = "menu", party: str = "447700900123", **more: Any) -> bytes:
    return orjson.dumps({"call": {"to": LINE, "from_number": party, **more.pop("call", {})}, "step": step, **more})


@each_case(
    ("row", "now_ms", "shown"),
    [
        (session_row(state=state()), LATER, ("open", "acme.menu", "", "447700900123", None)),
        (session_row(state=state()), LATER + 1, ("lost", "acme.menu", "", "447700900123", None)),
        (session_row(state=state(), leg=""), NOON_MS, ("lost", "acme.menu", "", "447700900123", None)),
        (session_row(state=state(), is_over=True), NOON_MS, ("unknown", "acme.menu", "", "447700900123", NOON_MS)),
        (session_row(state=state(at="pin")), NOON_MS, ("open", "pin.menu", "", "447700900123", None)),
        (session_row(state=state(dialled=1)), NOON_MS, ("open", "acme.menu", "acme.menu", "447700900123", None)),
        (session_row(state=state(step="")), NOON_MS, ("open", "", "", "447700900123", None)),
        (session_row(state=state(party="")), NOON_MS, ("open", "acme.menu", "", "", None)),
        (session_row(state=b"damaged"), NOON_MS, ("open", "", "", "", None)),
        (session_row(state=state(parent="leg-0")), NOON_MS, None),
        (session_row(state=state(call={"direction": "outbound"})), NOON_MS, None),
    ],
)
def test_an_open_call_has_a_result(row: SessionRow, now_ms: int, shown: tuple[Any, ...] | None) -> None:
    found = open_result(1, row, now_ms)

    assert shown == (found and (found.result, found.step, found.rang, found.party, found.ended_at))


@each_case(("row", "flows", "name"), [(NAMED, FLOWS, "Ada"), (NAMED, {}, ""), (state(), FLOWS, "")])
def test_the_flow_of_an_open_call_names_its_caller(row: bytes, flows: Any, name: str) -> None:
    found = open_result(1, session_row(state=row), NOON_MS, flows)

    assert found is not None and name == found.name


async def ended(store: Store, leg: str, party: str, at: int, returned: bool = False) -> None:
    await store.open_call(*new_call(leg, created_at=at))
    await store.end(leg, [EndOfCall(leg, 1, "inbound", party, LINE)], webhook_row(leg, received_at=at))
    if returned:
        await store.results.mark_returned(leg, at, "Ada")


async def today(store: Store) -> Today:
    return await Overview(store).today(Project({}, (), {}), moment_of(NOON_MS))


async def test_callers_to_call_back_are_listed_once_and_others_counted(store: Store) -> None:
    for number, party in enumerate(["447700900001", "447700900001", "447700900002", "", "anonymous"]):
        await ended(store, f"leg-{number}", party, NOON_MS + number)
    for number in (5, 6):
        await ended(store, f"leg-{number}", f"44770090000{number}", NOON_MS + number, returned=True)
    every = (await today(store)).callers
    await store.open_call(*new_call("leg-7", state=state(party="")))
    await store.open_call(*new_call("leg-8", state=state(party="447700900001")))
    others = (await today(store)).callers

    assert [("leg-2", 1), ("leg-1", 2)] == [(row.id, times) for row, times in every.missed]
    assert (0, ["leg-6", "leg-5"], 0) == (every.more, [row.id for row in every.returned], every.returned_more)
    assert ["leg-2"] == [row.id for row, _ in others.missed]
    assert (2, 2) == (every.withheld, others.withheld)


async def test_a_report_counts_open_calls_too(store: Store) -> None:
    await ended(store, "leg-1", "447700900001", NOON_MS)
    await store.open_call(*new_call("leg-2", state=state()))
    await store.open_call(*new_call("leg-3", state=state(parent="leg-2")))
    period = NOON_MS, NOON_MS + QUARTER_MS, NOON_MS
    async with store.records() as records:
        counted = {flow: await count_results(records, *period, flow) for flow in ("", "acme", "other")}
        rows = await results_of(records, await records.calls(9), NOON_MS)
    quarters = {(NOON_MS, "missed"): 1, (NOON_MS, "open"): 1}

    assert [quarters, quarters, {}] == [found.quarters for found in counted.values()]
    assert [2, 2, 0] == [sum(each.calls for each in found.calls) for found in counted.values()]
    assert ["missed", "open"] == sorted(row.result for row in rows.values())


@each_case(("after_ms", "counted"), [(-HALF_DAY_MS - 1, 0), (-HALF_DAY_MS, 1), (QUARTER_MS - 1, 1), (QUARTER_MS, 0)])
async def test_an_open_call_counts_when_it_began(store: Store, after_ms: int, counted: int) -> None:
    before = (await today(store)).today.total()
    await store.open_call(*new_call(f"leg{after_ms}", state=state(), created_at=NOON_MS + after_ms))

    assert counted == (await today(store)).today.total() - before
