"""Plain values of a type: one for each of its alternatives, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from ncco_server.flow.handlers.results import adapter_of

MOST: Final = 12
"""Of one type; our choice."""
TEXT: Final = "447700900999"
"""A text, digits and a phone number. Source: Ofcom, telephone numbers for drama."""
_FORMS: Final = {
    "date": "2026-03-05",
    "time": "09:30:00",
    "date-time": "2026-03-05T09:30:00Z",
    "uuid": "6c84fb90-12c4-11e1-840d-7b25c5ee775a",
    "uri": "https://example.com/",
    "email": "someone@example.com",
    "duration": "PT1H",
}
_PLAIN: Final[Mapping[str, Sequence[Any]]] = {"boolean": (True, False), "null": (None,)}
_DEEPEST: Final = 6

Schema = Mapping[str, Any]


def results_of(function: Callable[..., Any]) -> list[Any]:
    """Results of a function, by its return type."""
    try:
        schema = adapter_of(function).json_schema(mode="serialization")
    except Exception:  # noqa: BLE001 - the author's types may raise anything
        schema = {}
    return [*islice(_values(schema, schema.get("$defs", {}), 0), MOST)]


def _values(schema: Schema, known: Mapping[str, Schema], depth: int) -> Iterator[Any]:
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    if one_of := schema.get("anyOf") or schema.get("oneOf"):
        for each in one_of:
            yield from _values(each, known, depth)
    elif "const" in schema or "enum" in schema:
        yield from schema.get("enum", [schema.get("const")])
    elif schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {})]
        yield from [] if "prefixItems" in schema else [[]]
        if depth < _DEEPEST:
            yield from (list(each.values()) for each in _records(dict(enumerate(parts)), known, depth))
    elif schema.get("type") == "object":
        yield from _records(schema.get("properties", {}), known, depth) if depth < _DEEPEST else [{}]
    elif schema.get("type") in ("integer", "number"):
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        yield min(least, schema.get("maximum", least))
    else:
        text = _FORMS.get(schema.get("format", ""), TEXT)[: schema.get("maxLength")]
        yield from _PLAIN.get(schema.get("type", ""), [text.ljust(schema.get("minLength", 0), "9")])


def _records(fields: Mapping[Any, Schema], known: Mapping[str, Schema], depth: int) -> Iterator[dict[Any, Any]]:
    """Each value of each field is in one of them."""
    values = {name: [*_values(each, known, depth + 1)] or [None] for name, each in fields.items()}
    for number in range(max(map(len, values.values()), default=1)):
        yield {name: each[number % len(each)] for name, each in values.items()}
