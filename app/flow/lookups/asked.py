"""`lookup` of a step: which look-ups it asks, and what it gives to them.

lookup: customer
lookup: [customer, {stock: {item: "{{ item }}"}}]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.flow.given import defaults_of, read_given
from app.flow.lookups.definition import Answer, LookupDefinition
from app.flow.lookups.hushing import Hushing
from app.flow.lookups.request import LookupRequest
from app.flow.model import Assignment
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest

_DECLARED: Final = frozenset({"get", "post", "python", "url", "returns", "default", "timeout"})
_CURE: Final = "write `lookup: name`, or `- name: {param: value}` in a list"


@dataclass(frozen=True, slots=True)
class AskedLookup:
    """A look-up that a step asks on entering.

    Attributes:
        given: the values of its params, in the scope of the step.
    """

    definition: LookupDefinition
    place: Place
    given: tuple[Assignment, ...] = ()

    @property
    def name(self) -> str:
        """Of the look-up, and of its answer in scope."""
        return self.definition.name

    @property
    def used_names(self) -> frozenset[str]:
        """The names of the call that it needs."""
        given = (assignment.value.used_names for assignment in self.given)
        return self.definition.used_names.union(*given)

    @property
    def used_files(self) -> frozenset[str]:
        """The template files that it is made of."""
        given = (assignment.value.used_files for assignment in self.given)
        return self.definition.used_files.union(*given)

    def request(self, names: Mapping[str, Any]) -> LookupRequest:
        """What goes out in this call. Raises RenderError."""
        given = {assignment.name: assignment.value.render(names) for assignment in self.given}
        return self.definition.render({**names, **defaults_of(self.definition.params), **given})

    def read(self, value: Any, problem: str) -> tuple[Answer, str]:
        """The answer as the flow sees it, and why it is not real ("" when it is)."""
        return self.definition.read(value, problem)

    def hush(self, answer: Answer, hushing: Hushing) -> tuple[Answer, str]:
        """The answer with tokens for what it should not tell, and why it is not real then."""
        return self.definition.hush(answer, hushing)


def read_asked(node: Node, definitions: Mapping[str, LookupDefinition], reader: Reader) -> tuple[AskedLookup, ...]:
    """The look-ups under `lookup`. E537 for one that there is not, E538 for one asked twice."""
    items = node.items if isinstance(node, Seq) else (node,)
    asked: dict[str, AskedLookup] = {}
    for item in items:
        for found in _read_item(item, definitions, reader):
            if found.name in asked:
                first = asked[found.name].place.line
                message = f'the look-up "{found.name}" is asked twice; the first is in line {first}'
                reader.report("E538", found.place, message)
            asked.setdefault(found.name, found)
    return tuple(asked.values())


def _read_item(node: Node, definitions: Mapping[str, LookupDefinition], reader: Reader) -> list[AskedLookup]:
    if isinstance(node, Text):
        found = _find(node, definitions, reader)
        return [_asked(found, None, node.place, reader)] if found else []
    if isinstance(node, Seq):
        reader.report("E201", node.place, "a look-up of `lookup` is a list", _CURE)
        return []
    if declared := _DECLARED.intersection(node.keys()):
        word = next(key for key in node.keys() if key in declared)  # noqa: SIM118 - a Map is no dict
        place = next(entry.key.place for entry in node.entries if entry.key.value == word)
        cure = "declare it under `lookups` of the flow, and write its name here"
        reader.report("E537", place, f'a step cannot declare a look-up, and "{word}" belongs to one', cure)
        return []
    return _read_map(node, definitions, reader)


def _read_map(node: Map, definitions: Mapping[str, LookupDefinition], reader: Reader) -> list[AskedLookup]:
    pairs = [(entry, _find(entry.key, definitions, reader)) for entry in node.entries]
    return [_asked(found, entry.value, entry.key.place, reader) for entry, found in pairs if found is not None]


def _find(name: Text, definitions: Mapping[str, LookupDefinition], reader: Reader) -> LookupDefinition | None:
    found = definitions.get(name.value)
    if found is None:
        message = f'there is no look-up "{name.value}"'
        cure = _cure(name.value, definitions)
        if name.value in reader.variables:
            message = f'"{name.value}" is a variable of this flow, and stands before any look-up of that name'
            cure = "give the variable another name"
        reader.report("E537", name.place, message, cure)
    return found


def _cure(name: str, definitions: Mapping[str, LookupDefinition]) -> str:
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part in definitions for part in parts):
        return f"write a list: [{', '.join(parts)}]"
    if near := nearest(name, definitions):
        return f'did you mean "{near}"?'
    if definitions:
        return f"known are: {', '.join(sorted(definitions))}"
    return f'declare it: `lookups: {{{name}: {{get: "https://..", returns: {{name: text}}}}}}`'


def _asked(definition: LookupDefinition, node: Node | None, place: Place, reader: Reader) -> AskedLookup:
    what = f'the look-up "{definition.name}"'
    if node is not None and not isinstance(node, Map):
        cure = f"write `- {definition.name}: {{{', '.join(f'{name}: ..' for name in definition.params)}}}`"
        reader.report("E201", node.place, f"what {what} is given is no map of its params", cure)
        return AskedLookup(definition, place)
    given = read_given(node, definition.params, what, place, reader, form=f"- {definition.name}: {{{{{{}}}}}}")
    return AskedLookup(definition, place, given)
