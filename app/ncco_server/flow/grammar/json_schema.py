"""Parts of a JSON Schema (draft-07, which every editor supports for YAML).

The server reads every scalar as text, but for an editor `1` is a number and `true` a boolean: both are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ncco_server.value_types import JsonSchema, Kind

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
