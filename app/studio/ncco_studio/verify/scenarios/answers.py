"""Answers a call's lookups: from the scenario, by sending the real request, or with the default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias, TypeGuard

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.grammar.reader import Reader, items
from ncco_server.flow.handlers.effects import Called
from ncco_server.flow.handlers.reading import LoadedHandler
from ncco_server.flow.handlers.results import misfits
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.model import Flow
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, is_missing
from ncco_server.ncco.value_types import ANY, Kind
from ncco_server.service.row_lookups import rows_of
from ncco_server.store import Store
from ncco_studio.verify.scenarios.values import json_of

ANSWERS: Final = ("timeout", "error", "value", "none")
NOBODY: Final = LookupAnswer(None, "nobody was asked")
"""The answer of an unsent lookup; a saved scenario omits it."""


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of a handler, as scenarios know it. Without `function`, any result fits."""

    timeout_ms: int
    function: Callable[..., Any] | None = None
    returns: ClassVar = Returned(ANY)
    default: ClassVar[Mapping[str, Any]] = {}

    def cast_answer(self, value: Any, problem: str = "") -> tuple[Any, str]:
        """Return the result, and why there is none, or ""."""
        return value, problem

    def misfit(self, value: Any) -> str:
        found = {} if self.function is None else misfits(self.function, value)
        return "; ".join(f"{path} {problem}" if path else problem for path, problem in found.items())


Answering: TypeAlias = LookupDefinition | FunctionDefinition


