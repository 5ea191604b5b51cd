"""The variables and lookups of a call in one flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from ncco_server.engine.secrets import TurnSecrets, masked, without
from ncco_server.engine.session import NOTHING, Cipher, Session
from ncco_server.flow.model import Flow
from ncco_server.flow.scope import written
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.values import Names
from ncco_server.flow.values import OUR_NUMBERS


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
        calendars: Mapping[str, Any],
        numbers: tuple[str, ...] = (),
    ) -> Names:
        """Leave out the variables whose sensitive values are gone.

        `now` is when the step was entered; `numbers` are those of the flow that the call began in; `calendars` are the
        opening hours that the values need.
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
        if calendars:
            names["hours"] = {name: calendar.at(now) for name, calendar in calendars.items()}
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
        if not self.flow.sensitive_paths:
            return self.lookups
        return {**self.lookups, **self.hidden, **{name: self.masked(name, mask) for name in sorted(self.asked)}}

    def kept(self, secrets: TurnSecrets) -> Mapping[str, Any]:
        if not (self.secrets or self.tokens):
            return self.variables
        found = {name: self.variables[name] for name in self.secrets & self.variables.keys()}
        spoken = self.flow.spoken
        hidden = {
            name: secrets.encrypted(value) if name in spoken else secrets.mask(str(value))
            for name, value in found.items()
        }
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
