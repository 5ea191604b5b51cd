"""The result of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ncco_server.desk.transcript import trace_of
from ncco_server.engine import Session, TraceLine
from ncco_server.flow.nodes import Place
from ncco_server.results import DecidedResult
from ncco_server.service.placing.attempts import ANSWERED
from ncco_server.store import HookRow, TurnRow
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.transcript import Heard
from ncco_studio.verify.scenarios.model import Scenario
from ncco_studio.verify.scenarios.values import Excerpt

Line = TypeVar("Line", bound=TraceLine)


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference from the scenario.

    Attributes:
        expected, found: both values; "" if the message is enough.
        entry: the transcript index of the difference; None: after the last entry.
        at: seconds since the call was answered.
        fault: the entry of `without` that occurred; "" for any other difference.
    """

    place: Place
    message: str
    expected: str = ""
    found: str = ""
    entry: int | None = None
    at: float = 0.0
    fault: str = ""


@dataclass
class Decided(TraceLine):
    """A trace line, `at` seconds since the answer; `shown` is "" if no flow line decided."""

    at: float = 0.0
    turn: int = 0
    shown: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as stored by the server; `statuses` are those of its last turn's waits."""

    session: Session
    turns: tuple[TurnRow, ...]
    statuses: tuple[tuple[int, str], ...]


@dataclass(slots=True, repr=False)  # see `Suite`
class Result:
    """The result of playing a scenario.

    Attributes:
        differences: empty if the scenario holds; the first is the most important.
        records: the sessions: the caller's, then called parties'.
        decided: every trace line, sorted by time.
        is_answered: whether an NCCO was played at all.
        broken: internal errors of the server, and what it refused of an agent.
        notes: further hints, such as log lines and lookups without an answer.
        heard: each `hear` without a text, with its prompt.
        webhooks: all of the call, in order of their due times.
        answered_s: when the call was answered, on the clock of `webhooks`.
        unjudged: what cannot be checked on this server, with the reason.
        is_endless: the call still ran hours after the script; only checked if the scenario asks for it.
        took_s: seconds of real time.
        became: what became of the call, if the scenario asks for it.
        asked: the names of the given answers that were used.
        attempts: the time and outcome of each attempt of a placed call; None for an incoming call.
        rows: the rows of tables at the end, by the row's name.
    """

    scenario: Scenario
    differences: list[Difference] = field(default_factory=list)
    transcript: tuple[Heard, ...] = ()
    called: tuple[tuple[Heard, ...], ...] = ()
    records: tuple[SessionRecord, ...] = ()
    decided: tuple[Decided, ...] = ()
    hooks: Sequence[HookRow] = ()
    is_answered: bool = False
    performed: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0
    broken: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    heard: list[tuple[Excerpt, str]] = field(default_factory=list)
    webhooks: tuple[WebhookDelivery, ...] = ()
    answered_s: float = 0.0
    unjudged: tuple[str, ...] = ()
    is_endless: bool = False
    took_s: float = 0.0
    became: DecidedResult | None = None
    asked: frozenset[str] = frozenset()
    attempts: Sequence[tuple[datetime, str]] | None = None
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.differences

    @property
    def ended(self) -> str:
        """`hangup`, `completed`, `failsafe` (or nothing was played) or `not_reached` (by no attempt)."""
        if self.attempts is not None and all(outcome != ANSWERED for _, outcome in self.attempts):
            return "not_reached"
        if not self.is_answered or failsafe_in(self.decided) is not None:
            return "failsafe"
        return "hangup" if any(heard.kind == "hung up" for heard in self.transcript) else "completed"


def failsafe_in(lines: Iterable[Line]) -> Line | None:
    """Return None if the failsafe is not played."""
    return next((line for line in lines if line.did == "failed" and line.what == "failsafe"), None)


def decided_in(turns: Iterable[TurnRow], zero_ms: int, path_of: Callable[[str], str]) -> list[Decided]:
    """Sorted by time. `zero_ms` is the answer, in milliseconds since 1970."""
    found = []
    for turn in turns:
        at = (turn.created_at - zero_ms) / 1000
        for line in trace_of(turn.trace):
            file, colon, number = line.where.rpartition(":")
            shown = f"{path_of(file)}{colon}{number}" if file else ""
            found.append(Decided(**vars(line), at=at, turn=turn.number, shown=shown))
    return sorted(found, key=lambda line: line.at)