@dataclass(frozen=True, slots=True)
class Definitions:
    """What can be asked in flows: the lookups of flow files by (flow, name), and whatever handlers call and read."""

    lookups: Mapping[tuple[str, str], LookupDefinition]
    handlers: Mapping[str, LoadedHandler]

    def of(self, lookup: Lookup) -> Answering:
        found = self.lookups.get((lookup.flow, lookup.name))
        if found is not None:
            return found
        code = lookup.request.code if lookup.is_function else None
        if code is None and (handler := self.handlers.get(lookup.flow)) and lookup.name in handler.maker.rows:
            return handler.maker.rows[lookup.name].definition
        return FunctionDefinition(lookup.request.timeout_ms, code.function if isinstance(code, Called) else None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in `given`.

    Attributes:
        node: with the lookup's declared types; None for a function's None, and a missing row.
        is_free: undeclared fields are allowed.
    """

    node: Node | None
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A lookup that fails. `error` is a status or a reason; "" is a timeout."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """The answers of a lookup in order, at least one; the last one repeats."""

    place: Place
    answers: tuple[Answer | NoAnswer, ...]


def read_given(entry: Entry, reader: Reader) -> GivenAnswers:
    if isinstance(entry.value, Seq) and not entry.value.items:
        cure = "write the first answer, then the next"
        reader.report("S103", entry.value.place, "the list has no answers", cure)
    answers = tuple(_read_answer(item, reader) for item in items(entry.value))
    return GivenAnswers(entry.key.place, answers or (NoAnswer(),))


def _read_answer(node: Node, reader: Reader) -> Answer | NoAnswer:
    """Read `{timeout: true}`, `{none: true}`, `{error: why}`, `{value: anything}` or the answer itself."""
    (word, value) = (node.entries[0].key.value, node.entries[0].value) if _is_single(node) else ("", node)
    if word == "timeout" and isinstance(value, Text) and value.value == "true":
        return NoAnswer()
    if word == "error":
        text = reader.text(value, "`error`")
        return NoAnswer(text.value if text else FAILED)
    if word == "none" and isinstance(value, Text) and value.value == "true":
        return Answer(None, is_free=True)
    return Answer(value, is_free=True) if word == "value" else Answer(node)


def _is_single(node: Node) -> TypeGuard[Map]:
    return isinstance(node, Map) and len(node.entries) == 1


FAILED: Final = "it failed"
"""The reason if the scenario does not give one."""


def no_answer(error: str, timeout_ms: int) -> LookupAnswer:
    """`error` is a status or a reason; "" is a timeout."""
    if not error:
        return LookupAnswer(None, f"timed out after {timeout_ms} ms", timeout_ms)
    is_status = error.isascii() and error.isdigit()
    return LookupAnswer(None, f"status {error}" if is_status else error, status=int(error) if is_status else 0)


def lookups_of(flows: Iterable[Flow]) -> Definitions:
    flows = tuple(flows)
    steps = ((flow.name, step) for flow in flows for step in flow.steps.values())
    found = {(name, asked.name): asked.definition for name, step in steps for asked in step.all_asks}
    return Definitions(found, {flow.name: flow.handler for flow in flows if isinstance(flow.handler, LoadedHandler)})


class LookupAnswers:
    """Answers one call's lookups, and remembers the answers. None is sent."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.answered: list[tuple[Lookup, LookupAnswer]] = []
        self._known: dict[tuple[str, int, str], LookupAnswer] = {}

    def definition(self, lookup: Lookup) -> Answering:
        return self.definitions.of(lookup)

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """The same answers if a turn is tried again."""
        for lookup in lookups:
            if lookup.id not in self._known:
                self._known[lookup.id] = await self.chosen(lookup) or NOBODY
                self.answered.append((lookup, self._known[lookup.id]))
        return tuple([self._known[lookup.id] for lookup in lookups])

    async def of_rows(self, store: Store, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """The stored rows, unless others are chosen."""
        rows = []
        for lookup, row in zip(lookups, await rows_of(store.tables, lookups), strict=True):
            if lookup.id not in self._known and (chosen := await self.chosen(lookup)) is not None:
                self._known[lookup.id] = chosen
                self.answered.append((lookup, chosen))
            rows.append(self._known.get(lookup.id, row))
        return tuple(rows)

    async def chosen(self, _: Lookup) -> LookupAnswer | None:
        """Return None for its default."""
        return None

    def as_given(self) -> Mapping[str, list[Any]]:
        """Each lookup's answers in order; None if it was not sent."""
        given: dict[str, list[Any]] = {}
        for lookup, answer in self.answered:
            given.setdefault(lookup.name, []).append(_as_given(answer, self.definition(lookup)))
        return given


def _as_given(answer: LookupAnswer, definition: Answering) -> Mapping[str, Any] | None:
    if answer is NOBODY:
        return None
    if answer.value is None and not answer.problem:
        return {"none": True}
    _, problem = definition.cast_answer(answer.value, answer.problem)
    if not problem:
        fields = definition.returns.fields
        return {"value": {name: answer.value[name] for name in fields} if fields else answer.value}
    if answer.ms == definition.timeout_ms:
        return {"timeout": True}
    return {"error": str(answer.status) if answer.status else problem}


class ScenarioAnswers(LookupAnswers):
    """Answers from a scenario; other lookups take their defaults."""

    def __init__(self, given: Mapping[str, GivenAnswers], definitions: Definitions) -> None:
        super().__init__(definitions)
        self._given = given
        self._asked = Counter[str]()

    @property
    def asked(self) -> Set[str]:
        """The names of the given answers that were used."""
        return self._asked.keys()

    @property
    def notes(self) -> Iterator[str]:
        """A sentence for each lookup that took its default without being asked to."""
        for name in dict.fromkeys(lookup.name for lookup, answer in self.answered if answer is NOBODY):
            yield f'"{name}" had no answer: its default was used, or it failed; `given: {{{name}: ..}}` provides one'
        misfits = {
            lookup.name: (problem, isinstance(self.definition(lookup), FunctionDefinition))
            for lookup, answer in self.answered
            if not answer.problem and (problem := self.definition(lookup).misfit(answer.value))
        }
        for name, (problem, is_function) in misfits.items():
            if is_function:
                yield f'the result of the function "{name}" does not fit its return type, so it failed: {problem}'
            else:
                yield f'the answer of the lookup "{name}" does not match `returns`, so its default was used: {problem}'

    async def chosen(self, lookup: Lookup) -> LookupAnswer | None:
        name = next((name for name in (f"{lookup.flow}.{lookup.name}", lookup.name) if name in self._given), None)
        if name is None:
            return None
        answers = self._given[name].answers
        answer = answers[min(self._asked[name], len(answers) - 1)]
        self._asked[name] += 1
        if isinstance(answer, NoAnswer):
            return no_answer(answer.error, lookup.request.timeout_ms)
        if answer.node is None:
            return LookupAnswer(None)
        return LookupAnswer(answer_of(answer.node, self.definition(lookup).returns.type))


def answer_of(node: Node, type_: Kind | None) -> Any:
    """If the lookup declares text, `123` stays text."""
    if isinstance(node, Map):
        fields = type_.fields if type_ else {}
        return {entry.key.value: answer_of(entry.value, fields.get(entry.key.value)) for entry in node.entries}
    if is_missing(node):
        return None
    if isinstance(node, Seq):
        item = type_.item if type_ else None
        return [answer_of(each, item) for each in node.items]
    return node.value if type_ and type_.is_text else json_of(node)
