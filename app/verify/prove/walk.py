"""The walk: from every state that a call may wait in, everything that can happen there, until nothing new comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any

import orjson

from app.engine import Call, Session, Turn, TurnContext, Wait, begin, begin_called, fail, resume
from app.engine.interpreter import Playing
from app.engine.scope import call_record
from app.flow.model import Flow
from app.verify.following import Files, Following, by_file
from app.verify.prove.around import ANY_NUMBER, FAILSAFE, ago, around, sort_of
from app.verify.prove.deciding import decider, is_menu, told_apart
from app.verify.prove.driving import Driver, Played
from app.verify.prove.flows import family
from app.verify.prove.graph import Graph
from app.verify.prove.inputs import Input, Inputs, ends_by_itself, faults_at
from app.verify.prove.listening import TALKED
from app.verify.prove.liveness import Liveness
from app.verify.prove.nccos import Nccos
from app.verify.prove.redialling import DIALS, go_round
from app.verify.prove.states import MANY, NARROW, WIDE, States, before_trying
from app.verify.prove.walked import END, START, Bounds, Edge, State, Walk, undecided_in


@dataclass(slots=True)
class Walker:
    """Walks one flow.

    Attributes:
        calls: that it begins with. moments: at which anything may happen.
        envs: variables of the server, each with each call.
        hears_input: whether anything looks at `input`: then it matters by which key a choice was made.
    """

    root: Flow
    calls: list[Call]
    moments: tuple[datetime, ...]
    envs: Sequence[Mapping[str, str]]
    states: States
    liveness: Liveness
    inputs: Inputs
    driver: Driver
    bounds: Bounds
    hears_input: bool = True
    clock: Callable[[], float] = time.monotonic
    _walk: Walk = field(init=False)
    _files: Files = field(init=False)
    _numbers: dict[Any, int] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _nccos: Nccos = field(default_factory=Nccos)
    _decided: dict[Any, set[str]] = field(default_factory=dict)
    _lines: dict[Any, str] = field(default_factory=dict)
    _line: str = ""
    _env: Mapping[str, str] = field(default_factory=dict)
    _began: float = 0.0
    _dials: int = ANY_NUMBER

    def __post_init__(self) -> None:
        self._walk = Walk(self.root, undecided_in(self.root))
        self._files = by_file(family(self.root).values())

    def walk(self) -> Walk:
        """Walk everything; first without faults, then what faults lead to."""
        self.walk_calmly()
        self._redial()
        self._go_on(faulted=False)
        apart = told_apart(self._walk.states)
        for number, state in [each for each in enumerate(self._walk.states) if not each[1].is_unrolled]:
            faults = (each for each in faults_at(state.session) if each.fault == "away" or number in apart)
            self._leads(number, faults, faulted=True)
        self._go_on(faulted=True)
        self._walk.nccos = len(self._nccos)
        self._walk.seconds = self.clock() - self._began
        return self._walk

    def walk_calmly(self) -> Walk:
        """Walk what calls come to without faults, and without counting how often they have dialled."""
        self._began = self.clock()
        for call, env in product(self.calls, self.envs):
            self._env = env
            self._begin(call)
        self._go_on(faulted=False)
        return self._walk

    def _go_on(self, *, faulted: bool) -> None:
        while self._waiting and not self._is_over():
            number = self._waiting.popleft()
            self._hang_up(number, self._walk.states[number])
            self._leads(number, self.inputs.at(self._walk.states[number].session), faulted=faulted)
        self._waiting.clear()

    def _redial(self) -> None:
        """Go round where the caller does nothing and somebody is dialled, until the call may dial no more."""
        self._dials = DIALS
        for circle in [each for each in Graph(self._walk).circles(dialling=True) if any(edge.dials for edge in each)]:
            self._env = circle[0].env
            go_round(self._walk, circle, self._play, self._add_again)
        self._dials = ANY_NUMBER

    def _play(self, session: Session, happened: Input, moment: datetime) -> Iterator[Played]:
        return self.driver.turns(partial(self._turn, session, happened, moment))

    def _add_again(self, source: int, edge: Edge, played: Played, target: int | None) -> None:
        self._add(source, edge.happened, edge.moment, played, faulted=False, target=target)

    def _is_over(self) -> bool:
        if len(self._walk.states) > self.bounds.states:
            self._walk.stopped = f"{self.bounds.states:,} states"
        elif self.clock() - self._began > self.bounds.seconds:
            self._walk.stopped = f"{self.bounds.seconds:g} seconds"
        return bool(self._walk.stopped)

    def _begin(self, call: Call) -> None:
        for moment, played in self._at_moments(self.moments[0], None, partial(self._answer, call)):
            self._add(START, Input("call"), moment, played, faulted=False, call=call)

    def _leads(self, number: int, inputs: Iterator[Input] | tuple[Input, ...], *, faulted: bool) -> None:
        state, chosen = self._walk.states[number], set[str | None]()
        self._env = state.env
        seen = self._decided.setdefault(before_trying(state.key), set())
        for happened in inputs:
            if self._walk.stopped:
                return
            asked = id(happened), state.session.tries, state.session.asr_errors
            if self._lines.get(asked) in chosen:
                continue  # it chooses what was chosen here already, and that it does so was seen in another state
            if happened.fault == "away":
                self._lose_store(number, state)
                continue
            new_scope = partial(self._turn, state.session, happened)
            for moment, played in self._at_moments(state.moment, state.session, new_scope, seen):
                if played.turn is not None:
                    self._add(number, happened, moment, played, faulted=faulted)
            if self._line and happened.kind == "input" and is_menu(self.root, state.session):
                chosen.add(self._lines.setdefault(asked, self._line))

    def _hang_up(self, number: int, state: State) -> None:
        """The dialled party ends the conversation, and the call with it: no webhook decides."""
        step = self.root.named(state.session.at).steps[state.session.step]
        if ends_by_itself(step, state.session):
            key = (state.session.at or self.root.name, step.name, "completed")
            happened = Input("dial", {"dial": {"outcome": "completed"}})
            self._walk.edges.append(Edge(number, END, happened, state.moment, (), (), (key,), (), "passes", TALKED))

    def _lose_store(self, number: int, state: State) -> None:
        """The store is away: the server says 503, and the failsafe NCCO on the fallback URL that is asked then.

        Source: delivery rules (503 is sent again, then the fallback URL is asked).
        """
        is_party = bool(state.session.parent)
        ncco = self._nccos.of([] if is_party else [dict(action) for action in FAILSAFE], is_party=is_party)
        happened = self.inputs.at(state.session)[0]._replace(fault="away")
        edge = Edge(number, END, happened, state.moment, (), (), (), (), "fault", ncco.heard, is_failsafe=True)
        self._walk.edges.append(replace(edge, ncco=ncco, is_party=is_party, env=state.env))

    def _answer(self, call: Call, now: datetime) -> Playing[Turn]:
        return begin(self.root, "leg", call, self._around(now))

    def _answer_party(self, parent: Session, wait: Wait, now: datetime) -> Playing[Turn]:
        return begin_called(self.root, "other", parent, wait, self._around(now))

    def _turn(self, session: Session, happened: Input, now: datetime) -> Playing[Turn] | Playing[Turn | None]:
        entered_at = session.entered_at
        if happened.kind == "held":
            session = session._replace(entered_at=ago(now, happened.waited))
        elif (session.at or self.root.name, session.step) not in self.liveness.timed or entered_at is None:
            session = session._replace(entered_at=now)
        around = self._around(now)
        if happened.fault == "refused":
            return fail(self.root, session, around, "Vonage refused the NCCO it was sent")
        wait = session.waits[happened.wait]
        return resume(self.root, session, wait, happened.webhook, around, seen=happened.seen)

    def _at_moments(
        self,
        first: datetime,
        before: Session | None,
        new_scope: Callable[[datetime], Playing[Turn] | Playing[Turn | None]],
        seen: set[str] | None = None,
    ) -> Iterator[tuple[datetime, Played]]:
        """Every turn at one moment; at all moments when anything in it looks at the clock or at opening hours.

        `seen` are the lines that have decided in this state: what follows the same line follows once.
        """
        turns: list[Played] = []
        is_again = False
        for played in self.driver.turns(partial(new_scope, first)):
            turns.append(played)
            if seen is None or len(turns) > 1:
                continue
            self._line = "" if self.hears_input else decider(self.root, before, played.turn)
            is_again = bool(self._line) and self._line in seen
            if is_again:
                break
            if self._line:
                seen.add(self._line)
        looks = len(self.moments) > 1 and any(self._looks(before, played.turn) for played in turns)
        yield from ((first, played._replace(is_timed=looks)) for played in turns)
        for moment in self.moments if looks and not is_again else ():
            if moment != first:
                for played in self.driver.turns(partial(new_scope, moment)):
                    yield moment, played._replace(is_timed=True)

    def _looks(self, before: Session | None, turn: Turn | None) -> bool:
        if turn is None:
            return False
        entered = self._follow(before, turn).entered
        if before is not None:
            entered = [(before.at or self.root.name, before.step), *entered]
            entered += [(level.flow, level.step) for level in before.callers]
        return any(key in self.liveness.looks for key in entered)

    def _around(self, now: datetime) -> TurnContext:
        return around(now, self._env, self._dials)

    def _add(
        self,
        source: int,
        happened: Input,
        moment: datetime,
        played: Played,
        *,
        faulted: bool,
        call: Call | None = None,
        behind: int = -1,
        target: int | None = None,
    ) -> None:
        turn = played.turn
        assert turn is not None  # noqa: S101 - callers have asked
        before = self._walk.states[source].session if source >= 0 else None
        follow = self._follow(before, turn)
        number = len(self._walk.edges)
        target = self._state_of(turn, moment, number, faulted) if target is None else target
        ncco = self._nccos.of(turn.ncco, is_party=bool(turn.session.parent))
        failed = tuple((flow, step, line.what, line.because) for flow, step, line in follow.failed if step)
        self._walk.edges.append(
            Edge(
                source,
                target,
                happened,
                moment,
                played.answers,
                tuple(follow.entered),
                (*self._walk.undecided_among(follow.entered), *follow.taken),
                failed,
                sort_of(happened, turn),
                ncco.heard.after(played.asking_s),
                call,
                behind,
                turn.is_failsafe,
                ncco,
                played.is_timed,
                bool(turn.session.parent),
                self._env,
            )
        )
        if behind < 0:
            self._call_parties(turn, number, moment, faulted)

    def _follow(self, before: Session | None, turn: Turn) -> Following:
        """What came of the steps of a turn."""
        return Following(self._files, None if before is None else self.root.named(before.at)).read(turn.trace)

    def _state_of(self, turn: Turn, moment: datetime, edge: int, faulted: bool) -> int:
        """The number of the state that a turn leads to."""
        if turn.session.is_over:
            return END
        self.states.margin = WIDE if len(self._walk.states) < MANY else NARROW
        session = self.states.bounded(turn.session)
        key = (self.envs.index(self._env), *self.states.key(session, moment))
        if key not in self._numbers:
            self._numbers[key] = len(self._walk.states)
            self._waiting.append(len(self._walk.states))
            self._walk.states.append(State(session, edge, moment, faulted, key, self._env))
        return self._numbers[key]

    def _call_parties(self, turn: Turn, edge: int, moment: datetime, faulted: bool) -> None:
        """What the other parties hear that this turn dials."""
        for wait in turn.session.waits:
            if wait.kind != "onanswer":
                continue
            known = orjson.dumps((wait.runs, call_record(turn.session.call)), option=orjson.OPT_SORT_KEYS)
            key = ("onanswer", self.envs.index(self._env), turn.session.locale, wait.step, wait.flow, known)
            if key in self._numbers:
                continue
            self._numbers[key] = END
            for at, played in self._at_moments(moment, None, partial(self._answer_party, turn.session, wait)):
                self._add(START, Input("leg"), at, played, faulted=faulted, behind=edge)
