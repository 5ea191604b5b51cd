"""What a call plays from one step to its next wait, made ready when the first call gets there.

Most steps look at a call only in the fields of their actions. What they play, the waits that they open, what follows
their `input` and their lines of the trace are then the same in every call, but for these fields. A `Stretch` holds all
of it, and a call fills in the fields.

There is no stretch where anything else depends on the call: a condition, a lookup, a list of numbers, a computed number
that is dialled. A stretch that cannot be filled for a call gives None. The interpreter then plays the same steps one by
one, and rolls back those that fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from app.engine.scope import NOTHING_HEARD, FlowScope, call_record
from app.engine.session import NOTHING, Call, OpenWait, Session, TraceLine, Turn, TurnContext, WaitRef
from app.errors import RenderError
from app.flow.actions.action import ORDERING, Action
from app.flow.actions.connect import ConnectPart
from app.flow.grammar.values import OurNumber
from app.flow.hours.calendar import hours_view
from app.flow.model import Flow, Step
from app.flow.nodes import Place
from app.flow.runtime import Again, Callback, Frame, Jump, Part
from app.flow.templates.budget import Budget
from app.flow.templates.values import Names, Value
from app.ncco import check, options_are_clean

IN_TAIL: Final = frozenset({"talk", "stream", "connect"})
"""Actions that a tail keeps."""
STEP_LIMIT: Final = 200
"""Steps that one turn may enter. A loaded flow has no cycle without input; this bounds what a fault could do."""
NOT_IN_TAIL: Final = frozenset({"eventUrl", "eventMethod", "eventType", "bargeIn"})
"""Options that actions of a tail lose: they need a webhook, or an `input` behind them."""


class ReadyAction(NamedTuple):
    """One action.

    Attributes:
        constant: the action as every call plays it, with None in each hole.
        holes: the options that a call computes. unsure: those of them that may turn out to be wrong.
        wait: what it opens; None for most actions.
    """

    constant: dict[str, Any]
    holes: Mapping[str, Value]
    unsure: tuple[str, ...]
    wait: OpenWait | None = None


@dataclass(slots=True)
class Stretch:
    """What calls play from one step to their next wait, or to their end.

    Attributes:
        step: the last step.
        ends: whether the last step leads to the end of the call.
        waits: those that it opens. is_over: whether none of them steers, so that the call ends behind it.
        actions: what it plays, with the tail behind its `input`.
        has_failsafe_tail: whether the failsafe NCCO is the tail.
        trace: its lines; the first one says that a call begins here, the second one that the first step is entered.
        trace_json: all of them as JSON.
        entered: how many steps it enters.
        is_enterable: whether a call can enter the first step without doing anything before it is played.
        dials: how often it dials. tail_dials: how often its tail does.
        reads_hours: whether a value looks at opening hours.
        is_checked: whether it was valid as a whole in a call; then only what is filled in can be wrong.
    """

    step: str
    ends: bool
    actions: tuple[ReadyAction, ...]
    waits: tuple[OpenWait, ...]
    is_over: bool
    has_failsafe_tail: bool
    trace: tuple[TraceLine, ...]
    entered: int
    is_enterable: bool
    dials: int
    tail_dials: int
    reads_hours: bool
    is_checked: bool = False
    trace_json: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.trace_json = orjson.dumps(self.trace)

    def play(
        self, names: Mapping[str, Any], context: TurnContext, session: str, turn: int, dialled: int
    ) -> list[dict[str, Any]] | None:
        """The NCCO of a turn; None when an action cannot be computed or dialled, or Vonage would refuse it.

        Args:
            names: what the values may look at.
            context: of the turn.
            session: the id of the call's session.
            turn: the number of the turn.
            dialled: how often the call has dialled.
        """
        if dialled + self.dials + self.tail_dials > context.dial_limit:
            return None
        ncco = []
        for constant, holes, unsure, wait in self.actions:
            action = constant.copy()
            for name, value in holes.items():
                try:
                    action[name] = value.render(names)
                except RenderError:
                    return None
            if unsure and not options_are_clean(action, unsure):
                return None
            if wait is not None:
                action["eventUrl"] = [context.link(WaitRef(wait.kind, session, turn, wait.index))]
                action["eventMethod"] = "POST"
            ncco.append(action)
        if not self.is_checked:
            if any(issue.severity == "error" for issue in check(ncco)):
                return None
            self.is_checked = True
        return ncco + failsafe_tail(context.failsafe) if self.has_failsafe_tail else ncco


def first_turn(flow: Flow, session_id: str, call: Call, context: TurnContext, budget: Budget) -> Turn | None:
    """The first turn of a call, if it is one stretch up to a wait; otherwise None: it has to be played step by step.

    Args: those of `app.engine.interpreter.begin`, and the budget of the turn.
    """
    stretch = stretch_of(flow, flow.steps[flow.start], is_root=True)
    if stretch is None or stretch.ends or not stretch.is_enterable:
        return None
    variables = {name: variable.default for name, variable in flow.variables.items()}
    now = context.now
    scope = FlowScope(flow, variables, NOTHING)
    names = Names(scope.names(call_record(call), NOTHING_HEARD, context.env, now, ""), budget)
    if stretch.reads_hours:
        names["hours"] = hours_view(flow.calendars, now)
    ncco = stretch.play(names, context, session_id, 1, 0)
    if ncco is None:
        return None
    session = Session(
        session_id,
        flow.name,
        flow.revision,
        call,
        1,
        "" if stretch.is_over else stretch.step,
        0,
        0,
        0,
        stretch.dials,
        variables,
        now,
        NOTHING_HEARD,
        stretch.waits,
        stretch.is_over,
    )
    return Turn(ncco, session, stretch.trace, "answer", trace_json=stretch.trace_json)


def stretch_of(flow: Flow, step: Step, *, is_root: bool, again: Again | None = None) -> Stretch | None:
    """The stretch that begins with what `step` plays, or plays again; None when there is none.

    Whatever a call does before the step plays anything is done already: lookups, assignments, hooks.

    Args:
        flow: that the step belongs to.
        step: the step.
        is_root: whether calls began in this flow. Then no other flow waits for it. One `Flow` is always or never that:
            a sub-flow is an object of its own, with its own cache (`app.flow.loader.link`).
        again: how the step is repeated; None when it is entered.
    """
    key = (step.name, None if again is None else (id(again.prompts), again.reprompt))
    if key not in flow.stretches:  # with `again`, so that no other prompts get that id
        flow.stretches[key] = (again, _stretch(flow, step, is_root=is_root, again=again))
    found: Stretch | None = flow.stretches[key][1]
    return found


def _stretch(flow: Flow, step: Step, *, is_root: bool, again: Again | None) -> Stretch | None:
    walked = _ready_steps(flow, step) if again is None else Walked(_repeated(step, again), [], step, ends=False)
    if walked is None or walked.played is None:
        return None
    ready = []
    waits = list[OpenWait]()
    for name, action in walked.played:
        wait = None
        callback = action.callback
        if callback is not None:
            where = "" if is_root else flow.name
            wait = OpenWait(len(waits), callback.kind, callback.name, name, callback.steers, callback.sensitive, where)
            waits.append(wait)
        ready.append(_ready(action.constant, action.computed, wait))
    last = walked.last
    tail: list[ReadyAction] | None = []
    has_tail = bool(walked.played) and last.tail and asks(walked.played[-1][1].callback)
    start = first_of_tail(flow, last) if has_tail else None
    if start is not None:
        tail = _tail(flow, start)
    elif has_tail and not (is_root or last.error or flow.error):
        return None  # the error exit of the flow that waits for this one
    if tail is None:
        return None
    return Stretch(
        last.name,
        walked.ends,
        (*ready, *tail),
        tuple(waits),
        not any(wait.steers for wait in waits),
        has_tail and start is None,
        (begun(flow), *walked.trace),
        sum(line.did == "entered" for line in walked.trace),
        _is_enterable(step),
        _dials(ready),
        _dials(tail),
        any("hours" in value.used_names for action in (*ready, *tail) for value in action.holes.values()),
    )


class Walked(NamedTuple):
    """What plain steps play one after another.

    Attributes:
        played: each action with its step; None when a call decides what is played.
        trace: the lines of the trace.
        last: the last step. ends: whether it leads to the end of the call; otherwise it waits.
    """

    played: list[tuple[str, Action]] | None
    trace: list[TraceLine]
    last: Step
    ends: bool


def _ready_steps(flow: Flow, step: Step) -> Walked | None:
    """Every step from `step` to a wait or to the end; None when one of them depends on the call."""
    played: list[tuple[str, Action]] = []
    trace = [_entered(step)]
    entered = {step.name}
    while True:
        actions = _plain(step.parts)
        if actions is None:
            return None
        played += [(step.name, action) for action in actions]
        leave = step.exit
        if not leave.leaves_at_once:
            return Walked(played, trace, step, ends=False)
        jump = None if any(leave.reads()) else leave.enter(Frame({}))
        if jump is None or not jump.target.is_plain:
            return None
        trace.append(decided(step, jump))
        if jump.target.step is None:
            return Walked(played, trace, step, ends=True)
        step = flow.steps[jump.target.step]
        if step.name in entered or len(entered) == STEP_LIMIT or not _is_enterable(step):
            return None
        entered.add(step.name)
        trace.append(_entered(step))


def _entered(step: Step) -> TraceLine:
    return TraceLine("entered", step.name, step.exit.word, written_at(step.place))


def _is_enterable(step: Step) -> bool:
    """Whether nothing is asked, set, sent or decided between entering a step and playing it."""
    return not (step.sets or step.asks or step.sends or (step.exit.is_early and any(step.exit.reads())))


def _plain(parts: Iterable[Part]) -> list[Action] | None:
    """The actions that parts play in every call; None when a call decides which they are, or how they are ordered."""
    actions = []
    for part in parts:
        action: Part = part
        if isinstance(part, ConnectPart):
            action = part.targets[0]
            if part.may_ring_nobody or action.is_computed or action.heard is not None:
                return None
        if not isinstance(action, Action) or not ORDERING.isdisjoint(action.computed):
            return None
        actions.append(action)
    return actions


def _repeated(step: Step, again: Again) -> list[tuple[str, Action]] | None:
    """What a step plays when it asks again: the prompts, then all of it or its `input`."""
    prompts, own = _plain(again.prompts), _plain(step.parts)
    if prompts is None or own is None:
        return None
    if not again.reprompt:
        own = own[next((index for index, action in enumerate(own) if asks(action.callback)), 0) :]
    return [(step.name, action) for action in (*prompts, *own)]


def first_of_tail(flow: Flow, step: Step) -> str | None:
    """The step that the `error` exit leads to; None: the failsafe NCCO is the tail."""
    target = step.error or flow.error
    return None if target is None or target.step == step.name else target.step  # another flow is not played there


def _tail(flow: Flow, start: str) -> list[ReadyAction] | None:
    """What follows an `input`: the actions of the `error` exit that need no webhook."""
    actions: list[Action] = []
    entered = set[str]()
    name: str | None = start
    while name is not None and name not in entered:
        entered.add(name)
        step = flow.steps[name]
        played = _plain(step.parts)
        leave = step.exit
        if played is None or ((leave.leaves_at_once or leave.is_early) and any(leave.reads())):
            return None
        actions += played
        jump = leave.enter(Frame({})) if leave.leaves_at_once else None
        name = jump.target.step if jump is not None else None
    return [
        _ready(_without(action.constant), _without(action.computed)) for action in actions if action.word in IN_TAIL
    ]


def failsafe_tail(failsafe: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The failsafe NCCO as a tail."""
    return [_without(action) for action in failsafe if action.get("action") in IN_TAIL]


def _ready(constant: dict[str, Any], holes: Mapping[str, Value], wait: OpenWait | None = None) -> ReadyAction:
    unsure = tuple(name for name, value in holes.items() if not isinstance(value, OurNumber))  # it checks itself
    return ReadyAction(constant, holes, unsure, wait)


def _without(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in NOT_IN_TAIL}


def _dials(actions: Iterable[ReadyAction]) -> int:
    return sum(each.constant["action"] == "connect" for each in actions)


def asks(callback: Callback | None) -> bool:
    """Whether an action asks the caller for input."""
    return callback is not None and callback.kind == "input"


def begun(flow: Flow) -> TraceLine:
    """The line of the trace for a call that begins in `flow`."""
    return TraceLine("answered", "", flow.name, written_at(flow.place), "the flow that this call starts in")


def decided(step: Step, jump: Jump) -> TraceLine:
    """The line of the trace for an exit that leads on at once."""
    return TraceLine("decided", step.name, jump.target.shown, written_at(jump.place), jump.because, jump.others)


def written_at(place: Place | None) -> str:
    """A place as the trace shows it."""
    return f"{place.file}:{place.line}" if place else ""
