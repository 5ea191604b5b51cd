"""Explores the state space of a flow: from every state in which a call may wait, everything that may happen there.

Calls that continue alike are in one state, so the number of states stays small where the number of paths explodes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle, islice, product
from typing import Any, Final

import orjson

from app.engine import Call, Session, Turn, Wait, begin, begin_called, fail, resume
from app.engine.interpreter import Playing
from app.engine.scope import call_record
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On
from app.flow.model import Flow
from app.verify.outcomes import ENTERED, Files, Following, by_file, outcomes_of
from app.verify.prove.graph import (
    END,
    NOWHERE,
    START,
    UNROLLED,
    Graph,
    Nccos,
    SearchLimits,
    Sort,
    State,
    StateSpace,
    Transition,
)
from app.verify.prove.liveness import Liveness
from app.verify.prove.states import MANY, NARROW, WIDE, States, without_tries
from app.verify.prove.triggers import (
    FAILSAFE,
    NO_DIAL_LIMIT,
    PlayedTurn,
    Trigger,
    Triggers,
    Turns,
    context_at,
    ends_with_dial,
    faults_at,
)
from app.verify.prove.uses import flows_run_from

DIALS: Final = 10
"""How often a call may dial where no setting says otherwise."""
_PROGRESS_S: Final = 5.0

Begin = Callable[[datetime], Playing[Turn] | Playing[Turn | None]]


@dataclass(slots=True)
class Explorer:
    """Explores one flow.

    Attributes:
        calls: the calls that it begins with, each with each of `envs`, the variables of the server.
        moments: at which anything may happen.
        reads_input: whether an expression reads `input`: then it matters by which key a choice was made.
        progress: called every few seconds with the number of states found and the number that wait.
    """

    root: Flow
    calls: list[Call]
    moments: tuple[datetime, ...]
    envs: Sequence[Mapping[str, str]]
    states: States
    liveness: Liveness
    triggers: Triggers
    turns: Turns
    bounds: SearchLimits
    reads_input: bool = True
    progress: Callable[[int, int], None] = lambda _found, _waiting: None
    clock: Callable[[], float] = time.monotonic
    space: StateSpace = field(init=False)
    _files: Files = field(init=False)
    _undecided: set[tuple[str, str]] = field(init=False)
    """The first steps of flows in which nothing is decided."""
    _numbers: dict[Any, int] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _nccos: Nccos = field(default_factory=Nccos)
    _decided: dict[Any, set[str]] = field(default_factory=dict)
    _lines: dict[Any, str] = field(default_factory=dict)
    _line: str = ""
    _env: Mapping[str, str] = field(default_factory=dict)
    _began: float = 0.0
    _told: float = 0.0
    _dials: int = NO_DIAL_LIMIT

    def __post_init__(self) -> None:
        self.space = StateSpace(self.root)
        flows = flows_run_from(self.root)
        self._files = by_file(flows.values())
        firsts = {name: outcomes_of(flow)[0] for name, flow in flows.items()}
        self._undecided = {(name, first.step) for name, first in firsts.items() if first.name == ENTERED}

    def explore(self) -> StateSpace:
        """Explore everything: first without faults, then what faults lead to."""
        self._began = self._told = self.clock()
        for call, env in product(self.calls, self.envs):
            self._env = env
            for moment, played in self._at_moments(self.moments[0], None, partial(self._answer, call)):
                self._add(START, Trigger("call"), moment, played, call=call)
        self._continue()
        self._redial()
        self._continue()
        calm = [each for each in enumerate(self.space.states) if not each[1].is_unrolled]
        error_exits = {without_tries(state.key): number for number, state in reversed(calm)}
        for number, state in calm:
            faults = faults_at(state.session)
            is_first = error_exits[without_tries(state.key)] == number
            self._happen(number, (each for each in faults if each.fault == "away" or is_first))
        self._continue()
        self.space.nccos = len(self._nccos)
        self.space.seconds = self.clock() - self._began
        return self.space

    def _continue(self) -> None:
        while self._waiting and not self._is_over():
            number = self._waiting.popleft()
            self._hang_up(number, self.space.states[number])
            self._happen(number, iter(self.triggers.at(self.space.states[number].session)))
        self._waiting.clear()

    def _is_over(self) -> bool:
        now = self.clock()
        if now - self._told > _PROGRESS_S:
            self._told = now
            self.progress(len(self.space.states), len(self._waiting))
        if len(self.space.states) > self.bounds.states:
            self.space.stopped = f"{self.bounds.states:,} states"
        elif now - self._began > self.bounds.seconds:
            self.space.stopped = f"{self.bounds.seconds:g} seconds"
        return bool(self.space.stopped)

    # what happens in a state

    def _happen(self, number: int, triggers: Iterator[Trigger]) -> None:
        """Play everything that may happen in a state, each decision once."""
        state, chosen = self.space.states[number], set[str]()
        self._env = state.env
        seen = self._decided.setdefault(without_tries(state.key), set())
        for trigger in triggers:
            if self.space.stopped:
                return
            asked = id(trigger), state.session.tries, state.session.asr_errors
            if self._lines.get(asked, "") in chosen:
                continue  # another trigger has made the same choice here
            if trigger.fault == "away":
                self._lose_store(number, state)
                continue
            play = partial(self._turn, state.session, trigger)
            for moment, played in self._at_moments(state.moment, state.session, play, seen):
                if played.turn is not None:
                    self._add(number, trigger, moment, played)
            step = self.root.named(state.session.at).steps[state.session.step]
            if self._line and trigger.kind == "input" and isinstance(step.exit, Choices):
                chosen.add(self._lines.setdefault(asked, self._line))

    def _hang_up(self, number: int, state: State) -> None:
        """The dialled party ends the conversation, and the call with it: no webhook decides."""
        step = self.root.named(state.session.at).steps[state.session.step]
        if ends_with_dial(step, state.session):
            taken = ((state.session.at or self.root.name, step.name, "completed"),)
            trigger = Trigger("dial", {"dial": {"outcome": "completed"}})
            self.space.transitions.append(Transition(number, END, trigger, state.moment, "passes", taken=taken))

    def _lose_store(self, number: int, state: State) -> None:
        """The store is away: the server says 503, and the failsafe NCCO on the fallback URL.

        Source: delivery rules (503 is sent again, then the fallback URL is asked).
        """
        is_party = bool(state.session.parent)
        ncco = self._nccos.of([] if is_party else [dict(action) for action in FAILSAFE], is_party=is_party)
        trigger = self.triggers.at(state.session)[0]._replace(fault="away")
        lost = Transition(number, END, trigger, state.moment, "fault", ncco, is_failsafe=True, env=state.env)
        self.space.transitions.append(lost)

    def _redial(self) -> None:
        """Repeat each cycle in which the caller does nothing and somebody is dialled, until the dial limit is reached.

        States do not distinguish how often a call has dialled, so such a cycle is unrolled.
        """
        self._dials = DIALS
        for loop in [each for each in Graph(self.space).cycles(dialling=True) if any(edge.dials for edge in each)]:
            self._env = loop[0].env
            self._unroll(loop)
        self._dials = NO_DIAL_LIMIT

    def _unroll(self, loop: list[Transition]) -> None:
        source, space = loop[0].source, self.space
        first = space.states[source]
        dialled = min(DIALS, sum(each.dials for each in space.first_path_to(first.first)))
        session = first.session._replace(dialled=dialled)
        for each in islice(cycle(loop), (DIALS + 1) * len(loop)):
            turns = self.turns.of(partial(self._turn, session, each.trigger, each.moment))
            played = next((played for played in turns if played.answers == each.answers), None)
            if played is None or played.turn is None:
                return
            session = played.turn.session
            entered = [line.step for line in played.turn.trace if line.did == "entered"]
            goes_on = not session.is_over and entered == [step for _, step in each.entered]
            target = len(space.states) if goes_on else None
            if target is not None:
                key = (UNROLLED, target)
                space.states.append(State(session, len(space.transitions), each.moment, key, each.env))
            self._add(source, each.trigger, each.moment, played, target=target)
            if target is None:
                return
            source = target

    # turns

    def _answer(self, call: Call, now: datetime) -> Playing[Turn]:
        return begin(self.root, "leg", call, context_at(now, self._env, self._dials))

    def _answer_party(self, parent: Session, wait: Wait, now: datetime) -> Playing[Turn]:
        return begin_called(self.root, "other", parent, wait, context_at(now, self._env, self._dials))

    def _turn(self, session: Session, trigger: Trigger, now: datetime) -> Playing[Turn] | Playing[Turn | None]:
        if trigger.kind == "held":
            session = session._replace(entered_at=now - timedelta(seconds=trigger.waited))
        elif (session.at or self.root.name, session.step) not in self.liveness.timed or session.entered_at is None:
            session = session._replace(entered_at=now)
        context = context_at(now, self._env, self._dials)
        if trigger.fault == "refused":
            return fail(self.root, session, context, "Vonage refused the NCCO it was sent")
        wait = session.waits[trigger.wait]
        return resume(self.root, session, wait, trigger.webhook, context, seen=trigger.seen)

    def _at_moments(
        self, first: datetime, before: Session | None, play: Begin, seen: set[str] | None = None
    ) -> Iterator[tuple[datetime, PlayedTurn]]:
        """Every turn at one moment; at all moments if anything in it reads the clock or opening hours.

        `seen` are the lines that have decided in this state: what follows one of them follows once.
        """
        turns: list[PlayedTurn] = []
        is_again = False
        for played in self.turns.of(partial(play, first)):
            turns.append(played)
            if seen is None or len(turns) > 1:
                continue
            self._line = "" if self.reads_input else self._decision(before, played.turn)
            is_again = self._line in seen
            if is_again:
                break
            seen |= {self._line} - {""}
        looks = any(self._reads_time(before, played.turn) for played in turns)
        yield from ((first, played._replace(is_timed=looks)) for played in turns)
        for moment in self.moments if looks and not is_again else ():
            if moment != first:
                for played in self.turns.of(partial(play, moment)):
                    yield moment, played._replace(is_timed=True)

    def _decision(self, before: Session | None, turn: Turn | None) -> str:
        """The line that has decided, if nothing else makes a difference to what follows; else ""."""
        if before is None or turn is None:
            return ""
        step = self.root.named(before.at).steps[before.step]
        decided = next((line for line in turn.trace if line.did == "decided"), None)
        if step.exit.asks_again or decided is None or decided.what == "collected":
            return ""
        name = decided.what
        if isinstance(step.exit, On) and name not in step.exit.lines:
            name = "otherwise"
        return f"{decided.where} {name} {turn.session.tries} {turn.session.asr_errors} {turn.session.position}"

    def _reads_time(self, before: Session | None, turn: Turn | None) -> bool:
        if turn is None:
            return False
        entered = self._follow(before, turn).entered
        if before is not None:
            levels = ((level.flow, level.step) for level in before.callers)
            entered = [(before.at or self.root.name, before.step), *entered, *levels]
        return any(key in self.liveness.looks for key in entered)

    def _follow(self, before: Session | None, turn: Turn) -> Following:
        at = None if before is None else self.root.named(before.at)
        return Following(self._files, at).read(turn.trace)

    # adding

    def _add(
        self,
        source: int,
        trigger: Trigger,
        moment: datetime,
        played: PlayedTurn,
        *,
        call: Call | None = None,
        behind: int = NOWHERE,
        target: int | None = None,
    ) -> None:
        turn = played.turn
        assert turn is not None  # noqa: S101 - callers have asked
        follow = self._follow(self.space.states[source].session if source >= 0 else None, turn)
        number = len(self.space.transitions)
        made = Transition(
            source,
            self._state_of(turn, moment, number) if target is None else target,
            trigger,
            moment,
            _sort_of(trigger, turn),
            self._nccos.of(turn.ncco, is_party=bool(turn.session.parent)),
            answers=played.answers,
            entered=tuple(follow.entered),
            taken=(*((*step, ENTERED) for step in follow.entered if step in self._undecided), *follow.taken),
            failed=tuple((flow, step, line.what, line.because) for flow, step, line in follow.failed if step),
            call=call,
            behind=behind,
            is_failsafe=turn.is_failsafe,
            is_timed=played.is_timed,
            env=self._env,
        )
        self.space.transitions.append(made)
        if behind < 0:
            self._call_parties(turn, number, moment)

    def _state_of(self, turn: Turn, moment: datetime, number: int) -> int:
        """The number of the state that a turn leads to."""
        if turn.session.is_over:
            return END
        states = self.space.states
        self.states.margin = WIDE if len(states) < MANY else NARROW
        session = self.states.bounded(turn.session)
        key = (self.envs.index(self._env), *self.states.key(session, moment))
        if key not in self._numbers:
            self._numbers[key] = len(states)
            self._waiting.append(len(states))
            states.append(State(session, number, moment, key, self._env))
        return self._numbers[key]

    def _call_parties(self, turn: Turn, number: int, moment: datetime) -> None:
        """Play what the other parties hear that this turn dials."""
        for wait in turn.session.waits:
            if wait.kind != "onanswer":
                continue
            known = orjson.dumps((wait.runs, call_record(turn.session.call)), option=orjson.OPT_SORT_KEYS)
            key = ("onanswer", self.envs.index(self._env), turn.session.locale, wait.step, wait.flow, known)
            if key not in self._numbers:
                self._numbers[key] = END
                for at, played in self._at_moments(moment, None, partial(self._answer_party, turn.session, wait)):
                    self._add(START, Trigger("leg"), at, played, behind=number)


def _sort_of(trigger: Trigger, turn: Turn) -> Sort:
    if trigger.kind in ("fault", "leg"):
        return trigger.kind
    if turn.outcome == "held":
        return "held"
    is_act = trigger.kind == "input" and turn.outcome not in ("noinput", "nomatch", "asr_error", "error")
    return "acts" if is_act else "passes"
