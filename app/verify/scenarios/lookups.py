"""What lookups answer in a scenario: no request leaves the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import AskedLookup, LookupDefinition
from app.flow.language.returns import Returned, ReturnedList, ReturnedMap, ReturnedValue
from app.flow.model import Flow
from app.flow.nodes import Map, Node, Seq
from app.service.calls import LookUp
from app.verify.scenarios.model import Fault, Given
from app.verify.scenarios.values import json_of

UNANSWERED: Final = "the scenario gives no answer"

Definitions = Mapping[tuple[str, str], LookupDefinition]
"""By the name of the flow and that of the lookup."""


def lookups_of(flows: Iterable[Flow]) -> Definitions:
    """The lookups that the steps of some flows ask."""
    return {
        (flow.name, asked.name): asked.definition
        for flow in flows
        for step in flow.steps.values()
        for asked in step.asks
        if isinstance(asked, AskedLookup)
    }


class Answers:
    """The answers of one call, each lookup's in turn.

    Args:
        given: what the scenario answers.
        definitions: the lookups of its flows.
        outside: asks those that the scenario says nothing about; None: they are not answered.

    Attributes:
        unanswered: the names of those that were not answered.
        misfits: the names of those whose answer does not fit what they declare, each with what is wrong.
    """

    def __init__(self, given: Mapping[str, Given], definitions: Definitions, outside: LookUp | None = None) -> None:
        self._given = given
        self._definitions = definitions
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

    @property
    def notes(self) -> Iterable[str]:
        """Which lookups took their default though nothing says so, a sentence each."""
        for name in dict.fromkeys(self.unanswered):
            yield f'the lookup "{name}" had no answer, so its default was used; `given: {{{name}: ..}}` gives one'
        for name, problem in self.misfits.items():
            yield f'the answer of the lookup "{name}" does not fit, so its default was used: {problem}'

    async def _answer(self, lookup: Lookup) -> LookupAnswer:
        name = next((name for name in (f"{lookup.flow}.{lookup.name}", lookup.name) if name in self._given), None)
        if name is None and self._outside is not None:
            return (await self._outside((lookup,)))[0]
        if name is None:
            self.unanswered.append(lookup.name)
            return LookupAnswer(None, UNANSWERED)
        answers, number = self._given[name].answers, self._asked.get(name, 0)
        self._asked[name] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        if isinstance(answer, Fault):
            ms = lookup.request.timeout_ms
            return LookupAnswer(None, answer.problem or f"timed out after {ms} ms", 0 if answer.problem else ms)
        definition = self._definitions.get((lookup.flow, lookup.name))
        value = _answer_of(answer.node, definition.returns if definition else None)
        if definition is not None and (problem := definition.read(value)[1]):
            self.misfits[lookup.name] = problem
        return LookupAnswer(value)


def _answer_of(node: Node, returned: Returned | None) -> Any:
    """What a lookup answers, as JSON. A text that is declared as one may look like a number."""
    if isinstance(node, Map):
        fields = returned.fields if isinstance(returned, ReturnedMap) else {}
        return {entry.key.value: _answer_of(entry.value, fields.get(entry.key.value)) for entry in node.entries}
    if isinstance(node, Seq):
        item = returned.item if isinstance(returned, ReturnedList) else None
        return [_answer_of(each, item) for each in node.items]
    is_text = isinstance(returned, ReturnedValue) and returned.type.kind == "text"
    return node.value if is_text else json_of(node)
