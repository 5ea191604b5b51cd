"""Answers the look-ups of a call as its scenario says; nobody outside is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import AskedLookup, LookupDefinition
from app.flow.language.returned import Returned
from app.flow.model import Flow
from app.service.calls import LookUp
from app.verify.scenarios.given import answer_of
from app.verify.scenarios.model import Fault, Given

UNANSWERED: Final = "the scenario gives no answer"


class Declared:
    """What the look-ups of some flows return, by flow and name."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._known: dict[tuple[str, str], LookupDefinition] = {}
        for flow in flows:
            for step in flow.steps.values():
                for asking in step.asks:
                    if isinstance(asking, AskedLookup):
                        self._known[flow.name, asking.name] = asking.definition

    @property
    def names(self) -> frozenset[str]:
        """What a scenario may call them: the name, or `flow.name`."""
        return frozenset(name for flow, short in self._known for name in (short, f"{flow}.{short}"))

    def definition(self, flow: str, name: str) -> LookupDefinition | None:
        """One of them."""
        return self._known.get((flow, name))

    def returned(self, flow: str, name: str) -> Returned | None:
        """What one of them returns."""
        found = self.definition(flow, name)
        return found.returns if found is not None else None

    def fields(self, name: str) -> frozenset[str]:
        """The fields that those of a name declare, each `flow.name` or `name`."""
        meant = [known for (flow, short), known in self._known.items() if name in (short, f"{flow}.{short}")]
        return frozenset(field for known in meant for field in known.returns.fields)


class Answers:
    """The answers of one call, each look-up's in turn.

    Args:
        given: what the scenario answers.
        declared: the look-ups of its flows.
        outside: asks those that the scenario says nothing about; None: they are not answered.

    Attributes:
        unanswered: the names of those that were not answered.
        misfits: the names of those whose answer does not fit what they declare, each with what is wrong.
    """

    def __init__(self, given: Mapping[str, Given], declared: Declared, outside: LookUp | None = None) -> None:
        self._given = given
        self._declared = declared
        self._outside = outside
        self._asked: dict[str, int] = {}
        self._answered: dict[str, LookupAnswer] = {}
        self.unanswered: list[str] = []
        self.misfits: dict[str, str] = {}

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
        value = answer_of(answer.node, self._declared.returned(lookup.flow, lookup.name))
        definition = self._declared.definition(lookup.flow, lookup.name)
        if definition is not None and (problem := definition.read(value)[1]):
            self.misfits[lookup.name] = problem
        return LookupAnswer(value)
