"""The hooks of events: recordings that are ready, callers who hang up before the flow ends."""

from __future__ import annotations

from typing import Any

from app.engine.outcome import CONNECTED
from app.engine.run import Run
from app.engine.session import OWN_LEG, Session, WaitRef
from app.engine.turn import TurnContext
from app.flow.language.hooks import event_record
from app.flow.model import Flow, StepHook
from app.ncco.webhooks import StatusWebhook, Webhook

HANGUP = "hangup"


def observe(flow: Flow, session: Session, ref: WaitRef, webhook: Webhook, context: TurnContext) -> tuple[Any, ...]:
    """The hooks that the webhook of a wait brings, whether or not that wait is still open.

    The line of the step decides, else that of its flow.
    """
    where = _who_opened(session, ref)
    if where is None:
        return ()
    name = event_of(webhook)
    run = Run(flow, session, context)
    run.look_from(where[0])
    step = run.flow.steps[where[1]]
    return _render(run, step.events.get(name) or run.flow.events.get(name, ()), step.name, name, webhook)


def hang_up(
    flow: Flow, session: Session, webhook: Webhook, context: TurnContext, seen: frozenset[str] = frozenset()
) -> tuple[Any, ...]:
    """The hooks of a call that its caller leaves in the middle; none once the flow has come to its end.

    A flow that ends with a `conversation` has not come to its end before the platform ends that.

    The innermost line decides: of the step, of its flow, then of the flows that wait for it.

    Args:
        flow: in the revision that the session began with.
        session: of the leg that has ended.
        webhook: says so.
        context: what the hooks may look at.
        seen: the statuses that were recorded for the waits of the latest turn.
    """
    ended_by = getattr(webhook, "disconnected_by", None)
    last = [observer.step for observer in session.observers if observer.wait == OWN_LEG and ended_by != "platform"]
    step = session.step or (last[-1] if last else "")
    if not step or _dial_was_last(session, ended_by, seen):
        return ()
    run = Run(flow, session, context)
    for name, inner in [(session.at, step), *((level.flow, level.step) for level in reversed(session.callers))]:
        run.look_from(name)
        hooks = run.flow.steps[inner].events.get(HANGUP) or run.flow.events.get(HANGUP)
        if hooks:
            return _render(run, hooks, inner, HANGUP, webhook)
    return ()


def _dial_was_last(session: Session, ended_by: str | None, seen: frozenset[str]) -> bool:
    """Whether the called party has ended a dial behind which the call ends (`completed: end`).

    A notify is behind any other dial. When the caller hangs up, the platform ends the leg of the called party too.
    Source: webhook reference, Completed (`disconnected_by`).
    """
    names = {wait.name for wait in session.waits if wait.steers}
    return "completed" in seen and "connect" in names and CONNECTED not in names and ended_by != "user"


def event_of(webhook: Webhook) -> str:
    """What `events` calls a webhook: a call status, `beep`, `record`, `transcription`, ..."""
    if not isinstance(webhook, StatusWebhook):
        return webhook.kind
    is_beep = webhook.status == "machine" and webhook.sub_state == "beep_start"
    return "beep" if is_beep else webhook.status or ""


def _who_opened(session: Session, ref: WaitRef) -> tuple[str, str] | None:
    """The flow and the step of a wait, of the latest turn or of one before it; None when that is not known."""
    if ref.turn == session.turn:
        return next(((wait.flow, wait.step) for wait in session.waits if wait.index == ref.index), None)
    known = (observer for observer in session.observers if (observer.turn, observer.wait) == (ref.turn, ref.index))
    return next(((observer.flow, observer.step) for observer in known), None)


def _render(run: Run, hooks: tuple[StepHook, ...], step: str, name: str, webhook: Webhook) -> tuple[Any, ...]:
    names = run.names() | {"event": event_record(name, webhook), "flow": run.flow.name, "step": step}
    return tuple(hook.render(names) for hook in hooks)
