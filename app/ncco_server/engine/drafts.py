"""Renders the actions of a step, and the tail after its `input`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ncco_server.engine.session import OpenWait
from ncco_server.engine.waits import kind_of
from ncco_server.flow.action import AGENT, ORDERING
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Draft, Frame
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import Again, Exit, Jump
from ncco_server.ncco import RECORD_ENDS, is_open_ended

_IN_TAIL: Final = frozenset({"talk", "stream", "connect"})
_NOT_IN_TAIL: Final = frozenset({"eventUrl", "eventMethod", "eventType", "bargeIn"})
"""They need a webhook or a following `input`."""
_PASSED_OVER: Final = frozenset({"notify", "record"})
"""Left out of an NCCO without webhooks, unless the call's way depends on them."""


class DependsOnCall(Exception):
    """The actions cannot be precomputed."""


class EveryCall:
    """A frame without a call: values that differ between calls are None. Its methods raise DependsOnCall."""

    def render(self, parts: Iterable[Part]) -> list[Draft]:
        drafts = []
        for part in parts:
            if len(part.actions) != 1 or any(target.depends_on_call for target in part.targets):
                raise DependsOnCall("which actions are played, and who is rung")
            (action,) = part.actions
            if not ORDERING.isdisjoint(action.computed):
                raise DependsOnCall("how the actions are ordered")
            drafts.append(Draft(action.constant, action.callback, computed=action.computed))
        return drafts

    def enter(self, leave: Exit) -> Jump | None:
        """None if a webhook decides."""
        if (leave.leaves_at_once or leave.is_early) and any(leave.reads()):
            raise DependsOnCall("where the step leads")
        return leave.enter(Frame({})) if leave.leaves_at_once else None


EVERY_CALL: Final = EveryCall()


def drafts_of(step: Step, again: Again, frame: Frame | EveryCall) -> list[Draft]:
    """The prompts of `again`, then the whole step, or without `reprompt` only what the step waits for."""
    drafts = frame.render(step.parts)
    if not again.reprompt:
        callbacks = [draft.callback for draft in drafts]
        drafts = drafts[next((index for index, each in enumerate(callbacks) if each and each.steers), 0) :]
    return frame.render(again.prompts) + drafts


def asks(draft: Draft) -> bool:
    return draft.callback is not None and kind_of(draft.callback).asks


def are_open_ended(drafts: Iterable[Draft]) -> bool:
    return any(is_open_ended(draft.action) for draft in drafts)


def wait_for(draft: Draft, index: int, step: Step, flow: str) -> OpenWait | None:
    """None if the action has no webhook."""
    callback = draft.callback
    if callback is None:
        return None
    return OpenWait(
        index,
        callback.kind,
        callback.name,
        step.name,
        callback.steers,
        callback.sensitive,
        flow,
        limit_s=callback.limit_s,
        reply=draft.reply,
    )


def tail_of(flow: Flow, step: Step, frame: Frame | EveryCall) -> list[Draft] | None:
    """What the `error` exit of a step plays, if webhooks fail, before it needs the next webhook.

    None stands for the failsafe NCCO: also if the exit leads to another flow, unless that flow plays the same in all
    calls.
    """
    target = step.error or flow.error
    if target is None or target.step == step.name:
        return None
    if target.runs is not None:
        runs = flow.subs.get(target.runs.flow)  # empty in flows that a call did not begin in
        return None if runs is None else _tail_in(runs)
    return None if target.step is None else _as_tail(_played_from(flow, target.step, frame))


def _tail_in(flow: Flow) -> list[Draft] | None:
    if flow.handler is not None:
        return None
    try:
        drafts = _played_from(flow, flow.start, EVERY_CALL)
    except DependsOnCall:
        return None
    is_constant = all(draft.action.get("action") in _IN_TAIL and not draft.computed for draft in drafts)
    return _as_tail(drafts) if drafts and is_constant else None


def _played_from(flow: Flow, start: str, frame: Frame | EveryCall) -> list[Draft]:
    drafts: list[Draft] = []
    entered: set[str] = set()
    name: str | None = start
    while name is not None and name not in entered:
        entered.add(name)
        step = flow.steps[name]
        jump = frame.enter(step.exit) if step.exit.is_early else None
        if jump is None:
            drafts += frame.render(step.parts)
            jump = frame.enter(step.exit)
        name = jump.target.step if jump else None
    return drafts


def failsafe_tail(failsafe: Iterable[Mapping[str, Any]]) -> list[Draft]:
    return _as_tail(Draft(dict(action), computed={}) for action in failsafe)


def without_webhooks(ncco: Iterable[Mapping[str, Any]], callbacks: Mapping[str, bool]) -> list[dict[str, Any]]:
    """The beginning of an NCCO, up to the prompts for the first action that needs a webhook of ours.

    `callbacks` maps each callback URL to whether its webhook decides how the call continues.
    """
    kept: list[dict[str, Any]] = []
    for action in ncco:
        kind = action["action"]
        decides = any(callbacks.get(url, False) for url in action.get("eventUrl", ()))
        if kind in _IN_TAIL:
            (hears,) = [each.get("onAnswer") for each in action.get("endpoint", [{}])]
            kept.append(_plain(action, is_heard=hears is not None and hears.get("url") in callbacks))
        elif kind not in _PASSED_OVER or decides or not action.keys().isdisjoint(RECORD_ENDS):
            while kept and kept[-1]["action"] != "connect":
                kept.pop()
            break
    return kept


def _plain(action: Mapping[str, Any], *, is_heard: bool) -> dict[str, Any]:
    """`is_heard`: the called party would hear a flow of ours."""
    plain = {name: value for name, value in action.items() if name not in _NOT_IN_TAIL}
    if is_heard:  # the URL of `onAnswer` would lead to a server that does not respond
        (endpoint,) = plain["endpoint"]
        plain["endpoint"] = [{name: value for name, value in endpoint.items() if name != "onAnswer"}]
    return plain


def _as_tail(drafts: Iterable[Draft]) -> list[Draft]:
    """Leave out an agent: without webhooks, it cannot hand the caller back."""
    playable = [draft for draft in drafts if draft.action.get("action") in _IN_TAIL]
    kept = [draft for draft in playable if draft.callback is None or draft.callback.name != AGENT]
    for draft in kept:
        draft.action = _plain(draft.action, is_heard=draft.heard is not None)
        if draft.computed is not None:
            draft.computed = {name: value for name, value in draft.computed.items() if name in draft.action}
        draft.callback = draft.heard = None
    return kept
