"""The names that values may use during a turn: the variables and lookups of each flow in the call, and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.engine.secrets import masked, without
from app.engine.session import NOTHING, Call, Observer, Session
from app.flow.model import Flow
from app.flow.paths import written
from app.flow.runtime import Outcome

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}
"""`input` before the caller has been asked anything."""


_NUMBER_LENGTHS = range(7, 16)
"""How many digits a phone number has. Source: ITU-T E.164 (15 at most); the fewest are our choice."""


def call_record(call: Call) -> dict[str, Any]:
    """`call` as flows see it."""
    return {
        "to": call.to,
        "from": call.from_number,
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
        "is_hidden": not _is_number(call.from_number),
    }


def _is_number(text: str) -> bool:
    """Whether it identifies a caller who can be called back: no word such as `anonymous`, no SIP address, not ""."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and len(digits) in _NUMBER_LENGTHS and not digits.startswith("0")


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """`input` as flows see it after an outcome; a sensitive value is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}


OBSERVER_LIMIT = 50
"""Waits of earlier turns whose events still send hooks; the oldest are dropped first. Our choice."""


class FlowScope(NamedTuple):
    """The variables and lookups of a call in one flow; a change makes another one.

    Attributes:
        variables: by name, without those in `tokens`.
        step: the step that runs another flow; "" in the flow that the call is in now.
        secrets: the sensitive variables that were given a value in this turn.
        tokens: the tokens of sensitive variables that got their value in an earlier turn. No flow sees them.
        asked: the lookups that were asked in this turn.
        hidden: the stored answers, with tokens, of lookups that have sensitive fields and were asked in an earlier
            turn. No flow sees them.
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
        """Without values, which may be sensitive."""
        return f"<scope of {self.flow.name}>"

    def names(
        self, call: Mapping[str, Any], heard: Mapping[str, Any], env: Mapping[str, str], now: datetime, locale: str
    ) -> dict[str, Any]:
        """The names that a value may use, without opening hours; of the variables those whose value is not gone.

        Args:
            call: as `call_record` returns it.
            heard: what the caller has entered.
            env: the settings for flows.
            now: when the step was entered.
            locale: the one that the caller chose.
        """
        flow = self.flow
        names = {
            "call": call,
            "input": heard,
            "env": env,
            "now": now,
            "locale": flow.locale_for(locale) if flow.locales else "",
        }
        if flow.default_answers:
            names.update(flow.default_answers)
            names.update(self.lookups)
        names.update(self.variables)
        for gone in self.tokens:
            names.pop(gone, None)
        return names

    def with_variable(self, name: str, value: Any) -> FlowScope:
        """The scope with a variable set; only a token of a sensitive one leaves the turn."""
        variables = {**self.variables, name: value}
        if not self.flow.variables[name].sensitive:
            return FlowScope(self.flow, variables, *self[2:])
        tokens = {other: token for other, token in self.tokens.items() if other != name}
        return self._replace(variables=variables, secrets=self.secrets | {name}, tokens=tokens)

    def with_answer(self, name: str, answer: Mapping[str, Any]) -> FlowScope:
        """The scope with the answer of a lookup."""
        hidden = {other: kept for other, kept in self.hidden.items() if other != name}
        return self._replace(lookups={**self.lookups, name: answer}, asked=self.asked | {name}, hidden=hidden)

    @property
    def secret_names(self) -> frozenset[str]:
        """The variables and the fields of lookups (`name.field`) with a sensitive value that came in this turn."""
        paths = self.flow.sensitive_paths
        return self.secrets | {written(name, path) for name in self.asked & paths.keys() for path in paths[name]}

    def masked(self, name: str, mask: Callable[[str], str]) -> Mapping[str, Any]:
        """The answer of a lookup, masked as it leaves the turn."""
        answer: Mapping[str, Any] = masked(self.lookups[name], self.flow.sensitive_paths.get(name, ()), mask)
        return answer

    def kept_lookups(self, mask: Callable[[str], str]) -> Mapping[str, Any]:
        """The answers of its lookups as they leave the turn."""
        if not self.flow.sensitive_paths:
            return self.lookups
        return {**self.lookups, **self.hidden, **{name: self.masked(name, mask) for name in sorted(self.asked)}}

    def kept(self, mask: Callable[[str], str]) -> Mapping[str, Any]:
        """The variables as they leave the turn."""
        if not self.secrets and not self.tokens:
            return self.variables
        hidden = {name: mask(str(self.variables[name])) for name in self.secrets & self.variables.keys()}
        return {**self.variables, **self.tokens, **hidden}


def new_scope(flow: Flow, given: Mapping[str, Any]) -> FlowScope:
    """The scope at the beginning of a flow, with the given params."""
    scope = FlowScope(flow, {name: variable.default for name, variable in flow.variables.items()}, NOTHING)
    for name, value in given.items():
        scope = scope.with_variable(name, value)
    return scope


def scopes_of(root: Flow, session: Session) -> tuple[FlowScope, ...]:
    """The scopes of a session, the outermost flow first."""
    flow = root.named(session.at) if session.at else root
    current = _restored(flow, session.variables, session.lookups)
    if not session.callers:
        return (current,)
    waiting = [_restored(root.named(each.flow), each.variables, each.lookups, each.step) for each in session.callers]
    return (*waiting, current)


def _restored(flow: Flow, variables: Mapping[str, Any], lookups: Mapping[str, Any], step: str = "") -> FlowScope:
    """A scope of a session. Only the token is left of a sensitive variable with a value; its default is public."""
    declared = flow.variables
    tokens = {
        name: value
        for name, value in variables.items()
        if name in declared and declared[name].sensitive and value != declared[name].default
    }
    if tokens:
        variables = {name: value for name, value in variables.items() if name not in tokens}
    if not flow.sensitive_paths:
        return FlowScope(flow, variables, lookups, step, tokens=tokens)
    hidden = {name: lookups[name] for name in flow.sensitive_paths if name in lookups}
    if hidden:
        lookups = {**lookups, **{name: without(kept, flow.sensitive_paths[name]) for name, kept in hidden.items()}}
    return FlowScope(flow, variables, lookups, step, tokens=tokens, hidden=hidden)


def observers(root: Flow, before: Session) -> tuple[Observer, ...]:
    """The waits of earlier turns whose events send hooks, and those of the turn that is over now."""
    observed = list(before.observers)
    for wait in before.waits:
        if wait.kind != "event":
            continue
        flow = root.named(wait.flow)
        if flow.events or flow.steps[wait.step].events:
            observed.append(Observer(before.turn, wait.index, wait.flow, wait.step))
    return tuple(observed[-OBSERVER_LIMIT:])
