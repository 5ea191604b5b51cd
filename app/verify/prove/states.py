"""The places where calls wait: two calls that will go on alike are in the same one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from app.engine import Session
from app.engine.outcome import ASR_ERRORS, REACHED
from app.engine.scope import call_record
from app.flow.model import Flow
from app.verify.prove.flows import DECIDES
from app.verify.prove.literals import Literals
from app.verify.prove.liveness import Live, Liveness, of_memory
from app.verify.prove.reading import LENGTH, Path
from app.verify.prove.values import LONGEST_LIST

Key: TypeAlias = tuple[Any, ...]

LONGEST_KEPT: Final = LONGEST_LIST + 1
"""Entries of a list that are kept: one more than any look-up gives."""
WIDE: Final = 5
NARROW: Final = 2
MANY: Final = 1_000
"""States of a walk, after which numbers go NARROW beyond their literals, not WIDE."""


class Bound(NamedTuple):
    """How far a number is told apart.

    Attributes:
        low, high: the least and the greatest.
        may_rise, may_sink: whether all numbers beyond are alike: no literal is there, and none of them comes back.
    """

    low: float
    high: float
    may_rise: bool
    may_sink: bool


@dataclass(slots=True)
class States:
    """Tells the states of a flow apart, and keeps counters and lists from growing without end.

    Attributes:
        margin: how far numbers may go beyond their literals where it cannot be told what they come to.
        left: the numbers that have gone farther: by (flow, name), the least and the greatest that are told apart.
        shortened: the lists and texts that have become longer: by (flow, name), how much of them is told apart.
    """

    root: Flow
    literals: Literals
    liveness: Liveness
    margin: int = WIDE
    left: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    shortened: dict[tuple[str, str], int] = field(default_factory=dict)
    _bounds: dict[tuple[str, str, int], Bound] = field(default_factory=dict)
    _memory: dict[tuple[str, str, str], tuple[tuple[Path, int], ...]] = field(default_factory=dict)

    def key(self, session: Session, moment: datetime) -> Key:
        """What tells a waiting session apart from others that go on differently."""
        here = (session.at or self.root.name, session.step)
        is_timed = here in self.liveness.timed
        around = {"input": session.heard, "call": call_record(session.call)}
        is_coming = any(wait.name == REACHED for wait in session.waits)
        return (
            bool(session.parent),
            is_coming,
            *here,
            session.locale,
            moment if is_timed else None,
            self._live(here, "entering" if is_coming else "waiting", session.variables, session.lookups, around),
            tuple(
                (
                    level.flow,
                    level.step,
                    self._live((level.flow, level.step), "ran", level.variables, level.lookups, around),
                )
                for level in session.callers
            ),
            session.tries,
            session.asr_errors,
            session.position,
        )

    def _live(
        self,
        where: tuple[str, str],
        when: str,
        variables: Mapping[str, Any],
        lookups: Mapping[str, Any],
        around: Mapping[str, Any],
    ) -> tuple[Any, ...]:
        names = {**around, **self.root.named(where[0]).unasked, **lookups, **variables}
        return tuple(_seen(names, path, weight) for path, weight in self._paths(where, when))

    def _paths(self, where: tuple[str, str], when: str) -> tuple[tuple[Path, int], ...]:
        key = (*where, when)
        if key not in self._memory:
            live: Live = self.liveness.at(when).get(where, {})
            self._memory[key] = of_memory(live)
        return self._memory[key]

    def bounded(self, session: Session) -> Session:
        """The session with counters that have left every literal behind brought back to where they have just left it.

        Nor has it dialled yet: how often a call may dial is no matter of its flow.
        """
        variables = self._clamped(session, session.at or self.root.name, session.variables)
        callers = tuple(
            level._replace(variables=self._clamped(session, level.flow, level.variables)) for level in session.callers
        )
        faults = min(session.asr_errors, ASR_ERRORS)
        return session._replace(
            variables=variables, callers=callers, asr_errors=faults, dialled=0, observers=(), turn=1
        )

    def _clamped(self, session: Session, flow: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = ((name, old, self._kept(flow, name, old)) for name, old in variables.items())
        changed = {name: value for name, old, value in kept if value != old and not _comes_whole(session, old)}
        return {**variables, **changed} if changed else variables

    def _kept(self, flow: str, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return self._shortened(flow, name, value)
        if isinstance(value, str):
            return self._cut(flow, name, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        bound = self._bound(flow, name)
        if bound.low <= value <= bound.high:
            return value
        if not (bound.may_rise if value > bound.high else bound.may_sink) and self._matters(flow, name):
            self.left[flow, name] = (bound.low, bound.high)
        return bound.low if value < bound.low else bound.high

    def _shortened(self, flow: str, name: str, value: list[Any]) -> list[Any]:
        """A list that others are added to."""
        tested = self.literals.of(flow, (name,))
        if not tested.is_free:
            return value
        default = self.root.named(flow).variables[name].default
        lengths = (*tested.lengths, *([len(default)] if isinstance(default, list | tuple) else []))
        most = max([LONGEST_KEPT, *(length + 2 for length in lengths)])
        if len(value) > most and self._matters(flow, name):
            self.shortened[flow, name] = most
        return value[:most]

    def _cut(self, flow: str, name: str, value: str) -> str:
        """A text that is joined to others again and again."""
        tested = self.literals.of(flow, (name,))
        if not tested.is_joined or (flow, name) not in self.liveness.deciding:
            return value
        most = max([0, *tested.lengths, *map(len, tested.texts), *(len(part.text) for part in tested.parts)]) + NARROW
        if len(value) > most:
            self.shortened[flow, name] = most
        return value[:most]

    def _matters(self, flow: str, name: str) -> bool:
        """Whether anything depends on a variable; one that is a sum of others may become too large wherever it is."""
        return (flow, name) in self.liveness.deciding or self.literals.of(flow, (name,)).is_free

    def _bound(self, flow: str, name: str) -> Bound:
        """One below the least number that it is held against, and one above the greatest, or farther."""
        key = (flow, name, self.margin)
        if key not in self._bounds:
            tested = self.literals.of(flow, (name,))
            numbers = [0.0, *tested.borders]
            if any(path[-1] == LENGTH for path in tested.names):
                numbers.append(LONGEST_KEPT)
            is_bound = tested.is_related or tested.is_free
            may_rise, may_sink = not (tested.sinks or is_bound), not (tested.rises or is_bound)
            low = int(min(numbers)) - 1 - (0 if may_sink else self.margin)
            high = int(max(numbers)) + 1 + (0 if may_rise else self.margin)
            self._bounds[key] = Bound(low, high, may_rise, may_sink)
        return self._bounds[key]


def before_trying(key: Key) -> Key:
    """The key without how often the step was tried: what a decision leads to depends on nothing else."""
    return key[:-3]


def _comes_whole(session: Session, value: Any) -> bool:
    """Whether a text is just what somebody has given, and was not joined to others."""
    given = (call_record(session.call), session.heard, session.lookups, [level.lookups for level in session.callers])
    return isinstance(value, str) and any(value == text for each in given for text in _texts_in(each))


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(each)


def _seen(names: Mapping[str, Any], path: Path, weight: int) -> Any:
    value = names.get(path[0])
    if len(path) > 1 and isinstance(value, Mapping):
        value = value.get(path[1])
    return frozen(value) if weight == DECIDES else _roughly(value)


def _roughly(value: Any) -> Any:
    """A value that is only said or sent: whether there is one, and of which kind."""
    match value:
        case bool() | None:
            return str(value)
        case str():
            return "text", bool(value), bool(value.strip())
        case int() | float():
            return max(-1, min(2, value))
        case list() | tuple():
            return tuple(_roughly(each) for each in value[:LONGEST_KEPT])
        case Mapping():
            return tuple(sorted((key, _roughly(each)) for key, each in value.items()))
    return str(type(value))


def frozen(value: Any) -> Any:
    """A JSON value that can be a key."""
    if isinstance(value, list | tuple):
        return tuple(frozen(each) for each in value)
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(each)) for key, each in value.items()))
    return (type(value).__name__, value) if isinstance(value, bool) else value
