"""Answers the look-ups of a call as its scenario says; nobody outside is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.engine import Lookup, LookupAnswer
from app.flow.lookups.asked import AskedLookup
from app.flow.lookups.returned import Returned
from app.flow.model import Flow
from app.service.drive import LookUp
from app.verify.scenarios.given import answer_of
from app.verify.scenarios.model import Fault, Given

UNANSWERED: Final = "the scenario gives no answer"


class Declared:
    """What the look-ups of some flows return, by flow and name."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._returns: dict[tuple[str, str], Returned] = {}
        for flow in flows:
            for step in flow.steps.values():
                for asking in step.asks:
                    if isinstance(asking, AskedLookup):
                        self._returns[flow.name, asking.name] = asking.definition.returns

    @property
    def names(self) -> frozenset[str]:
        """What a scenario may call them: the name, or `flow.name`."""
        return frozenset(name for flow, short in self._returns for name in (short, f"{flow}.{short}"))

    def returned(self, flow: str, name: str) -> Returned | None:
        """What one of them returns."""
        return self._returns.get((flow, name))


class Answers:
    """The answers of one call, each look-up's in turn.

    Args:
        given: what the scenario answers.
        declared: the look-ups of its flows.
        outside: asks those that the scenario says nothing about; None: they are not answered.

    Attributes:
        unanswered: the names of those that were not answered.
    """

    def __init__(self, given: Mapping[str, Given], declared: Declared, outside: LookUp | None = None) -> None:
        self._given = given
        self._declared = declared
        self._outside = outside
        self._asked: dict[str, int] = {}
        self._answered: dict[str, LookupAnswer] = {}
        self.unanswered: list[str] = []

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each, in their order; what is asked twice with one key gets the same answer."""
        for lookup in lookups:
            if lookup.key not in self._answered:
                self._answered[lookup.key] = await self._answer(lookup)
        return tuple([self._answered[lookup.key] for lookup in lookups])

    async def _answer(self, lookup: Lookup) -> LookupAnswer:
        name = next((name for name in (f"{lookup.flow}.{lookup.name}", lookup.name) if name in self._given), None)
        if name is None and self._outside is not None:
            return (await self._outside((lookup,)))[0]
        if name is None:
            self.unanswered.append(lookup.name)
            return LookupAnswer(None, UNANSWERED)
        answers = self._given[name].answers
        number = self._asked.get(name, 0)
        self._asked[name] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        if isinstance(answer, Fault):
            ms = lookup.request.timeout_ms
            return LookupAnswer(None, answer.problem or f"timed out after {ms} ms", 0 if answer.problem else ms)
        return LookupAnswer(answer_of(answer.node, self._declared.returned(lookup.flow, lookup.name)))
