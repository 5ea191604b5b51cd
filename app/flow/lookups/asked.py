"""`lookup` of a step: which look-ups it asks, and what it gives to them.

lookup: customer
lookup: [customer, {stock: {item: "{{ item }}"}}]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.flow.lookups.definition import Answer, LookupDefinition
from app.flow.lookups.hushing import Hushing
from app.flow.lookups.request import LookupRequest
from app.flow.named import Named, Naming
from app.flow.nodes import Node
from app.flow.reader import Reader

_LOOKUPS: Final = Naming(
    "look-up",
    "E537",
    "lookups",
    frozenset({"get", "post", "python", "url", "returns", "default", "timeout"}),
    '{get: "https://..", returns: {name: text}}',
    is_in_scope=True,
)


@dataclass(frozen=True, slots=True)
class AskedLookup(Named[LookupDefinition]):
    """A look-up that a step asks on entering; its answer stands under its name in the scope."""

    def request(self, names: Mapping[str, Any]) -> LookupRequest:
        """What goes out in this call. Raises RenderError."""
        return self.definition.render(self.scope(names))

    def read(self, value: Any, problem: str) -> tuple[Answer, str]:
        """The answer as the flow sees it, and why it is not real ("" when it is)."""
        return self.definition.read(value, problem)

    def hush(self, answer: Answer, hushing: Hushing) -> tuple[Answer, str]:
        """The answer with tokens for what it should not tell, and why it is not real then."""
        return self.definition.hush(answer, hushing)


def read_asked(node: Node, definitions: Mapping[str, LookupDefinition], reader: Reader) -> tuple[AskedLookup, ...]:
    """The look-ups under `lookup`. E537 for one that there is not, E538 for one asked twice."""
    asked: dict[str, AskedLookup] = {}
    for named in _LOOKUPS.read(node, definitions, reader, "`lookup`"):
        first = asked.setdefault(named.name, AskedLookup(named.definition, named.place, named.given))
        if first.place != named.place:
            message = f'the look-up "{named.name}" is asked twice; the first is in line {first.place.line}'
            reader.report("E538", named.place, message)
    return tuple(asked.values())
