"""What stands behind an `input`: Vonage plays it when neither this server nor the fallback answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from app.errors import RenderError
from app.flow.model import Draft, Flow, Frame, Laid, Step, Target

_HEARD = frozenset({"talk", "stream", "connect"})
_OURS = ("eventUrl", "eventMethod", "eventType", "bargeIn")


class Origin(NamedTuple):
    """A step that may fail, in its flow, and what its flow may look at."""

    flow: Flow
    step: Step
    frame: Frame

    @property
    def error(self) -> Target | None:
        """Where it leads when it fails."""
        return self.step.error or self.flow.error


def tail_drafts(origins: Iterable[Origin], failsafe: Iterable[Mapping[str, Any]]) -> list[Draft]:
    """The talk, stream and connect actions of an `error` exit, or of the failsafe NCCO without one.

    They ask for no webhook, since they are only played when webhooks fail.

    Args:
        origins: the step that asks, then those that wait until its flow comes back, the innermost first: the first one
            with an error exit decides.
        failsafe: the failsafe NCCO.
    """
    origin = next((origin for origin in origins if origin.error is not None), None)
    start = _first_step(origin.flow, origin.step) if origin is not None else None
    if origin is None or start is None:
        return failsafe_drafts(failsafe)
    try:
        return _plain(_drafts_from(origin.flow, start, origin.frame._replace(position=0)))
    except RenderError:
        return failsafe_drafts(failsafe)


def lay_out_tail(flow: Flow, step: Step) -> list[Laid] | None:
    """The same actions, laid out once for all calls; None when only a call can tell them."""
    name, found, entered = _first_step(flow, step), list[Laid](), set[str]()
    if name is None:
        return None
    while name is not None and name not in entered:
        entered.add(name)
        behind = flow.steps[name]
        laid = lay_out(behind)
        if laid is None:
            return None
        found.extend(laid)
        jump = behind.exit.enter(Frame({}))
        name = jump.target.step if jump else None
    return [_laid_plain(laid) for laid in found if laid.ready["action"] in _HEARD]


def lay_out(step: Step) -> list[Laid] | None:
    """What a step plays on entering, laid out once for all calls; None when it or its exit differ from call to call."""
    laid = [part.laid_out() for part in step.parts] if step.exit.is_steady else [None]
    return None if None in laid else [each for each in laid if each is not None]


def _laid_plain(laid: Laid) -> Laid:
    ready = {name: value for name, value in laid.ready.items() if name not in _OURS}
    computed = tuple((name, value) for name, value in laid.computed if name not in _OURS)
    return Laid(ready, computed, None, -abs(laid.shape))


def _first_step(flow: Flow, step: Step) -> str | None:
    """The step that the `error` exit leads to; None: the failsafe NCCO stands behind the `input`."""
    target = step.error or flow.error
    return None if target is None or target.step == step.name else target.step  # another flow is not played there


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


def failsafe_drafts(failsafe: Iterable[Mapping[str, Any]]) -> list[Draft]:
    """The failsafe NCCO as it stands behind an `input`."""
    return _plain([Draft(dict(action)) for action in failsafe])


def _plain(drafts: list[Draft]) -> list[Draft]:
    heard = [draft for draft in drafts if draft.action.get("action") in _HEARD]
    for draft in heard:
        for name in _OURS:
            draft.action.pop(name, None)
        if draft.heard is not None:  # nobody asks for what the other party would hear
            (endpoint,) = draft.action["endpoint"]
            draft.action["endpoint"] = [{name: value for name, value in endpoint.items() if name != "onAnswer"}]
        draft.callback = draft.heard = None
        draft.shape = -abs(draft.shape)
    return heard
