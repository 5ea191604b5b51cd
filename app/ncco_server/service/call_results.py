"""Reads the results of calls for people, and adds them up; open calls' come from their sessions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from ncco_server.engine.session import caller_of, from_json
from ncco_server.flow.model import Flow
from ncco_server.service.masks import json_object
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.service.written_rows import name_of_caller
from ncco_server.store import QUARTER_MS, CallRow, Records, ResultRow, SessionRow, Store, SummedCalls, give_way

NO_FLOWS: Final[Mapping[str, Flow]] = MappingProxyType({})


def open_result(key: int, session: SessionRow, now_ms: int, flows: Mapping[str, Flow] = NO_FLOWS) -> ResultRow | None:
    """Return None for a called party's leg or a placed call.

    A call that must be over is `lost`. The caller's name needs the call's flow in `flows`.
    """
    state = json_object(session.state)
    call = state.get("call", {})
    if state.get("parent") or call.get("direction") == "outbound":
        return None
    is_running = session.leg and now_ms - session.created_at <= CALL_EXPIRY_MS
    step = f"{state.get('at') or session.flow}.{state['step']}" if state.get("step") else ""
    return ResultRow(
        call_key=key,
        id=session.id,
        is_last=True,
        direction="inbound",
        flow=session.flow,
        party=caller_of(str(call.get("from_number") or ""), str(call.get("from_user") or "")),
        line=str(call.get("to", "")),
        name=_name_of_caller(session, flows),
        step=step,
        result="unknown" if session.is_over else "open" if is_running else "lost",
        rang=step if state.get("dialled") else "",
        began_at=session.created_at,
        ended_at=session.updated_at if session.is_over else None,
        version=session.version,
        changed_at=session.updated_at,
    )


def _name_of_caller(row: SessionRow, flows: Mapping[str, Flow]) -> str:
    try:
        session = from_json(row.state)
    except ValueError:
        return ""
    flow = flows.get(session.at or session.flow)
    return name_of_caller(flow, session) if flow is not None else ""


async def results_of(
    records: Records, calls: Sequence[CallRow], now_ms: int, flows: Mapping[str, Flow] = NO_FLOWS
) -> dict[int, ResultRow]:
    """Results by call key, without called parties' legs and placed calls in progress. Raises StoreError.

    `flows` give the names of callers in open calls.
    """
    found = {row.call_key: row for row in await records.results_of([call.key for call in calls])}
    results = dict[int, ResultRow]()
    for call in calls:
        row = found.get(call.key)
        result = row if row is not None else open_result(call.key, call.session, now_ms, flows)
        if result is not None:
            results[call.key] = result
    return results


async def open_calls(
    records: Records, since: int, until: int, now_ms: int, flows: Mapping[str, Flow] = NO_FLOWS
) -> list[ResultRow]:
    """Incoming calls that began from `since` up to `until` (milliseconds); see `open_result`. Raises StoreError."""
    rows = await records.open_sessions(since, until)
    return [result for key, row in rows if (result := open_result(key, row, now_ms, flows)) is not None]


class Counted(NamedTuple):
    """Calls of a period, counted.

    Attributes:
        quarters: by the quarter of an hour in which they began (milliseconds) and by result.
    """

    calls: Sequence[SummedCalls]
    quarters: Mapping[tuple[int, str], int]


async def count_results(records: Records, since: int, until: int, now_ms: int, flow: str = "") -> Counted:
    """Count as `Records.result_sums`, with the open calls. Raises StoreError."""
    calls = await records.result_sums(since, until, flow)
    quarters = {(at, result): count for at, result, count in await records.result_quarters(since, until, flow)}
    for call in await open_calls(records, since, until, now_ms):
        if not flow or call.flow == flow:
            calls.append(SummedCalls(call.flow, call.to, call.result, "", -1, 1, 0))
            key = call.began_at // QUARTER_MS * QUARTER_MS, call.result
            quarters[key] = quarters.get(key, 0) + 1
    return Counted(calls, quarters)


async def add_up(store: Store) -> int:
    """Add changed results to the sums. Returns how many there were. Of several processes at once, one gets on.

    Raises StoreError.
    """
    counted = 0
    while await store.results.has_uncounted():
        began = time.monotonic()
        found = await store.results.count()
        if not found:  # another process is counting the rest
            break
        counted += found
        await give_way(began)
    return counted


def total(calls: Iterable[SummedCalls]) -> dict[str, int]:
    found = dict[str, int]()
    for call in calls:
        found[call.result] = found.get(call.result, 0) + call.calls
    return found
