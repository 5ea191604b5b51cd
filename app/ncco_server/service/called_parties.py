"""Plays a flow (`onAnswer`) to a person who answers a `connect`, before the caller is connected.

If anything fails, the party is connected in silence, because the caller is waiting.
"""

from __future__ import annotations

import hashlib
from functools import partial

from ncco_server import engine
from ncco_server.engine import Session, WaitRef
from ncco_server.engine.session import from_json
from ncco_server.errors import AlreadyOpen
from ncco_server.service.answers import open_call, repeat_answer
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.turns import Turns, has_ended, lost_revision, wait_of
from ncco_server.service.written_rows import answer_row


async def answer(turns: Turns, ref: WaitRef, delivery: Delivery) -> Reply:
    """Vonage does not document this request; only its `uuid` (the leg) is used."""
    id_ = called_id(ref)
    if (repeat := await repeat_answer(turns, id_, delivery, "onanswer")) is not None:
        return repeat
    row = await turns.store.load(ref.session)
    if row is None:
        # If the caller was forgotten, the store writes nothing.
        return await _join_silently(turns, ref.session, delivery, "the call that dialled this party is not stored")
    parent = from_json(row.state)
    wait = wait_of(parent, ref)
    if wait is None or has_ended(row, delivery):
        return await _join_silently(turns, id_, delivery, "the call that dialled this party has moved on")
    flow = await turns.library.pinned(parent.flow, parent.revision)
    if flow is None:
        return await _join_silently(turns, id_, delivery, lost_revision(parent))
    context = await turns.context(flow, delivery)
    received = answer_row(delivery, id_, turns.policy.keys[0], "onanswer")
    try:
        begin = partial(engine.begin_called, flow, id_, parent, wait, context)
        return await open_call(turns, begin, received, delivery, leg=delivery.call.uuid or id_)
    except AlreadyOpen:
        repeat = await repeat_answer(turns, id_, delivery, "onanswer")
        return repeat or await _join_silently(turns, id_, delivery, "the party has just been forgotten")


async def _join_silently(turns: Turns, session: str, delivery: Delivery, problem: str) -> Reply:
    await turns.record(answer_row(delivery, session, turns.policy.keys[0], "onanswer"))
    return turns.failsafe_reply("onanswer", problem, delivery.call, is_called=True)


async def refusals(turns: Turns, session: Session) -> frozenset[str]:
    """The outcomes of this turn's dials that somebody answered without being connected."""
    found = set()
    for wait in session.waits:
        if wait.runs is not None:
            row = await turns.store.load(called_id(WaitRef("onanswer", session.id, session.turn, wait.index)))
            party = from_json(row.state) if row is not None else None
            found.add(engine.declined(party.returned, is_over=party.is_over) if party is not None else "")
    return frozenset(found - {""})


def called_id(ref: WaitRef) -> str:
    """Every delivery gets the same session ID."""
    return hashlib.sha256(f"{ref.session}\0{ref.turn}\0{ref.index}".encode()).hexdigest()[:32]
