"""Reads what look-ups answer in a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.flow.language.returned import Returned, ReturnedList, ReturnedMap, ReturnedValue
from app.flow.nodes import Map, Node, Seq, Text
from app.verify.scenarios.model import Answer, Fault, Given
from app.verify.scenarios.reader import Reader, items, json_of


def read_given(node: Node, reader: Reader) -> Mapping[str, Given]:
    """The map under `given`: what each look-up answers, by its name."""
    found = reader.map(node, "`given`", "write `given: {lookup: {field: value}}`")
    return {entry.key.value: _read(entry.key.place, entry.value, reader) for entry in found.entries} if found else {}


def _read(place: Any, node: Node, reader: Reader) -> Given:
    if isinstance(node, Seq) and not node.items:
        reader.report("S103", node.place, "no answer is listed", "write what it answers first, then what it does next")
    return Given(place, tuple(_read_one(item, reader) for item in items(node)) or (Fault(),))


def _read_one(node: Node, reader: Reader) -> Answer | Fault:
    """`{timeout: true}`, `{error: why}`, `{value: anything}` or the answer itself."""
    if not isinstance(node, Map) or len(node.entries) != 1:
        return Answer(node)
    (entry,) = node.entries
    value = entry.value
    if entry.key.value == "timeout" and isinstance(value, Text) and value.value == "true":
        return Fault()
    if entry.key.value == "error":
        text = reader.text(value, "`error`", 'write why it fails: "503", or a sentence')
        return Fault(_problem(text.value) if text else "it failed")
    return Answer(value, is_free=True) if entry.key.value == "value" else Answer(node)


def _problem(text: str) -> str:
    return f"status {text}" if text.isdigit() else text


def answer_of(node: Node, returned: Returned | None) -> Any:
    """What a look-up answers, as JSON. A text that is declared as one may look like a number."""
    if isinstance(node, Map):
        fields = returned.fields if isinstance(returned, ReturnedMap) else {}
        return {entry.key.value: answer_of(entry.value, fields.get(entry.key.value)) for entry in node.entries}
    if isinstance(node, Seq):
        item = returned.item if isinstance(returned, ReturnedList) else None
        return [answer_of(each, item) for each in node.items]
    is_text = isinstance(returned, ReturnedValue) and returned.type.kind == "text"
    return node.value if is_text else json_of(node)
