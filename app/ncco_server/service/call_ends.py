"""The ends of calls: those that Vonage reports, and those that it does not."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from ncco_server import engine
from ncco_server.engine import Session
from ncco_server.flow.model import Flow
from ncco_server.results import DecidedResult
from ncco_server.service.delivery import Delivery
from ncco_server.service.turns import Turns, seen, session_of, without_conflict
from ncco_server.service.written_rows import caused_by, caused_by_end, name_of_caller, webhook_row
from ncco_server.store import (
    LOST,
    NOTHING_CAUSED,
    Caused,
    EndOfCall,
    ResultRow,
    SessionRow,
    WebhookRow,
    milliseconds,
    moment_of,
)


async def end(
    turns: Turns, leg: str, received: WebhookRow, delivery: Delivery, before: Caused = NOTHING_CAUSED
) -> None:
    """Store the end of a leg's calls with hooks: `before`, then those for the hang-up, then those for the end.

    Raises StoreUnavailable if other webhooks keep moving the calls.
    """
    await without_conflict(partial(_end, turns, leg, received, delivery, before))


async def _end(turns: Turns, leg: str, received: WebhookRow, delivery: Delivery, before: Caused) -> None:
    """Raises Conflict."""
    context = turns.policy.turn_context(moment_of(received.received_at), delivery.base_url)
    caused = before
    last = NOTHING_CAUSED
    ends = []
    for row in await turns.store.calls_of(leg):
        session = session_of(row)
        flow = await _flow_of(turns, session)
        ends.append(end_of_call(row, session, flow))
        if session is None or flow is None:
            continue
        reports_end = not session.parent and engine.may_report_end(flow)
        if not reports_end and not engine.may_report_hang_up(flow):
            continue
        statuses = await seen(turns, session)
        left = engine.hang_up(flow, session, delivery.webhook, context, statuses)
        caused = caused.with_later(caused_by(left, row.id, received.received_at))
        if reports_end:
            decided = await _decided(turns, session, is_lost=False)
            ended = engine.ended(flow, session, delivery.webhook, context, decided=decided, seen=statuses)
            last = caused_by_end(ended, row, received.received_at) if ended != engine.NO_EFFECTS else last
    if last != NOTHING_CAUSED and not await _has_reported_end(turns, leg):
        caused = caused.with_later(last)
    _report(turns, caused, await turns.store.end(leg, ends, received, caused))


async def end_lost(turns: Turns, id_: str, now: datetime, found: Delivery | None = None) -> bool:
    """Store the unreported end of a call, with what it causes; False if the call moved on.

    `found` is what Vonage says about the call. What the caller did last stays unknown: when an end is lost, other
    webhooks may be lost too.
    """
    row = await turns.store.load(id_)
    if row is None or row.is_over:
        return False
    now_ms = milliseconds(now)
    caused = NOTHING_CAUSED
    session = session_of(row)
    flow = await _flow_of(turns, session)
    if (
        session is not None
        and flow is not None
        and not session.parent
        and engine.may_report_end(flow)
        and not await _has_reported_end(turns, row.leg)
    ):
        context = turns.policy.turn_context(now, "")
        decided = await _decided(turns, session, is_lost=True)
        webhook = found.webhook if found is not None else None
        effects = engine.ended(flow, session, webhook, context, decided=decided, is_lost=True)
        caused = caused_by_end(effects, row, now_ms)
    results = await turns.store.end_lost(end_of_call(row, session, flow), row.leg, now_ms, caused)
    if results is None:
        return False
    _report(turns, caused, results)
    if found is not None:
        await turns.record(webhook_row(turns.policy.keys[0], found, LOST, id_))
    return True


def _report(turns: Turns, caused: Caused, results: list[ResultRow]) -> None:
    if caused.hooks:
        turns.hooks_written()
    for result in results:
        turns.ended(result)


async def _flow_of(turns: Turns, session: Session | None) -> Flow | None:
    return None if session is None else await turns.library.pinned(session.flow, session.revision)


async def _decided(turns: Turns, session: Session, *, is_lost: bool) -> DecidedResult:
    is_incoming = session.call.direction != "outbound"
    return await turns.store.results.decided(session.id, is_incoming=is_incoming, is_lost=is_lost)


async def _has_reported_end(turns: Turns, leg: str) -> bool:
    """Whether an ended call has already sent the hooks for the leg's end.

    A transfer that is answered after the leg's end opens another session.
    """
    for name, revision in await turns.store.ended_flows(leg):
        flow = await turns.library.pinned(name, revision)
        if flow is not None and engine.may_report_end(flow):
            return True
    return False


def end_of_call(row: SessionRow, session: Session | None, flow: Flow | None) -> EndOfCall:
    """`session` is None if it is damaged, `flow` if its revision is lost."""
    if session is None:
        return EndOfCall(row.id, row.version, "inbound")
    if session.parent:
        return EndOfCall(row.id, row.version, "")
    call = session.call
    caller = call.caller
    is_outbound = call.direction == "outbound"
    at = session.at or session.flow
    return EndOfCall(
        row.id,
        row.version,
        "outbound" if is_outbound else "inbound",
        party=call.to if is_outbound else caller,
        line=caller if is_outbound else call.to,
        name=name_of_caller(flow.named(session.at), session) if flow is not None else "",
        step=f"{at}.{session.step}" if session.step else "",
        is_played=session.is_over,
    )
