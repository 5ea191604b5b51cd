"""What a caller can hear while no server answers: the actions of an `error` exit that need no webhook."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from app.engine.scope import NOTHING_HEARD, new_scope
from app.errors import RenderError
from app.flow.model import Draft, Flow, Frame, Runs, Step, Target
from app.ncco import check

_OURS: Final = ("eventUrl", "eventMethod", "eventType")
_RECORDED: Final = ("record", "transcription")
_ASKS: Final = frozenset({"input", "notify", "record"})
"""Actions that do nothing without a webhook."""
_WAITS_FOR_MESSAGE: Final = ("endOnSilence", "endOnKey", "timeOut")
"""Options that make a `record` wait for what the caller says. Source: NCCO reference, Record."""


class Offline(NamedTuple):
    """The actions that can be played without a server, as plain JSON; none, with the reason, if there are none."""

    actions: tuple[dict[str, Any], ...]
    because: str = ""


class _NeedsServer(Exception):
    """The actions need a server that answers."""


class _Unknown(dict[str, Any]):
    """What is known of `call` before anybody calls."""

    def __missing__(self, name: str) -> Any:
        raise RenderError("E391", f"call.{name} is not known before somebody calls")


def play_offline(flow: Flow, to: str = "", *, dial_allow: tuple[str, ...] = (), own_url: str = "") -> Offline:
    """What the error exit of a flow plays, as far as it is the same for every caller at any time.

    Nothing is played of an exit that asks the caller for something, records a message for this server, or depends on
    who calls, on the time, or on `env`: what it says must make sense to the end. Lookups have their defaults.

    Args:
        flow: the flow that calls start in.
        to: the number that was called; "" when it may be any.
        dial_allow: prefixes that a computed number may have.
        own_url: where callback URLs to this server start; "" when only those count that a flow does not write.
    """
    start = flow.steps[flow.start]
    target = start.error or flow.error
    if target is None:
        return Offline((), "it has no `error` exit")
    try:
        drafts = list(_OfflineCall(flow, to, dial_allow).drafts(target))
        return _sound([action for draft in drafts if (action := _without_us(draft, own_url)) is not None])
    except _NeedsServer as reason:
        return Offline((), str(reason))
    except RenderError as error:
        return Offline((), f"what it says differs from call to call: {error}")


def keep_offline(ncco: Iterable[Mapping[str, Any]], own_url: str = "") -> Offline:
    """What of an NCCO that no flow has made can be played without a server, such as the failsafe NCCO."""
    try:
        drafts = [Draft(dict(action)) for action in ncco]
        return _sound([action for draft in drafts if (action := _without_us(draft, own_url)) is not None])
    except _NeedsServer as reason:
        return Offline((), str(reason))


class _OfflineCall:
    """Walks from step to step like a call whose first NCCO failed."""

    def __init__(self, flow: Flow, to: str, dial_allow: tuple[str, ...]) -> None:
        self._root = self._flow = flow
        self._scope = new_scope(flow, {})
        self._call = _Unknown(
            {"uuid": ""} | ({"to": to} if to else {})
        )  # a checkpoint, which is left out, names the leg
        self._locale = ""
        self._dial_allow = dial_allow

    def drafts(self, target: Target) -> Iterator[Draft]:
        """What is played from `target` on. Raises RenderError, _NeedsServer."""
        following: Target | None = target
        while following is not None:
            step = self._enter(following)
            if step is None:
                return
            following = yield from self._play(step)

    def _play(self, step: Step) -> Generator[Draft, None, Target | None]:
        """What a step plays; then where it leads."""
        frame = Frame(self._names(), may_dial=self._may_dial)
        if step.exit.word == "hold":
            raise _NeedsServer(f'the step "{step.name}" holds the caller until the server says so')
        jump = step.exit.enter(frame) if step.exit.is_early else None
        if jump is None:
            for draft in (draft for part in step.parts for draft in part.render(frame)):
                if draft.dials and not self._may_dial(draft.dials):
                    raise _NeedsServer(f"it dials {draft.dials}, which has no prefix of NCCO_DIAL_ALLOW")
                yield draft
            jump = None if step.exit.is_early else step.exit.enter(frame)
        return jump.target if jump is not None else None

    def _enter(self, target: Target) -> Step | None:
        """The step that a target leads to; None: the call ends."""
        if target.runs is not None:
            return self._run(target.runs)
        return self._step(target.step) if target.step is not None else None

    def _run(self, runs: Runs) -> Step:
        if runs.comes_back:
            raise _NeedsServer(f"it waits for the outcome of the flow {runs.flow}")
        given = {each.name: each.value.render(self._names()) for each in runs.given}
        self._flow = self._root.named(runs.flow)
        self._scope = new_scope(self._flow, given)
        return self._step(self._flow.start)

    def _step(self, name: str) -> Step:
        """A step with its variables set. No step is entered twice: a loaded flow has no cycle without input."""
        step = self._flow.steps[name]
        for assignment in step.sets:
            self._assign(assignment.name, assignment.value.render(self._names()))
        return step

    def _assign(self, name: str, value: Any) -> None:
        if name == "locale":
            self._locale = str(value)
        else:
            self._scope = self._scope.with_variable(name, value)

    def _names(self) -> dict[str, Any]:
        """What is known without a call: no `env`, which may hold secrets, no time, and of the caller nothing."""
        known = {"call": self._call, "input": NOTHING_HEARD, "locale": self._flow.locale_for(self._locale)}
        return self._scope.names(known)

    def _may_dial(self, number: str) -> bool:
        return bool(number) and number.startswith(self._dial_allow or ("\0",))


def _without_us(draft: Draft, own_url: str) -> dict[str, Any] | None:
    """An action that calls no webhook of ours; None for one that is left out. Raises _NeedsServer."""
    action = dict(draft.action)
    kind = action["action"]
    if draft.heard is not None:  # nobody answers what the other party would hear
        (endpoint,) = action["endpoint"]
        action["endpoint"] = [{name: value for name, value in endpoint.items() if name != "onAnswer"}]
    if not _calls_us(draft, own_url):
        return action
    if kind == "input":
        raise _NeedsServer("it asks the caller for something")
    if kind == "record" and any(action.get(name) is not None for name in _WAITS_FOR_MESSAGE):
        raise _NeedsServer("it records a message, and sends it to this server")
    taken = _RECORDED if kind == "conversation" else ()
    return None if kind in _ASKS else {name: value for name, value in action.items() if name not in (*_OURS, *taken)}


def _calls_us(draft: Draft, own_url: str) -> bool:
    """Whether its webhooks go to this server, or nowhere."""
    url = str(next(iter(draft.action.get("eventUrl") or ()), ""))
    is_nowhere = not url and draft.action["action"] in _ASKS
    return draft.callback is not None or is_nowhere or bool(own_url and url.startswith(f"{own_url}/"))


def _sound(actions: list[dict[str, Any]]) -> Offline:
    """The actions, unless Vonage would refuse them or they say nothing."""
    if not any(action["action"] == "input" for action in actions):  # which a `bargeIn` must be followed by
        for action in actions:
            action.pop("bargeIn", None)
    faults = [issue for issue in check(actions) if issue.severity == "error"]
    if faults:
        return Offline((), f"without its webhooks it is not a valid NCCO: {faults[0].message}")
    return Offline(tuple(actions)) if actions else Offline((), "it says nothing")
