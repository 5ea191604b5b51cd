"""Sample results of functions, by the JSON schemas of their return types, and sample rows: what a handler may get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import PydanticUserError, TypeAdapter

from ncco_server.flow.handlers.results import adapter_of
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.selection import ROWS
from ncco_server.ncco.value_types import TYPES, Kind
from ncco_studio.verify.handlers.constants import NOTHING, RESULT, ComparedConstants, Constant
from ncco_studio.verify.handlers.patterns import is_in, text_matching
from ncco_studio.verify.sample_values import (
    FAR,
    SECRET,
    around,
    cast_or_none,
    different,
    each_once,
    near_points,
    with_part,
)

MOST: Final = 96
"""Of one function; our choice."""
_LONGEST: Final = 40
"""Characters, or entries."""
_DEEPEST: Final = 4
_BY_FORMAT: Final[Mapping[str, str]] = {
    "date": "2026-01-05",
    "date-time": "2026-01-05T09:00:00+00:00",
    "time": "09:30",
    "duration": "PT1H",
    "uuid": "12345678-1234-4678-9234-567812345678",
    "uri": "https://example.com/",
    "email": "anna@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-string": "1",
}
_COLUMNS: Final[Mapping[str, Sequence[Any]]] = {
    "text": ("text", ""),
    "any": ("text", ""),
    "phone": ("447700900999", ""),
    "url": ("https://example.com", ""),
    "int": (1, 0),
    "number": (1.5, 0),
    "bool": (True, False),
    "date": ("2026-01-05", ""),
    "time": ("09:30", ""),
    "datetime": ("2026-01-05T09:30:00+00:00", ""),
}
_TIMED: Final = {"date": "date", "date-time": "datetime", "time": "time"}
_PARTS: Final = ("year", "month", "day", "hour", "minute")


class Samples(NamedTuple):
    """JSON values that a function may return or a row contain, and whether there are no others."""

    values: tuple[Any, ...]
    are_all: bool


_Schema: TypeAlias = Mapping[str, Any]


def samples_of(function: Callable[..., Any], compared: ComparedConstants = NOTHING) -> Samples:
    """Only values that fit the return type. A text and None if it is unknown."""
    adapter = adapter_of(function)
    schema: _Schema = {}
    with suppress(PydanticUserError):  # JSON schemas cannot describe every type
        schema = adapter.json_schema()
    types = _Types(schema.get("$defs", {}), compared)
    found = [each for each in different(types.samples(schema)) if _fits(adapter, each)]
    return Samples(tuple(found[:MOST]), types.are_all(schema) and len(found) <= MOST)


def _fits(adapter: TypeAdapter[Any], value: Any) -> bool:
    with suppress(ValueError):
        adapter.validate_python(value)
        return True
    return False


def samples_of_row(definition: LookupDefinition, compared: ComparedConstants) -> Samples:
    """Rows that differ from the first one in one column each; for rows, lists of one of these and of all."""
    if definition.selection is not None:
        one = replace(definition, returns=replace(definition.selection, is_first=True).returned, selection=None)
        found = samples_of_row(one, compared).values
        lists = [*([each] for each in found), [*found[: definition.selection.most]]]
        return Samples(tuple({ROWS: each} for each in lists), are_all=False)
    secrets = definition.returns.secrets
    columns = {
        name: (SECRET,) if (name,) in secrets else _of_column(type_, compared.of(name))
        for name, type_ in definition.returns.fields.items()
    }
    rows = different(_records(columns, compared.together))
    is_whole = all(field.words or field.name == "bool" for field in definition.returns.fields.values())
    return Samples(tuple(rows[:MOST]), is_whole and len(columns) <= 1 and len(rows) <= MOST)


def _records(fields: Mapping[str, Sequence[Any]], together: Sequence[Mapping[str, Constant]]) -> list[dict[str, Any]]:
    """Also those that meet a condition with several fields."""
    first, *others = each_once(fields)
    meeting = ({name: each[name] for name in fields.keys() & each.keys()} for each in together)
    return [first, *(first | each for each in meeting if len(each) > 1), *others]


def _of_column(type_: Kind, constants: Sequence[Constant]) -> Sequence[Any]:
    known = (cast_or_none(type_, each) for each in constants)
    return different([*(type_.words or _COLUMNS[type_.name]), *(each for each in known if each is not None)])


@dataclass(frozen=True, slots=True)
class _Types:
    """The samples of JSON schemas. `defs` are those that others refer to."""

    defs: Mapping[str, _Schema]
    compared: ComparedConstants

    def samples(self, schema: _Schema, field: str = RESULT, depth: int = 0) -> Sequence[Any]:
        """The samples of a record differ from the first one in one field each."""
        schema = self._referred(schema)
        one_of = schema.get("anyOf") or schema.get("oneOf")
        if one_of:
            return [sample for each in one_of for sample in self.samples(each, field, depth)]
        if "enum" in schema or "const" in schema:
            return schema["enum"] if "enum" in schema else [schema["const"]]
        match schema.get("type"):
            case "boolean":
                return (True, False)
            case "null":
                return (None,)
            case "integer" | "number" as kind:
                return self._numbers(schema, field, is_whole=kind == "integer")
            case "string":
                return self._texts(schema, field)
            case "array":
                return self._lists(schema, field, depth)
            case "object" if depth < _DEEPEST:
                fields = schema.get("properties", {})
                if fields:
                    choices = {name: self.samples(each, name, depth + 1) for name, each in fields.items()}
                    return _records(choices, self.compared.together)
                values_of = schema.get("additionalProperties")
                values = self.samples(values_of if isinstance(values_of, Mapping) else {}, RESULT, depth + 1)
                entries = {key: [*self.compared.of(key), *values[:2]] for key in self.compared.keys}
                read = _records(entries, self.compared.together) if entries else ()
                return [{}, *({"text": each} for each in values[:2]), *read]
            case _:
                return ("text", None)

    def are_all(self, schema: _Schema) -> bool:
        schema = self._referred(schema)
        one_of = schema.get("anyOf") or schema.get("oneOf")
        if one_of:
            return all(map(self.are_all, one_of))
        return "enum" in schema or "const" in schema or schema.get("type") in ("boolean", "null")

    def _referred(self, schema: _Schema) -> _Schema:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.defs[name] if name else schema

    def _numbers(self, schema: _Schema, field: str, *, is_whole: bool) -> Sequence[float]:
        constants = [each for each in self.compared.of(field) if not isinstance(each, str)]
        lowest, highest = schema.get("minimum", -inf), schema.get("maximum", inf)
        above, below = schema.get("exclusiveMinimum", -inf), schema.get("exclusiveMaximum", inf)
        limits = [each for each in (lowest, highest, above, below) if abs(each) < inf]
        near = around((*constants, *limits), is_whole=is_whole)
        step = schema.get("multipleOf", 0)
        found = dict.fromkeys([1 if is_whole else 1.5, 0, *near, *([step] if step else [])])
        return [
            each for each in found if lowest <= each <= highest and above < each < below and not (step and each % step)
        ]

    def _texts(self, schema: _Schema, field: str) -> Sequence[str]:
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", inf)
        pattern = schema.get("pattern", "")
        form = schema.get("format", "")
        usual = _BY_FORMAT.get(form, "text").ljust(shortest, "x")
        if form in _TIMED:
            return self._points(TYPES[_TIMED[form]].with_zone("UTC"), usual, field)
        constants = [text for each in self.compared.of(field) for text in _as_texts(each)]
        formed = [text_matching(pattern)] if pattern else []
        empty = [] if form else [""]
        found = dict.fromkeys([usual if len(usual) <= longest else usual[: int(longest)], *formed, *constants, *empty])
        return [each for each in found if shortest <= len(each) <= longest and is_in(pattern, each)]

    def _points(self, type_: Kind, usual: str, field: str) -> Sequence[str]:
        parts = ((part, number) for part in _PARTS for number in self.compared.surely_of(part))
        written = (with_part(type_.operand(usual), part, number) for part, number in parts)
        return different([usual, *near_points(type_, [*self.compared.of(field), *written]), *FAR[type_.name]])

    def _lists(self, schema: _Schema, field: str, depth: int) -> Sequence[Any]:
        parts = schema.get("prefixItems")
        if parts is not None:
            each_part = {str(at): self.samples(each, field, depth + 1) for at, each in enumerate(parts)}
            return [list(row.values()) for row in each_once(each_part)]
        items = schema.get("items", {})
        inner = self.samples(items, field, depth + 1) if depth < _DEEPEST else ()
        if not inner:
            return ([],)
        plain = _Types(self.defs, NOTHING).samples(items, field, depth + 1)
        compared = ([each] for each in inner[1:] if each not in plain)
        numbers = [each for each in self.compared.of(field) if isinstance(each, int) and 1 < each < _LONGEST]
        most = max(2, schema.get("minItems", 0))
        lengths = dict.fromkeys([most, *(length + step for length in numbers for step in (0, 1))])
        return ([], [inner[0]], *([inner[0], *[inner[-1]] * (length - 1)] for length in lengths), *compared)


def _as_texts(constant: Constant) -> Sequence[str]:
    """A number may be that in a text, or its length."""
    if isinstance(constant, str):
        return (constant,)
    lengths = (constant, constant + 1) if isinstance(constant, int) and 1 < constant < _LONGEST else ()
    return (f"{constant:g}", f"{constant + 1:g}", *("2" * length for length in lengths))
