"""What stands behind an `input`: Vonage plays it when neither this server nor the fallback answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import RenderError
from app.flow.model import Flow, Frame, Step

_HEARD = frozenset({"talk", "stream", "connect"})
_OURS = ("eventUrl", "eventMethod", "eventType", "bargeIn")


def tail_actions(flow: Flow, step: Step, frame: Frame, failsafe: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The talk, stream and connect actions of the step's `error` exit, or of the failsafe NCCO without one.

    They ask for no webhook, since they are only played when webhooks fail.
    """
    target = step.error or flow.error
    if target is None or target.step is None or target.step == step.name:
        return _plain(failsafe)
    try:
        return _plain(_actions_from(flow, target.step, Frame(frame.names)))
    except RenderError:
        return _plain(failsafe)


def _actions_from(flow: Flow, name: str, frame: Frame) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = []
    entered: set[str] = set()
    target: str | None = name
    while target is not None and target not in entered:
        entered.add(target)
        step = flow.steps[target]
        actions.extend(draft.action for part in step.parts for draft in part.render(frame))
        jump = step.exit.enter(frame)
        target = jump.target.step if jump else None
    return actions


def _plain(actions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in action.items() if key not in _OURS}
        for action in actions
        if action.get("action") in _HEARD
    ]
