"""What came of calls for the people whom they were for: who was served, and who is to be called back.

`app.service.call_report` counts how calls ended. Here it also matters what the caller got before that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson

from app.engine.session import TraceLine
from app.flow.actions.action import Action
from app.flow.actions.connect import ConnectPart
from app.flow.actions.do import values_in
from app.flow.model import Flow, Step
from app.service.call_report import disposition_of
from app.service.outcomes import Following, by_file
from app.service.recorded_calls import json_object
from app.store import Records, ReportedCall

ResultName: TypeAlias = Literal["person", "message", "served", "missed", "open", "lost"]

RESULTS: Final[Mapping[ResultName, str]] = {
    "person": "a person has answered",
    "message": "no person; the caller left a message",
    "served": "neither; the flow was played to its end, or the caller heard what they chose or when you are open",
    "missed": "the caller hung up before that, or nobody answered whom the call was put through to",
    "open": "the call is in progress",
    "lost": "the end of the call was not reported",
}
"""What came of a call: the first that fits."""

AT_ONCE: Final = 500
"""Calls whose traces are read at once."""
_UNCLEAR: Final = frozenset({"served", "abandoned"})
"""Dispositions that do not say whether the caller got something."""
_SPOKEN: Final = frozenset({"talk", "stream"})


class CallResult(NamedTuple):
    """A call and what came of it. Times are milliseconds since 1970.

    Attributes:
        caller, to: digits, or the name of a user; "" for a withheld number.
        step: where it is, or where it ended.
        rang: whether the call was put through to somebody.
        person_at: when a person answered; None when none did.
        ended_at: None while it is not known.
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
    """The calls that began at `since` or later and before `until`, but not the legs of called parties.

    `flows` are those of now, by name. Raises StoreError.
    """
    telling = Telling(flows)
    waiting = list[ReportedCall]()
    async for call in records.reported(since, until):
        waiting.append(call)
        if len(waiting) == AT_ONCE:
            for result in await _judged(records, telling, waiting, now_ms):
                yield result
            waiting = []
    for result in await _judged(records, telling, waiting, now_ms):
        yield result


async def results_of(
    records: Records, flows: Mapping[str, Flow], keys: Sequence[int], now_ms: int
) -> dict[int, CallResult]:
    """What came of some calls, by their keys; at most `AT_ONCE`. Raises StoreError."""
    calls = await records.reported_calls(keys)
    return {each.key: each for each in await _judged(records, Telling(flows), calls, now_ms)}


async def _judged(records: Records, telling: Telling, calls: Sequence[ReportedCall], now_ms: int) -> list[CallResult]:
    states = {call.key: json_object(call.state) for call in calls}
    found = {
        call.key: disposition_of(call, bool(states[call.key].get("is_over")), now_ms)
        for call in calls
        if not states[call.key].get("parent")
    }
    unclear = [key for key, disposition in found.items() if disposition in _UNCLEAR and not _dialled(states[key])]
    traces = defaultdict[int, list[bytes]](list)
    for key, trace in await records.traces_of(unclear):
        traces[key].append(trace)
    judged = []
    for call in calls:
        if call.key not in found:
            continue
        state, disposition = states[call.key], found[call.key]
        if disposition in _UNCLEAR:
            was_served = not _dialled(state) and telling.serves(
                call.created_at, traces[call.key], is_played=disposition == "served"
            )
            disposition = "served" if was_served else "missed"
        about = state.get("call", {})
        judged.append(
            CallResult(
                call.key,
                str(state.get("id", "")),
                call.flow,
                str(about.get("from_number") or about.get("from_user") or ""),
                str(about.get("to", "")),
                disposition,  # type: ignore[arg-type]  # one of ResultName
                str(state.get("step", "")),
                _dialled(state),
                call.created_at,
                call.person_at,
                call.updated_at if call.is_over else None,
            )
        )
    return judged


def _dialled(state: Mapping[str, Any]) -> bool:
    return bool(state.get("dialled"))


class Telling:
    """Knows which steps of the flows tell a caller what they wanted to know."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self._flows = flows
        self._files = by_file(flows.values())

    def serves(self, began_at: int, traces: Iterable[bytes], *, is_played: bool) -> bool:
        """Whether a call without a person and a message, whose turns have these traces, has served its caller.

        It has when it told them something: what they have chosen, unless that asks again or records; the opening
        hours; or, while it is closed, what the call was led to because of that. Else when it was played to its end
        (`is_played`) without asking for a message.
        """
        turns = [[TraceLine.read(line) for line in orjson.loads(trace)] for trace in traces]
        entered = [step for turn in turns for step in self._entered(turn)]
        told = any(self._tells(began_at, turn) for turn in turns)
        return told or (is_played and not any(_records(step) for _, step in entered))

    def _entered(self, turn: Sequence[TraceLine]) -> Iterator[tuple[Flow, Step]]:
        for flow, name in Following(self._files).read(turn).entered:
            if name in self._flows[flow].steps:
                yield self._flows[flow], self._flows[flow].steps[name]

    def _tells(self, began_at: int, turn: Sequence[TraceLine]) -> bool:
        has_chosen = any(line.did == "heard" and line.what == "choice" for line in turn)
        return any(
            (has_chosen and _announces(step))
            or any("hours" in value.used_names for part in step.parts for value in values_in(part))
            or (any("hours" in value.used_names for value in step.exit.reads()) and _is_closed(flow, began_at))
            for flow, step in self._entered(turn)
        )


def _is_closed(flow: Flow, at_ms: int) -> bool:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return not any(calendar.is_open(at) for calendar in flow.calendars.values())


def _records(step: Step) -> bool:
    """Whether it records a message; a recording of the whole call has neither a beep nor a key that ends it."""
    actions = (part for part in step.parts if isinstance(part, Action) and part.word == "record")
    return any(action.literal("beepStart") is True or "endOnKey" in action.fields for action in actions)


def _announces(step: Step) -> bool:
    """Whether it says something and goes on by itself."""
    speaks = any(isinstance(part, Action) and part.word in _SPOKEN for part in step.parts)
    dials = any(isinstance(part, ConnectPart) for part in step.parts)
    return speaks and not dials and not _records(step) and step.exit.asked is None
