"""Parts of a JSON Schema (draft-07, which every editor supports for YAML).

The server reads every scalar of a flow file as text. An editor reads YAML, where `1` is a number and `true` a boolean.
So the schema accepts a number or a boolean instead of text, and quoted text or braces instead of a number or a boolean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.value_types import JsonSchema, Kind

BRACES: Final = r"\{\{|\{%"
TEXT: Final[JsonSchema] = {"type": ["string", "number", "boolean"]}
ANYTHING: Final[JsonSchema] = {"type": ["string", "number", "boolean", "object", "array"]}
FLAG: Final[JsonSchema] = {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}


def ref(name: str) -> JsonSchema:
    """A reference to a definition of the schema."""
    return {"$ref": f"#/definitions/{name}"}


def offered(kind: str, *more: str) -> JsonSchema:
    """Text for which an editor suggests names of the project (`app.flow.language.schema`), and `more`."""
    return {"offered": kind, "more": list(more)}


def about(schema: JsonSchema, description: str) -> JsonSchema:
    """The schema with a sentence that an editor shows."""
    return {"description": description, **schema} if description else schema


def computed(schema: JsonSchema) -> JsonSchema:
    """Whatever the schema allows, or text with braces that compute it."""
    return {"anyOf": [schema, {"type": "string", "pattern": BRACES}]}


def in_yaml(kind: Kind) -> JsonSchema:
    """A value that cannot be computed; YAML may read its text as a number or a flag."""
    return dict(TEXT) if kind.family == "text" and not kind.words else kind.json_schema()


def offer(names: Iterable[str]) -> JsonSchema:
    """Any text, for which an editor suggests the names. Newer names than the schema are allowed."""
    known = list(names)
    return {"anyOf": [{"enum": known}, TEXT]} if known else TEXT


def one_of(words: Iterable[str]) -> JsonSchema:
    """One of these words."""
    return {"enum": list(words)}


def listed(item: JsonSchema) -> JsonSchema:
    """A list, or a single value in place of a list of one."""
    return {"anyOf": [item, {"type": "array", "items": item}]}


def mapped(properties: Mapping[str, JsonSchema], *, required: Iterable[str] = ()) -> JsonSchema:
    """A map of these words and no others."""
    words = list(required)
    schema: JsonSchema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return schema | {"required": words} if words else schema


def named(value: JsonSchema, *, names: Iterable[str] = (), offered: str = "") -> JsonSchema:
    """A map with the author's keys. An editor suggests `names`, and the project's names of the kind `offered`."""
    schema = {"type": "object", "properties": dict.fromkeys(names, value), "additionalProperties": value}
    return schema | {"offered_words": offered} if offered else schema


def choose(cases: Iterable[tuple[JsonSchema, JsonSchema]], otherwise: JsonSchema) -> JsonSchema:
    """The schema of the first condition that is true. Unlike with `anyOf`, the error message is then exact."""
    schema = otherwise
    for condition, then in reversed(list(cases)):
        schema = {"if": condition, "then": then, "else": schema}
    return schema


FILE: Final = mapped(
    {"template": about(offered("templates"), "A file in templates/ that is filled in for each call.")},
    required=["template"],
)
"""`{template: greeting.j2}`."""


def per_locale(inner: JsonSchema) -> JsonSchema:
    """A map with a value for each locale."""
    return named(inner, offered="locales") | {"minProperties": 1}


def has(*words: str) -> JsonSchema:
    """A condition: the map has these words."""
    return {"type": "object", "required": list(words)}
