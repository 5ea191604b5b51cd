"""Template files: their text with its places, and what is wrong with a name that no file has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from app.flow.nodes import Place
from app.ncco.suggest import nearest

FOLDER = "templates/"

MAX_FILE = 100_000
"""Characters of a template file; our choice."""


class Located(Protocol):
    """A text that knows the place of each of its characters: a scalar of a flow file, or a template file."""

    @property
    def value(self) -> str:
        """The text."""

    def at(self, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset`."""


@dataclass(frozen=True)
class TemplateFile:
    """The text of `templates/<name>`."""

    name: str
    value: str

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        return (0, *(at + 1 for at, sign in enumerate(self.value) if sign == "\n"))

    def at(self, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset`."""
        offset = min(max(offset, 0), len(self.value))
        line = bisect_right(self._line_starts, offset)
        return Place(f"{FOLDER}{self.name}", line, offset - self._line_starts[line - 1] + 1, max(1, length))


def missing_file(name: str, templates: Mapping[str, str]) -> tuple[str, str]:
    """Message and cure for a file name that is not known."""
    message = f'there is no file "{name}" in {FOLDER}'
    bare = name.removeprefix("./").removeprefix(FOLDER).removeprefix("/")
    if bare != name and bare in templates:
        return message, f'names are relative to {FOLDER}: write "{bare}"'
    if ".." in name.split("/"):
        return message, f"only files in {FOLDER} can be used"
    with_ending = next((known for known in templates if known.startswith(f"{name}.")), None)
    if near := with_ending or nearest(name, templates):
        return message, f'did you mean "{near}"?'
    known = ", ".join(sorted(templates)[:20])
    return message, f"files are: {known}" if known else f"put the file into {FOLDER}"
