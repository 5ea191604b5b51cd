"""Plays every possible trigger in every state in which a call can wait.

Calls that will behave the same share a state, which keeps the number of states small.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import cycle, islice, product
from typing import Any, Final, TypeAlias

import orjson

from ncco_server.engine import (
    CallData,
    OpenWait,
    Session,
    TraceLine,
    Turn,
    TurnContext,
    WaitRef,
    agent_wait,
    begin,
    begin_called,
    begin_placed,
    detected,
    ended,
    fail,
    hand_back,
    hang_up,
    noted,
    observe,
    resume,
    without_store,
)
from ncco_server.engine.interpreter import Playing
from ncco_server.engine.records import call_record
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.called_party import APART
from ncco_server.flow.model import Flow
from ncco_server.ncco import check
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.webhooks import RecordWebhook, StatusWebhook, TranscriptionWebhook, Webhook
from ncco_server.results import DecidedResult
from ncco_studio.verify.outcomes import ENTERED, Following, by_file, outcomes_of
from ncco_studio.verify.prove.environment import (
    Arrival,
    calls_to,
    moments_of,
    placed_calls,
    settings_of,
    variables_for,
    with_closings,
)
from ncco_studio.verify.prove.graph import Graph
from ncco_studio.verify.prove.listening import listen
from ncco_studio.verify.prove.literals import Literals
from ncco_studio.verify.prove.liveness import Liveness
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.prove.space import (
    DIALS,
    NO_PARAMS,
    FailedStep,
    PlayedNcco,
    SearchLimits,
    State,
    StateSpace,
    Transition,
    TurnKind,
)
from ncco_studio.verify.prove.states import MANY_STATES, MARGIN, SMALL_MARGIN, States
from ncco_studio.verify.prove.trigger import Trigger
from ncco_studio.verify.prove.triggers import (
    Triggers,
    detections_at,
    ends_with_dial,
    faults_at,
    may_be_moved,
)
from ncco_studio.verify.prove.turns import FAILSAFE, NO_DIAL_LIMIT, PlayedTurn, PossibleTurns, context_at
from ncco_studio.verify.prove.uses import flows_run_from
from ncco_studio.verify.sample_values import frozen

_HUNG_UP: Final = StatusWebhook.read({"status": "completed", "disconnected_by": "user"})
_MISSED: Final = DecidedResult("missed", "", "", None)
_WEBHOOKS: Final[dict[str, Webhook]] = {
    "record": RecordWebhook.read({}),
    "transcription": TranscriptionWebhook.read({}),
    **{name: StatusWebhook.read(status.fields) for name, status in STATUSES.items()},
}


def event_hooks(root: Flow, session: Session, context: TurnContext) -> Iterator[Any]:
    """The hooks of every event that can happen after a turn, for the call's values then.

    A row that cannot be saved is a hook with a problem. Called parties have no end of their own.
    """
    if not session.parent:
        yield from hang_up(root, session, _HUNG_UP, context).hooks
        yield from ended(root, session, _HUNG_UP, context, decided=_MISSED).hooks
    for wait in session.waits:
        if kind_of(wait).is_observed:
            flow = root.named(wait.flow)
            ref = WaitRef(wait.kind, session.id, session.turn, wait.index)
            for name in dict.fromkeys((*flow.steps[wait.step].events, *flow.events)):
                webhook = _WEBHOOKS.get(name) or StatusWebhook.read({"status": name})  # hangup and ended are ours
                yield from observe(root, session, ref, webhook, context).hooks


_PROGRESS_S: Final = 5.0

Env: TypeAlias = Mapping[str, str]
"""Constant within a call."""
Play: TypeAlias = Callable[[datetime], Playing[Turn] | Playing[Turn | None]]


class Explorer:
    """Explores a flow within bounds.

    `now` is the earliest time of a call. Variables that `env` does not have get samples. `progress` gets the numbers of
    states found and still to explore.
    """

    def __init__(
        self,
        root: Flow,
        now: datetime,
        env: Env,
        bounds: SearchLimits,
        progress: Callable[[int, int], None] = lambda _found, _waiting: None,
    ) -> None:
        root = self.root = with_closings(root, now)
        self._now = now
        literals = Literals(root)
        values = Representatives(literals, now, variables_for(root, literals, env))
        self.values = values
        self.space = StateSpace(root)
        self.liveness = Liveness(root)
        self.states = States(root, literals, self.liveness)
        self.placed = placed_calls(root, values)
        self._arrivals = [] if self.placed and not root.is_startable else calls_to(root, values)
        self.envs: Sequence[Env] = settings_of(values)
        self._triggers = Triggers(root, values)
        self._turns = PossibleTurns(root, values, self.liveness)
        self._bounds = bounds
        self._progress = progress
        flows = flows_run_from(root).values()
        self._files = by_file(flows)
        firsts = [outcomes_of(flow)[0] for flow in flows]
        self._counted_on_entry = {(first.flow, first.step) for first in firsts if first.name == ENTERED}
        self._known: dict[Any, State] = {}
        self._waiting = deque[tuple[State, Any]]()
        """With their keys, apart from failed attempts."""
        self._accepted = defaultdict[Any, dict[int, list[Transition]]](dict)
        """The turns after triggers that are accepted, by these keys and the number of the trigger."""
        self._heard_by_parties = set[Any]()
        """Keys of the flows already played to dialled parties."""
        self._nccos: dict[Any, PlayedNcco] = {}
        self._began = self._reported = time.monotonic()

    @cached_property
    def moments(self) -> tuple[datetime, ...]:
        """`now` is the first one. Most flows read neither the clock nor opening hours: no others are looked for."""
        return moments_of(self.root, self.values, self._now)

    def explore(self) -> StateSpace:
        """Explore without faults, then with one fault in each state."""
        self._explore()
        self.space.nccos = len(self._nccos)
        self.space.seconds = time.monotonic() - self._began
        return self.space

    def _explore(self) -> None:
        for arrival, env in product((*self._arrivals, *self.placed), self.envs):
            self._begin_call(arrival, env)
            if self._is_late():
                break
        self._explore_waiting()
        for loop in Graph(self.space).cycles(dialling=True):
            if any(turn.dials for turn in loop):
                self._unroll_dial_loop(loop)
        self._explore_waiting()
        for state in [each for each in self.space.states if not each.is_repeated and not self.space.stopped]:
            if self._is_late():
                break
            for trigger in faults_at(state.session):
                self._explore_trigger(state, trigger)
            self._fail_store(state)
        self._explore_waiting()

    def _explore_waiting(self) -> None:
        while self._waiting and not self._is_stopped():
            state, key = self._waiting.popleft()
            known = self._accepted[key]
            if ends_with_dial(self.root.named(state.session.at).steps[state.session.step], state.session):
                self._hang_up(state)
            triggers = (*self._triggers.at(state.session), *detections_at(self.root, state.session, state.given))
            for number, trigger in enumerate(triggers):
                if self._is_late():
                    break
                if number in known:  # a failed attempt makes no difference
                    self._repeat(known[number], state)
                else:
                    made = self._explore_trigger(state, trigger)
                    if self._repeats and all(each.kind == "accepted" for each in made):
                        known[number] = made
        self._waiting.clear()

    @property
    def _repeats(self) -> bool:
        """Not where the number of the turn counts: machine detection can move a placed call only in its first ones."""
        return self.root.outbound is None

    def _repeat(self, turns: Iterable[Transition], state: State) -> None:
        for each in turns:
            moment = each.moment if each.is_timed else state.first.moment
            self.space.add(replace(each, source=state, moment=moment))

    def _is_stopped(self) -> bool:
        if len(self.space.states) > self._bounds.states:
            self.space.stopped = f"{self._bounds.states:,} states"
        return self._is_late() or bool(self.space.stopped)

    def _is_late(self) -> bool:
        """The time is looked at in each turn: one state may have many."""
        now = time.monotonic()
        if now - self._reported > _PROGRESS_S:
            self._reported = now
            self._progress(len(self.space.states), len(self._waiting))
        if now - self._began > self._bounds.seconds and not self.space.stopped:
            self.space.stopped = f"{self._bounds.seconds:g} seconds"
        return now - self._began > self._bounds.seconds

    # triggers

    def _begin_call(self, arrival: Arrival, env: Env) -> None:
        def play(now: datetime) -> Playing[Turn]:
            if arrival.is_placed:
                context = context_at(now, env)
                return begin_placed(self.root, "leg", arrival.call, arrival.given, context, detected=arrival.detected)
            return begin(self.root, "leg", arrival.call, context_at(now, env), arrival.given)

        trigger = Trigger("call", {"dial": {"outcome": arrival.detected}} if arrival.detected else {})
        for moment, played in self._at_moments(self._now, None, play):
            self._add(None, trigger, moment, env, played, arrival=arrival)

    def _explore_trigger(self, state: State, trigger: Trigger) -> list[Transition]:
        moment = state.first.moment
        env = state.first.env
        turns = self._at_moments(moment, state, partial(self._resume, state.session, trigger, env))
        made = (self._add(state, trigger, at, env, played) for at, played in turns)
        return [each for each in made if each is not None]

    def _resume(
        self, session: Session, trigger: Trigger, env: Env, now: datetime, dials: int = NO_DIAL_LIMIT
    ) -> Playing[Turn] | Playing[Turn | None]:
        where = (session.at or session.flow, session.step)
        if trigger.kind == "held" or trigger.waited:
            session = session._replace(entered_at=now - timedelta(seconds=trigger.waited))
        elif where not in self.liveness.replays_by_time or session.entered_at is None:
            session = session._replace(entered_at=now)
        context = context_at(now, env, dials)
        if trigger.kind == "detected":
            return detected(self.root, session, trigger.line["dial"]["outcome"], trigger.given, context)
        if trigger.fault == "refused":
            return fail(self.root, session, context, "Vonage refused the NCCO it was sent")
        agent = agent_wait(session)
        if agent is not None and trigger.reported is not None:
            session = noted(session, agent, trigger.reported, now)
        for body in trigger.handed:
            session = hand_back(self.root, session, body, context)
        return resume(self.root, session, session.waits[trigger.wait], trigger.webhook, context, seen=trigger.seen)

    def _hang_up(self, state: State) -> None:
        """The call ends, whatever the replies are."""
        trigger = Trigger("dial", {"dial": {"outcome": "completed"}})
        first = state.first
        taken = ((*state.where, "completed"),)
        self.space.add(Transition(state, None, trigger, first.moment, first.env, state.where, "other", taken=taken))

    def _fail_store(self, state: State) -> None:
        """The server replies 503, and on the fallback URL without the store.

        Source: delivery rules (a 503 is retried, then the fallback URL is requested).
        """
        is_party = bool(state.session.parent)
        first = state.first
        trigger = next(self._triggers.at(state.session))._replace(fault="away")
        turn = None
        if trigger.kind == "input" and not is_party and self._is_known_without_store(state.session.call):
            turn = without_store(self.root, "leg", state.session.call, context_at(first.moment, first.env))
        actions = list(map(dict, FAILSAFE)) if turn is None else turn.ncco
        ncco = self._played([] if is_party else actions, is_party=is_party)
        lost = Transition(
            state, None, trigger, first.moment, first.env, state.where, "fault", ncco, is_failsafe=turn is None
        )
        self.space.add(lost)

    def _is_known_without_store(self, call: CallData) -> bool:
        """Whether a webhook of the call shows its flow; see `ncco_server.service.outages`."""
        root = self.root
        is_default = root.default and root.outbound is None
        return not call.request and (call.to in root.numbers or root.entry or is_default)

    def _unroll_dial_loop(self, loop: list[Transition]) -> None:
        """Unroll a cycle that dials without accepted input, until the dial limit is reached.

        The cycle would never end, since a state's key ignores the number of dials.
        """
        source = loop[0].source
        assert source is not None  # noqa: S101 - a cycle begins in a state
        dialled = sum(each.dials for each in source.first.first_path)
        session = source.session._replace(dialled=min(DIALS, dialled))
        for each in islice(cycle(loop), (DIALS + 1) * len(loop)):
            turns = self._followed(source, partial(self._resume, session, each.trigger, each.env, each.moment, DIALS))
            played = next((played for played in turns if played.answers == each.answers), None)
            if played is None or played.turn is None or played.follow is None:
                return
            session = played.turn.session
            goes_on = not session.is_over and played.follow.entered == [*each.entered]
            target = self.space.new_state(session, source.given, is_repeated=True) if goes_on else None
            self._add(source, each.trigger, each.moment, each.env, played, target=target)
            if target is None:
                return
            source = target

    # turns

    def _at_moments(self, first: datetime, before: State | None, play: Play) -> Iterator[tuple[datetime, PlayedTurn]]:
        """Play at the first moment, and at others only if a step reads the clock or opening hours."""
        turns = [*self._followed(before, partial(play, first))]
        is_timed = any(self._reads_time(before, played) for played in turns)
        yield from ((first, played._replace(is_timed=is_timed)) for played in turns)
        for moment in (each for each in (self.moments if is_timed else ()) if each != first):
            if self._is_late():
                break
            for played in self._followed(before, partial(play, moment)):
                yield moment, played._replace(is_timed=True)

    def _followed(
        self, before: State | None, play: Callable[[], Playing[Turn] | Playing[Turn | None]]
    ) -> Iterator[PlayedTurn]:
        at = None if before is None else self.root.named(before.session.at)
        for played in self._turns.of(play):
            follow = None if played.turn is None else Following(self._files, at).read(played.turn.trace)
            yield played._replace(follow=follow)
            if self._is_late():
                break

    def _reads_time(self, before: State | None, played: PlayedTurn) -> bool:
        if played.follow is None:
            return False
        where = [*played.follow.entered]
        if before is not None:
            where += [before.where, *((level.flow, level.step) for level in before.session.callers)]
        return not self.liveness.reads_time.isdisjoint(where)

    def _add(
        self,
        source: State | None,
        trigger: Trigger,
        moment: datetime,
        env: Env,
        played: PlayedTurn,
        *,
        arrival: Arrival | None = None,
        dialled_by: Transition | None = None,
        target: State | None = None,
    ) -> Transition | None:
        """None if the webhook changed nothing. `target` is the copied state while a dial loop is unrolled."""
        turn, follow = played.turn, played.follow
        if turn is None or follow is None:
            return None
        start = follow.entered[0] if follow.entered else (self.root.name, self.root.start)
        given = arrival.given if arrival is not None else source.given if source is not None else NO_PARAMS
        hooks = (*turn.hooks, *event_hooks(self.root, turn.session, context_at(moment, env)))
        made = Transition(
            source=source,
            target=target or self._state_of(turn.session, moment, env, given),
            trigger=trigger,
            moment=moment,
            env=env,
            before=source.where if source is not None else start,
            kind=_kind_of(trigger, turn),
            ncco=self._played(turn.ncco, is_party=bool(turn.session.parent)),
            answers=played.answers,
            entered=tuple(follow.entered),
            taken=(*((*where, ENTERED) for where in follow.entered if where in self._counted_on_entry), *follow.taken),
            failed=tuple(self._failures(follow.failed)),
            call=arrival.call if arrival is not None else None,
            given=arrival.given if arrival is not None else {},
            dialled_by=dialled_by,
            is_failsafe=turn.is_failsafe,
            is_timed=played.is_timed,
            unsent=tuple({(hook.name, hook.problem): None for hook in hooks if hook.problem}),
        )
        self.space.add(made)
        for wait in turn.session.waits:
            if wait.runs is not None and dialled_by is None:
                self._call_party(turn.session, wait, made)
        return made

    def _failures(self, failed: Iterable[tuple[str, str, TraceLine]]) -> Iterator[FailedStep]:
        for name, step, line in failed:
            if step:
                yield FailedStep(name, step, line.what, line.because)

    def _state_of(self, session: Session, moment: datetime, env: Env, given: Mapping[str, Any]) -> State | None:
        """Return None when the call is over. `given` has the call's params."""
        if session.is_over:
            return None
        self.states.margin = MARGIN if len(self.space.states) < MANY_STATES else SMALL_MARGIN
        session = self.states.bounded(session)
        is_movable = may_be_moved(self.root, session)
        kept = given if is_movable else NO_PARAMS
        counts = session.tries, session.asr_errors, session.position
        key = (*counts, self.envs.index(env), is_movable, frozen(kept), *self.states.key(session, moment))
        if key not in self._known:
            state = self._known[key] = self.space.new_state(session, kept)
            self._waiting.append((state, key[1:]))
        return self._known[key]

    def _call_party(self, session: Session, wait: OpenWait, dialling: Transition) -> None:
        runs = orjson.dumps((wait.runs, call_record(session.call)), option=orjson.OPT_SORT_KEYS)
        key = (self.envs.index(dialling.env), session.locale, wait.step, wait.flow, runs)
        if key in self._heard_by_parties:
            return
        self._heard_by_parties.add(key)

        def play(now: datetime) -> Playing[Turn]:
            return begin_called(self.root, "other", session, wait, context_at(now, dialling.env))

        for moment, played in self._at_moments(dialling.moment, None, play):
            self._add(None, Trigger("leg"), moment, dialling.env, played, dialled_by=dialling)

    def _played(self, actions: list[dict[str, Any]], *, is_party: bool) -> PlayedNcco:
        """A declining party waits alone until it hangs up, which does not count as silence."""
        key = (orjson.dumps(actions), is_party)
        if key not in self._nccos:
            errors = tuple(issue for issue in check(actions) if issue.severity == "error")
            heard = actions[:-1] if is_party and actions[-1:] == [APART] else actions
            self._nccos[key] = PlayedNcco(actions, errors, listen(heard), is_party)
        return self._nccos[key]


def _kind_of(trigger: Trigger, turn: Turn) -> TurnKind:
    if trigger.kind in ("fault", "leg"):
        return trigger.kind
    if turn.outcome == "held":
        return "held"
    is_input = trigger.kind == "input" and turn.outcome not in ("noinput", "nomatch", "asr_error", "error")
    return "accepted" if is_input or trigger.handed else "other"
