"""Another way to find the result of a call: from the flows of the day, whenever somebody looks.

What the product stores must agree with this for calls whose flows have not changed, except for the differences in
`INTENDED`. It reads the tables by itself and shares no code with `ncco_server.results` and `ncco_server.store.results`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from ncco_server.engine.session import TraceLine
from ncco_server.flow.model import Flow, Step
from ncco_server.service.written_rows import json_object
from ncco_server.store import moment_of
from ncco_studio.verify.outcomes import Following, by_file

Ask: TypeAlias = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query."""

CALLS: Final = """
    SELECT key, id, flow, leg, state, is_over, created_at, updated_at, (
        SELECT min(received_at) FROM webhooks AS answered
        WHERE call_key = calls.key AND wait >= 0 AND kind IN ('event-answered', 'event-human') AND NOT EXISTS (
            SELECT 1 FROM webhooks AS machine
            WHERE machine.call_key = answered.call_key AND machine.turn = answered.turn
                AND machine.wait = answered.wait AND machine.kind = 'event-machine'
        )
    )
    FROM calls
    ORDER BY key
"""
RECORDED: Final = """
    SELECT turns.call_key, ncco
    FROM webhooks JOIN turns ON turns.call_key = webhooks.call_key AND turns.number = webhooks.turn
    WHERE kind = 'record'
"""
TRACES: Final = "SELECT call_key, trace FROM turns ORDER BY call_key, number"
_SPOKEN: Final = frozenset({"talk", "stream"})


class OldResult(NamedTuple):
    """The result of an incoming call that is over, and why.

    Attributes:
        asked: whether a step asked for a message.
        chose: whether the caller heard what they had chosen.
        failed: whether the caller heard the failsafe.
    """

    result: str
    flow: str
    caller: str
    to: str
    step: str
    rang: bool
    began_at: int
    person_at: int | None
    ended_at: int
    asked: bool
    chose: bool
    failed: bool


class Intended(NamedTuple):
    """A difference that is on purpose."""

    old: str
    new: str
    applies: Callable[[OldResult], bool]
    reason: str


INTENDED: Final = (
    Intended(
        "served",
        "missed",
        lambda call: call.asked and not call.chose,
        "a caller who was asked for a message and left none is called back, even after the opening hours",
    ),
    Intended("served", "missed", lambda call: call.failed, "the failsafe is no service"),
)
"""An own result (`own`) is the third one; the oracle and the examples have none."""


def why_different(old: OldResult, new: str) -> str | None:
    """Why a stored result may differ; None if it may not."""
    found = (each.reason for each in INTENDED if (each.old, each.new) == (old.result, new) and each.applies(old))
    return next(found, None)


def old_results(ask: Ask, flows: Mapping[str, Flow]) -> dict[str, OldResult]:
    """The results of the incoming calls that are over, by ID. `flows` are the flows in use, by name."""
    announcements = Announcements(flows)
    recorded = defaultdict[int, list[bytes]](list)
    traces = defaultdict[int, list[bytes]](list)
    for key, ncco in ask(RECORDED):
        recorded[key].append(bytes(ncco))
    for key, trace in ask(TRACES):
        traces[key].append(bytes(trace))
    found = {}
    for key, id_, flow, _, state, is_over, created_at, updated_at, person_at in ask(CALLS):
        session = json_object(bytes(state))
        call = session.get("call", {})
        if not is_over or session.get("parent") or call.get("direction") == "outbound":
            continue
        turns = [[TraceLine.read(line) for line in orjson.loads(trace)] for trace in traces[key]]
        if person_at is not None:
            result = "person"
        elif any(map(_is_message, recorded[key])):
            result = "message"
        elif session.get("dialled"):
            result = "missed"
        else:
            is_served = announcements.serves(created_at, turns, is_played=bool(session.get("is_over")))
            result = "served" if is_served else "missed"
        found[id_] = OldResult(
            result,
            flow,
            str(call.get("from_number") or call.get("from_user") or ""),
            str(call.get("to", "")),
            str(session.get("step", "")),
            bool(session.get("dialled")),
            created_at,
            person_at,
            updated_at,
            announcements.asks(turns),
            announcements.lets_choose(turns),
            any(line.did == "failed" and line.what == "failsafe" for turn in turns for line in turn),
        )
    return found


def _is_message(ncco: bytes) -> bool:
    """Whether an NCCO records a message. A recording of the whole call has neither a beep nor a key that ends it."""
    records = (action for action in orjson.loads(ncco or b"[]") if action["action"] == "record")
    return any(action.get("beepStart") is True or "endOnKey" in action for action in records)


class Announcements:
    """Finds the steps that give callers the information they called for."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self._flows = flows
        self._files = by_file(flows.values())

    def serves(self, began_at: int, turns: Sequence[Sequence[TraceLine]], *, is_played: bool) -> bool:
        """Whether a call with these traces served its caller, although no person answered and no message was left."""
        is_informed = any(self._informs(began_at, turn) for turn in turns)
        return is_informed or (is_played and not self.asks(turns))

    def asks(self, turns: Iterable[Sequence[TraceLine]]) -> bool:
        """Whether a step asked for a message."""
        return any(_records(step) for turn in turns for _, step in self._entered(turn))

    def lets_choose(self, turns: Iterable[Sequence[TraceLine]]) -> bool:
        """Whether the caller heard what they had chosen."""
        return any(_has_chosen(turn) and _announces(step) for turn in turns for _, step in self._entered(turn))

    def _entered(self, turn: Sequence[TraceLine]) -> Iterator[tuple[Flow, Step]]:
        for flow, name in Following(self._files).read(turn).entered:
            if name in self._flows[flow].steps:
                yield self._flows[flow], self._flows[flow].steps[name]

    def _informs(self, began_at: int, turn: Sequence[TraceLine]) -> bool:
        return any(
            (_has_chosen(turn) and _announces(step))
            or any("hours" in each.value.used_names for each in step.effects if each.phase == "do")
            or (any("hours" in value.used_names for value in step.exit.reads()) and _is_closed(flow, began_at))
            for flow, step in self._entered(turn)
        )


def _has_chosen(turn: Iterable[TraceLine]) -> bool:
    return any(line.did == "heard" and line.what == "choice" for line in turn)


def _is_closed(flow: Flow, at_ms: int) -> bool:
    at = moment_of(at_ms)
    return not any(calendar.is_open(at) for calendar in flow.calendars.values())


def _records(step: Step) -> bool:
    """Whether the step records a message; see `_is_message`."""
    actions = (action for action in step.actions if action.word == "record")
    return any(action.literal("beepStart") is True or "endOnKey" in action.fields for action in actions)


def _announces(step: Step) -> bool:
    """Whether the step says something and then continues without input."""
    speaks = any(action.word in _SPOKEN for action in step.actions)
    dials = any(step.targets)
    return speaks and not dials and not _records(step) and step.exit.asked is None
