"""Decides when two waiting calls are in the same state, and bounds counters, texts and lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from ncco_server.engine import Session, awaits_detection
from ncco_server.engine.records import call_record
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.input import ASR_ERRORS
from ncco_server.flow.model import Flow
from ncco_studio.verify.prove.expressions import LENGTH
from ncco_studio.verify.prove.literals import Literals
from ncco_studio.verify.prove.liveness import Liveness, When
from ncco_studio.verify.prove.samples import LONGEST_LIST
from ncco_studio.verify.prove.uses import DECIDES
from ncco_studio.verify.sample_values import Path, frozen

Key: TypeAlias = tuple[Any, ...]

MOST_ITEMS: Final = LONGEST_LIST + 1
"""A growing list is cut to this length, unless the flow uses longer ones. Lists in lookup answers are shorter."""
MARGIN: Final = 5
"""How far a number that can grow without limit is tracked beyond its literals."""
SMALL_MARGIN: Final = 2
"""Replaces MARGIN once there are MANY_STATES."""
MANY_STATES: Final = 1_000


@dataclass(slots=True)
class States:
    """Computes the keys of states, and bounds counters, texts and lists to keep states finite.

    Attributes:
        margin: MARGIN, or SMALL_MARGIN once there are many states.
        clamped: the tracked range of each number that left it, by (flow, name).
        shortened: the length of each list or text that was cut, by (flow, name).
    """

    root: Flow
    literals: Literals
    liveness: Liveness
    margin: int = MARGIN
    clamped: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    shortened: dict[tuple[str, str], int] = field(default_factory=dict)

    def key(self, session: Session, moment: datetime) -> Key:
        """Equal for waiting sessions that will behave the same, apart from failed attempts and targets tried."""
        here = (session.at or self.root.name, session.step)
        when: When = "entering" if any(kind_of(wait).begins_step for wait in session.waits) else "waiting"
        common = {"input": session.heard, "call": call_record(session.call)}
        callers = (
            (
                caller.flow,
                caller.step,
                self._live((caller.flow, caller.step), "ran", {**common, **caller.lookups}, caller.variables),
            )
            for caller in session.callers
        )
        return (
            bool(session.parent),
            when,
            *here,
            session.locale,
            moment if here in self.liveness.replays_by_time else None,
            self._live(here, when, {**common, **session.lookups}, session.variables),
            tuple(callers),
        )

    def _live(
        self, where: tuple[str, str], when: When, known: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        names = {**self.root.named(where[0]).default_answers, **known, **variables}
        return tuple(_seen(names, path, weight) for path, weight in self.liveness.kept.get((*where, when), ()))

    def bounded(self, session: Session) -> Session:
        variables = self._bounded(session, session.at or self.root.name, session.variables)
        callers = tuple(
            level._replace(variables=self._bounded(session, level.flow, level.variables)) for level in session.callers
        )
        faults = min(session.asr_errors, ASR_ERRORS)
        turn = 1
        if self.root.outbound is not None:  # the number of the turn decides whether machine detection can move it
            turn += session.tries + faults + (not awaits_detection(session))
        return session._replace(
            variables=variables, callers=callers, asr_errors=faults, dialled=0, observers=(), turn=turn
        )

    def _bounded(self, session: Session, flow: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = ((name, old, self._bounded_value(flow, name, old)) for name, old in variables.items())
        changed = {name: value for name, old, value in kept if value != old and not _is_given(session, old)}
        return {**variables, **changed} if changed else variables

    def _bounded_value(self, flow: str, name: str, value: Any) -> Any:
        compared = self.literals.of(flow, (name,))
        decides = (flow, name) in self.liveness.deciding
        match value:
            case bool():
                return value
            case int() | float():
                return self._clamp(flow, name, value)
            case list() if compared.has("free"):
                default = self.root.named(flow).variables[name].default
                lengths = (*compared.lengths, *([len(default)] if isinstance(default, list | tuple) else []))
                most = max([MOST_ITEMS, *(length + 2 for length in lengths)])
            case str() if compared.has("joined") and decides and self._is_text(flow, name):
                texts = (*compared.texts, *(part.text for part in compared.parts))
                most = max([0, *compared.lengths, *map(len, texts)]) + SMALL_MARGIN
            case _:
                return value
        if len(value) > most:
            self.shortened[flow, name] = most
        return value[:most]

    def _is_text(self, flow: str, name: str) -> bool:
        """Not a number to dial, a date or a time, of which a part is not one."""
        variable = self.root.named(flow).variables.get(name)
        return variable is None or variable.type.name in ("text", "url")

    def _clamp(self, flow: str, name: str, value: float) -> float:
        """The literals' range is extended by one and, if the number can grow, by the margin."""
        compared = self.literals.of(flow, (name,))
        numbers = [0.0, *compared.borders]
        if any(path[-1] == LENGTH for path in compared.names):
            numbers.append(MOST_ITEMS)
        is_free = compared.has("free")  # a sum of others can become too large in any step
        is_open = is_free or compared.has("related")
        below = self.margin if is_open or compared.has("rises") else 0
        above = self.margin if is_open or compared.has("sinks") else 0
        low, high = int(min(numbers)) - 1 - below, int(max(numbers)) + 1 + above
        is_far = (value > high and above) or (value < low and below)
        if is_far and (is_free or (flow, name) in self.liveness.deciding):
            self.clamped[flow, name] = (low, high)
        return low if value < low else min(value, high)


def _is_given(session: Session, value: Any) -> bool:
    """Whether a value is a text from the call, the caller's input or a lookup."""
    given = (call_record(session.call), session.heard, session.lookups, [level.lookups for level in session.callers])
    return isinstance(value, str) and any(value == text for each in given for text in texts_of(each))


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from texts_of(each)


def _seen(names: Mapping[str, Any], path: Path, weight: int) -> Any:
    value = names.get(path[0])
    if len(path) > 1 and isinstance(value, Mapping):
        value = value.get(path[1])
    return frozen(value) if weight == DECIDES else _abstracted(value)


def _abstracted(value: Any) -> Any:
    """Keep the type of a value that is only spoken or sent, and whether it is empty."""
    match value:
        case bool() | None:
            return str(value)
        case str():
            return "text", bool(value), bool(value.strip())
        case int() | float():
            return max(-1, min(2, value))
        case list() | tuple():
            return tuple(map(_abstracted, value[:MOST_ITEMS]))
        case Mapping():
            return tuple(sorted((key, _abstracted(each)) for key, each in value.items()))
    return str(type(value))
