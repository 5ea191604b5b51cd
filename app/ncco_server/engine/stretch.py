"""The actions from one step to the next wait, precomputed when the first call reaches the step.

Most steps use values of a call only in fields that each call fills in. If anything else depends on the call (a
condition, a lookup, a computed number) or a field cannot be filled in, the interpreter plays the steps one by one,
and rolls back those that fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from ncco_server.engine.drafts import (
    EVERY_CALL,
    DependsOnCall,
    are_open_ended,
    asks,
    drafts_of,
    failsafe_tail,
    tail_of,
    wait_for,
)
from ncco_server.engine.facts import facts_of
from ncco_server.engine.flow_scope import FlowScope
from ncco_server.engine.records import NOTHING_HEARD
from ncco_server.engine.session import NOTHING, CallData, OpenWait, Session, TraceLine, Turn, TurnContext, WaitRef
from ncco_server.errors import RenderError
from ncco_server.flow.frame import Draft
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import AWAITED, RECORDED, Again, Jump, PlayedHandler
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Object, Supplied
from ncco_server.ncco import check, options_are_clean
from ncco_server.results import TurnFacts

ENTERED: Final = Again()
STEP_LIMIT: Final = 200
"""Only a bug can reach it: a loaded flow has no cycle without input."""

MOST_MADE: Final = 2000
"""Stretches kept for a handler, whose computed menus are new steps in each call; our choice."""


class ReadyAction(NamedTuple):
    """A precomputed action.

    Attributes:
        constant: with None for each option that is computed.
        computed: the options that each call fills in.
        refusable: those of them that Vonage may refuse, by name.
    """

    constant: dict[str, Any]
    computed: Mapping[str, Value]
    refusable: tuple[str, ...]
    wait: OpenWait | None = None


@dataclass(slots=True)
class Stretch:
    """The actions of a call from one step to its next wait, or to its end.

    Attributes:
        ends: whether the last step leads to the end of the call.
        actions: with the tail after an `input`.
        trace: begins with the start of a call, and the entry of the first step.
        facts: of a first turn; None if they depend on opening hours.
        is_enterable: whether the first step does nothing before it is played.
        dials: without the tail.
        is_checked: whether the NCCO was valid in one call. After that, only filled-in values can be invalid.
    """

    step: str
    ends: bool
    actions: tuple[ReadyAction, ...]
    waits: tuple[OpenWait, ...]
    has_failsafe_tail: bool
    trace: tuple[TraceLine, ...]
    steps: tuple[tuple[Flow, Step], ...]
    is_enterable: bool
    dials: int
    tail_dials: int
    reads_hours: bool
    facts: TurnFacts | None
    is_checked: bool = False
    trace_json: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.trace_json = orjson.dumps(self.trace)

    def play(
        self, names: Mapping[str, Any], context: TurnContext, session: str, turn: int, dialled: int
    ) -> list[dict[str, Any]] | None:
        """None if an action cannot be computed or dialled, or Vonage would refuse it.

        `dialled` is the number of dials of the call so far.
        """
        if dialled + self.dials + self.tail_dials > context.dial_limit:
            return None
        ncco = []
        for constant, computed, refusable, wait in self.actions:
            action = constant.copy()
            for name, value in computed.items():
                try:
                    action[name] = value.render(names)
                except RenderError:
                    return None
            if refusable and not options_are_clean(action, refusable):
                return None
            if wait is not None:
                action["eventUrl"] = [context.link(WaitRef(wait.kind, session, turn, wait.index))]
                action["eventMethod"] = "POST"
            ncco.append(action)
        if not self.is_checked:
            if any(issue.severity == "error" for issue in check(ncco)):
                return None
            self.is_checked = True
        if self.has_failsafe_tail:
            ncco += [draft.action for draft in failsafe_tail(context.failsafe)]
        return ncco


def first_turn(
    flow: Flow,
    session_id: str,
    call: CallData,
    context: TurnContext,
    *,
    record: Mapping[str, Any],
    budget: Budget,
    playback: PlayedHandler | None,
) -> Turn | None:
    """None unless one stretch leads to the first wait of the call. `record` is that of `call_record`."""
    step = flow.steps[flow.beginning] if playback is None else playback.step(flow.beginning)
    stretch = stretch_of(flow, step, is_root=True) if step is not None else None
    if stretch is None or stretch.ends or not stretch.is_enterable or stretch.facts is None:
        return None
    variables = {name: variable.default for name, variable in flow.variables.items()}
    if playback is not None:
        variables[RECORDED] = playback.recorded
        variables[AWAITED] = playback.awaited
    now = context.now
    scope = FlowScope(flow, variables, NOTHING)
    names = scope.names(
        record,
        NOTHING_HEARD,
        context.env,
        now=now,
        locale="",
        budget=budget,
        calendars=flow.calendars if stretch.reads_hours else NOTHING,
        numbers=flow.numbers,
    )
    if playback is not None:
        names.update(playback.values)
    ncco = stretch.play(names, context, session_id, 1, 0)
    if ncco is None:
        return None
    session = Session(
        session_id,
        flow.name,
        flow.revision,
        call,
        turn=1,
        step=stretch.step,
        dialled=stretch.dials,
        variables=variables,
        entered_at=now,
        heard=NOTHING_HEARD,
        waits=stretch.waits,
    )
    trace, facts = stretch.trace, stretch.facts
    return Turn(ncco, session, trace, "answer", trace_json=stretch.trace_json, dials=stretch.dials, facts=facts)


def stretch_of(flow: Flow, step: Step, *, is_root: bool, again: Again = ENTERED) -> Stretch | None:
    """None if there is no stretch that starts when `step` is played or repeated.

    Its lookups, assignments and hooks have been done already. `is_root`: no other flow waits for this one, which never
    changes: a sub-flow is a separate object.
    """
    key = id(step), id(again.prompts), again.reprompt, again is ENTERED
    stretch: Stretch | None = None
    try:
        stretch = flow.stretches[key][-1]
    except KeyError:
        with suppress(DependsOnCall):
            stretch = _stretch(flow, step, is_root=is_root, again=again)
        if flow.handler is not None and len(flow.stretches) >= MOST_MADE:
            flow.stretches.clear()
        # keeps both alive: the `id` of the step and the prompts stays unique
        flow.stretches[key] = step, again, stretch
    return stretch


def _stretch(flow: Flow, step: Step, *, is_root: bool, again: Again) -> Stretch:
    """Raises DependsOnCall."""
    if flow.spoken:
        raise DependsOnCall("which actions contain sensitive values")
    steps, trace, ends = _walked(flow, step)
    last = steps[-1]
    drafts: list[Draft] = []
    ready: list[ReadyAction] = []
    waits: list[OpenWait] = []
    for each in steps:
        if each.result and are_open_ended(drafts):
            raise DependsOnCall("when the step begins")
        played = drafts_of(each, again, EVERY_CALL)
        drafts += played
        for draft in played:
            wait = wait_for(draft, len(waits), each, "" if is_root else flow.name)
            waits += [] if wait is None else [wait]
            ready.append(_ready(draft, wait))
    tail: list[Draft] | None = []
    if last.tail and drafts and asks(drafts[-1]):
        tail = tail_of(flow, last, EVERY_CALL)
        if tail is None and not (is_root or last.error or flow.error):
            raise DependsOnCall("the error exit of the flow that waits for this one")
    behind = [_ready(draft) for draft in tail or ()]
    played_steps = tuple((flow, each) for each in steps)
    return Stretch(
        last.name,
        ends,
        (*ready, *behind),
        tuple(waits),
        tail is None,
        (begun(flow), *trace),
        played_steps,
        _is_enterable(step),
        _dials(ready),
        _dials(behind),
        any("hours" in value.used_names for action in (*ready, *behind) for value in action.computed.values()),
        None if any(each.offers.reads_hours for each in steps) else facts_of(played_steps, None, waits),
    )


def _walked(flow: Flow, step: Step) -> tuple[list[Step], list[TraceLine], bool]:
    """Return the steps to a wait or to the end, and whether the call then ends. Raises DependsOnCall."""
    steps = [step]
    trace = [_entered(step)]
    while step.exit.leaves_at_once:
        jump = EVERY_CALL.enter(step.exit)
        if jump is None or not jump.target.is_plain:
            raise DependsOnCall("what the step does on its way out")
        trace.append(decided(step, jump))
        if jump.target.step is None:
            return steps, trace, True
        step = flow.steps[jump.target.step]
        if len(steps) == STEP_LIMIT or not _is_enterable(step):
            raise DependsOnCall("what the step does before it is played")
        steps.append(step)
        trace.append(_entered(step))
    return steps, trace, False


def _entered(step: Step) -> TraceLine:
    return TraceLine("entered", step.name, step.exit.word, written_at(step.place))


def _is_enterable(step: Step) -> bool:
    return not (step.sets or step.asks or step.saves or step.sends or (step.exit.is_early and any(step.exit.reads())))


def _ready(draft: Draft, wait: OpenWait | None = None) -> ReadyAction:
    computed = draft.computed or {}
    refusable = tuple(name for name, value in computed.items() if not _is_ours(value))
    return ReadyAction(draft.action, computed, refusable, wait)


def _is_ours(value: Value) -> bool:
    """Whether the server supplies a value or all fields of an object, as of a checkpoint: then it is valid."""
    parts = value.parts if isinstance(value, Object) else (value,)
    return all(isinstance(part, Supplied) for part in parts)


def _dials(actions: Iterable[ReadyAction]) -> int:
    return sum(action.constant["action"] == "connect" for action in actions)


def begun(flow: Flow) -> TraceLine:
    return TraceLine("answered", "", flow.name, written_at(flow.place), "the flow that this call starts in")


def decided(step: Step, jump: Jump) -> TraceLine:
    return TraceLine("decided", step.name, jump.target.shown, written_at(jump.place), jump.because, jump.others)


def written_at(place: Place | None) -> str:
    return f"{place.file}:{place.line}" if place else ""
