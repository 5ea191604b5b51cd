"""Where a call stands while a turn is made: the flow that it is in, and the flows that wait until it comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.engine.masking import masked, without
from app.engine.session import Level, Observer, Session, Wait
from app.flow.model import Flow, Step

OBSERVER_LIMIT = 50
"""Waits of earlier turns whose webhooks are told of; the oldest are forgotten first. Our choice."""


@dataclass(slots=True)
class Standing:
    """What a call knows in one flow. A turn changes it as it goes.

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

    def copy(self) -> Standing:
        """One that may be changed by itself."""
        return replace(
            self,
            variables=dict(self.variables),
            lookups=dict(self.lookups),
            tokens=dict(self.tokens),
            hidden=dict(self.hidden),
        )

    def names(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """`others`, what came of its look-ups, and its variables; none of them whose value is gone."""
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
        """Put what came of a look-up into scope."""
        self.lookups[name] = answer
        self.asked |= {name}
        self.hidden.pop(name, None)

    @property
    def has_secrets(self) -> bool:
        """Whether it has received anything sensitive in this turn."""
        return bool(self.secrets) or not self.asked.isdisjoint(self.flow.hushed)

    def masked(self, name: str, mask: Callable[[str], str]) -> Mapping[str, Any]:
        """What came of a look-up in this turn, as it leaves the turn."""
        answer: Mapping[str, Any] = masked(self.lookups[name], self.flow.hushed.get(name, ()), mask)
        return answer

    def kept_lookups(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """What came of its look-ups, as it leaves the turn."""
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
class Mark:
    """How far a turn was before a step was entered."""

    step: Step
    script: tuple[int, int, int]
    hooks: int
    standings: list[Standing]
    locale: str


def begun(flow: Flow, given: Mapping[str, Any]) -> Standing:
    """The beginning of a flow with what it was given."""
    standing = Standing(flow, {name: variable.default for name, variable in flow.variables.items()}, {})
    for name, value in given.items():
        standing.assign(name, value)
    return standing


def of_session(root: Flow, session: Session) -> list[Standing]:
    """Where a session stands, the flow that waits longest first."""
    now = _standing(root.named(session.at), session.variables, session.lookups)
    if not session.callers:
        return [now]
    return [*(_waiting(root, level) for level in session.callers), now]


def _waiting(root: Flow, level: Level) -> Standing:
    standing = _standing(root.named(level.flow), level.variables, level.lookups)
    standing.step = level.step
    return standing


def _standing(flow: Flow, variables: Mapping[str, Any], lookups: Mapping[str, Any]) -> Standing:
    """Of a sensitive variable that has got a value nothing but the token is left; its default everybody may read."""
    given = [name for name, each in flow.variables.items() if each.sensitive and variables.get(name) != each.default]
    known = dict(variables)
    tokens = {name: known.pop(name) for name in given if name in known}
    hidden = {name: lookups[name] for name in flow.hushed.keys() & lookups.keys()}
    seen = {name: without(kept, flow.hushed[name]) for name, kept in hidden.items()}
    return Standing(flow, known, {**lookups, **seen}, tokens=tokens, hidden=hidden)


def levels(standings: list[Standing], mask: Callable[[str], str]) -> tuple[Level, ...]:
    """The flows that wait, as a session keeps them."""
    waiting = standings[:-1]
    return tuple(Level(each.flow.name, each.step, each.kept(mask), each.kept_lookups(mask)) for each in waiting)


def observers(root: Flow, before: Session) -> tuple[Observer, ...]:
    """The waits of earlier turns that somebody is told of, and those of the turn that is over now."""
    told = (Observer(before.turn, wait.index, wait.flow, wait.step) for wait in before.waits if _tells(root, wait))
    return (*before.observers, *told)[-OBSERVER_LIMIT:]


def _tells(root: Flow, wait: Wait) -> bool:
    flow = root.named(wait.flow)
    return wait.kind == "event" and bool(flow.events or flow.steps[wait.step].events)
