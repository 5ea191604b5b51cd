"""What there is to tell of a recorded call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from app.service.calls import LONGEST_CALL_MS
from app.store import CallRow

State = Literal["open", "ended", "hung-up", "lost"]


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call.

    Attributes:
        caller: the number that called, or a user or address; "" when it was not sent. called: likewise.
        state: `ended`: its last words were played, and the leg ended. `hung-up`: the leg ended before. `lost`: nobody
            ever said that it ended.
        step: where it stands or ended; "" when nothing more could be played.
        began_at, ended_at: milliseconds since 1970; None while it is not known to be over.
        has_failed: a turn of it could not be played as it is written.
        parent: the call whose connect made this leg, "" for one that came in.
    """

    id: str
    leg: str
    conversation: str
    caller: str
    called: str
    flow: str
    revision: str
    state: State
    step: str
    began_at: int
    ended_at: int | None
    turns: int
    has_failed: bool
    parent: str

    def seconds(self, now: int) -> float | None:
        """How long it took, or has taken so far; None for a lost one."""
        if self.state == "lost":
            return None
        return round(((self.ended_at or now) - self.began_at) / 1000, 3)


def facts_of(call: CallRow, now: int) -> CallFacts:
    """The facts of a call at a moment (milliseconds since 1970)."""
    row, state = call.session, _document(call.session.state)
    said = state.get("call", {})
    step, at = str(state.get("step", "")), str(state.get("at", ""))
    return CallFacts(
        id=row.id,
        leg=row.leg,
        conversation=row.conversation,
        caller=str(said.get("from_number") or said.get("from_user") or ""),
        called=str(said.get("to", "")),
        flow=row.flow,
        revision=row.revision,
        state=_state(call, is_played=bool(state.get("is_over")), now=now),
        step=f"{at}.{step}" if at and step else step,
        began_at=row.created_at,
        ended_at=row.updated_at if row.is_over else None,
        turns=call.turns,
        has_failed=call.has_failed,
        parent=str(state.get("parent", "")),
    )


def _state(call: CallRow, *, is_played: bool, now: int) -> State:
    if call.session.is_over:
        return "ended" if is_played else "hung-up"
    return "lost" if now - call.session.created_at > LONGEST_CALL_MS else "open"


def _document(state: bytes) -> Mapping[str, Any]:
    """The state of a session, as far as it can be read: a call is told of in any case."""
    try:
        document = orjson.loads(state)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def moment(at_ms: int) -> datetime:
    """The moment of so many milliseconds since 1970, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
