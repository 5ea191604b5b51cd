"""What an agent sends while it has the caller: the hand-back, and what was said.

Its requests have no signature of Vonage: the token in the URL, which only this agent gets, is all that identifies it.
What it hands back moves no call; it is stored, and decides when a webhook of Vonage resumes the call.
"""

from __future__ import annotations

import math
import secrets
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ncco_server import engine
from ncco_server.engine import CallData, Session, WaitRef
from ncco_server.engine.session import from_json
from ncco_server.flow.runtime import WrongHandBack
from ncco_server.service.delivery import Delivery
from ncco_server.service.masks import with_marks
from ncco_server.service.tokens import read_token
from ncco_server.service.turns import Turns, has_ended, lost_revision, without_conflict
from ncco_server.store import NOTHING_CAUSED, SessionRow, WebhookRow

HANDED_BACK: Final = "agent"
"""The kind of a stored hand-back; its status is the outcome."""
SAID: Final = "said"
"""The kind of a stored line of the conversation; its status says who said it."""
MOST_LINES: Final = 200
GAP_MS: Final = 1000
LONGEST_LINE: Final = 500
"""Characters; all three are our choice."""
MOST_BYTES: Final = 64 * 1024
"""Of a request, as of a lookup's answer: the call carries the values through all of its turns."""
_OVER: Final = "the call no longer waits for this agent"


class AgentHandBack(BaseModel):
    """What an agent hands back when it is done."""

    outcome: str = Field(description="`done`, or one of the `outcomes` of the step.")
    values: dict[str, Any] = Field({}, description="As `returns` of the step declares them. They may be left out.")


class AgentLine(BaseModel):
    """A line of the conversation between an agent and the caller."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    who: Literal["agent", "caller"]
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_LINE)]


class AgentReply(NamedTuple):
    """The reply to an agent.

    Attributes:
        outcome: for the log: `handed-back`, `said`, `repeat` or `refused`.
        problem, cure: what is wrong, and what to do instead; "" if nothing is wrong.
        retry_after_s: when a refused line may be sent again; 0 for never.
    """

    status: int
    outcome: str
    session: Session | None = None
    problem: str = ""
    cure: str = ""
    retry_after_s: int = 0

    @property
    def call(self) -> CallData:
        return self.session.call if self.session is not None else CallData()


class _Waiting(NamedTuple):
    row: SessionRow
    session: Session


async def hand_back(turns: Turns, token: str, delivery: Delivery) -> AgentReply:
    """Store what an agent hands back, once. Raises UnknownWait, StoreUnavailable."""
    ref = read_token(turns.policy.keys, "agent", token)
    return await without_conflict(partial(_hand_back, turns, ref, delivery))


async def _hand_back(turns: Turns, ref: WaitRef, delivery: Delivery) -> AgentReply:
    """Raises Conflict."""
    found = await _waiting(turns, ref, delivery)
    if isinstance(found, AgentReply):
        return found
    row, session = found
    flow = await turns.library.pinned(session.flow, session.revision)
    if flow is None:
        return AgentReply(410, "refused", session, lost_revision(session), "close the websocket")
    context = await turns.context(flow, delivery, await turns.cipher_of(session.call.request))
    try:
        after = engine.hand_back(flow, session, delivery.fields, context)
    except WrongHandBack as error:
        return AgentReply(422, "refused", session, error.message, error.cure)
    if "outcome" in session.agent:
        if after == session:
            return AgentReply(204, "repeat", session)
        return AgentReply(409, "refused", session, "the agent has handed back something else", "close the websocket")
    body = {name: after.agent[name] for name in ("outcome", "values")}
    received = _row(HANDED_BACK, ref, after.agent["outcome"], body, delivery)
    await turns.note(after, received, delivery, row, NOTHING_CAUSED)
    return AgentReply(204, "handed-back", session)


async def said(turns: Turns, token: str, delivery: Delivery) -> AgentReply:
    """Store a line of the conversation. Raises UnknownWait, StoreUnavailable."""
    ref = read_token(turns.policy.keys, "agent", token)
    found = await _waiting(turns, ref, delivery)
    if isinstance(found, AgentReply):
        return found
    session = found.session
    try:
        line = AgentLine.model_validate(delivery.fields)
    except ValidationError:
        cure = f'send {{"who": "agent" or "caller", "text": ".."}}, with 1 to {LONGEST_LINE} characters'
        return AgentReply(422, "refused", session, "this is not a line of a conversation", cure)
    row = _row(SAID, ref, line.who, line.model_dump(), delivery)
    wait_ms = await turns.store.record_at_intervals(row, MOST_LINES, GAP_MS)
    if wait_ms is None:
        return AgentReply(422, "refused", session, f"this conversation has {MOST_LINES} lines already", "send no more")
    if wait_ms:
        cure = "send at most one line a second"
        return AgentReply(
            429, "refused", session, "a line came less than a second ago", cure, math.ceil(wait_ms / 1000)
        )
    return AgentReply(204, "said", session)


async def _waiting(turns: Turns, ref: WaitRef, delivery: Delivery) -> _Waiting | AgentReply:
    row = await turns.store.load(ref.session)
    session = from_json(row.state) if row is not None else None
    if (
        row is None
        or session is None
        or session.turn != ref.turn
        or has_ended(row, delivery)
        or engine.agent_wait(session) is None
    ):
        return AgentReply(410, "refused", session, _OVER, "close the websocket")
    if len(delivery.raw) > MOST_BYTES:
        return AgentReply(413, "refused", session, f"the body is larger than {MOST_BYTES:,} bytes", "send less")
    if delivery.problem:
        return AgentReply(422, "refused", session, delivery.problem, "send a JSON object")
    return _Waiting(row, session)


def _row(kind: str, ref: WaitRef, status: str, body: object, delivery: Delivery) -> WebhookRow:
    stored = orjson.dumps(with_marks(body))
    at = delivery.received_ms
    return WebhookRow(
        secrets.token_hex(16), kind, ref.session, ref.turn, -1, status, "", "", delivery.method, stored, at
    )
