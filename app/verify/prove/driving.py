"""Drives the engine by hand: every answer that its look-ups may get, one turn for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple, TypeAlias

from app.engine import Lookup, LookupAnswer, Turn
from app.engine.interpreter import Playing
from app.flow.language.lookups import AskedLookup
from app.flow.model import Flow
from app.verify.prove.values import Representatives

DOWN: LookupAnswer = LookupAnswer(None, "timed out after 2000 ms")
MOST_TOGETHER = 512
"""Combinations of the answers of look-ups that are asked side by side; beyond it, each answer of each one once."""

Answers: TypeAlias = tuple[tuple[str, LookupAnswer], ...]
"""What the look-ups of a turn were answered, by name, in order."""


class Played(NamedTuple):
    """A turn, with what its look-ups were answered; None when the webhook did not steer.

    `asking_s` are seconds of silence while they are asked; `is_timed`: it may be another turn at another moment.
    """

    turn: Turn | None
    answers: Answers
    asking_s: float = 0.0
    is_timed: bool = False


@dataclass(slots=True)
class Driver:
    """Plays turns of a flow with every answer that its look-ups may get."""

    root: Flow
    shown: Representatives
    _answers: dict[tuple[str, str], tuple[LookupAnswer, ...]] = field(default_factory=dict)

    def turns(self, begin: Callable[[], Playing[Turn] | Playing[Turn | None]]) -> Iterator[Played]:
        """Every turn that `begin` may come to."""
        waiting: list[tuple[tuple[LookupAnswer, ...], ...]] = [()]
        while waiting:
            script = waiting.pop()
            others: list[tuple[tuple[LookupAnswer, ...], ...]] = []
            yield self._play(begin(), script, others)
            waiting.extend(reversed(others))

    def _play(
        self,
        playing: Playing[Turn] | Playing[Turn | None],
        script: tuple[tuple[LookupAnswer, ...], ...],
        others: list[tuple[tuple[LookupAnswer, ...], ...]],
    ) -> Played:
        """One turn by a script of answers; where it asks more, the other answers go to `others`."""
        answers: list[tuple[str, LookupAnswer]] = []
        given: tuple[tuple[LookupAnswer, ...], ...] = ()
        seconds = 0.0
        try:
            lookups = next(playing)
            while True:
                if len(given) < len(script):
                    chosen = script[len(given)]
                else:
                    chosen, *rest = self._choices(lookups)
                    others.extend((*given, other) for other in rest)
                given = (*given, chosen)
                answers += [(lookup.name, answer) for lookup, answer in zip(lookups, chosen, strict=True)]
                seconds += max(_seconds(lookup, answer) for lookup, answer in zip(lookups, chosen, strict=True))
                lookups = playing.send(chosen)
        except StopIteration as done:
            return Played(done.value, tuple(answers), seconds)

    def _choices(self, lookups: tuple[Lookup, ...]) -> list[tuple[LookupAnswer, ...]]:
        each = [self._of(lookup) for lookup in lookups]
        size = 1
        for answers in each:
            size *= len(answers)
        if size <= MOST_TOGETHER:
            return list(product(*each))
        self.shown.chosen[", ".join(lookup.name for lookup in lookups)] = ("each answer of each one once",)
        first = tuple(answers[0] for answers in each)
        others = [(at, answer) for at, answers in enumerate(each) for answer in answers[1:]]
        return [first, *((*first[:at], answer, *first[at + 1 :]) for at, answer in others)]

    def _of(self, lookup: Lookup) -> tuple[LookupAnswer, ...]:
        """What one look-up may answer; the last is that it does not."""
        flow, step, name = lookup.key.split(":")[2].split(".")
        key = (flow, name)
        if key not in self._answers:
            asks = self.root.named(flow).steps[step].asks
            asking = next(each for each in asks if each.name == name)
            real = self.shown.answers(flow, name, asking.definition.returns) if isinstance(asking, AskedLookup) else []
            self._answers[key] = (*map(LookupAnswer, real), DOWN)
        return self._answers[key]


def _seconds(lookup: Lookup, answer: LookupAnswer) -> float:
    """How long the caller hears nothing because of it: only when it does not answer in time."""
    return min(lookup.request.timeout_ms, 2000) / 1000 if answer.problem else 0.0
