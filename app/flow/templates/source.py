"""A template file as a text that knows its places."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from app.flow.nodes import Place

FOLDER = "templates/"


@dataclass(frozen=True)
class TemplateFile:
    """The text of `templates/<name>`."""

    name: str
    value: str

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *(at + 1 for at, sign in enumerate(self.value) if sign == "\n"))

    def at(self, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset`."""
        offset = min(max(offset, 0), len(self.value))
        line = bisect_right(self._starts, offset)
        return Place(f"{FOLDER}{self.name}", line, offset - self._starts[line - 1] + 1, max(1, length))
