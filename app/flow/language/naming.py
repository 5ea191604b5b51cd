"""Definition things that a step names, with what it gives to their params: look-ups and hooks.

lookup: customer
send: [survey_done, {ticket_opened: {ticket: "{{ ticket }}"}}]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from app.flow.language.assignments import read_given
from app.flow.model import Assignment, Param
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest


class Definition(Protocol):
    """What a flow declares once and its steps name."""

    @property
    def name(self) -> str:
        """As the flow calls it."""

    @property
    def params(self) -> Mapping[str, Param]:
        """What is given to it where it is named."""

    @property
    def used_names(self) -> frozenset[str]:
        """The names of the call that it needs, besides its params."""

    @property
    def used_files(self) -> frozenset[str]:
        """The template files that it is made of."""


D = TypeVar("D", bound=Definition)


@dataclass(frozen=True, slots=True)
class Named(Generic[D]):
    """A declared thing as a step or a flow names it.

    Attributes:
        given: the values of its params, in the scope in which it is named.
    """

    definition: D
    place: Place
    given: tuple[Assignment, ...] = ()

    @property
    def name(self) -> str:
        """As the flow calls it."""
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

    def scope(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Everything in its scope in this call: `names` and its params. Raises RenderError."""
        given = {assignment.name: assignment.value.render(names) for assignment in self.given}
        defaults = {name: param.variable.default for name, param in self.definition.params.items()}
        return {**names, **defaults, **given}


@dataclass(frozen=True, slots=True)
class NamedKind:
    """One kind of declared things, in the words of the messages about them.

    Attributes:
        noun: "hook".
        code: of the issue for a name that nothing has.
        section: the word under which they are declared, such as `hooks`.
        words: those of a declaration, which a step takes for a name when it declares in place of naming.
        example: the value of a declaration.
        is_in_scope: whether its name is in the scope of the flow, where a variable of that name hides it.
    """

    noun: str
    code: str
    section: str
    words: frozenset[str]
    example: str
    is_in_scope: bool = False

    def read(self, node: Node, definitions: Mapping[str, D], reader: Reader, what: str) -> tuple[Named[D], ...]:
        """Each one that is named, in order; one that is named twice comes twice.

        Args:
            node: a name, a map of name → params, or a list of both.
            definitions: every one that may be named.
            reader: its scope is that of the params' values.
            what: the word that it is written under, for messages.
        """
        items = node.items if isinstance(node, Seq) else (node,)
        return tuple(named for item in items for named in self._item(item, definitions, reader, what))

    def _item(self, node: Node, definitions: Mapping[str, D], reader: Reader, what: str) -> Iterator[Named[D]]:
        if isinstance(node, Text):
            yield from self._one(node, None, definitions, reader)
        elif isinstance(node, Seq):
            cure = f"write the name of a {self.noun}, or `- name: {{param: value}}` in a list"
            reader.report("E201", node.place, f"a {self.noun} of {what} is a list", cure)
        elif declared := [each.key for each in node.entries if each.key.value in self.words - definitions.keys()]:
            message = f'{what} cannot declare a {self.noun}, and "{declared[0].value}" belongs to one'
            cure = f"declare it under `{self.section}` of the flow, and write its name"
            reader.report(self.code, declared[0].place, message, cure)
        else:
            for entry in node.entries:
                yield from self._one(entry.key, entry.value, definitions, reader)

    def _one(self, name: Text, given: Node | None, definitions: Mapping[str, D], reader: Reader) -> Iterator[Named[D]]:
        definition = definitions.get(name.value)
        if definition is not None:
            yield Named(definition, name.place, self._given(definition, given, name.place, reader))
            return
        message, cure = f'there is no {self.noun} "{name.value}"', self._cure(name.value, definitions)
        if self.is_in_scope and name.value in reader.variables:
            message = f'"{name.value}" is a variable of this flow, and hides any {self.noun} of that name'
            cure = "give the variable another name"
        reader.report(self.code, name.place, message, cure)

    def _cure(self, name: str, definitions: Mapping[str, D]) -> str:
        parts = [part.strip() for part in name.split(",")]
        if len(parts) > 1 and all(part in definitions for part in parts):
            return f"write a list: [{', '.join(parts)}]"
        if near := nearest(name, definitions):
            return f'did you mean "{near}"?'
        if definitions:
            return f"known are: {', '.join(sorted(definitions))}"
        return f"declare it: `{self.section}: {{{name}: {self.example}}}`"

    def _given(self, definition: Definition, node: Node | None, place: Place, reader: Reader) -> tuple[Assignment, ...]:
        what, params = f'the {self.noun} "{definition.name}"', definition.params
        if node is not None and not isinstance(node, Map):
            shown = ", ".join(f"{name}: .." for name in params)
            cure = f"write `{{{shown}}}` here" if params else "write its name alone"
            reader.report("E201", node.place, f"{what} is given no map of its params", cure)
            return ()
        return read_given(node, params, what, place, reader, form=f"- {definition.name}: {{{{{{}}}}}}")
