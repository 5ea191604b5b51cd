"""What flows share: names, numbers, and which of them is the default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from app.flow.issues import Issue
from app.flow.nodes import Place
from app.flow.rules import RULES

if TYPE_CHECKING:
    from app.flow.flows import ReadFlow


def check_project(flows: Iterable[ReadFlow]) -> Iterator[Issue]:
    """E210, E211, E212: each at the later of the two places, naming the earlier one."""
    flows = tuple(flows)
    names = ((flow.name.value, flow.name.place) for flow in flows if flow.name)
    for name, place, first in _doubled(names):
        yield RULES["E210"].at(place, f'the flow "{name}" is there already, in {first.file}:{first.line}')
    numbers = ((number, place) for flow in flows for number, place in flow.numbers)
    for number, place, first in _doubled(numbers):
        yield RULES["E211"].at(place, f"calls to {number} start in {first.file}:{first.line} already")
    defaults = (("default", flow.default) for flow in flows if flow.default)
    for _, place, first in _doubled(defaults):
        yield RULES["E212"].at(place, f"{first.file}:{first.line} is the default already")


def _doubled(found: Iterable[tuple[str, Place]]) -> Iterator[tuple[str, Place, Place]]:
    """Each value that comes again, with its place and the first one's."""
    seen: dict[str, Place] = {}
    for value, place in found:
        first = seen.setdefault(value, place)
        if first != place:
            yield value, place, first
