"""`limits`: what a flow promises to its callers, and `ncco prove` holds it to.

limits: {seconds_to_person: 60, steps: 12, prompt_seconds: 20, menu_options: 5}

Nothing of it is looked at while a call runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.flow.fields import read_fields
from app.flow.model import Limit
from app.flow.nodes import Node
from app.flow.reader import Reader
from app.flow.types import TYPES

_MOST: Final[Mapping[str, int]] = {
    "seconds_to_person": 86_400,
    "steps": 1_000,
    "prompt_seconds": 3_600,
    "menu_options": 100,
}
"""Each limit with the largest number that it may be; our choice."""

WORDS: Final = tuple(_MOST)

_HINTS = {
    "options": "write `menu_options`",
    "choices": "write `menu_options`",
    "seconds": "write `seconds_to_person` or `prompt_seconds`",
    "person": "write `seconds_to_person`",
    "prompt": "write `prompt_seconds`",
    "max_steps": "write `steps`",
    "depth": "write `steps`",
}


def read_limits(node: Node, reader: Reader) -> dict[str, Limit]:
    """The map under `limits`; E290 for what is no limit, E291 for a number that cannot be one."""
    found = reader.map(node, "`limits`", "write `limits: {seconds_to_person: 60}`")
    if found is None:
        return {}
    fields = read_fields(found, WORDS, "`limits`", reader, hints=_HINTS, code="E290")
    read = {word: _read_number(word, value, reader) for word, value in fields.values.items()}
    return {word: Limit(number, fields.at(word)) for word, number in read.items() if number is not None}


def _read_number(word: str, node: Node, reader: Reader) -> int | None:
    text = reader.text(node, f"`{word}`")
    if text is None:
        return None
    try:
        number = TYPES["int"].cast(text.value)
    except ValueError:
        number = None
    if isinstance(number, int) and 1 <= number <= _MOST[word]:
        return number
    cure = f"write a whole number from 1 to {_MOST[word]:,}"
    reader.report("E291", text.place, f'`{word}` cannot be "{text.value}"', cure)
    return None
