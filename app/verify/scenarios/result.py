"""What came of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.engine import Session
from app.flow.nodes import Place
from app.simulator import Heard
from app.store.contract import HookRow, TurnRow
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
        did, step, what, where, because, others: see `app.engine.trace.TraceLine`.
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
        nccos: every NCCO that was played, in order.
        seconds: how long the call lasted.
        notes: what else may help: what the server has logged, look-ups that nobody answered.
        heard: what was heard where the script leaves it open.
        took_s: real seconds.
    """

    scenario: Scenario
    differences: list[Difference] = field(default_factory=list)
    transcript: tuple[Heard, ...] = ()
    called: tuple[tuple[Heard, ...], ...] = ()
    records: tuple[Record, ...] = ()
    decided: tuple[Decided, ...] = ()
    hooks: Sequence[HookRow] = ()
    nccos: tuple[tuple[Mapping[str, Any], ...], ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    heard: list[tuple[Hear, str]] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything is as the scenario has it."""
        return not self.differences
