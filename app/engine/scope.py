"""What values may look at while a turn is made: the variables and lookups of each flow that a call is in, and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from app.engine.secrets import Secrets, leading_to, masked, without
from app.engine.session import Call, Level, Observer, Session, Wait
from app.flow.hours.moment import hours_view
from app.flow.language.returns import Hushing
from app.flow.model import Asking, Flow, Outcome, Step

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}
"""`input` before the caller has been asked anything."""


_NUMBER_LENGTHS = range(7, 16)
"""As a number that a flow dials has them. Source: ITU-T E.164 (15 digits at most); the least is our choice."""


def call_record(call: Call) -> dict[str, Any]:
    """`call` as flows see it."""
    return {
        "to": call.to,
        "from": call.from_number,
        "is_hidden": not _is_number(call.from_number),
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
    }


def _is_number(text: str) -> bool:
    """Whether it identifies a caller who can be called back: no word such as `anonymous`, no SIP address, not ""."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and len(digits) in _NUMBER_LENGTHS and not digits.startswith("0")


def names_in(
    flow: Flow,
    call: Mapping[str, Any],
    heard: Mapping[str, Any],
    *,
    env: Mapping[str, str],
    now: datetime,
    locale: str,
) -> dict[str, Any]:
    """What every step of a flow may look at; its lookups as they are before they are asked."""
    names: dict[str, Any] = {
        "call": call,
        "input": heard,
        "env": env,
        "now": now,
        "locale": flow.locale_for(locale) if flow.locales else "",
    }
    if flow.calendars:
        names["hours"] = hours_view(flow.calendars, now)
    if flow.unasked:
        names |= flow.unasked
    return names


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """`input` as flows see it after an outcome; a sensitive value is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}


OBSERVER_LIMIT = 50
"""Waits of earlier turns whose events still send hooks; the oldest are dropped first. Our choice."""


@dataclass(slots=True)
class FlowScope:
    """The variables and lookups of a call in one flow. A turn changes them.

    Attributes:
        variables: by name, without those in `tokens`.
        step: the step that runs another flow; "" in the flow that the call is in now.
        secrets: the sensitive variables that were given a value in this turn.
        tokens: what is left of sensitive variables that were given their value in an earlier turn. No flow sees it.
        asked: the look-ups that were asked in this turn.
        hidden: by look-up, what is kept of those that were asked in an earlier one and have sensitive fields: its
            tokens, too, which no flow sees.
    """

    flow: Flow
    variables: dict[str, Any] = field(repr=False)
    lookups: dict[str, Any] = field(repr=False)
    step: str = ""
    secrets: frozenset[str] = field(default_factory=frozenset)
    tokens: dict[str, Any] = field(default_factory=dict)
    asked: frozenset[str] = field(default_factory=frozenset)
    hidden: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def copy(self) -> FlowScope:
        """An independent copy."""
        return replace(
            self,
            variables=dict(self.variables),
            lookups=dict(self.lookups),
            tokens=dict(self.tokens),
            hidden=dict(self.hidden),
        )

    def names(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """`others`, the answers of its lookups, and its variables, without those whose value is gone."""
        lookups = self.lookups if self.flow.unasked else {}
        names = {**others, **lookups, **self.variables}
        for gone in self.tokens:
            names.pop(gone, None)
        return names

    def assign(self, name: str, value: Any) -> bool:
        """Set a variable. Whether it is sensitive: then only a token leaves the turn."""
        self.variables[name] = value
        if not self.flow.variables[name].sensitive:
            return False
        self.secrets |= {name}
        self.tokens.pop(name, None)
        return True

    def keep(self, name: str, answer: Mapping[str, Any]) -> None:
        """Put the answer of a lookup into scope."""
        self.lookups[name] = answer
        self.asked |= {name}
        self.hidden.pop(name, None)

    @property
    def has_secrets(self) -> bool:
        """Whether it has received anything sensitive in this turn."""
        return bool(self.secrets) or not self.asked.isdisjoint(self.flow.hushed)

    def masked(self, name: str, mask: Callable[[str], str]) -> Mapping[str, Any]:
        """The answer of a lookup, masked as it leaves the turn."""
        answer: Mapping[str, Any] = masked(self.lookups[name], self.flow.hushed.get(name, ()), mask)
        return answer

    def kept_lookups(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """The answers of its lookups as they leave the turn."""
        if not self.flow.hushed:
            return self.lookups
        return {**self.lookups, **self.hidden, **{name: self.masked(name, mask) for name in sorted(self.asked)}}

    def kept(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """The variables as they leave the turn."""
        if not self.secrets and not self.tokens:
            return self.variables
        hidden = {name: mask(str(self.variables[name])) for name in self.secrets & self.variables.keys()}
        return {**self.variables, **self.tokens, **hidden}


@dataclass(frozen=True, slots=True)
class Savepoint:
    """How far a turn was before a step was entered."""

    step: Step
    script: tuple[int, int, int]
    hooks: int
    scopes: list[FlowScope]
    locale: str


def new_scope(flow: Flow, given: Mapping[str, Any]) -> FlowScope:
    """The scope at the beginning of a flow, with the given params."""
    scope = FlowScope(flow, {name: variable.default for name, variable in flow.variables.items()}, {})
    for name, value in given.items():
        scope.assign(name, value)
    return scope


def scopes_of(root: Flow, session: Session) -> list[FlowScope]:
    """The scopes of a session, the outermost flow first."""
    now = _restored(root.named(session.at), session.variables, session.lookups)
    if not session.callers:
        return [now]
    return [*(_waiting(root, level) for level in session.callers), now]


def _waiting(root: Flow, level: Level) -> FlowScope:
    scope = _restored(root.named(level.flow), level.variables, level.lookups)
    scope.step = level.step
    return scope


def _restored(flow: Flow, variables: Mapping[str, Any], lookups: Mapping[str, Any]) -> FlowScope:
    """A scope of a session. Only the token is left of a sensitive variable with a value; its default is public."""
    given = [name for name, each in flow.variables.items() if each.sensitive and variables.get(name) != each.default]
    known = dict(variables)
    tokens = {name: known.pop(name) for name in given if name in known}
    hidden = {name: lookups[name] for name in flow.hushed.keys() & lookups.keys()}
    seen = {name: without(kept, flow.hushed[name]) for name, kept in hidden.items()}
    return FlowScope(flow, known, {**lookups, **seen}, tokens=tokens, hidden=hidden)


def levels(scopes: list[FlowScope], mask: Callable[[str], str]) -> tuple[Level, ...]:
    """The flows that wait, as a session keeps them."""
    waiting = scopes[:-1]
    return tuple(Level(each.flow.name, each.step, each.kept(mask), each.kept_lookups(mask)) for each in waiting)


def observers(root: Flow, before: Session) -> tuple[Observer, ...]:
    """The waits of earlier turns whose events send hooks, and those of the turn that is over now."""
    told = (Observer(before.turn, wait.index, wait.flow, wait.step) for wait in before.waits if _tells(root, wait))
    return (*before.observers, *told)[-OBSERVER_LIMIT:]


def _tells(root: Flow, wait: Wait) -> bool:
    flow = root.named(wait.flow)
    return wait.kind == "event" and bool(flow.events or flow.steps[wait.step].events)


Read: TypeAlias = list[tuple[Asking, Mapping[str, Any], str]]
"""Answers that came together, each with why it is not real; "" when it is."""


class LookupAnswers:
    """The answers of one turn.

    Attributes:
        secrets: the sensitive values that the turn has received so far. None is forgotten when a step is taken back.
        kept: what came of each look-up, by name, as the turn row has it.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        self.secrets = Secrets()
        self.kept: dict[str, Any] = {}
        self._mask = mask

    def keep(self, scope: FlowScope, read: Read) -> list[str]:
        """Put answers into the scope of `scope`, with tokens for what they should not tell; why each is not real."""
        for asking, answer, problem in read:
            for secret in leading_to(answer, scope.flow.hushed.get(asking.name, ())) if not problem else ():
                self.secrets.learn(secret)
        return [self._keep(scope, asking, answer, problem) for asking, answer, problem in read]

    def _keep(self, scope: FlowScope, asking: Asking, answer: Mapping[str, Any], problem: str) -> str:
        if self.secrets and not problem:
            answer, problem = asking.hush(answer, Hushing(self.secrets, self._mask))
        scope.keep(asking.name, answer)
        self.kept[asking.name] = scope.masked(asking.name, self._mask)
        return problem
