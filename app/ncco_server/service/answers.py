"""Answer webhooks: the first NCCO of a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from ncco_server import engine
from ncco_server.engine import CallData, Session, TraceLine, Turn
from ncco_server.engine.interpreter import Playing
from ncco_server.engine.records import person_of
from ncco_server.engine.session import NOTHING, from_json
from ncco_server.errors import AlreadyOpen, StoreUnavailable
from ncco_server.flow.model import Flow
from ncco_server.service.delivery import Delivery, Reply, session_id, transfer_id
from ncco_server.service.library import Library
from ncco_server.service.masks import mask
from ncco_server.service.turns import ANSWERED, Turns, without_conflict
from ncco_server.service.written_rows import answer_row
from ncco_server.store import WebhookRow


async def answer(turns: Turns, delivery: Delivery, flow: str | None = None) -> Reply:
    """If `flow` is None, the called number selects it. A repeat gets the stored bytes."""
    call = delivery.call
    asked = turns.library.find(call.to, flow)
    refusing = await _refusing(turns, delivery) if turns.library.current.refusals else None
    found = refusing or asked
    id_ = session_id(call.uuid, flow)
    if found is None:
        return await _answer_without_flow(turns, delivery, id_, flow)
    given = delivery.own_params if found.is_line else delivery.params(found.params)
    declared = (found, asked) if asked is not None else (found,)  # the query of a refused caller is for another flow
    secret = {name for each in declared for name, param in each.params.items() if param.sensitive}
    context = await turns.context(found, delivery)
    for _ in range(2):  # again with a new session, for a leg transferred into the same flow
        try:
            key = turns.policy.keys[0]
            params = {name: mask(key, id_, text) if name in secret else text for name, text in given.items()}
            received = answer_row(delivery, id_, key, secret=secret)
            begin = partial(engine.begin, found, id_, call, context, given)
            return await open_call(turns, begin, received, delivery, params=params)
        except AlreadyOpen:
            id_ = await answered_session(turns, id_, call)
        if (repeat := await repeat_answer(turns, id_, delivery, secret=secret)) is not None:
            return repeat
    return turns.failsafe_reply("answer", "the call is known, but not its first turn", call)


async def open_call(
    turns: Turns,
    begin: Callable[[], Playing[Turn]],
    received: WebhookRow,
    delivery: Delivery,
    *,
    leg: str = "",
    params: Mapping[str, str] = NOTHING,
) -> Reply:
    """Play the first turn of a call and store it; again if somebody else has added a row that had to be new.

    See `Turns.store_turn`. Raises AlreadyOpen.
    """

    async def opened() -> Reply:
        turn = await turns.play(begin())
        return await turns.store_turn(turn, received, delivery, leg=leg, params=params)

    return await without_conflict(opened)


async def repeat_answer(
    turns: Turns,
    id_: str,
    delivery: Delivery,
    kind: str = "answer",
    *,
    request: str = "",
    secret: Collection[str] = (),
) -> Reply | None:
    """The stored reply to a repeated answer webhook; None if it is not a repeat.

    `request` is the placed call, `secret` the sensitive params of the URL's flow.
    """
    stored = await turns.stored_reply(id_, *ANSWERED, "", request)
    if stored is None:
        return None
    await turns.record(answer_row(delivery, id_, turns.policy.keys[0], kind, secret))
    return Reply.repeat(stored, kind, delivery.call)


async def _refusing(turns: Turns, delivery: Delivery) -> Flow | None:
    """Return None unless the caller is in a table of `refuse`. Raises StoreUnavailable."""
    project = turns.library.current
    call = delivery.call
    number = person_of(call) if call.direction != "outbound" else ""
    for refusal in project.refusals if number else ():
        row = refusal.table.row_of_number(number)
        if await turns.store.tables.get(row, delivery.received_ms) is not None:
            return project.flows.get(refusal.run.value)
    return None


async def answered_session(turns: Turns, id_: str, call: CallData) -> str:
    """Return `id_`, or a new ID after a REST transfer into the same flow.

    Only then does Vonage ask with another conversation UUID.
    """
    row = await turns.store.load(id_)
    known = from_json(row.state).call.conversation_uuid if row is not None else ""
    is_transfer = bool(known and call.conversation_uuid) and known != call.conversation_uuid
    return transfer_id(id_, call.conversation_uuid) if is_transfer else id_


async def _answer_without_flow(turns: Turns, delivery: Delivery, id_: str, flow: str | None) -> Reply:
    if turns.library.is_awaited:
        raise StoreUnavailable("the flows are waiting for the store")
    id_ = await answered_session(turns, id_, delivery.call)
    if (repeat := await repeat_answer(turns, id_, delivery)) is not None:
        return repeat
    problem = _why_no_flow(turns.library, delivery, flow)
    row = answer_row(delivery, id_, turns.policy.keys[0])
    try:
        await turns.store_turn(failsafe_turn(turns, delivery.call, id_, problem), row, delivery)
    except AlreadyOpen:
        await turns.record(row)
    return turns.failsafe_reply("answer", problem, delivery.call)


def failsafe_turn(turns: Turns, call: CallData, id_: str, problem: str) -> Turn:
    ncco = [dict(action) for action in turns.policy.failsafe]
    trace = (TraceLine("failed", "", "failsafe", because=problem),)
    session = Session(id_, "", "", call, turn=1, is_over=True)
    return Turn(ncco, session, trace, "answer", is_failsafe=True, has_fault=True)


def _why_no_flow(library: Library, delivery: Delivery, flow: str | None) -> str:
    wrong = next((issue for issue in library.last.issues if issue.is_error), None)
    broken = "" if wrong is None else f" ({wrong.place}: {wrong.message})"
    if flow in library.current.flows:
        return f'no call can start in "{flow}": it has none of `numbers`, `default: true` and `entry: true`'
    if flow:
        template = f"templates/{flow}.json.j2"
        unmarked = f", and {template} does not begin with {{# line #}}" if template in library.last.texts else ""
        return f'no call can start in "{flow}": there is no such flow{broken or unmarked}'
    to = delivery.call.to
    if delivery.problem or not to:
        what = delivery.problem or "the webhook does not name the called number"
        return f"{what}, and no flow has `default: true` to take such a call"
    wanted = f"no flow takes calls to the number ending in {to[-4:]}"
    numbers = "add the number to a flow's `numbers` or a template's `{# line #}`"
    return f"{wanted}; {numbers}, or choose a default with a flow's `default: true` or NCCO_DEFAULT{broken}"
