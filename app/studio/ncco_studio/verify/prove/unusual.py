"""Calls with more than one unusual value, which a handler with many states is not played for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from ncco_server.flow.language.retry import FAILURES
from ncco_studio.verify.prove.space import State, StepKey, Transition

MANY_IN_STEP: Final = 100
"""States of a handler that wait in one step."""
MANY_IN_CHECK: Final = 400
"""The same while the steps of a handler are looked for, where a state takes less time; our choice."""
FAILED: Final = frozenset({*FAILURES, "asr_error"})
_COLLECTED: Final = ("collected", "")

Outcomes = Mapping[tuple[str, str], Sequence[int]]
"""The numbers of the triggers that lead to each outcome, by its name and choice."""


@dataclass(slots=True)
class UnusualValues:
    """What callers enter, and functions and rows return, multiplies the states of a handler that keeps it.

    So where a step has many states, what comes after an unusual value is only played with usual ones.
    """

    many: int = MANY_IN_STEP
    has_left_out: bool = False
    _rare: set[State] = field(default_factory=set)
    """The states that an unusual value has led to."""
    _usual: dict[StepKey, Set[int]] = field(default_factory=dict)
    """The numbers of the triggers with the usual values of a step: the first one that leads to each step."""
    _count: Counter[StepKey] = field(default_factory=Counter)

    def left_out(self, state: State, outcomes: Outcomes) -> Set[int]:
        """Return the numbers of the triggers that are not played; failed attempts have been, in other states."""
        collected = outcomes.get(_COLLECTED, ())
        are_many = self._count[state.where] * max(1, len(collected)) > self.many
        if not are_many or state not in self._rare or (collected and state.where not in self._usual):
            return frozenset()
        failed = (number for (name, _), numbers in outcomes.items() if name in FAILED for number in numbers)
        found = {*collected, *failed} - self._usual.get(state.where, set())
        self.has_left_out = self.has_left_out or bool(found)
        return found

    def note(self, state: State, outcomes: Outcomes, turns: Mapping[int, Sequence[Transition]]) -> None:
        """`turns` are those after each trigger; the first one has the usual answers."""
        entered = (number for number in outcomes.get(_COLLECTED, ()) if turns.get(number))
        played = [number for number in entered if turns[number][0].kind == "accepted"]
        if played and state.where not in self._usual:
            firsts = {_led_to(turns[number][0]): number for number in reversed(played)}
            self._usual[state.where] = {*firsts.values()}
        others = {*played} - self._usual.get(state.where, set())
        for number, made in turns.items():
            self.note_turns(made, is_usual=state not in self._rare and number not in others)

    def note_turns(self, turns: Sequence[Transition], *, is_usual: bool) -> None:
        for at, turn in enumerate(turns):
            if turn.target is not None and turn.target.first is turn:
                self._count[turn.target.where] += 1
                if at or not is_usual:
                    self._rare.add(turn.target)


def _led_to(turn: Transition) -> tuple[StepKey, bool] | None:
    """With whether the state is new; None if the call ends."""
    return None if turn.target is None else (turn.target.where, turn.target.first is turn)
