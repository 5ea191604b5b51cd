"""Explores a flow by brute force, without a proof's optimisations: all different sessions are explored separately."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from ncco_server.engine import CallData, Session, Turn, TurnContext, begin, resume
from ncco_server.engine.session import to_json
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import recognise
from ncco_studio.verify.prove.turns import ALL_PREFIXES

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
CALL = CallData(
    to="442079460000", from_number="447700900123", uuid="leg", conversation_uuid="CON", endpoint_type="phone"
)
CALLS = [CALL._replace(from_number=number) for number in ("447700900123", "anonymous", "", "sip:ann@example.com")]
KEYS = (*"012*", "01", "11", "12", "21", "22", "")
STATUSES = ("busy", "timeout", "unanswered", "rejected", "failed")
MOST = 250
Ranges: TypeAlias = Mapping[tuple[str, str], tuple[float, float]]
UNBOUND: Ranges = {}


class Seen:
    """What was reached: steps, failures as (step, code), lines of branches, an end of the call.

    `is_whole` says whether everything that can be reached was explored.
    """

    def __init__(self) -> None:
        self.entered: set[str] = set()
        self.failed: set[tuple[str, str]] = set()
        self.tested: set[tuple[str, str]] = set()
        self.ends = False
        self.is_whole = True

    def take(self, turn: Turn) -> None:
        self.entered |= {line.step for line in turn.trace if line.did == "entered"}
        self.failed |= {(line.step, line.what) for line in turn.trace if line.did == "failed" and line.step}
        self.tested |= {(line.step, _line(line.because)) for line in turn.trace if line.because.endswith(" holds")}
        self.ends = self.ends or turn.session.is_over


def _line(because: str) -> str:
    """The line of a branch that decided."""
    return "else" if because.startswith("else: ") else because


def walk(flow: Flow, ranges: Ranges = UNBOUND, calls: Sequence[CallData] = (CALL,), keys: Sequence[str] = KEYS) -> Seen:
    """Everything that callers can reach; if there are too many sessions to explore, only what is nearest to the start.

    Args:
        flow: the flow to explore.
        calls: the calls that begin in it.
        ranges: the lowest and highest value of variables, by (flow, name); calls outside a range are not continued.
        keys: the keys that callers press, if the input accepts that many.
    """
    seen = Seen()
    known: set[bytes] = set()
    waiting = deque([_play(begin(flow, "leg", call, _around())) for call in calls])
    while waiting:
        turn = waiting.popleft()
        assert turn is not None
        seen.take(turn)
        session = turn.session._replace(turn=1, dialled=0)
        key = told_apart(session)
        if session.is_over or key in known:
            continue
        if any(not low <= value <= high for value, (low, high) in _bounded(flow, session, ranges)):
            seen.is_whole = False
            continue
        known.add(key)
        if len(known) > MOST:
            seen.is_whole = False
            break
        waiting += [each for each in _turns(flow, session, _taken(keys, turn)) if each is not None]
    return seen


def _bounded(flow: Flow, session: Session, ranges: Ranges) -> Iterator[tuple[Any, tuple[float, float]]]:
    """Each variable that has a range: its value and the range."""
    levels = [(session.at or flow.name, session.variables), *((each.flow, each.variables) for each in session.callers)]
    for name, variables in levels:
        yield from ((value, ranges[name, key]) for key, value in variables.items() if (name, key) in ranges)


def told_apart(session: Session) -> bytes:
    """A session as bytes, without anything that only counts turns."""
    fields = orjson.loads(to_json(session))
    for name in ("entered_at", "waits", "observers"):
        fields.pop(name, None)
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _taken(keys: Sequence[str], turn: Turn) -> list[str]:
    """The keys that the input of a turn accepts. Source: NCCO reference, DTMF Input Settings (maxDigits: 4)."""
    inputs = [action for action in turn.ncco if action["action"] == "input"]
    most = int(inputs[-1].get("dtmf", {}).get("maxDigits", 4)) if inputs else 0
    return [each for each in keys if len(each) <= most]


def _turns(flow: Flow, session: Session, keys: Sequence[str]) -> Iterator[Turn | None]:
    for wait in session.waits:
        if wait.kind == "input":
            for digits in keys:
                yield _play(resume(flow, session, wait, recognise({"dtmf": {"digits": digits}}), _around()))
        if wait.kind == "event":
            for status in STATUSES:
                yield _play(resume(flow, session, wait, recognise({"status": status}), _around()))
        if wait.kind == "notify":
            for reported in (frozenset({"answered"}), frozenset[str]()):
                yield _play(resume(flow, session, wait, recognise({"payload": {}}), _around(), seen=reported))


def _around() -> TurnContext:
    failsafe = ({"action": "talk", "text": "Please call again later."},)
    return TurnContext(
        NOW, lambda ref: f"https://x.example/{ref.index}", lambda _, __: "x", {}, failsafe, ALL_PREFIXES, 10**6
    )


def _play(playing: Any) -> Any:
    try:
        next(playing)
    except StopIteration as done:
        return done.value
    raise AssertionError("these flows ask nothing from outside")
