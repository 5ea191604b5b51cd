"""What stands behind an `input`: Vonage plays it when neither this server nor the fallback answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import RenderError
from app.flow.model import Draft, Flow, Frame, Step

_HEARD = frozenset({"talk", "stream", "connect"})
_OURS = ("eventUrl", "eventMethod", "eventType", "bargeIn")


def tail_drafts(flow: Flow, step: Step, frame: Frame, failsafe: Iterable[Mapping[str, Any]]) -> list[Draft]:
    """The talk, stream and connect actions of the step's `error` exit, or of the failsafe NCCO without one.

    They ask for no webhook, since they are only played when webhooks fail.
    """
    target = step.error or flow.error
    if target is None or target.step is None or target.step == step.name:
        return _from_failsafe(failsafe)
    try:
        return _plain(_drafts_from(flow, target.step, Frame(frame.names)))
    except RenderError:
        return _from_failsafe(failsafe)


def _drafts_from(flow: Flow, name: str, frame: Frame) -> list[Draft]:
    drafts: list[Draft] = []
    entered: set[str] = set()
    target: str | None = name
    while target is not None and target not in entered:
        entered.add(target)
        step = flow.steps[target]
        drafts.extend(draft for part in step.parts for draft in part.render(frame))
        jump = step.exit.enter(frame)
        target = jump.target.step if jump else None
    return drafts


def _from_failsafe(failsafe: Iterable[Mapping[str, Any]]) -> list[Draft]:
    return _plain([Draft(dict(action)) for action in failsafe])


def _plain(drafts: list[Draft]) -> list[Draft]:
    heard = [draft for draft in drafts if draft.action.get("action") in _HEARD]
    for draft in heard:
        for name in _OURS:
            draft.action.pop(name, None)
        draft.callback = None
        draft.shape = -abs(draft.shape)
    return heard
