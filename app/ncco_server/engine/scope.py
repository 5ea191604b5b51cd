"""The flows that a call is in during a turn, and the names that values can use there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from ncco_server.engine.flow_scope import FlowScope, new_scope, scopes_of
from ncco_server.engine.playbacks import BegunHandler, Playbacks
from ncco_server.engine.records import NOTHING_HEARD, call_record
from ncco_server.engine.secrets import NOT_SHOWN, TurnSecrets, masked, values_at
from ncco_server.engine.session import Level, Observer, Session, StoredAnswer, TurnContext
from ncco_server.engine.waits import kind_of
from ncco_server.errors import RenderError
from ncco_server.flow.action import AGENT
from ncco_server.flow.frame import Runs, Target
from ncco_server.flow.language.lookups import AskedLookup
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import PlayedHandler
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.values import Names

OBSERVER_LIMIT = 50
"""Our choice."""
LEVEL_LIMIT = 20
"""Only a bug can reach it, because the loader refuses recursion."""


class Scopes:
    """The flows that a call is in during a turn, and the names for values in the innermost one.

    `locale`, `heard` and `entered_at` are as in `Session`; `answers` are those of all lookups, in order, masked for the
    store.
    """

    def __init__(
        self,
        root: Flow,
        before: Session,
        context: TurnContext,
        budget: Budget,
        call: Mapping[str, Any] | None = None,
    ) -> None:
        """`call` is its record, if it is known already."""
        self._root = root
        self._context = context
        self._budget = budget
        self._call = call or call_record(before.call)
        self.locale = before.locale
        self.heard: Mapping[str, Any] = before.heard or NOTHING_HEARD
        self.entered_at = context.now
        self.answers: list[StoredAnswer] = []
        self.returned: Mapping[str, Any] = {}
        self._names: Names
        self._names_of: tuple[Any, ...] = (None, None, None, None)
        self.secrets = TurnSecrets(before.id, context)
        self._playbacks = Playbacks(self._call, context, self.secrets)
        self._set(scopes_of(root, before, context.cipher))
        for scope in self._scopes:
            if scope.secrets:
                self.secrets.learn([scope.variables[name] for name in scope.secrets])

    def _set(self, scopes: tuple[FlowScope, ...]) -> None:
        self._scopes = scopes
        self._scope = scopes[-1]
        self.flow = self._scope.flow

    def _change(self, scope: FlowScope) -> None:
        self._scopes = (*self._scopes[:-1], scope)
        self._scope = scope

    @property
    def is_outermost(self) -> bool:
        return len(self._scopes) == 1

    @property
    def state(self) -> tuple[tuple[FlowScope, ...], str]:
        return self._scopes, self.locale

    def restore(self, state: tuple[tuple[FlowScope, ...], str]) -> None:
        scopes, self.locale = state
        self._set(scopes)

    def use(self, flow: str) -> None:
        """Compute values in this flow. If the call has left it, they are the defaults."""
        name = flow or self._root.name
        known = [scope for scope in self._scopes if scope.flow.name == name]
        self._scope = known[-1] if known else new_scope(self._root.named(name), {})
        self.flow = self._scope.flow

    def names(self, now: datetime | None = None, heard: Mapping[str, Any] | None = None) -> Names:
        """Cached until a value changes; callers must not modify them.

        By default, `now` is when the step was entered, and `heard` the input before that.
        """
        now = now or self.entered_at
        heard = self.heard if heard is None else heard
        scope, known, locale, moment = self._names_of
        if scope is not self._scope or known is not heard or locale != self.locale or moment != now:
            self._names_of = self._scope, heard, self.locale, now
            self._names = self._names_in(self._scope, now, heard)
            if self.flow.handler is not None:
                self._names.update(self._playbacks.values(self.flow.name))
        return self._names

    def _names_in(self, scope: FlowScope, now: datetime, heard: Mapping[str, Any]) -> Names:
        return scope.names(
            self._call,
            heard,
            self._context.env,
            now=now,
            locale=self.locale,
            budget=self._budget,
            calendars=scope.flow.calendars_with(self._context.by_hand),
            numbers=self._root.numbers,
        )

    def step_of(self, name: str) -> Step:
        """In a handler, the step that it waits in. Raises RenderError."""
        flow = self._scope.flow
        step = None if flow.handler is None else self.playback.step(name)
        return flow.steps[name] if step is None else step

    @property
    def playback(self) -> PlayedHandler:
        """Of the handler that the call is in. Raises RenderError."""
        return self._playbacks.at(self._scope)

    def handler_step(self, name: str) -> Step | None:
        """None if the handler must call a function first, or fails."""
        self.begin_handler()
        try:
            step: Step | None = self.playback.step(name)
        except RenderError:
            return None
        return step

    def _step_in(self, scope: FlowScope, name: str) -> Step:
        """A step that does nothing if a handler does not get there anymore."""
        if scope.flow.handler is not None:
            with suppress(RenderError):
                step = self._playbacks.at(scope).step(name)
                return scope.flow.steps[name] if step is None else step
            return scope.flow.steps[""]
        return scope.flow.steps[name]

    def played_step(self, name: str) -> Step | None:
        """A step that the call was in; None if there is none, or a handler does not get there anymore."""
        flow = self._scope.flow
        if flow.handler is None or name in flow.steps:
            return flow.steps.get(name)
        return self._playbacks.played_step(self._scope, name)

    @property
    def logged(self) -> Iterator[str]:
        return self._playbacks.logged

    def begin_handler(self, handler: BegunHandler | None = None) -> None:
        """Do nothing if the call has come to a handler before."""
        if self.flow.handler is not None:
            self._change(self._playbacks.begun(self._scope, handler))

    def record(self, value: Any, problem: str = "", *, sensitive: bool = False) -> None:
        """Raises RenderError."""
        if sensitive and value is not None:
            value = self._playbacks.token_of(value)
        self._change(self._playbacks.recorded(self._scope, value, problem))

    def record_outcome(self, outcome: str, values: Mapping[str, Any]) -> None:
        """Of a flow that a handler has run. Raises RenderError."""
        self._change(self._playbacks.returned(self._scope, outcome, values))

    def record_row(self, lookup: AskedLookup, answer: Mapping[str, Any], problem: str) -> str:
        """Record what a handler has read; return why it is only a default. Raises RenderError."""
        secrets = lookup.definition.returns.secrets
        if not problem:
            self.secrets.learn([*values_at(answer, secrets)])
        known, why = self._redacted(lookup, answer, problem)
        if why:
            self.note_answer(lookup.name, {"ok": False})
            self.record(None)
            return why
        kept = masked(known, secrets, self._playbacks.token_of)
        self.note_answer(lookup.name, kept)
        self.record({name: value for name, value in kept.items() if name != "ok"})
        return ""

    def waiting(self) -> Iterator[tuple[Flow, Step, Names]]:
        """Innermost first."""
        for scope in reversed(self._scopes[:-1]):
            yield scope.flow, self._step_in(scope, scope.step), self._names_in(scope, self.entered_at, self.heard)

    def assign(self, name: str, value: Any, *, is_literal: bool = False) -> None:
        """`is_literal`: the value is written in the flow."""
        if name == "locale":
            self.locale = str(value)
            return
        self._change(self._scope.with_variable(name, value))
        if name in self._scope.secrets and not is_literal:
            self.secrets.learn(value)

    def give(self, params: Mapping[str, Any]) -> None:
        for name, value in params.items():
            self.assign(name, value, is_literal=value == self.flow.variables[name].default)

    def keep(self, read: list[tuple[AskedLookup, Mapping[str, Any], str]]) -> list[str]:
        """Put the answers of lookups into scope; return why each is only a default, "" for a real answer.

        Their sensitive values are collected first: wherever an answer repeats one, it gets a token.
        """
        for lookup, answer, problem in read:
            if not problem:
                self.secrets.learn([*values_at(answer, self.flow.sensitive_paths.get(lookup.name, ()))])
        problems = []
        for lookup, answer, problem in read:
            known, why = self._redacted(lookup, answer, problem)
            self._change(self._scope.with_answer(lookup.name, known))
            problems.append(why)
        return problems

    def keep_handed_back(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put what an agent handed back into scope, with tokens wherever it repeats a sensitive value.

        The values of the flow's other agents stay.
        """
        redact = self.secrets.redactor()
        known: Mapping[str, Any] = answer if redact is None else redact(answer)
        before = {**self.flow.default_answers.get(AGENT, {}), **self._scope.lookups.get(AGENT, {})}
        self._change(self._scope.with_answer(AGENT, {**before, **known}))
        return known

    def _redacted(self, lookup: AskedLookup, answer: Mapping[str, Any], problem: str) -> tuple[Mapping[str, Any], str]:
        if problem or not self.secrets:
            return answer, problem
        return lookup.definition.redact(answer, self.secrets, self.secrets.mask)

    def note_answer(self, name: str, value: Mapping[str, Any] | None = None) -> None:
        """Store an answer; by default, the one in scope."""
        answer = self._scope.masked(name, self.secrets.mask) if value is None else value
        self.answers.append(StoredAnswer(self.flow.name, name, answer))

    def begin(self, runs: Runs, step: str) -> None:
        """Start another flow; the current one waits in `step`, or is left for good. Raises RenderError."""
        names = self.names()
        given = {assignment.name: assignment.value.render(names) for assignment in runs.given}
        sub = new_scope(self._root.named(runs.flow), given)
        self.secrets.learn([given[name] for name in sub.secrets])
        if not runs.comes_back:
            self._set((sub,))
        elif len(self._scopes) < LEVEL_LIMIT:
            self._set((*self._scopes[:-1], self._scope._replace(step=step), sub))
        else:
            raise RenderError("R103", f"more than {LEVEL_LIMIT} flows wait for each other", runs.flow)

    def come_back(self, target: Target) -> Step:
        """Raises RenderError."""
        names = self.names()
        self.returned = {assignment.name: assignment.value.render(names) for assignment in target.sets}
        step = self.leave()
        if self.flow.handler is not None:  # it gets them as a result, and its arguments stay
            return step
        for name, value in self.returned.items():
            if (variable := self.flow.variables.get(name)) is not None:
                is_time = variable.type.is_timed and value != ""
                self.assign(name, variable.type.cast(value) if is_time else value)  # in the time zone of this flow
        return step

    def leave(self) -> Step:
        *outer, scope = self._scopes[:-1]
        self._set((*outer, scope._replace(step="")))
        return self._step_in(scope, scope.step)

    def leave_all(self, params: Mapping[str, Any]) -> None:
        """If the call has left the flow in which it began, that flow begins again with these params."""
        outermost = self._scopes[0]
        if outermost.flow is self._root:
            self._set((outermost._replace(step=""),))
        else:
            self._set((new_scope(self._root, {}),))
            self.give(params)

    def shown(self, error: RenderError) -> str:
        """`NOT_SHOWN` if the message may quote a sensitive value."""
        secrets = {name for scope in self._scopes for name in scope.secret_names}
        is_hidden = bool(secrets) if error.reads is None else not secrets.isdisjoint(error.reads)
        return NOT_SHOWN if is_hidden or self.secrets.are_in(str(error)) else str(error)

    def kept(self) -> list[Level]:
        return [
            Level(scope.flow.name, scope.step, scope.kept(self.secrets), scope.kept_lookups(self.secrets.mask))
            for scope in map(self._playbacks.awaiting, self._scopes)
        ]


def observers(root: Flow, before: Session) -> tuple[Observer, ...]:
    """Oldest first."""
    observed = list(before.observers)
    for wait in before.waits:
        if not kind_of(wait).is_observed:
            continue
        flow = root.named(wait.flow)
        if flow.events or flow.steps[wait.step].events:
            observed.append(Observer(before.turn, wait.index, wait.flow, wait.step))
    return tuple(observed[-OBSERVER_LIMIT:])
