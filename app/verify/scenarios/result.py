"""What came of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.engine import Session
from app.flow.nodes import Place
from app.simulator import Delivery, Heard, PhoneCall, VirtualClock
from app.store import HookRow, TurnRow
from app.verify.scenarios.model import Hear, Scenario


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the scenario has it.

    Attributes:
        place: in the scenario file.
        message: what is wrong, in one sentence.
        expected, found: what should be and what is; "" where the message says it all.
        entry: the number of the transcript's entry where it shows; None: behind everything.
        at: seconds of the call.
    """

    place: Place
    message: str
    expected: str = ""
    found: str = ""
    entry: int | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Decided:
    """A line of a turn's trace, beside the time of the turn.

    Attributes:
        at: seconds of the call. turn: number of the turn in its session.
        did, step, what, where, because, others: see `app.engine.turn.TraceLine`.
    """

    at: float
    turn: int
    did: str
    step: str
    what: str
    where: str = ""
    because: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
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
        called: those of the parties that were dialled.
        records: the call's own session first.
        decided: every trace line, in the order of time.
        hooks: what was sent, in order.
        is_answered: whether an NCCO was played at all.
        performed: every NCCO action whose turn has come, in order.
        seconds: how long the call lasted.
        broken: how the server failed by a fault of its own.
        notes: what else may help: what the server has logged, look-ups that nobody answered.
        heard: what was heard where the script leaves it open.
        webhooks: every one of the call, in the order in which they were due.
        answered_s: when the call was answered, in seconds of the clock that `webhooks` go by.
        unjudged: what the scenario says that nobody has looked at, or that the server was not told; with the reason.
        is_endless: whether the call was still going on when nobody had done anything any more for hours; looked at
            where the scenario asks.
        took_s: real seconds.
    """

    scenario: Scenario
    differences: list[Difference] = field(default_factory=list)
    transcript: tuple[Heard, ...] = ()
    called: tuple[tuple[Heard, ...], ...] = ()
    records: tuple[Record, ...] = ()
    decided: tuple[Decided, ...] = ()
    hooks: Sequence[HookRow] = ()
    is_answered: bool = False
    performed: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    heard: list[tuple[Hear, str]] = field(default_factory=list)
    webhooks: tuple[Delivery, ...] = ()
    answered_s: float = 0.0
    unjudged: tuple[str, ...] = ()
    is_endless: bool = False
    took_s: float = 0.0

    def take(self, call: PhoneCall, clock: VirtualClock) -> None:
        """Take in what the protocol shows of a call that is over."""
        self.transcript = call.transcript
        self.called = tuple(other.transcript for other in call.dialled)
        self.seconds = max((heard.at for heard in call.transcript if heard.kind in ("ended", "hung up")), default=0.0)
        self.is_answered, self.performed = call.is_answered, call.performed
        self.webhooks = tuple(sent for sent in call.log if sent.attempts)
        self.answered_s = clock.ms / 1000 - call.at

    @property
    def holds(self) -> bool:
        """Whether everything is as the scenario has it."""
        return not self.differences
