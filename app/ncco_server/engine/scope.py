"""The names that values can use during a turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from ncco_server.engine.secrets import Secrets, masked, values_at, without
from ncco_server.engine.session import NOTHING, CallData, Cipher, Level, Observer, Session, StoredAnswer, TurnContext
from ncco_server.errors import RenderError
from ncco_server.flow.frame import Runs, Target
from ncco_server.flow.grammar.values import OUR_NUMBERS
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.paths import written
from ncco_server.flow.runtime import Handling, Outcome, PlayedHandler
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.values import Names
from ncco_server.value_types import ANY, is_withheld

if TYPE_CHECKING:  # loaded with the flows that use them
    from ncco_server.flow.language.lookups import AskedLookup

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}

_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
"""Source: ITU-T E.164 (15 digits at most); the minimum is our choice."""


def _number(text: str) -> str:
    """A number that can be called back; "" if it is withheld, a SIP address, or another name."""
    return text if _NUMBER.fullmatch(text) and not is_withheld(text) else ""


def person_of(call: CallData) -> str:
    """Return "" if the number is withheld or not a phone number."""
    return _number(call.to if call.direction == "outbound" else call.from_number)


def call_record(call: CallData) -> dict[str, Any]:
    person = person_of(call)
    caller = person if call.direction != "outbound" else _number(call.from_number)
    return {
        "to": call.to,
        "from": call.from_number,
        "person": person,
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
        "request": call.request,
        "is_hidden": not caller,
    }


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """A sensitive value is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}


Hide: TypeAlias = Callable[[Variable, Any], str]

OBSERVER_LIMIT = 50
"""Our choice."""


