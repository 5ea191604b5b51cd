"""The handlers that a call is in during a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ncco_server.engine.flow_scope import FlowScope
from ncco_server.engine.secrets import NOT_SHOWN, TurnSecrets
from ncco_server.engine.session import NOTHING, TurnContext
from ncco_server.errors import RenderError
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import AWAITED, RECORDED, Handling, PlayedHandler
from ncco_server.flow.templates.filters import MAX_TEXT


def _handling_of(flow: Flow) -> Handling:
    handling = flow.handler
    assert handling is not None  # noqa: S101 - asked for the flows of handlers only
    return handling


class BegunHandler(NamedTuple):
    """A handler at its first wait, or at its first error.

    Attributes:
        known: the sensitive values of the turn by token, which are added when they come.
        is_compilable: whether the handler has got to its first wait, and logged nothing.
    """

    playback: PlayedHandler
    known: dict[str, str]
    is_compilable: bool


def begun_handler(flow: Flow, session_id: str, call: Mapping[str, Any], context: TurnContext) -> BegunHandler:
    handling = _handling_of(flow)
    params = {name: flow.variables[name].default for name in flow.params}
    known: dict[str, str] = {}
    calendars = flow.calendars_with(context.by_hand)
    mask = partial(context.mask, session_id)
    playback = handling.playback(call, context.env, params, known, context.keys, calendars=calendars, mask=mask)
    try:
        playback.play(handling.begun(context.now))
    except RenderError:
        return BegunHandler(playback, known, is_compilable=False)
    return BegunHandler(playback, known, is_compilable=not playback.logged(context.now))


class Playbacks:
    """Each handler is run again, with the recorded results, when the turn first needs it. Methods raise RenderError."""

    def __init__(self, call: Mapping[str, Any], context: TurnContext, secrets: TurnSecrets) -> None:
        self._call = call
        self._context = context
        self._secrets = secrets
        self._played: dict[str, PlayedHandler] = {}
        self._known: dict[str, str] = {}

    def at(self, scope: FlowScope) -> PlayedHandler:
        """Refuse a handler that says a sensitive value. Its call's numbers are stored anyway, so they are none."""
        playback = self._played_to(scope)
        said = (text for text in playback.computed if text not in self._call.values()) if self._known else ()
        if any(map(self._secrets.are_in, said)):
            message = "the handler says a sensitive value, which would be stored: give it to a function only"
            raise RenderError("R110", message, str(scope.flow.place), frozenset())
        return playback

    def _played_to(self, scope: FlowScope) -> PlayedHandler:
        recorded = scope.variables[RECORDED]
        playback = self._played.get(scope.flow.name)
        if playback is None or not playback.follows(recorded):
            playback = self._played[scope.flow.name] = self._new(scope)
        playback.play(recorded, scope.variables.get(AWAITED, ()))
        return playback

    def _new(self, scope: FlowScope) -> PlayedHandler:
        params = {name: self._param_of(scope, name) for name in scope.flow.params}
        context = self._context
        calendars = scope.flow.calendars_with(context.by_hand)
        return _handling_of(scope.flow).playback(
            self._call, context.env, params, self._known, context.keys, calendars=calendars, mask=self._secrets.mask
        )

    def _param_of(self, scope: FlowScope, name: str) -> Any:
        """A sensitive param is its token, unless it is the default, which is public."""
        if name not in scope.variables:
            return scope.tokens[name]
        value = scope.variables[name]
        declared = scope.flow.variables[name]
        return self.token_of(value) if declared.sensitive and value != declared.default else value

    def token_of(self, secret: str) -> str:
        self._secrets.learn(secret)
        token = self._secrets.mask(secret)
        self._known[token] = secret
        return token

    @property
    def logged(self) -> Iterator[str]:
        for playback in self._played.values():
            for line in playback.logged(self._context.now):
                yield NOT_SHOWN if self._secrets.are_in(line) else line[:MAX_TEXT]

    def values(self, flow: str) -> Mapping[str, Any]:
        """What the latest steps of the handler say; empty before it is played."""
        return self._played[flow].values if flow in self._played else NOTHING

    def played_step(self, scope: FlowScope, name: str) -> Step | None:
        """A step that the call was in; None if the handler does not get there anymore."""
        recorded = scope.variables[RECORDED]
        playback = self._new(scope)
        with suppress(RenderError):
            for number, _ in enumerate(recorded, 1):
                playback.play(recorded[:number])
                step: Step | None = playback.step(name)
                if step is not None and step.name == name:
                    return step
        return None

    def begun(self, scope: FlowScope, handler: BegunHandler | None) -> FlowScope:
        """The scope after the handler's start, which it may have behind it."""
        if handler is not None:
            self._played[scope.flow.name] = handler.playback
            self._known = handler.known
        if scope.variables[RECORDED]:
            return scope
        begun = _handling_of(scope.flow).begun(self._context.now) if handler is None else handler.playback.recorded
        return scope.with_variable(RECORDED, begun)

    def recorded(self, scope: FlowScope, value: Any, problem: str) -> FlowScope:
        item = self._played_to(scope).item(value, problem, self._context.now)
        return scope.with_variable(RECORDED, [*scope.variables[RECORDED], item])

    def returned(self, scope: FlowScope, outcome: str, values: Mapping[str, Any]) -> FlowScope:
        """The scope with the outcome of the flow that the handler has run, and with the values that it takes."""
        taken = self._played_to(scope).returns
        if taken is None:
            return self.recorded(scope, outcome, "")
        found = {name: values[name] for name in taken if name in values}
        kept = {name: self.token_of(str(each)) if taken[name].sensitive else each for name, each in found.items()}
        return self.recorded(scope, [outcome, kept], "")

    def awaiting(self, scope: FlowScope) -> FlowScope:
        playback = self._played.get(scope.flow.name)
        if playback is None or len(playback.recorded) != len(scope.variables[RECORDED]):
            return scope
        return scope.with_variable(AWAITED, playback.awaited)
