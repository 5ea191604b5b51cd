"""What results need of calls that older versions stored or ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from ncco_server.engine.facts import facts_of
from ncco_server.engine.session import Session, TraceLine
from ncco_server.flow.model import Flow, Step
from ncco_server.results import ASKED, NO_FACTS, UNKNOWN, TurnFacts
from ncco_server.service.outcomes import Following, by_file
from ncco_server.service.turns import end_of_call, session_of
from ncco_server.store import (
    CALLED_BACK,
    LOST,
    TO_CALL_BACK,
    EndOfCall,
    OldCall,
    PastCall,
    PastTurn,
    SessionRow,
    moment_of,
)


def old_call(past: PastCall, flow: Flow | None, after: int, reported_at: int | None) -> OldCall:
    row = past.session
    notes = [note for note in past.notes if note.kind in (CALLED_BACK, TO_CALL_BACK)]
    ends = [note.at for note in past.notes if note.kind == "event-completed"]
    reported_at = min((*ends, *filter(None, (reported_at,))), default=None)
    is_lost = any(note.kind == LOST for note in past.notes)
    session = session_of(row)
    old = OldCall(
        _end_of_call(row, session, flow),
        {
            turn.number: _facts(turn, session, flow, is_latest=turn is past.turns[-1])
            for turn in past.turns
            if turn.heard is None
        },
        reported_at if is_lost else row.updated_at,
        reported_at,
        is_returned_newly=bool(notes) and notes[-1].key > after,
    )
    if notes and notes[-1].kind == CALLED_BACK:
        old = old._replace(returned_at=notes[-1].at, returned_by=notes[-1].body.decode("utf-8", "replace"))
    return old


def _end_of_call(row: SessionRow, session: Session | None, flow: Flow | None) -> EndOfCall:
    try:
        return end_of_call(row, session, flow)
    except Exception:  # noqa: BLE001 - one damaged call must not stop the others
        return end_of_call(row, None, None)


def _facts(turn: PastTurn, session: Session | None, flow: Flow | None, *, is_latest: bool) -> TurnFacts:
    if session is None or (flow is None and session.flow):
        return _facts_without_flow(turn.ncco, session)
    try:
        return _facts_from_trace(turn, session, flow, is_latest=is_latest)
    except Exception:  # noqa: BLE001 - one damaged call must not stop the others
        return _facts_without_flow(turn.ncco, session)


def _facts_from_trace(turn: PastTurn, session: Session, flow: Flow | None, *, is_latest: bool) -> TurnFacts:
    lines = [TraceLine.read(line) for line in orjson.loads(turn.trace)]
    if flow is None or any(line.did == "failed" and line.what == "failsafe" for line in lines):
        return NO_FACTS
    flows = {each.name: each for each in (flow, *flow.subs.values())}
    followed = Following(by_file(flows.values())).read(lines)
    undone = {(name, step) for name, step, _ in followed.failed}
    return facts_of(
        _steps(followed.entered, flows, undone),
        moment_of(turn.created_at),
        has_chosen=any(line.did == "heard" and line.what == "choice" for line in lines),
        is_over=is_latest and session.is_over,
    )


def _steps(
    entered: Iterable[tuple[str, str]], flows: Mapping[str, Flow], undone: set[tuple[str, str]]
) -> list[tuple[Flow, Step]]:
    return [
        (flows[flow], flows[flow].steps[step])
        for flow, step in entered
        if (flow, step) not in undone and step in flows[flow].steps
    ]


def _facts_without_flow(ncco: bytes, session: Session | None) -> TurnFacts:
    try:
        actions = orjson.loads(ncco or b"[]")
        records = [action for action in actions if action["action"] == "record"]
        dials = any(action["action"] == "connect" for action in actions)
    except (ValueError, KeyError, TypeError):  # damaged
        return TurnFacts(UNKNOWN)
    asks = any(action.get("beepStart") is True or "endOnKey" in action for action in records)
    name = (session.flow if session is not None else "") or "?"
    return TurnFacts(UNKNOWN | (ASKED if asks else 0), name if dials else "")
