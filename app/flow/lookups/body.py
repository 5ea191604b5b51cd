"""The body of a POST and the arguments of a function: JSON as YAML writes it."""

from __future__ import annotations

from dataclasses import dataclass

from app.flow.drafts import Value
from app.flow.lookups.plain import JSON
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.parts.shapes import Json
from app.flow.parts.values import Array, Object
from app.flow.reader import Reader

_WRITTEN = Json("kept")


@dataclass(frozen=True, slots=True)
class Body:
    """Anything JSON can say, with values in braces.

    Unquoted numbers, `true` and `false` stay what they are. `"{{ answers }}"` alone keeps the type of the value: a
    list stays a list, a number a number; braces within a text make text. Sensitive values may stand in it: it is sent
    and not written anywhere.
    """

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """The value, or None once its faults are reported; `what` names it in their messages."""
        if isinstance(node, Map):
            return self.read_map(node, reader, what)
        if isinstance(node, Seq):
            items = [self.read(item, reader, what) for item in node.items]
            return Array(tuple(item for item in items if item is not None), node.place)
        if has_braces(node):
            return reader.value(node, JSON, "kept", what)
        return _WRITTEN.read(node, reader, what)

    def read_map(self, node: Map, reader: Reader, what: str) -> Object:
        """A map; a key with braces is reported (E411) and left out."""
        entries = [entry for entry in node.entries if _is_plain(entry, reader)]
        values = {
            entry.key.value: self.read(entry.value, reader, f"`{entry.key.value}` of {what}") for entry in entries
        }
        return Object({name: value for name, value in values.items() if value is not None}, node.place)


def _is_plain(entry: Entry, reader: Reader) -> bool:
    if not has_braces(entry.key):
        return True
    reader.report("E411", entry.key.place, f'the key "{entry.key.value}" has braces')
    return False


def has_braces(text: Text) -> bool:
    """Whether something in it is computed."""
    return "{{" in text.value or "{%" in text.value


BODY = Body()
