"""The results of calls: who was served, and who needs to be called back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson

from app.engine.session import TraceLine
from app.flow.actions.action import Action
from app.flow.actions.connect import ConnectPart
from app.flow.actions.do import values_in
from app.flow.model import Flow, Step
from app.service.outcomes import Following, by_file
from app.service.recorded_calls import json_object
from app.service.turns import LONGEST_CALL_MS
from app.store import Records, ReportedCall, moment_of

ResultName: TypeAlias = Literal["person", "message", "served", "missed", "open", "lost"]

RESULTS: Final[Mapping[ResultName, str]] = {
    "person": "a party that the flow dialled answered, and is not known to be a machine",
    "message": "no person; the caller left a recording that began with a beep or could be ended with a key",
    "served": "neither; the caller heard what they chose or the opening hours, or the flow was played to the end",
    "missed": "none of these: the caller hung up early or left no message, or nobody who was dialled answered",
    "open": "the call is in progress",
    "lost": "none of these, and the end of the call was not reported",
}
"""The possible results of a call; the first that applies is used. A call that was put through but that nobody answered
is missed, whatever the caller heard.
"""

AT_ONCE: Final = 500
"""Number of calls whose traces are read in one query."""
_SPOKEN: Final = frozenset({"talk", "stream"})


class CallResult(NamedTuple):
    """A call and its result. Times are milliseconds since 1970.

    Attributes:
        caller, to: digits or a user's name; "" if withheld.
        step: the step that the call is in, or was in when it ended.
        rang: whether the call was put through to somebody.
        person_at: when a person answered; None if nobody did.
        ended_at: when the call ended; None if no end is stored.
    """

    key: int
    id: str
    flow: str
    caller: str
    to: str
    result: ResultName
    step: str
    rang: bool
    began_at: int
    person_at: int | None
    ended_at: int | None


async def results(
    records: Records, flows: Mapping[str, Flow], since: int, until: int, now_ms: int
) -> AsyncIterator[CallResult]:
    """The incoming calls that began between `since` (inclusive) and `until` (exclusive), with their results.

    Called parties' legs are left out. `flows` are the flows in use, by name. Raises StoreError.
    """
    announcements = Announcements(flows)
    waiting = list[ReportedCall]()
    async for call in records.reported(since, until):
        waiting.append(call)
        if len(waiting) == AT_ONCE:
            for result in await _judged(records, announcements, waiting, now_ms):
                yield result
            waiting = []
    for result in await _judged(records, announcements, waiting, now_ms):
        yield result


async def results_of(
    records: Records, flows: Mapping[str, Flow], keys: Sequence[int], now_ms: int
) -> dict[int, CallResult]:
    """The results of the incoming calls with these keys. Raises StoreError."""
    calls = await records.reported_calls(keys)
    return {each.key: each for each in await _judged(records, Announcements(flows), calls, now_ms)}


async def _judged(
    records: Records, announcements: Announcements, calls: Sequence[ReportedCall], now_ms: int
) -> list[CallResult]:
    states = {call.key: json_object(call.state) for call in calls}
    own = [call for call in calls if _is_incoming(states[call.key])]
    known = {call.key: known_result(call, now_ms) for call in own}
    unclear = [key for key, result in known.items() if result is None and not states[key].get("dialled")]
    traces = defaultdict[int, list[bytes]](list)
    for key, trace in await records.traces_of(unclear):
        traces[key].append(trace)

    def result_of(call: ReportedCall) -> ResultName:
        is_played = bool(states[call.key].get("is_over"))
        is_served = call.key in traces and announcements.serves(call.created_at, traces[call.key], is_played=is_played)
        return known[call.key] or ("served" if is_served else "missed")

    return [_with_result(call, states[call.key], result_of(call)) for call in own]


def _is_incoming(state: Mapping[str, Any]) -> bool:
    """Whether the leg is an incoming call, and not a called party's leg or a call that the server placed."""
    return not state.get("parent") and state.get("call", {}).get("direction") != "outbound"


def _with_result(call: ReportedCall, state: Mapping[str, Any], result: ResultName) -> CallResult:
    about = state.get("call", {})
    return CallResult(
        call.key,
        str(state.get("id", "")),
        call.flow,
        str(about.get("from_number") or about.get("from_user") or ""),
        str(about.get("to", "")),
        result,
        str(state.get("step", "")),
        bool(state.get("dialled")),
        call.created_at,
        call.person_at,
        call.updated_at if call.is_over else None,
    )


def known_result(call: ReportedCall, now_ms: int) -> ResultName | None:
    """The result of a call; None if it cannot be determined without the call's traces."""
    if call.person_at is not None:
        return "person"
    if any(map(_is_message, call.recorded)):
        return "message"
    if call.is_over:
        return None
    return "open" if call.leg and now_ms - call.created_at <= LONGEST_CALL_MS else "lost"


def _is_message(ncco: bytes) -> bool:
    """Whether an NCCO records a message. A recording of the whole call has neither a beep nor a key that ends it."""
    records = (action for action in orjson.loads(ncco or b"[]") if action["action"] == "record")
    return any(action.get("beepStart") is True or "endOnKey" in action for action in records)


class Announcements:
    """Finds the steps that give callers the information they called for."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self._flows = flows
        self._files = by_file(flows.values())

    def serves(self, began_at: int, traces: Iterable[bytes], *, is_played: bool) -> bool:
        """Whether a call with these traces served its caller, although no person answered and no message was left.

        True if the caller heard what they chose (unless that step asks again or records), the opening hours, or an
        announcement while the flow was closed. Also true if the flow was played to the end (`is_played`) without
        asking for a message.
        """
        turns = [[TraceLine.read(line) for line in orjson.loads(trace)] for trace in traces]
        entered = [step for turn in turns for step in self._entered(turn)]
        is_informed = any(self._informs(began_at, turn) for turn in turns)
        return is_informed or (is_played and not any(_records(step) for _, step in entered))

    def _entered(self, turn: Sequence[TraceLine]) -> Iterator[tuple[Flow, Step]]:
        for flow, name in Following(self._files).read(turn).entered:
            if name in self._flows[flow].steps:
                yield self._flows[flow], self._flows[flow].steps[name]

    def _informs(self, began_at: int, turn: Sequence[TraceLine]) -> bool:
        has_chosen = any(line.did == "heard" and line.what == "choice" for line in turn)
        return any(
            (has_chosen and _announces(step))
            or any("hours" in value.used_names for part in step.parts for value in values_in(part))
            or (any("hours" in value.used_names for value in step.exit.reads()) and _is_closed(flow, began_at))
            for flow, step in self._entered(turn)
        )


def _is_closed(flow: Flow, at_ms: int) -> bool:
    at = moment_of(at_ms)
    return not any(calendar.is_open(at) for calendar in flow.calendars.values())


def _records(step: Step) -> bool:
    """Whether the step records a message; see `_is_message`."""
    actions = (part for part in step.parts if isinstance(part, Action) and part.word == "record")
    return any(action.literal("beepStart") is True or "endOnKey" in action.fields for action in actions)


def _announces(step: Step) -> bool:
    """Whether the step says something and then continues without input."""
    speaks = any(isinstance(part, Action) and part.word in _SPOKEN for part in step.parts)
    dials = any(isinstance(part, ConnectPart) for part in step.parts)
    return speaks and not dials and not _records(step) and step.exit.asked is None
