"""Sample results of functions, by the JSON schemas of their return types, and sample rows: what a handler may get."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from pydantic import PydanticUserError, TypeAdapter

from ncco_server.flow.handlers.results import adapter_of
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.value_types import Kind

Name = TypeVar("Name", bound=Hashable)
MOST: Final = 24
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
SECRET: Final = "kept to itself"  # noqa: S105 - a sample
"""Of every sensitive column. It must differ from all other samples: a text that is equal to a secret is masked."""


class Samples(NamedTuple):
    """JSON values that a function may return or a row contain, and whether there are no others."""

    values: tuple[Any, ...]
    are_all: bool


Tested: TypeAlias = Callable[[str], Sequence[str | int]]
"""The constants that a field may be compared with, by its name; "" for what is no field."""
_Schema: TypeAlias = Mapping[str, Any]


def _untested(_: str) -> Sequence[str | int]:
    return ()


def samples_of(function: Callable[..., Any], tested: Tested = _untested) -> Samples:
    """Only values that fit the return type. A text and None if it is unknown."""
    adapter = adapter_of(function)
    schema: _Schema = {}
    with suppress(PydanticUserError):  # JSON schemas cannot describe every type
        schema = adapter.json_schema()
    types = _Types(schema.get("$defs", {}), tested)
    found = [each for each in types.samples(schema) if _fits(adapter, each)]
    return Samples(tuple(found[:MOST]), types.are_all(schema) and len(found) <= MOST)


def _fits(adapter: TypeAdapter[Any], value: Any) -> bool:
    with suppress(ValueError):
        adapter.validate_python(value)
        return True
    return False


def samples_of_row(definition: LookupDefinition, tested: Tested = _untested) -> Samples:
    """Rows that differ from the first one in one column each."""
    secrets = definition.returns.secrets
    columns = {
        name: (SECRET,) if (name,) in secrets else _of_column(type_, tested(name))
        for name, type_ in definition.returns.fields.items()
    }
    rows = each_once(columns)
    is_whole = all(field.words or field.name == "bool" for field in definition.returns.fields.values())
    return Samples(tuple(rows[:MOST]), is_whole and len(columns) <= 1 and len(rows) <= MOST)


def each_once(samples: Mapping[Name, Sequence[Any]]) -> list[dict[Name, Any]]:
    """Records that differ from the first one in one field each. Every field varies once before one varies again."""
    first = {name: values[0] for name, values in samples.items()}
    others = (
        {**first, name: values[number]}
        for number in range(1, max(map(len, samples.values()), default=0))
        for name, values in samples.items()
        if number < len(values)
    )
    return [first, *others]


def _of_column(type_: Kind, tested: Sequence[str | int]) -> Sequence[Any]:
    found = list(type_.words or _COLUMNS[type_.name])
    for each in tested:
        with suppress(ValueError, OverflowError):
            found.append(type_.cast(each))
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Types:
    """The samples of JSON schemas. `defs` are those that others refer to."""

    defs: Mapping[str, _Schema]
    tested: Tested

    def samples(self, schema: _Schema, field: str = "", depth: int = 0) -> Sequence[Any]:
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
                    return each_once({name: self.samples(each, name, depth + 1) for name, each in fields.items()})
                values_of = schema.get("additionalProperties")
                values = self.samples(values_of if isinstance(values_of, Mapping) else {}, "", depth + 1)
                return [{}, *({"text": each} for each in values[:2])]
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
        constants = [each for each in self.tested(field) if isinstance(each, int)]
        lowest, highest = schema.get("minimum", -inf), schema.get("maximum", inf)
        above, below = schema.get("exclusiveMinimum", -inf), schema.get("exclusiveMaximum", inf)
        limits = [each for each in (lowest, highest, above, below) if abs(each) < inf]
        near = [number + step for number in (*constants, *limits) for step in (-1, 0, 1)]
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
        constants = [each for each in self.tested(field) if isinstance(each, str)]
        formed = [_PatternWriter(pattern).choice()] if pattern else []
        empty = [] if form else [""]
        found = dict.fromkeys([usual if len(usual) <= longest else usual[: int(longest)], *formed, *constants, *empty])
        return [each for each in found if shortest <= len(each) <= longest and _is_in(pattern, each)]

    def _lists(self, schema: _Schema, field: str, depth: int) -> Sequence[Any]:
        parts = schema.get("prefixItems")
        if parts is not None:
            each_part = {str(at): self.samples(each, field, depth + 1) for at, each in enumerate(parts)}
            return [list(row.values()) for row in each_once(each_part)]
        items = schema.get("items", {})
        inner = self.samples(items, field, depth + 1) if depth < _DEEPEST else ()
        if not inner:
            return ([],)
        plain = _Types(self.defs, lambda _: self.tested("")).samples(items, field, depth + 1)
        compared = ([each] for each in inner[1:] if each not in plain)
        most = max(2, schema.get("minItems", 0))
        return ([], [inner[0]], [inner[0], *[inner[-1]] * (most - 1)], *compared)


def _is_in(pattern: str, text: str) -> bool:
    """Rust's regular expressions, which pydantic uses, have more forms than Python's."""
    with suppress(re.error):
        return re.search(pattern, text) is not None
    return True


_CHARACTERS: Final = f"{string.digits[1:]}0{string.ascii_letters}{string.punctuation} \n"
_TIMES: Final = re.compile(r"(?:[*+?]|\{(\d*),?\d*\})[?+]?")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|:|<?[=!]))?")
_SET: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.", re.DOTALL)
_ANCHORS: Final = ("\\b", "\\B", "\\A", "\\Z", "\\z")


class _PatternWriter:
    """Writes a short text that a regular expression matches, if that has only groups, sets and repetitions."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def choice(self) -> str:
        first = self._sequence()
        while self._pattern.startswith("|", self._at):
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            text += self._repeated()
        return text

    def _repeated(self) -> str:
        one = self._atom()
        times = _TIMES.match(self._pattern, self._at)
        if times is None:
            return one
        self._at = times.end()
        return one * (int(times[1] or 0) if times[0][0] == "{" else times[0][0] == "+")

    def _atom(self) -> str:
        begun = _GROUP.match(self._pattern, self._at)
        if begun is not None:
            self._at = begun.end()
            inner = self.choice()
            self._at += 1
            return "" if begun[0][-1] in "=!" else inner
        found = _SET.match(self._pattern, self._at)
        character = self._pattern[self._at]
        self._at = found.end() if found is not None else self._at + 1
        if found is None:
            return {"^": "", "$": "", ".": "a"}.get(character, character)
        if found[0] in _ANCHORS:
            return ""
        return next((each for each in _CHARACTERS if _is_in(found[0], each)), "")
