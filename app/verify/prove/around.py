"""What a turn may look at while a flow is walked, and what kind of way it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.engine import Turn, TurnContext, WaitRef
from app.engine.dialling import PREMIUM_PREFIXES
from app.settings.values import DEFAULT, read_failsafe
from app.verify.prove.inputs import Input
from app.verify.prove.walked import Sort

FAILSAFE: Final[tuple[Mapping[str, Any], ...]] = read_failsafe(DEFAULT)
"""What the server under test plays when nothing else can be played."""
ANY_NUMBER: Final = 1_000_000
"""Of dials: a walk forgets how often a call has dialled."""
ANYBODY: Final = ("sip:", "sips:", *"123456789", *PREMIUM_PREFIXES)
"""Prefixes of every number and address: whom a server may dial is a setting, not a matter of the flow."""


def sort_of(happened: Input, turn: Turn) -> Sort:
    """What kind of way a turn is, by what has happened."""
    if happened.kind == "fault":
        return "fault"
    if happened.kind == "leg":
        return "leg"
    if turn.outcome == "held":
        return "held"
    is_act = happened.kind == "input" and turn.outcome not in ("noinput", "nomatch", "asr_error", "error")
    return "acts" if is_act else "passes"


def ago(now: datetime, seconds: float) -> datetime:
    """Some seconds before."""
    return now - timedelta(seconds=seconds)


def _link(ref: WaitRef) -> str:
    return f"https://ncco.example.com/{ref.kind}/{ref.turn}/{ref.index}"


def _mask(session: str, secret: str) -> str:
    return "hidden"


def around(now: datetime, env: Mapping[str, str], dials: int) -> TurnContext:
    """What a turn may look at; `dials` is how often a call may dial."""
    return TurnContext(now, _link, _mask, env, FAILSAFE, ANYBODY, dials)
