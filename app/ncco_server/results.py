"""Decides the result of a call from the facts that its turns stored, never from the flows of a later day."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

ResultName: TypeAlias = Literal["person", "message", "own", "served", "missed", "answered", "open", "lost", "unknown"]

RESULTS: Final[Mapping[ResultName, str]] = {
    "person": "a party that the flow dialled answered and was connected, and is not known to be a machine",
    "message": "no person; the caller left a recording that began with a beep or could be ended with a key",
    "own": "neither; the flow gave the call a result of its own",
    "served": "none of these; the caller heard what they chose or the opening hours, or reached an agent, or the flow "
    "was played to the end",
    "missed": "none of these: the caller hung up early or left no message, or nobody who was dialled answered",
    "answered": "the server placed the call, and none of the first three applies",
    "open": "the call is in progress",
    "lost": "none of these, and the end of the call was not reported",
    "unknown": "the call was answered while the database was unavailable, so what the caller heard is not known",
}
"""The first that applies is used. A call that nobody answered is missed, whatever the caller heard.

So is one that was asked for a message and left none, unless the caller heard something that they had chosen.
"""

MissedReason: TypeAlias = Literal["unanswered", "ringing", "closed", "message", "menu", "greeting", "unassigned"]

MISSED: Final[Mapping[MissedReason, str]] = {
    "unassigned": "no flow takes the called number",
    "ringing": "the flow dialled somebody, and the caller hung up before anybody answered",
    "unanswered": "the flow dialled somebody, and nobody answered",
    "closed": "the caller heard the opening hours, or that the line is closed, and left no message",
    "message": "the caller was asked for a message and left none",
    "menu": "the caller answered a question, or was silent, and hung up later",
    "greeting": "the caller hung up during the first prompts",
}
"""Why a call was missed: the first that applies."""

PLAYED: Final = 1
HOURS: Final = 2
"""Or an announcement because the flow was closed."""
ASKED: Final = 4
CHOSEN: Final = 8
"""From a menu."""
UNKNOWN: Final = 16
"""The turn was played without the database; what happened afterwards is not known."""
UNCONNECTED: Final = 64
"""The party that the turn dialled has answered, but hears its own flow, or has declined in it."""
AGENT: Final = 128
"""The turn dialled an agent, and nobody else."""
MESSAGE: Final = 256
"""`heard // MESSAGE` is the number of the wait for the message; an earlier wait has a recording of the whole call."""


class TurnFacts(NamedTuple):
    """The facts of one turn.

    `heard` is the sum of the flags that apply. `rang` is the step that dialled last, as `flow.step`, and `own` the
    flow's own result so far; "" for none.
    """

    heard: int = 0
    rang: str = ""
    own: str = ""


NO_FACTS: Final = TurnFacts()


EventName: TypeAlias = Literal["event-answered", "event-human", "event-machine", "record"]
EVENTS: Final[tuple[EventName, ...]] = get_args(EventName)


class ResultEvent(NamedTuple):
    """A webhook that can change the result of a call.

    `turn` and `wait` are -1 for none; `at` is in milliseconds since 1970.
    """

    kind: str
    turn: int
    wait: int
    at: int


class DecidedResult(NamedTuple):
    """The result of a call so far; `own` and `rang` are as in `TurnFacts`.

    `person_at` is in milliseconds since 1970; None if no person answered.
    """

    result: ResultName
    own: str
    rang: str
    person_at: int | None


def decide(
    turns: Sequence[tuple[int, TurnFacts]], events: Sequence[ResultEvent], *, is_incoming: bool, is_lost: bool
) -> DecidedResult:
    """`turns` are in order. `is_lost` means that the end of the call was not reported."""
    last, ringing = next((turn for turn in reversed(turns) if turn[1].rang), (0, NO_FACTS))
    own = next((facts.own for _, facts in reversed(turns) if facts.own), "")
    unconnected = {number for number, facts in turns if facts.heard & (UNCONNECTED | AGENT)}
    machines = {(event.turn, event.wait) for event in events if event.kind == "event-machine"}
    person_at = min(
        (
            event.at
            for event in events
            if event.wait >= 0
            and event.kind in ("event-answered", "event-human")
            and event.turn not in unconnected
            and (event.turn, event.wait) not in machines
        ),
        default=None,
    )
    asking = {number: facts.heard // MESSAGE for number, facts in turns if facts.heard & ASKED}
    has_message = any(event.kind == "record" and event.wait >= asking.get(event.turn, sys.maxsize) for event in events)
    heard = 0
    for _, facts in turns:
        heard |= facts.heard
    result: ResultName
    if person_at is not None:
        result = "person"
    elif has_message:
        result = "message"
    elif is_lost:
        result = "lost"
    elif own:
        result = "own"
    elif not is_incoming:
        result = "answered"
    elif ringing.heard & AGENT and (last, "event-answered") in {(event.turn, event.kind) for event in events}:
        result = "served"
    elif ringing.rang:
        result = "missed"
    elif heard & UNKNOWN:
        result = "unknown"
    else:
        is_told = heard & HOURS or (turns and turns[-1][1].heard & PLAYED)
        result = "served" if heard & CHOSEN or (is_told and not heard & ASKED) else "missed"
    return DecidedResult(result, own, ringing.rang, person_at)
