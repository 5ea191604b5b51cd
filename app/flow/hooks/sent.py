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
from app.flow.hooks.definition import HookDefinition
from app.flow.hooks.hook import Hook
from app.flow.named import Named, Naming
from app.flow.nodes import Node
from app.flow.reader import Reader

_HOOKS: Final = Naming("hook", "E580", "hooks", frozenset({"post", "url", "json", "headers"}), '{post: "https://.."}')


@dataclass(frozen=True, slots=True)
class SentHook(Named[HookDefinition]):
    """A hook as a step or a flow names it.

    Attributes:
        given: the values of its params, in the scope of the flow that sends it.
        variables: the names of that flow's variables that it may tell.
    """

    variables: tuple[str, ...] = ()

    def render(self, names: Mapping[str, Any]) -> Hook:
        """What goes out in this call; see `HookDefinition.render`. Never raises."""
        try:
            scope = self.scope(names)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        return self.definition.render(scope, self.variables)


def read_sent(
    node: Node, definitions: Mapping[str, HookDefinition], reader: Reader, what: str = "`send`"
) -> tuple[SentHook, ...]:
    """The hooks under `send` or a line of `events`, in the order in which they go out. E580 for one there is not.

    `what` is the word, for messages; the rest as in `Naming.read`.
    """
    told = tuple(name for name, variable in reader.variables.items() if not variable.sensitive)
    found = _HOOKS.read(node, definitions, reader, what)
    return tuple(SentHook(named.definition, named.place, named.given, told) for named in found)
