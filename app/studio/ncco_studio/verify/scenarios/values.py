"""Reads keys and values of scenario files; every error is reported at its place with an S code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

from ncco_server.flow.grammar.forms import TEXT, Notation
from ncco_server.flow.grammar.map_form import MapForm, SetByCode
from ncco_server.flow.grammar.reader import UNWRITTEN, Fields, N, Reader, items
from ncco_server.flow.issues import FlowRule
from ncco_server.flow.nodes import NOWHERE, Entry, Map, Node, Place, Seq, Text, is_missing
from ncco_server.issue import RuleBook
from ncco_server.ncco.value_types import JsonSchema, duration_ms

RULES: Final[Mapping[str, FlowRule]] = RuleBook(FlowRule, Path(__file__).with_name("rules.yaml"))
"""The rules by code. YAML syntax errors have the E1xx codes of flow files."""

ANY_MAP: Final[JsonSchema] = {"type": "object"}

T = TypeVar("T")

_CODES: Final = {"E201": "S101", "E202": "S102", "E203": "S104", "E204": "S103"}
"""Issue code of a flow file → the code in a scenario file."""
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?")
_SECONDS: Final = re.compile(r"\d{1,6}(\.\d{1,3})?")
_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_OPEN: Final = ("?", "")
"""Texts of a `hear` that match anything."""


@dataclass
class ScenarioReader(Reader):
    """Reads a scenario file's nodes. The YAML reader has already reported empty values."""

    def report(self, code: str, place: Place, message: str, cure: str | None = None, names: Iterable[str] = ()) -> None:
        """Replace codes of flow files with codes of scenario files."""
        self.issues.append(RULES[_CODES.get(code, code)].at(place, message, cure, names))

    def home_of(self, word: str) -> str | None:
        """No word of flow files is meant."""
        return None

    def _of_type(self, node: Node, wanted: type[N], what: str, cure: str | None) -> N | None:
        return None if is_missing(node) else super()._of_type(node, wanted, what, cure)


class ScenarioModel(MapForm):
    """A map of a scenario file. Commands also create instances without a file."""

    short: ClassVar[str] = ""
    """The key for a value that is written without a map; "" if a map is required."""

    written: SetByCode[Fields] = UNWRITTEN

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """See `MapForm`; a value without a map is the value of the key `short`."""
        if cls.short and isinstance(node, Text):
            node = Map((Entry(Text(cls.short, node.place), node),), node.place)
        return super().read(node, what, reader, place=place, **made)

    @classmethod
    def json_schema(cls) -> JsonSchema:
        return {"anyOf": [TEXT, super().json_schema()]} if cls.short else super().json_schema()

    def as_written(self) -> Any:
        """The fields without their defaults, as plain YAML values."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            default = field.default if field.default_factory is MISSING else field.default_factory()
            if field.name != "written" and value != default:
                found[field.metadata.get("word", field.name)] = _plain(value)
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, ScenarioModel):
        return value.as_written()
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


class Excerpt(NamedTuple):
    """Text that must be heard.

    Attributes:
        text: None matches anything; `ncco test --update` replaces it with what was heard.
        place: of the text, or of the word `hear` without one.
    """

    text: str | None
    place: Place = NOWHERE


class UpperLimit(NamedTuple):
    """A limit in `without`, and the place of its key."""

    most: float
    place: Place


def listed(read: Callable[[Any, str, Reader], Any], schema: JsonSchema) -> Notation:

    def read_all(node: Node, what: str, reader: Reader) -> tuple[Any, ...]:
        return tuple(found for item in items(node) if (found := read(item, what, reader)) is not None)

    return Notation(read_all, {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]})


def named(read: Callable[[Entry, Reader], Any], cure: str, schema: Mapping[str, Any] | None = None) -> Notation:
    """The notation of a map; `cure` shows how to write it, `schema` describes a value."""

    def read_all(node: Node, what: str, reader: Reader) -> dict[str, Any]:
        found = {entry.key.value: read(entry, reader) for entry in reader.entries(node, what, cure)}
        return {name: value for name, value in found.items() if value is not None}

    return Notation(read_all, {**ANY_MAP, **({"additionalProperties": schema} if schema else {})})


def json_of(node: Node) -> Any:
    """Convert unquoted `true`, `false`, `null` and numbers."""
    if isinstance(node, Map):
        return {entry.key.value: json_of(entry.value) for entry in node.entries}
    if isinstance(node, Seq):
        return [json_of(item) for item in node.items]
    if is_missing(node):
        return None
    return json.loads(node.value) if not node.quoted and _is_typed(node.value) else node.value


def _is_typed(text: str) -> bool:
    return text in ("true", "false") or _NUMBER.fullmatch(text) is not None


def node_of(value: object) -> Node:
    if isinstance(value, Mapping):
        entries = (Entry(Text(str(name), NOWHERE), node_of(each)) for name, each in value.items())
        return Map(tuple(entries), NOWHERE)
    if isinstance(value, list | tuple):
        return Seq(tuple(map(node_of, value)), NOWHERE)
    if isinstance(value, str):
        return Text(value, NOWHERE, quoted=_is_typed(value))
    return Text(json.dumps(value), NOWHERE)


def read_json(node: Node, what: str, reader: Reader) -> Any:
    return json_of(node)


def read_as(parse: Callable[[str], T | None], cure: str) -> Callable[[Node, str, Reader], T | None]:
    """Report S104 with this fix if `parse` returns None."""

    def read(node: Node, what: str, reader: Reader) -> T | None:
        text = reader.text(node, what)
        value = parse(text.value) if text is not None else None
        if text is not None and value is None:
            reader.report("S104", text.place, f'{what} cannot be "{text.value}"', cure)
        return value

    return read


def seconds_of(text: str) -> float | None:
    """A duration such as `30s` or `2m`, or a plain number of seconds; None for other texts."""
    ms = duration_ms(text)
    if ms is not None:
        return ms / 1000
    return float(text) if _SECONDS.fullmatch(text) else None


def read_word(node: Node, known: Collection[str], what: str, reader: Reader) -> str | None:
    """Report S104 for an unknown word."""
    text = reader.text(node, what)
    if text is None or text.value in known:
        return text.value if text else None
    reader.unknown("S104", text, known, f'{what} cannot be "{text.value}"')
    return None


def read_excerpt(node: Node, what: str, reader: Reader) -> Excerpt | None:
    text = reader.text(node, what)
    return None if text is None else Excerpt(None if text.value in _OPEN else text.value, text.place)


read_text: Final = read_as(str, "")
read_seconds: Final = read_as(seconds_of, "write seconds, such as 12s or 12")
read_keys: Final = read_as(
    lambda text: text if _KEYS.fullmatch(text) else None, "write keys: digits, * and #, in quotes"
)
SECONDS: Final = Notation(
    read_seconds, {"type": ["number", "string"], "description": "seconds, such as 12, 12s, 500ms or 2m"}
)
KEYS: Final = Notation(read_keys, TEXT)
EXCERPTS: Final = listed(read_excerpt, TEXT)
TEXT_MAP: Final = named(
    lambda entry, reader: read_text(entry.value, f"`{entry.key.value}`", reader), "write it as {name: text}"
)
