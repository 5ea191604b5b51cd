"""What lookups answer in a scenario: reads it, and answers those of a call so that no request leaves the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import AskedLookup, LookupDefinition
from app.flow.language.returns import Returned, ReturnedList, ReturnedMap, ReturnedValue
from app.flow.model import Flow
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.service.calls import LookUp
from app.verify.scenarios.model import Answer, Fault, Given
from app.verify.scenarios.reader import Reader, items, json_of

UNANSWERED: Final = "the scenario gives no answer"


def read_given(node: Node, reader: Reader) -> Mapping[str, Given]:
    """The map under `given`: what each look-up answers, by its name."""
    found = reader.map(node, "`given`", "write `given: {lookup: {field: value}}`")
    return {entry.key.value: _read(entry.key.place, entry.value, reader) for entry in found.entries} if found else {}


def _read(place: Place, node: Node, reader: Reader) -> Given:
    if isinstance(node, Seq) and not node.items:
        reader.report("S103", node.place, "no answer is listed", "write what it answers first, then what it does next")
    return Given(place, tuple(_read_one(item, reader) for item in items(node)) or (Fault(),))


def _read_one(node: Node, reader: Reader) -> Answer | Fault:
    """`{timeout: true}`, `{error: why}`, `{value: anything}` or the answer itself."""
    if not isinstance(node, Map) or len(node.entries) != 1:
        return Answer(node)
    (entry,) = node.entries
    value = entry.value
    if entry.key.value == "timeout" and isinstance(value, Text) and value.value == "true":
        return Fault()
    if entry.key.value == "error":
        text = reader.text(value, "`error`", 'write why it fails: "503", or a sentence')
        return Fault(_problem(text.value) if text else "it failed")
    return Answer(value, is_free=True) if entry.key.value == "value" else Answer(node)


def _problem(text: str) -> str:
    return f"status {text}" if text.isdigit() else text


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
        value = _answer_of(answer.node, self._declared.returned(lookup.flow, lookup.name))
        definition = self._declared.definition(lookup.flow, lookup.name)
        if definition is not None and (problem := definition.read(value)[1]):
            self.misfits[lookup.name] = problem
        return LookupAnswer(value)


def _answer_of(node: Node, returned: Returned | None) -> Any:
    """What a look-up answers, as JSON. A text that is declared as one may look like a number."""
    if isinstance(node, Map):
        fields = returned.fields if isinstance(returned, ReturnedMap) else {}
        return {entry.key.value: _answer_of(entry.value, fields.get(entry.key.value)) for entry in node.entries}
    if isinstance(node, Seq):
        item = returned.item if isinstance(returned, ReturnedList) else None
        return [_answer_of(each, item) for each in node.items]
    is_text = isinstance(returned, ReturnedValue) and returned.type.kind == "text"
    return node.value if is_text else json_of(node)
