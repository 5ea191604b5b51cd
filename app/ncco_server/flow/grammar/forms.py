"""The forms of the parts of a flow file: a form reads one part, and describes it to editors.

That is a JSON Schema (draft-07, which every editor supports for YAML). The server reads every scalar as text, but for
an editor `1` is a number and `true` a boolean: both are accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.nodes import Node
from ncco_server.ncco.value_types import JsonSchema, Kind, duration_ms

BRACES: Final = r"\{\{|\{%"
TEXT: Final[JsonSchema] = {"type": ["string", "number", "boolean"]}
ANYTHING: Final[JsonSchema] = {"type": ["string", "number", "boolean", "object", "array"]}
FLAG: Final[JsonSchema] = {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}


def ref(name: str) -> JsonSchema:
    return {"$ref": f"#/definitions/{name}"}


def offered(kind: str, *more: str) -> JsonSchema:
    """An editor suggests the project's names of this kind, and `more`."""
    return {"offered": kind, "more": list(more)}


def about(schema: JsonSchema, description: str) -> JsonSchema:
    return {"description": description, **schema} if description else schema


def computed(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "string", "pattern": BRACES}]}


def in_yaml(kind: Kind) -> JsonSchema:
    """YAML may read a literal as a number or a boolean."""
    return dict(TEXT) if kind.family == "text" and not kind.words else kind.json_schema()


def offer(names: Iterable[str]) -> JsonSchema:
    known = list(names)
    return {"anyOf": [{"enum": known}, TEXT]} if known else TEXT


def one_of(words: Iterable[str]) -> JsonSchema:
    return {"enum": list(words)}


def listed(item: JsonSchema) -> JsonSchema:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def mapped(properties: Mapping[str, JsonSchema], *, required: Iterable[str] = ()) -> JsonSchema:
    words = list(required)
    schema: JsonSchema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return schema | {"required": words} if words else schema


def named(value: JsonSchema, *, names: Iterable[str] = (), offered: str = "") -> JsonSchema:
    """The author chooses the keys. Editors suggest `names`, and names of the kind `offered`."""
    schema = {"type": "object", "properties": dict.fromkeys(names, value), "additionalProperties": value}
    return schema | {"offered_words": offered} if offered else schema


def choose(cases: Iterable[tuple[JsonSchema, JsonSchema]], otherwise: JsonSchema) -> JsonSchema:
    """The first true condition selects a schema. Unlike `anyOf`, this gives exact error messages."""
    schema = otherwise
    for condition, then in reversed(list(cases)):
        schema = {"if": condition, "then": then, "else": schema}
    return schema


FILE: Final = mapped(
    {"template": about(offered("templates"), "A file in templates/ that is filled in for each call.")},
    required=["template"],
)


def per_locale(inner: JsonSchema) -> JsonSchema:
    return named(inner, offered="locales") | {"minProperties": 1}


def has(*words: str) -> JsonSchema:
    return {"type": "object", "required": list(words)}


@runtime_checkable
class Form(Protocol):
    """How one part of a flow file is written."""

    def read(self, node: Any, what: str, reader: Any) -> Any:
        """Return None after reporting errors. `what` names the node in messages.

        `reader` is a `Reader`, or a `Resolver` for a part that names something.
        """

    def json_schema(self) -> JsonSchema: ...


@dataclass(frozen=True, slots=True, eq=False)
class Notation:
    """A form whose function `read` returns the value, or None after reporting an error."""

    read: Callable[[Any, str, Any], Any]
    schema: Mapping[str, Any]

    def json_schema(self) -> JsonSchema:
        return dict(self.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Unread:
    """A form for parts that stay nodes, to be read when more of the file is known."""

    schema: Mapping[str, Any]

    def read(self, node: Node, what: str, reader: Reader) -> Node:
        return node

    def json_schema(self) -> JsonSchema:
        return dict(self.schema)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration, read as milliseconds; E203 for anything else."""

    low: str
    high: str

    def read(self, node: Node, what: str, reader: Reader) -> int | None:
        otherwise = f"write a duration from {self.low} to {self.high}"
        text = reader.text(node, what, otherwise)
        if text is None:
            return None
        found = self._fitting(text.value)
        if found is None:
            reader.report("E203", text.place, f'{what} cannot be "{text.value}"', otherwise)
        return found

    def _fitting(self, text: str) -> int | None:
        found = duration_ms(text)
        low, high = duration_ms(self.low) or 0, duration_ms(self.high) or 0
        return found if found is not None and low <= found <= high else None

    def json_schema(self) -> JsonSchema:
        return dict(TEXT)
