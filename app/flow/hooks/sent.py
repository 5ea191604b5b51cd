"""`send` of a step, and each line of `events`: which hooks are sent, and what is given to them.

send: survey_done
send: [survey_done, {ticket_opened: {ticket: "{{ ticket }}"}}]
events: {record: voicemail_saved}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.errors import RenderError
from app.flow.given import defaults_of, read_given
from app.flow.hooks.definition import HookDefinition
from app.flow.hooks.hook import Hook
from app.flow.model import Assignment
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest

_DECLARED: Final = frozenset({"post", "url", "json", "headers"})
_CURE: Final = "write the name of a hook, or `- name: {param: value}` in a list"


@dataclass(frozen=True, slots=True)
class SentHook:
    """A hook as a step or a flow names it.

    Attributes:
        given: the values of its params, in the scope of the flow that sends it.
        variables: the names of that flow's variables that it may tell.
    """

    definition: HookDefinition
    place: Place
    given: tuple[Assignment, ...] = ()
    variables: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the hook."""
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

    def render(self, names: Mapping[str, Any]) -> Hook:
        """What goes out in this call; see `HookDefinition.render`. Never raises."""
        try:
            given = {assignment.name: assignment.value.render(names) for assignment in self.given}
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        return self.definition.render({**names, **defaults_of(self.definition.params), **given}, self.variables)


def read_sent(
    node: Node, definitions: Mapping[str, HookDefinition], reader: Reader, what: str = "`send`"
) -> tuple[SentHook, ...]:
    """The hooks under `send` or a line of `events`, in the order in which they go out. E580 for one there is not.

    Args:
        node: a name, a map of name → params, or a list of both.
        definitions: every hook that the flow may send, by name.
        reader: its scope is that of the params' values.
        what: the word, for messages.
    """
    items = node.items if isinstance(node, Seq) else (node,)
    return tuple(sent for item in items for sent in _read_item(item, definitions, reader, what))


def _read_item(
    node: Node, definitions: Mapping[str, HookDefinition], reader: Reader, what: str
) -> tuple[SentHook, ...]:
    if isinstance(node, Seq):
        reader.report("E201", node.place, f"a hook of {what} is a list", _CURE)
        return ()
    if isinstance(node, Text):
        found = _find(node, definitions, reader)
        return (_sent(found, None, node.place, reader),) if found else ()
    declared = [entry.key for entry in node.entries if entry.key.value in _DECLARED - definitions.keys()]
    if declared:
        message = f'{what} cannot declare a hook, and "{declared[0].value}" belongs to one'
        reader.report("E580", declared[0].place, message, "declare it under `hooks` of the flow, and write its name")
        return ()
    pairs = [(entry, _find(entry.key, definitions, reader)) for entry in node.entries]
    return tuple(_sent(found, entry.value, entry.key.place, reader) for entry, found in pairs if found is not None)


def _find(name: Text, definitions: Mapping[str, HookDefinition], reader: Reader) -> HookDefinition | None:
    found = definitions.get(name.value)
    if found is None:
        reader.report("E580", name.place, f'there is no hook "{name.value}"', _cure(name.value, definitions))
    return found


def _cure(name: str, definitions: Mapping[str, HookDefinition]) -> str:
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part in definitions for part in parts):
        return f"write a list: [{', '.join(parts)}]"
    if near := nearest(name, definitions):
        return f'did you mean "{near}"?'
    if definitions:
        return f"known are: {', '.join(sorted(definitions))}"
    return f'declare it: `hooks: {{{name}: {{post: "https://.."}}}}`'


def _sent(definition: HookDefinition, node: Node | None, place: Place, reader: Reader) -> SentHook:
    told = tuple(name for name, variable in reader.variables.items() if not variable.sensitive)
    what = f'the hook "{definition.name}"'
    if node is not None and not isinstance(node, Map):
        params = ", ".join(f"{name}: .." for name in definition.params)
        reader.report("E201", node.place, f"{what} is given no map of its params", f"write `{{{params}}}` here")
        return SentHook(definition, place, (), told)
    form = f"- {definition.name}: {{{{{{}}}}}}"
    return SentHook(definition, place, read_given(node, definition.params, what, place, reader, form=form), told)
