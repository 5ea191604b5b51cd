"""The hooks and the changes of rows that a call's events cause."""

from __future__ import annotations

from typing import NamedTuple

from ncco_server.engine.scope import Scopes
from ncco_server.engine.session import OWN_LEG, Session, TurnContext, WaitRef
from ncco_server.engine.waits.dial import DialWait
from ncco_server.engine.waits.kind import event_of
from ncco_server.errors import RenderError
from ncco_server.flow.language.hooks import Hook, Later, SentHook, event_record
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.templates.budget import Budget
from ncco_server.ncco.webhooks import StatusWebhook, Webhook
from ncco_server.results import DecidedResult
from ncco_server.table_rows import RowChange

HANGUP = "hangup"
ENDED = "ended"
NO_WEBHOOK = Webhook()
"""For a call whose end was never reported."""

UNSAVED = "save"
"""The hook that stands for a row that cannot be saved. It is parked for somebody to look at."""


class EventEffects(NamedTuple):
    """What an event causes."""

    hooks: tuple[Hook, ...] = ()
    saves: tuple[RowChange, ...] = ()


NO_EFFECTS = EventEffects()


class _Event(NamedTuple):
    """The arguments of `event_record`."""

    name: str
    webhook: Webhook
    how: str = ""
    result: str = ""
    call_result: str = ""


def observe(flow: Flow, session: Session, ref: WaitRef, webhook: Webhook, context: TurnContext) -> EventEffects:
    """The hooks of the step, or if it has none, of its flow, even if the wait is closed."""
    where = step_of_wait(session, ref)
    if where is None:
        return NO_EFFECTS
    name = event_of(webhook)
    scopes = Scopes(flow, session, context, Budget())
    scopes.use(where[0])
    step = scopes.flow.steps[where[1]]
    later = step.events.get(name) or scopes.flow.events.get(name, ())
    return _render(scopes, later, _Event(name, webhook), step.name)


def hang_up(
    flow: Flow, session: Session, webhook: Webhook, context: TurnContext, seen: frozenset[str] = frozenset()
) -> EventEffects:
    """No hooks once the flow has ended; a last `conversation` ends only when the platform ends it.

    The first `events` with such hooks are used: the step's, its flow's, then those of each step and flow that waits.
    `seen` contains the statuses recorded for the waits since the call came to its step.
    """
    step = _left_step(session, webhook, seen)
    if not step:
        return NO_EFFECTS
    scopes = Scopes(flow, session, context, Budget())
    for name, inner in [(session.at, step), *((level.flow, level.step) for level in reversed(session.callers))]:
        scopes.use(name)
        later = scopes.flow.steps[inner].events.get(HANGUP) or scopes.flow.events.get(HANGUP)
        if later:
            return _render(scopes, later, _Event(HANGUP, webhook), inner)
    return NO_EFFECTS


def ended(
    flow: Flow,
    session: Session,
    webhook: Webhook | None,
    context: TurnContext,
    *,
    decided: DecidedResult,
    seen: frozenset[str] = frozenset(),
    is_lost: bool = False,
) -> EventEffects:
    """`is_lost`: Vonage never reported the end; `webhook` is then what it says about the call when asked, if anything.

    Only the first flow with `ended` sends hooks: the current flow, the flows that wait for it, then the flow that the
    call began in. Their `flow` and `step` say where the call was; `step` is "" if the flow had ended.
    """
    scopes = Scopes(flow, session, context, Budget())
    for name in (session.at, *(level.flow for level in reversed(session.callers)), flow.name):
        scopes.use(name)
        if later := scopes.flow.events.get(ENDED):
            left = _left_step(session, webhook, seen) if webhook and not is_lost else ""
            how = "lost" if is_lost else HANGUP if left else "completed"
            own = decided.own or session.returned
            event = _Event(ENDED, webhook or NO_WEBHOOK, how, own, decided.result)
            return _render(scopes, later, event, left or session.step, session.at)
    return NO_EFFECTS


def may_report_hang_up(flow: Flow) -> bool:
    flows = (flow, *flow.subs.values())
    events = [*(each.events for each in flows), *(step.events for each in flows for step in each.steps.values())]
    return any(HANGUP in each for each in events)


def may_report_end(flow: Flow) -> bool:
    return any(ENDED in each.events for each in (flow, *flow.subs.values()))


def _left_step(session: Session, webhook: Webhook, seen: frozenset[str]) -> str:
    """Return "" if the flow had ended."""
    ended_by = getattr(webhook, "disconnected_by", None)
    last = [observer.step for observer in session.observers if observer.wait == OWN_LEG and ended_by != "platform"]
    step = session.step or (last[-1] if last else "")
    return "" if _dial_was_last(session, ended_by, seen) else step


def not_reached(flow: Flow, session: Session, outcome: str, context: TurnContext) -> tuple[Hook, ...]:
    """`outcome` is Vonage's last status, `expired` or `unknown`; it becomes `event.name` and `event.status`."""
    outbound = flow.outbound
    hooks = outbound.hooks_for(outcome) if outbound is not None else ()
    scopes = Scopes(flow, session, context, Budget())
    return _render(scopes, hooks, _Event(outcome, StatusWebhook(status=outcome)), "").hooks


def _dial_was_last(session: Session, ended_by: str | None, seen: frozenset[str]) -> bool:
    """Whether the call ended because the called party hung up.

    A notify follows most dials, but Vonage's contact centre tutorial says that the call ends all the same. When the
    caller hangs up, the platform ends the called party's leg too. Source: webhook reference, Completed
    (`disconnected_by`).
    """
    names = {wait.name for wait in session.waits if wait.steers}
    return "completed" in seen and DialWait.name in names and ended_by != "user"


def step_of_wait(session: Session, ref: WaitRef) -> tuple[str, str] | None:
    """The wait's flow and step; None if neither the latest turn nor an observer has it."""
    if ref.turn == session.turn:
        return next(((wait.flow, wait.step) for wait in session.waits if wait.index == ref.index), None)
    known = (observer for observer in session.observers if (observer.turn, observer.wait) == (ref.turn, ref.index))
    return next(((observer.flow, observer.step) for observer in known), None)


def played_step(flow: Flow, session: Session, where: tuple[str, str], context: TurnContext) -> Step | None:
    """The step of a wait, also of a handler that this process has not played; None if it is not known."""
    scopes = Scopes(flow, session, context, Budget())
    scopes.use(where[0])
    return scopes.played_step(where[1])


def _render(scopes: Scopes, later: tuple[Later, ...], event: _Event, step: str, flow: str = "") -> EventEffects:
    if not later:
        return NO_EFFECTS
    names = scopes.names() | {"event": event_record(*event), "flow": flow or scopes.flow.name, "step": step}
    hooks: list[Hook] = []
    saves: list[RowChange] = []
    for each in later:
        if isinstance(each, SentHook):
            hooks.append(each.render(names))
            continue
        try:
            change = each.change(names)
        except RenderError as error:
            hooks.append(Hook(UNSAVED, "", problem=f"{error.code}: {error}"))
        else:
            saves += [change] if change is not None else []
    return EventEffects(tuple(hooks), tuple(saves))
