"""The result of a scenario."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.engine import Session
from app.flow.nodes import Place
from app.simulator.delivery import WebhookDelivery
from app.simulator.legs import Heard
from app.store import HookRow, TurnRow
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.values import Excerpt


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the scenario says.

    Attributes:
        place: in the scenario file.
        message: what is wrong, in one sentence.
        expected, found: what should be and what is; "" where the message says it all.
        entry: the number of the transcript's entry where it shows; None: behind everything.
        at: seconds of the call.
        fault: the name under `without` that has happened; "" for any other difference.
    """

    place: Place
    message: str
    expected: str = ""
    found: str = ""
    entry: int | None = None
    at: float = 0.0
    fault: str = ""


class Decided(NamedTuple):
    """A line of a turn's trace.

    Attributes:
        at: when, in seconds. turn: the number of the turn in its session.
        did, step, what, where, because, by: see `app.engine.turn.TraceLine`.
    """

    at: float
    turn: int
    did: str
    step: str
    what: str
    where: str = ""
    because: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session of a call as the server has kept it.

    Attributes:
        session: its state in the end.
        turns: oldest first.
        statuses: what was reported of the waits of its last turn: (wait, status).
    """

    session: Session
    turns: tuple[TurnRow, ...]
    statuses: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class Result:
    """A scenario that was played.

    Attributes:
        differences: none when it holds; the first is the one to look at.
        transcript: of the caller.
        called: the transcripts of the parties that were dialled.
        records: the call's own session first.
        decided: every trace line, in the order of time.
        hooks: what was sent, in order.
        is_answered: whether an NCCO was played at all.
        performed: every NCCO action whose turn has come, in order.
        seconds: how long the call lasted.
        broken: faults of the server itself. log: its warnings and errors.
        notes: what else may help: what the server has logged, lookups without an answer.
        heard: what was heard where the script leaves it open.
        webhooks: every one of the call, in the order in which they were due.
        answered_s: when the call was answered, in seconds of the clock of `webhooks`.
        unjudged: what the scenario says and cannot be checked here, with the reason.
        is_endless: whether the call was still going on hours after the script; looked at where the scenario asks.
        took_s: real seconds.
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

    @property
    def holds(self) -> bool:
        """Whether everything is as the scenario says."""
        return not self.differences

    @property
    def ended(self) -> str:
        """`hangup`, `completed`, or `failsafe` when that was played."""
        if not self.is_answered or any(line.what == "failsafe" for line in self.decided if line.did == "failed"):
            return "failsafe"
        return "hangup" if any(heard.kind == "hung up" for heard in self.transcript) else "completed"


def decided_in(turns: Iterable[TurnRow], zero_ms: int) -> list[Decided]:
    """The trace lines of some turns, in the order of time; `zero_ms` is the time from which seconds count."""
    found = [
        Decided(
            (turn.created_at - zero_ms) / 1000,
            turn.number,
            **{name: line[name] for name in Decided._fields if name in line},
        )
        for turn in turns
        for line in json.loads(turn.trace)
    ]
    return sorted(found, key=lambda line: line.at)
