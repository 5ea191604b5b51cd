"""Where words of a spoken text stand."""

from __future__ import annotations

from app.flow.nodes import Place
from app.flow.templates.files import Located


def place_of(text: Located, start: int, end: int) -> Place:
    """The place of the characters from `start` to `end`, cut at the end of the first line."""
    first = text.at(start)
    last = next(place for place in (text.at(at) for at in range(end - 1, start - 1, -1)) if place.line == first.line)
    return first._replace(length=max(1, last.column - first.column + 1))
