"""The budget of a turn: how much its templates may compute, so that no call delays others.

A filter, a comparison, a tag or an entry of a loop is one operation, about half a microsecond. A loop's body is paid
for once per entry, before it starts. A filter whose work grows with a text or a list also pays for its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jinja2 import nodes

from ncco_server.flow.templates.filters import FILTERS, Unfit

MAX_OPERATIONS: Final = 300_000
"""Our choice: about a sixth of a second, and far more than any prompt needs."""

BUDGET: Final = "the budget"
"""With a space, no flow can use it as a name."""

_LOCALISED: Final = 50
_PER_ENTRY: Final = 50
"""In a list or a map, such a text counts as one entry, because it is only compared."""
_FREE: Final = (nodes.Name, nodes.Const, nodes.TemplateData, nodes.Operand, nodes.Slice)


class Budget:
    """The operations that a turn has left."""

    _most = MAX_OPERATIONS
    _left = MAX_OPERATIONS

    def spend(self, operations: int) -> None:
        """If the budget is used up, raise Unfit and free a quarter of it for the `error` exit."""
        self._left -= operations
        if self._left < 0:
            self._most //= 4
            self._left = self._most
            raise Unfit(f"the texts of this turn take more than {MAX_OPERATIONS:,} operations", "E396")


def spend(names: Mapping[str, Any], operations: int) -> None:
    """Do nothing if `names` has no budget. Raises Unfit if it is used up."""
    budget = names.get(BUDGET)
    if budget is not None:
        budget.spend(operations)


def operations_of(body: Iterable[nodes.Node]) -> int:
    """Without the bodies of loops, which are paid for once per entry."""
    return sum(map(_operations, body))


def repeated_operations(loop: nodes.For) -> int:
    return 1 + operations_of(loop.body)


def _operations(node: nodes.Node) -> int:
    match node:
        case nodes.For():
            return 1 + operations_of([node.iter, *node.else_])
        case nodes.Output():
            own = sum(not isinstance(child, nodes.TemplateData) for child in node.nodes)
        case nodes.Filter():
            own = _LOCALISED if FILTERS[node.name].is_localised else 1
        case _:
            own = 0 if isinstance(node, _FREE) else 1
    return own + operations_of(node.iter_child_nodes())


def size_of(value: object) -> int:
    """Characters of a text, or entries (nested ones too) of a list or map; 0 for other values."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return 0
    if set(map(type, value)) <= {str}:  # measuring must cost less than what is paid for it
        return len(value) + sum(map(len, value)) // _PER_ENTRY
    return len(value) + sum(size_of(each) // (_PER_ENTRY if isinstance(each, str) else 1) for each in value)
