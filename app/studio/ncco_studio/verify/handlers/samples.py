"""Sample results of functions, by the JSON schemas of their return types, and sample rows: what a handler may get."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import PydanticUserError, TypeAdapter

from ncco_server.flow.handlers.results import adapter_of
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.selection import ROWS
from ncco_server.ncco.value_types import TYPES, Kind
from ncco_studio.verify.handlers.conditions import NOTHING, BranchNeeds, ComparedConditions
from ncco_studio.verify.handlers.constants import RESULT, Constant
from ncco_studio.verify.handlers.patterns import is_in, text_matching
from ncco_studio.verify.sample_values import (
    FAR,
    SAMPLES,
    Compared,
    different,
    each_once,
    is_whole,
    secret_of,
    usual_of,
    values_of,
    with_part,
)

MOST: Final = 96
"""Of one function; our choice."""
_LONGEST: Final = 40
"""Characters, or entries."""
_DEEPEST: Final = 4
_BY_FORMAT: Final[Mapping[str, str]] = {
    "duration": "PT1H",
    "uuid": "12345678-1234-4678-9234-567812345678",
    "uri": "https://example.com/",
    "email": "anna@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-string": "1",
}
_KINDS: Final = {
    **{"integer": "int", "number": "number", "string": "text"},
    **{"date": "date", "date-time": "datetime", "time": "time"},
}
"""The type that a JSON type or format stands for."""
_LIMITS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **{
        "minimum": operator.ge,
        "maximum": operator.le,
        "exclusiveMinimum": operator.gt,
        "exclusiveMaximum": operator.lt,
    },
    "multipleOf": lambda number, step: not number % step,
}
_CONSTRAINTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **_LIMITS,
    "minLength": lambda text, least: len(text) >= least,
    "maxLength": lambda text, most: len(text) <= most,
    "pattern": lambda text, pattern: is_in(pattern, text),
}
_SOME_TIME: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_PARTS: Final = ("year", "month", "day", "hour", "minute")


class Samples(NamedTuple):
    """JSON values that a function may return or a row contain, and whether there are no others."""

    values: tuple[Any, ...]
    are_all: bool


_Schema: TypeAlias = Mapping[str, Any]


def samples_of(
    function: Callable[..., Any], compared: ComparedConditions = NOTHING, now: datetime = _SOME_TIME
) -> Samples:
    """Only values that fit the return type. A text and None if it is unknown."""
    adapter = adapter_of(function)
    schema: _Schema = {}
    with suppress(PydanticUserError):  # JSON schemas cannot describe every type
        schema = adapter.json_schema()
    types = _Types(schema.get("$defs", {}), compared, now)
    found = [each for each in different(types.samples(schema)) if _fits(adapter, each)]
    return Samples(tuple(found[:MOST]), types.are_all(schema) and len(found) <= MOST)


def _fits(adapter: TypeAdapter[Any], value: Any) -> bool:
    """Validators of the author may raise anything."""
    with suppress(Exception, SystemExit):
        adapter.validate_python(value)
        return True
    return False


def samples_of_row(
    definition: LookupDefinition, compared: ComparedConditions, now: datetime, present: Collection[str] = ()
) -> Samples:
    """Rows that differ from the first one in one column each; for rows, lists of one of these and of all.

    Columns that are `present` are never "".
    """
    if (selection := definition.selection) is not None:
        one = replace(definition, returns=replace(selection, is_first=True).returned, selection=None)
        found = samples_of_row(one, compared, now, selection.present).values
        lists = [*([each] for each in found), [*found[: selection.most]]]
        return Samples(tuple({ROWS: each} for each in lists), are_all=False)
    secrets = definition.returns.secrets
    columns = {
        name: _secrets(type_, compared)
        if (name,) in secrets
        else _values(type_, [*compared.of(name), *_near(now, type_, compared)])
        for name, type_ in definition.returns.fields.items()
    }
    columns |= {name: [each for each in columns[name] if each != ""] for name in present}
    rows = _records(columns, compared.branches)
    are_whole = all(map(is_whole, definition.returns.fields.values()))
    return Samples(tuple(rows[:MOST]), are_whole and len(columns) <= 1 and len(rows) <= MOST)


def _secrets(type_: Kind, compared: ComparedConditions) -> Sequence[Any]:
    """Also what callers enter, which the handler may compare with it."""
    found = [secret_of(type_)]
    for text in compared.secrets:
        with suppress(ValueError):
            found.append(type_.cast(text))
    return different(found)


def _records(fields: Mapping[str, Sequence[Any]], branches: Sequence[BranchNeeds]) -> list[dict[str, Any]]:
    """Also those that lead to a branch that depends on several fields."""
    first, *others = each_once(fields)
    meeting = (met for each in branches for met in each.met_by(fields) if len(met) > 1)
    combined = different(first | each for each in islice(meeting, MOST))
    return different([first, *combined[: MOST * 3 // 4], *others])


def _near(now: datetime, type_: Kind, compared: ComparedConditions) -> list[Any]:
    """Dates as far from `now` as those that the code compares."""
    today = {"date": now.date(), "datetime": now}.get(type_.family)
    return [type_.cast(today + timedelta(days=each)) for each in compared.days] if today is not None else []


def _lacks_some(value: Any) -> bool:
    return isinstance(value, dict) and None in value.values()


def _values(type_: Kind, constants: Sequence[Constant]) -> Sequence[Any]:
    """The usual text comes first. A number may be that in a text, or its length."""
    is_number = type_.family == "number"
    constants = [each for each in constants if not (is_number and isinstance(each, str))]
    lengths = tuple(each for each in constants if isinstance(each, int) and 1 < each < _LONGEST)
    form = "number" if any(not isinstance(each, str) for each in constants) else ""
    compared = Compared(dict.fromkeys(constants), form, lengths=lengths)
    found = values_of(type_, compared, _SOME_TIME)
    return (
        found
        if is_whole(type_)
        else different([*([] if is_number else [usual_of(type_)]), *found, *FAR.get(type_.name, ()), type_.empty])
    )


@dataclass(frozen=True, slots=True)
class _Types:
    """The samples of JSON schemas. `defs` are those that others refer to."""

    defs: Mapping[str, _Schema]
    compared: ComparedConditions
    now: datetime

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
            case "integer" | "number" | "string" as name:
                return self._plain(schema, field, name)
            case "array":
                return self._lists(schema, field, depth)
            case "object" if depth < _DEEPEST:
                if choices := self._choices(schema, depth):
                    first, *others = _records(choices, self.compared.branches)
                    return different([first, {name: first[name] for name in schema.get("required", ())}, *others])
                values_of = schema.get("additionalProperties")
                values = self.samples(values_of if isinstance(values_of, Mapping) else {}, RESULT, depth + 1)
                entries = {key: [*self.compared.of(key), *values[:2]] for key in self.compared.keys}
                read = _records(entries, self.compared.branches) if entries else ()
                return [{}, *({"text": each} for each in values[:2]), *read]
            case _:
                return (*([SAMPLES["phone"]] if SAMPLES["phone"] in self.compared.surely_of(field) else ["text"]), None)

    def _choices(self, schema: _Schema, depth: int) -> Mapping[str, Sequence[Any]]:
        """The samples of each field of a record."""
        return {name: self.samples(each, name, depth + 1) for name, each in schema.get("properties", {}).items()}

    def are_all(self, schema: _Schema) -> bool:
        schema = self._referred(schema)
        one_of = schema.get("anyOf") or schema.get("oneOf")
        if one_of:
            return all(map(self.are_all, one_of))
        return "enum" in schema or "const" in schema or schema.get("type") in ("boolean", "null")

    def _referred(self, schema: _Schema) -> _Schema:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.defs[name] if name else schema

    def _plain(self, schema: _Schema, field: str, name: str) -> Sequence[Any]:
        """Numbers, texts, dates and times, within the limits of the schema."""
        form = schema.get("format", "")
        type_ = TYPES[_KINDS.get(form, _KINDS[name])].with_zone("UTC")
        constants = [*self.compared.of(field), *(schema[each] for each in _LIMITS if each in schema)]
        if type_.is_timed:
            parts = ((part, number) for part in _PARTS for number in self.compared.surely_of(part))
            written = (with_part(type_.operand(type_.sample), part, number) for part, number in parts)
            constants += [str(type_.cast(each)) for each in written if each is not None]
            constants += _near(self.now, type_, self.compared)
        usual = _BY_FORMAT.get(form, SAMPLES["text"]).ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]
        formed = [text_matching(schema["pattern"])] if "pattern" in schema else []
        found = different([*([usual] if type_.name == "text" else []), *formed, *_values(type_, constants)])
        return [
            each
            for each in found
            if all(_CONSTRAINTS[key](each, schema[key]) for key in _CONSTRAINTS.keys() & schema.keys())
        ]

    def _lists(self, schema: _Schema, field: str, depth: int) -> Sequence[Any]:
        parts = schema.get("prefixItems")
        if parts is not None:
            each_part = {str(at): self.samples(each, field, depth + 1) for at, each in enumerate(parts)}
            return [list(row.values()) for row in each_once(each_part)]
        items = schema.get("items", {})
        inner = self.samples(items, field, depth + 1) if depth < _DEEPEST else ()
        if not inner:
            return ([],)
        plain = _Types(self.defs, NOTHING, self.now).samples(items, field, depth + 1)
        choices = self._choices(self._referred(items), depth + 1)
        needed = (inner[0] | met for each in self.compared.branches for met in each.met_by(choices) if met)
        compared = [
            [each]
            for each in different(
                [*islice(needed, MOST), *(each for each in inner[1:] if each not in plain or _lacks_some(each))]
            )
        ]
        numbers = [each for each in self.compared.of(field) if isinstance(each, int) and 1 < each < _LONGEST]
        most = max(2, schema.get("minItems", 0))
        lengths = dict.fromkeys([most, *(length + step for length in numbers for step in (0, 1))])
        others = [inner[0], *reversed(inner[1:])]
        return ([], [inner[0]], *([*islice(cycle(others), length)] for length in lengths), *compared)
