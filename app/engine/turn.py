"""What the engine is given for a turn, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from app.engine.session import NOTHING, Session, WaitRef
from app.engine.trace import TraceLine


class Surroundings(NamedTuple):
    """Everything from outside that a turn may look at; the engine asks for nothing else.

    Attributes:
        now: aware, UTC.
        env: variables for flows by name, the prefix `FLOW_` taken off.
        link: the callback URL of a wait.
        mask: (session id, secret) → the token that is written in its place.
        failsafe: the NCCO that is played when nothing else can be.
        dial_allow: prefixes (digits) that computed numbers may have.
        dial_limit: how often one call may dial.
    """

    now: datetime
    link: Callable[[WaitRef], str]
    mask: Callable[[str, str], str]
    env: Mapping[str, str] = NOTHING
    failsafe: tuple[Mapping[str, Any], ...] = ()
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the interpreter needs from outside: the answer to a look-up of a step. Sent back: its value."""

    step: str
    name: str


class Turn(NamedTuple):
    """What happens between two decisions: one webhook in, one NCCO out.

    Attributes:
        ncco: valid; plain JSON values.
        session: the state after it.
        trace: what it did and why. trace_json: the same as JSON, as the store keeps it.
        outcome: what the webhook was taken for (`answer`, `sales`, `noinput`, `busy`, ...), for logs and metrics.
        is_failsafe: nothing of the flow could be played.
        hooks: webhooks of ours to send after the reply.
    """

    ncco: list[dict[str, Any]]
    session: Session
    trace: tuple[TraceLine, ...]
    trace_json: bytes
    outcome: str
    is_failsafe: bool = False
    hooks: tuple[Any, ...] = ()
