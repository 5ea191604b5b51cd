"""Steps that follow one another in every call, up to a wait or the end: laid out once, played at once.

Playing a stretch gives the turn that its steps give one by one, in a fraction of the time: the computed fields are
rendered, the callback URLs written, and what was computed is checked. Whatever is unusual is left to the steps: a value
that cannot be computed or is not right beyond doubt, a call that may not dial again, and the first NCCO of its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.engine.json_bytes import json_bytes
from app.engine.run import STEP_LIMIT, Run
from app.engine.scope import NOTHING_HEARD, call_record, names_in
from app.engine.session import Call, Session, Wait, WaitRef
from app.engine.tail import lay_out, lay_out_tail
from app.engine.trace import Trace, TraceLine, answered, entered, jumped
from app.engine.turn import Surroundings, Turn
from app.errors import RenderError
from app.flow.model import Flow, Frame, Laid, Step, Value
from app.ncco import each_is_clean, is_plain_text

_ANSWERED = ""
"""The key of the stretch that an answered call begins with; no step has this name."""


class Piece(NamedTuple):
    """One action. `speaks` says that its text is all that a call computes."""

    ready: dict[str, Any]
    computed: tuple[tuple[str, Value], ...]
    speaks: bool
    wait: Wait | None


class Stretch(NamedTuple):
    """Everything that is the same in every call.

    Attributes:
        shapes: of its NCCO, by which it is known to be right.
        dials: how many of its actions dial. tail_dials: and how many of the tail behind its `input`, which count only
            towards what the call may dial.
        step: where the call then waits, "" when it ends.
        is_over: no wait of it steers.
    """

    pieces: tuple[Piece, ...]
    shapes: tuple[int, ...]
    waits: tuple[Wait, ...]
    dials: int
    tail_dials: int
    step: str
    trace: Trace
    is_over: bool

    def may_be_played(self, root: Flow, dialled: int, around: Surroundings) -> bool:
        """Whether its NCCO was found right before, and the call may dial as often as it says."""
        return self.shapes in root.sound and dialled + self.dials + self.tail_dials <= around.dial_limit


def answer_at_once(flow: Flow, session: str, call: Call, around: Surroundings) -> Turn | None:
    """The turn that a call begins with, if all of it is laid out; None: nothing was played.

    It is the turn that a `Run` would make; what a run remembers for the next step is not made, since none follows.
    """
    if _ANSWERED not in flow.stretches:
        flow.stretches[_ANSWERED] = _lay_out(flow, flow, flow.start, [answered(flow)])
    stretch: Stretch | None = flow.stretches[_ANSWERED]
    if stretch is None or not stretch.may_be_played(flow, 0, around):
        return None
    variables = {name: variable.default for name, variable in flow.variables.items()}
    known = names_in(flow, call_record(call), NOTHING_HEARD, env=around.env, now=around.now, locale="")
    actions = _actions(stretch, known | variables, around.link, session, 1)
    if actions is None:
        return None
    after = Session(
        session,
        flow.name,
        flow.revision,
        call,
        turn=1,
        step="" if stretch.is_over else stretch.step,
        dialled=stretch.dials,
        variables=variables,
        entered_at=around.now,
        heard=NOTHING_HEARD,
        waits=stretch.waits,
        is_over=stretch.is_over,
    )
    return Turn(actions, after, stretch.trace.lines, stretch.trace.json, "answer")


def play_from(run: Run, step: str) -> bool:
    """Play the stretch that begins with `step`, if there is one; False: nothing was played.

    The other party of a connect goes step by step: at its end stands more than its flow has written.
    """
    flow = run.flow
    if run.before.parent:
        return False
    if step not in flow.stretches:
        flow.stretches[step] = _lay_out(run.root, flow, step, [])
    return _play(run, flow.stretches[step])


def _play(run: Run, stretch: Stretch | None) -> bool:
    if stretch is None or not stretch.may_be_played(run.root, run.dialled, run.around):
        return False
    actions = _actions(stretch, run.names(), run.around.link, run.before.id, run.before.turn + 1)
    if actions is None:
        return False
    run.take_over(actions, stretch.waits, stretch.step, stretch.dials, stretch.trace)
    return True


def _actions(
    stretch: Stretch, names: Mapping[str, Any], link: Callable[[WaitRef], str], session: str, turn: int
) -> list[dict[str, Any]] | None:
    """The actions in this call; None when one cannot be computed or is not right beyond doubt."""
    actions, doubtful = [], []
    try:
        for ready, computed, speaks, wait in stretch.pieces:
            action = ready.copy()
            if computed and not _fill(action, computed, speaks, names):
                doubtful.append(action)
            if wait is not None:
                action["eventUrl"] = [link(WaitRef(wait.kind, session, turn, wait.index))]
                action["eventMethod"] = "POST"
            actions.append(action)
    except RenderError:
        return None
    return actions if each_is_clean(doubtful) else None


def _fill(
    action: dict[str, Any], computed: tuple[tuple[str, Value], ...], speaks: bool, names: Mapping[str, Any]
) -> bool:
    """Compute the fields of an action; whether they are right beyond doubt. Raises RenderError."""
    for name, value in computed:
        action[name] = value.render(names)
    return speaks and is_plain_text(action["text"])


def _lay_out(root: Flow, flow: Flow, first: str, lines: list[TraceLine]) -> Stretch | None:
    """The stretch that begins with a step; None when something in its way can only be told in a call."""
    layout = _Layout(root, flow)
    name = first
    for _ in range(STEP_LIMIT):
        step = flow.steps[name]
        if not layout.add(step):
            return None
        lines.append(entered(step))
        jump = step.exit.enter(Frame({}))
        if jump is None:
            return layout.finish(step.name, lines)
        if not jump.target.is_plain:
            return None
        lines.append(jumped(step, jump))
        if jump.target.step is None:
            return layout.finish("", lines)
        name = jump.target.step
    return None


class _Layout:
    """A stretch while it is laid out."""

    def __init__(self, root: Flow, flow: Flow) -> None:
        self._flow = flow
        self._where = "" if flow is root else flow.name
        self._pieces: list[Piece] = []
        self._shapes: list[int] = []
        self._waits: list[Wait] = []
        self._dials = 0
        self._tail_dials = 0

    def add(self, step: Step) -> bool:
        """Add what a step plays, with the tail behind its `input`; whether that is the same in every call."""
        laid = None if step.sets or step.asks or step.sends else lay_out(step)
        if laid is None:
            return False
        for each in laid:
            self._add(each, self._wait(each, step))
            self._dials += each.ready["action"] == "connect"
        asks = bool(laid) and laid[-1].callback is not None and laid[-1].callback.kind == "input"
        tail = lay_out_tail(self._flow, step) if asks and step.tail else []
        for each in tail or ():
            self._add(each, None)
            self._tail_dials += each.ready["action"] == "connect"
        return tail is not None

    def _add(self, laid: Laid, wait: Wait | None) -> None:
        speaks = laid.ready["action"] == "talk" and [name for name, _ in laid.computed] == ["text"]
        self._pieces.append(Piece(dict(laid.ready), laid.computed, speaks, wait))
        self._shapes.append(laid.shape)

    def _wait(self, laid: Laid, step: Step) -> Wait | None:
        asked = laid.callback
        if asked is None:
            return None
        wait = Wait(len(self._waits), asked.kind, asked.name, step.name, asked.steers, asked.sensitive, self._where)
        self._waits.append(wait)
        return wait

    def finish(self, step: str, lines: list[TraceLine]) -> Stretch | None:
        """The stretch, after which the call waits in `step`; None when no shape of an NCCO tells that it is right."""
        if 0 in self._shapes:
            return None
        trace = Trace(tuple(lines), json_bytes(lines))
        pieces, shapes, waits = tuple(self._pieces), tuple(self._shapes), tuple(self._waits)
        is_over = not any(wait.steers for wait in waits)
        return Stretch(pieces, shapes, waits, self._dials, self._tail_dials, step, trace, is_over)