class FlowScope(NamedTuple):
    """The variables and lookups of a call in one flow; immutable.

    Attributes:
        variables: without those in `tokens`.
        step: the step that runs another flow; "" in the flow that the call is in now.
        secrets: the sensitive variables assigned in this turn.
        tokens: of those assigned in earlier turns, invisible to flows.
        hidden: the stored answers, with tokens, of earlier lookups with sensitive fields, invisible to flows.
    """

    flow: Flow
    variables: Mapping[str, Any]
    lookups: Mapping[str, Any]
    step: str = ""
    secrets: frozenset[str] = frozenset()
    tokens: Mapping[str, Any] = NOTHING
    asked: frozenset[str] = frozenset()
    hidden: Mapping[str, Mapping[str, Any]] = NOTHING

    def __repr__(self) -> str:
        """Values may be sensitive."""
        return f"<scope of {self.flow.name}>"

    def names(
        self,
        call: Mapping[str, Any],
        heard: Mapping[str, Any],
        env: Mapping[str, str],
        *,
        now: datetime,
        locale: str,
        budget: Budget,
        numbers: tuple[str, ...] = (),
        with_hours: bool = True,
    ) -> Names:
        """Leave out the variables whose sensitive values are gone.

        `now` is when the step was entered; `numbers` are those of the flow that the call began in.
        """
        flow = self.flow
        names: dict[str, Any] = {
            "call": call,
            OUR_NUMBERS: numbers,
            "input": heard,
            "env": env,
            "now": now,
            "locale": flow.locale_for(locale),
            **flow.default_answers,
            **self.lookups,
            **self.variables,
        }
        for gone in self.tokens:
            names.pop(gone, None)
        for name in flow.timed.keys() & names.keys():
            names[name] = flow.timed[name].operand(names[name])
        if with_hours and flow.calendars:
            names["hours"] = {name: calendar.at(now) for name, calendar in flow.calendars.items()}
        return Names(names, budget)

    def with_variable(self, name: str, value: Any) -> FlowScope:
        variables = {**self.variables, name: value}
        if not self.flow.variables[name].sensitive:
            return FlowScope(self.flow, variables, *self[2:])
        tokens = {other: token for other, token in self.tokens.items() if other != name}
        return self._replace(variables=variables, secrets=self.secrets | {name}, tokens=tokens)

    def with_answer(self, name: str, answer: Mapping[str, Any]) -> FlowScope:
        hidden = {other: kept for other, kept in self.hidden.items() if other != name}
        return self._replace(lookups={**self.lookups, name: answer}, asked=self.asked | {name}, hidden=hidden)

    @property
    def secret_names(self) -> frozenset[str]:
        paths = self.flow.sensitive_paths
        return self.secrets | {written(name, path) for name in self.asked & paths.keys() for path in paths[name]}

    def masked(self, name: str, mask: Callable[[str], str]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = masked(self.lookups[name], self.flow.sensitive_paths.get(name, ()), mask)
        return answer

    def kept_lookups(self, mask: Callable[[str], str]) -> Mapping[str, Any]:
        return {**self.lookups, **self.hidden, **{name: self.masked(name, mask) for name in sorted(self.asked)}}

    def kept(self, hide: Hide) -> Mapping[str, Any]:
        if not (self.secrets or self.tokens):
            return self.variables
        declared = self.flow.variables
        hidden = {name: hide(declared[name], self.variables[name]) for name in self.secrets & self.variables.keys()}
        return {**self.variables, **self.tokens, **hidden}


def new_scope(flow: Flow, given: Mapping[str, Any]) -> FlowScope:
    scope = FlowScope(flow, {name: variable.default for name, variable in flow.variables.items()}, NOTHING)
    for name, value in given.items():
        scope = scope.with_variable(name, value)
    return scope


def scopes_of(root: Flow, session: Session, cipher: Cipher | None) -> tuple[FlowScope, ...]:
    """Outermost flow first. The cipher decrypts `spoken` params."""
    current = _restored(root.named(session.at), cipher, session.variables, session.lookups)
    waiting = [
        _restored(root.named(caller.flow), cipher, caller.variables, caller.lookups, caller.step)
        for caller in session.callers
    ]
    return (*waiting, current)


def _restored(
    flow: Flow, cipher: Cipher | None, variables: Mapping[str, Any], lookups: Mapping[str, Any], step: str = ""
) -> FlowScope:
    """Keep a sensitive variable that was set only as a token; its default is public."""
    declared = flow.variables
    tokens = {
        name: value
        for name, value in variables.items()
        if name in declared and declared[name].sensitive and value != declared[name].default
    }
    if not (tokens or flow.sensitive_paths):
        return FlowScope(flow, variables, lookups, step)
    known = {} if cipher is None else _decrypted(flow, tokens, cipher)
    variables = {name: value for name, value in variables.items() if name not in tokens} | known
    tokens = {name: token for name, token in tokens.items() if name not in known}
    hidden = {name: lookups[name] for name in flow.sensitive_paths if name in lookups}
    lookups = {**lookups, **{name: without(kept, flow.sensitive_paths[name]) for name, kept in hidden.items()}}
    return FlowScope(flow, variables, lookups, step, frozenset(known), tokens, hidden=hidden)


def _decrypted(flow: Flow, tokens: Mapping[str, str], cipher: Cipher) -> dict[str, Any]:
    texts = {name: cipher.decrypt(tokens[name]) for name in flow.spoken & tokens.keys()}
    return {name: flow.variables[name].type.cast(orjson.loads(text)) for name, text in texts.items() if text}


def _handling_of(flow: Flow) -> Handling:
    handling = flow.handler
    assert handling is not None  # noqa: S101 - asked for the flows of handlers only
    return handling


def begun_playback(flow: Flow, call: Mapping[str, Any], context: TurnContext) -> tuple[PlayedHandler, bool]:
    """Return also whether the handler can be played up to its first wait."""
    handling = _handling_of(flow)
    params = {name: flow.variables[name].default for name in flow.params}
    playback = handling.playback(call, context.env, params, NOTHING, context.keys)
    try:
        playback.play(handling.begun(context.now))
        playback.step(flow.start)
    except RenderError:
        return playback, False
    return playback, True


LEVEL_LIMIT = 20
"""Only a bug can reach it, because the loader refuses recursion."""

NOT_SHOWN = "not shown: it may contain a sensitive value"


class Scopes:
    """The flows that a call is in during a turn, and the names for values in the innermost one.

    `locale`, `heard` and `entered_at` are as in `Session`; `answers` are those of all lookups, in order, masked for the
    store.
    """

    def __init__(self, root: Flow, before: Session, context: TurnContext, budget: Budget) -> None:
        self._root = root
        self._session = before.id
        self._context = context
        self._budget = budget
        self._call = call_record(before.call)
        self.locale = before.locale
        self.heard: Mapping[str, Any] = before.heard or NOTHING_HEARD
        self.entered_at = context.now
        self.answers: list[StoredAnswer] = []
        self._names: Names
        self._names_of: tuple[Any, ...] = (None, None, None, None)
        self._playbacks: dict[str, PlayedHandler] = {}
        self._known: dict[str, str] = {}
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

    @cached_property
    def secrets(self) -> Secrets:
        """The sensitive values so far. Rolling back a step does not remove any."""
        return Secrets()

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
            self._names = self._scope.names(
                self._call,
                heard,
                self._context.env,
                now=now,
                locale=self.locale,
                budget=self._budget,
                numbers=self._root.numbers,
            )
            if self.flow.name in self._playbacks:
                self._names.update(self._playbacks[self.flow.name].values)
        return self._names

    def step_of(self, name: str) -> Step:
        """In a handler, the step that it waits in. Raises RenderError."""
        flow = self._scope.flow
        step: Step | None = None if flow.handler is None else self._playback(self._scope).step(name)
        return flow.steps[name] if step is None else step

    def handler_step(self, name: str) -> Step | None:
        """None if the handler must call a function first, or fails."""
        self.begin_handler()
        try:
            step: Step | None = self._playback(self._scope).step(name)
        except RenderError:
            return None
        return step

    def _step_in(self, scope: FlowScope, name: str) -> Step:
        """A step that does nothing if a handler does not get there anymore."""
        if scope.flow.handler is not None:
            with suppress(RenderError):
                step: Step | None = self._playback(scope).step(name)
                return scope.flow.steps[name] if step is None else step
            return scope.flow.steps[""]
        return scope.flow.steps[name]

    def _playback(self, scope: FlowScope) -> PlayedHandler:
        """Raises RenderError."""
        handling = _handling_of(scope.flow)
        recorded = scope.variables[handling.recorded]
        playback = self._playbacks.get(scope.flow.name)
        if playback is None or not playback.follows(recorded):
            playback = self._playbacks[scope.flow.name] = self._new_playback(scope)
        playback.play(recorded, scope.variables.get(handling.awaited, ()))
        if self._known and any(map(self.secrets.are_in, playback.computed)):
            message = "the handler says a sensitive value, which would be stored: give it to a function only"
            raise RenderError("R110", message, str(scope.flow.place), frozenset())
        return playback

    def _new_playback(self, scope: FlowScope) -> PlayedHandler:
        params = {name: self._param_of(scope, name) for name in scope.flow.params}
        return _handling_of(scope.flow).playback(self._call, self._context.env, params, self._known, self._context.keys)

    def played_step(self, name: str) -> Step | None:
        """A step that the call was in; None if there is none, or a handler does not get there anymore."""
        flow = self._scope.flow
        if flow.handler is None or name in flow.steps:
            return flow.steps.get(name)
        recorded = self._scope.variables[flow.handler.recorded]
        playback = self._new_playback(self._scope)
        with suppress(RenderError):
            for number, _ in enumerate(recorded, 1):
                playback.play(recorded[:number])
                step: Step | None = playback.step(name)
                if step is not None and step.name == name:
                    return step
        return None

    def _param_of(self, scope: FlowScope, name: str) -> Any:
        """A sensitive param is its token, unless it is the default, which is public."""
        if name not in scope.variables:
            return scope.tokens[name]
        value = scope.variables[name]
        declared = scope.flow.variables[name]
        return self._token_of(value) if declared.sensitive and value != declared.default else value

    def _token_of(self, secret: str) -> str:
        self.secrets.learn(secret)
        token = self.mask(secret)
        self._known[token] = secret
        return token

    def redactor(self) -> Callable[[Any], Any] | None:
        """None if the turn has no sensitive value."""
        if not self.secrets:
            return None
        from ncco_server.flow.language.returns import Redactor  # noqa: PLC0415 - only for handlers

        redactor = Redactor(self.secrets, self.mask)
        return lambda result: redactor.redact(ANY, result, ())

    def begin_handler(self, playback: PlayedHandler | None = None) -> None:
        """Do nothing if the call has come to a handler before. `playback` has begun already."""
        handling = self._scope.flow.handler
        if playback is not None:
            self._playbacks[self.flow.name] = playback
        if handling is not None and not self._scope.variables[handling.recorded]:
            begun = handling.begun(self._context.now) if playback is None else playback.recorded
            self.assign(handling.recorded, begun)

    def wanted_result(self) -> tuple[str, Any] | None:
        """The function or the row that the handler waits for, or None. Raises RenderError."""
        return self._playback(self._scope).wanted

    def progress_key(self) -> str:
        """Identifies the results so far: the same if a webhook is repeated."""
        return self.mask(self._playback(self._scope).progress_key)

    def record(self, value: Any, problem: str = "", *, sensitive: bool = False) -> None:
        """Raises RenderError."""
        if sensitive and value is not None:
            value = self._token_of(value)
        playback = self._playback(self._scope)
        handling = _handling_of(self._scope.flow)
        item = playback.item(value, problem, self._context.now)
        self.assign(handling.recorded, [*self._scope.variables[handling.recorded], item])

    def record_row(self, lookup: AskedLookup, answer: Mapping[str, Any], problem: str) -> str:
        """Record what a handler has read; return why it is only a default. Raises RenderError."""
        definition = lookup.definition
        secrets = definition.returns.secrets
        known, why = answer, problem
        if not problem:
            for secret in values_at(answer, secrets):
                self.secrets.learn(secret)
            if self.secrets:
                known, why = definition.redact(answer, self.secrets, self.mask)
        if why:
            self.note_answer(lookup.name, {"ok": False})
            self.record(None)
            return why
        kept = masked(known, secrets, self._token_of)
        self.note_answer(lookup.name, kept)
        self.record({name: value for name, value in kept.items() if name != "ok"})
        return ""

    def waiting(self) -> Iterator[tuple[Flow, Step, Names]]:
        """Innermost first."""
        for scope in reversed(self._scopes[:-1]):
            names = scope.names(
                self._call,
                self.heard,
                self._context.env,
                now=self.entered_at,
                locale=self.locale,
                budget=self._budget,
                numbers=self._root.numbers,
            )
            yield scope.flow, self._step_in(scope, scope.step), names

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
                for secret in values_at(answer, self.flow.sensitive_paths.get(lookup.name, ())):
                    self.secrets.learn(secret)
        problems = []
        for lookup, answer, problem in read:
            known = answer
            why = problem
            if self.secrets and not problem:
                known, why = lookup.definition.redact(answer, self.secrets, self.mask)
            self._change(self._scope.with_answer(lookup.name, known))
            problems.append(why)
        return problems

    def note_answer(self, name: str, value: Mapping[str, Any] | None = None) -> None:
        """Store an answer; by default, the one in scope."""
        answer = self._scope.masked(name, self.mask) if value is None else value
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
        returned = {assignment.name: assignment.value.render(names) for assignment in target.sets}
        step = self.leave()
        for name, value in returned.items():
            if name in self.flow.variables:
                self.assign(name, value)
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
            Level(scope.flow.name, scope.step, scope.kept(self._hidden), scope.kept_lookups(self.mask))
            for scope in map(self._awaiting, self._scopes)
        ]

    def _awaiting(self, scope: FlowScope) -> FlowScope:
        handling = scope.flow.handler
        playback = self._playbacks.get(scope.flow.name)
        if handling is None or playback is None or len(playback.recorded) != len(scope.variables[handling.recorded]):
            return scope
        return scope.with_variable(handling.awaited, playback.awaited)

    def hide_option(self, value: Any) -> str:
        """The call can still decrypt the token of an option that contains a `spoken` param."""
        cipher = self._context.cipher
        return self.mask(str(value)) if cipher is None else cipher.encrypt(orjson.dumps(value, default=str).decode())

    def _hidden(self, variable: Variable, value: Any) -> str:
        return self.hide_option(value) if variable.spoken else self.mask(str(value))

    def mask(self, secret: str) -> str:
        return self._context.mask(self._session, secret)


def observers(root: Flow, before: Session) -> tuple[Observer, ...]:
    """Oldest first."""
    observed = list(before.observers)
    for wait in before.waits:
        if wait.kind != "event":
            continue
        flow = root.named(wait.flow)
        if flow.events or flow.steps[wait.step].events:
            observed.append(Observer(before.turn, wait.index, wait.flow, wait.step))
    return tuple(observed[-OBSERVER_LIMIT:])
