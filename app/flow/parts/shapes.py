"""What may stand in a field of an action, and how it is read into a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.flow.fields import read_fields
from app.flow.model import Value
from app.flow.nodes import Entry, Map, Node, Seq
from app.flow.parts.listed import entries_in, read_list
from app.flow.parts.values import Array, Given, Object
from app.flow.reader import Reader
from app.flow.templates import Escape, compile_file, compile_value
from app.flow.types import TYPES, ValueType, list_of

_SSML = re.compile(r"(?:\s|(?>\{#.*?#\})|(?>\{%.*?%\}))*+<speak\b", re.DOTALL)
"""Each tag ends at its first end, and none is looked at twice: a text of many tags would be read for ever."""
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_JSON_WORDS = {"true": True, "false": False}


class Shape(Protocol):
    """One way in which a field may be written."""

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """The value, or None once its faults are reported; `what` names the field in their messages."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text, number, word or flag; braces compute it."""

    type: ValueType
    escape: Escape

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        return reader.value(node, self.type, self.escape, what)


_PLAIN = Scalar(TYPES["text"], "text")
"""The ids of legs, for one: nothing in them is escaped or checked."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a `talk` says: plain or SSML, written here or in a file of templates/ (`{template: greeting.j2}`)."""

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        if isinstance(node, Map):
            return self._read_file(node, reader, what)
        text = reader.text(node, what)
        if text is None:
            return None
        if text.value in reader.templates:
            message = f'the caller hears the name "{text.value}", not what is in the file'
            reader.report("W414", text.place, message, f"write `{{template: {text.value}}}`")
        escape, language = speech_escape(text.value), reader.language
        value, issues = compile_value(text, TYPES["text"], escape, reader.scope, reader.templates, language=language)
        reader.issues.extend(issues)
        return value

    def _read_file(self, node: Map, reader: Reader, what: str) -> Value | None:
        name = reader.fields(node, ("template",), what).get("template")
        text = None if name is None else reader.text(name, f"`template` of {what}")
        if text is None:
            return None
        escape = speech_escape(reader.templates.get(text.value, ""))
        value, issues = compile_file(
            text, TYPES["text"], escape, reader.scope, reader.templates, language=reader.language
        )
        reader.issues.extend(issues)
        return value


def speech_escape(text: str) -> Escape:
    """How data is escaped in a text that is spoken: as XML behind `<speak`, else as plain words."""
    return "ssml" if _SSML.match(text) else "talk"


@dataclass(frozen=True, slots=True)
class Many:
    """A list; a single value may stand where a list of one is due, and a call may compute a whole list of texts."""

    item: Shape

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        if self.item == _PLAIN and entries_in(node, reader) is not None:
            return read_list(node, list_of(TYPES["text"]), reader, what)
        nodes = node.items if isinstance(node, Seq) else (node,)
        values = [self.item.read(inner, reader, what) for inner in nodes]
        return Array(tuple(value for value in values if value is not None), node.place)


@dataclass(frozen=True, slots=True)
class One:
    """A single value; a list of one may stand where only one is due, as some SDKs write it."""

    item: Shape

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        if isinstance(node, Seq) and len(node.items) == 1:
            node = node.items[0]
        return self.item.read(node, reader, what)


@dataclass(frozen=True, slots=True)
class Record:
    """A map of known fields; `hints` are cures for words (in small letters) that are known not to be fields of it."""

    fields: Mapping[str, Shape]
    hints: Mapping[str, str] = field(default_factory=dict)

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        found = reader.map(node, what)
        return None if found is None else Object(self.read_fields(found, reader, what), found.place)

    def read_fields(self, node: Map, reader: Reader, what: str) -> dict[str, Value]:
        """The values by field name; what is faulty is reported and left out."""
        known = read_fields(node, self.fields, what, reader, hints=self.hints).values
        values = {name: self.fields[name].read(inner, reader, f"`{name}` of {what}") for name, inner in known.items()}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Json:
    """Anything JSON can say: the `payload` of a notify, the `headers` of an endpoint.

    Unquoted numbers, `true` and `false` stay what they are in JSON; whatever is quoted or has braces is text.
    """

    escape: Escape
    texts_only: bool = False

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        if isinstance(node, Map):
            return self._read_map(node, reader, what)
        if isinstance(node, Seq):
            values = [self.read(inner, reader, what) for inner in node.items]
            return Array(tuple(value for value in values if value is not None), node.place)
        literal = None if node.quoted or self.texts_only else _json_literal(node.value)
        if literal is not None:
            return Given(literal, node.place)
        return reader.value(node, TYPES["text"], self.escape, what)

    def _read_map(self, node: Map, reader: Reader, what: str) -> Value:
        entries = [entry for entry in node.entries if self._is_plain(entry, reader)]
        values = {
            entry.key.value: self.read(entry.value, reader, f"`{entry.key.value}` of {what}") for entry in entries
        }
        return Object({name: value for name, value in values.items() if value is not None}, node.place)

    def _is_plain(self, entry: Entry, reader: Reader) -> bool:
        if "{{" not in entry.key.value and "{%" not in entry.key.value:
            return True
        reader.report("E411", entry.key.place, f'the key "{entry.key.value}" has braces')
        return False


def _json_literal(text: str) -> bool | int | float | None:
    if text in _JSON_WORDS:
        return _JSON_WORDS[text]
    if not _JSON_NUMBER.fullmatch(text) or len(text) > 18:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)
