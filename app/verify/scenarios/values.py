"""How the words and values of scenario files are read; every fault is reported at its place with an S code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self

from pydantic import ConfigDict, Field

from app.flow.language.base import FlowModel, ReadWith, SetByCode, milliseconds
from app.flow.language.json_schema import TEXT, JsonSchema
from app.flow.language.reader import Fields, Reader
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.rules import Rule
from app.flow.scope import ScopeTypes
from app.ncco.issue import RuleBook
from app.ncco.suggest import nearest

RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, Path(__file__).with_name("rules.yaml"))
"""By code. Faults of the YAML itself are reported with the E1xx codes of flow files."""
NOWHERE: Final = Place("", 0, 0)
"""The place of what is in no file."""

ANY_MAP: Final[JsonSchema] = {"type": "object"}

_CODES: Final = {"E201": "S101", "E202": "S102", "E203": "S104", "E204": "S103"}
"""What the models of flow files report → the code in a scenario file."""
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_SECONDS: Final = re.compile(r"\d{1,6}(\.\d{1,3})?")
_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_OPEN: Final = ("?", "")
"""`hear: "?"`: whatever is heard."""


@dataclass
class ScenarioReader(Reader):
    """Reads the nodes of a scenario file. Nothing is reported of an empty value: the YAML reader has done so."""

    scope: ScopeTypes = field(default_factory=lambda: ScopeTypes({}))
    templates: Mapping[str, str] = field(default_factory=dict)
    steps: frozenset[str] = frozenset()

    def report(
        self,
        code: str,
        place: Place,
        message: str,
        cure: str | None = None,
        names: Iterable[str] = (),
        *,
        undeclared: str = "",
    ) -> None:
        """See `Reader`; the codes of flow files become those of scenario files."""
        self.issues.append(RULES[_CODES.get(code, code)].at(place, message, cure, names, undeclared=undeclared))

    def map(self, node: Node, what: str, cure: str | None = None) -> Map | None:
        """`node` as a map; S101 otherwise."""
        return None if _is_empty(node) else super().map(node, what, cure)

    def text(self, node: Node, what: str, cure: str | None = None) -> Text | None:
        """`node` as a text; S101 otherwise."""
        return None if _is_empty(node) else super().text(node, what, cure)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Text) and not node.value and not node.quoted


class ScenarioModel(FlowModel):
    """A map of a scenario file. The commands make some of them too, which are written nowhere."""

    model_config = ConfigDict(populate_by_name=True)

    short: ClassVar[str] = ""
    """The word that a value without a map is taken for; "" where a map is required."""

    written: SetByCode[Fields] = Field(Fields("", NOWHERE, {}, {}), exclude=True)

    @classmethod
    def parse(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """See `FlowModel`; a value alone is that of the word `short`."""
        if cls.short and isinstance(node, Text):
            node = Map((Entry(Text(cls.short, node.place), node),), node.place)
        return super().parse(node, what, reader, place=place, **made)

    @classmethod
    def editor_schema(cls) -> JsonSchema:
        """See `FlowModel`."""
        return {"anyOf": [TEXT, super().editor_schema()]} if cls.short else super().editor_schema()

    def as_written(self) -> Any:
        """What is not as usual in it, as YAML can write it."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


class Excerpt(NamedTuple):
    """A part of what must be heard.

    Attributes:
        text: None for whatever is heard, which `ncco test --update` writes here.
        place: its extent in the file, or that of the word `hear` when it is alone.
    """

    text: str | None
    place: Place = NOWHERE


class UpperLimit(NamedTuple):
    """How much of something a scenario allows, and the place of its name."""

    most: float
    place: Place


def items(node: Node) -> tuple[Node, ...]:
    """The items of a list; any other node is a list of one."""
    return node.items if isinstance(node, Seq) else (node,)


def listed(read: Callable[[Any, str, Reader], Any], schema: JsonSchema) -> ReadWith:
    """Annotates a field that holds one value or a list of them."""

    def read_all(node: Node, what: str, reader: Reader) -> tuple[Any, ...]:
        return tuple(found for item in items(node) if (found := read(item, what, reader)) is not None)

    return ReadWith(read_all, {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]})


def named(read: Callable[[Entry, Reader], Any], cure: str, schema: Mapping[str, Any] | None = None) -> ReadWith:
    """Annotates a field that holds values by name; `cure` shows how it is written, `schema` is that of a value."""

    def read_all(node: Node, what: str, reader: Reader) -> dict[str, Any]:
        found = {entry.key.value: read(entry, reader) for entry in reader.entries(node, what, cure)}
        return {name: value for name, value in found.items() if value is not None}

    return ReadWith(read_all, {**ANY_MAP, **({"additionalProperties": schema} if schema else {})})


def read_text(node: Node, what: str, reader: Reader) -> str | None:
    """A text; S101 for anything else."""
    text = reader.text(node, what)
    return text.value if text is not None else None


def json_of(node: Node) -> Any:
    """A node as JSON has it: `true`, `false` and numbers without quotes are what they look like."""
    if isinstance(node, Map):
        return {entry.key.value: json_of(entry.value) for entry in node.entries}
    if isinstance(node, Seq):
        return [json_of(item) for item in node.items]
    is_typed = not node.quoted and (node.value in ("true", "false") or _NUMBER.fullmatch(node.value))
    return json.loads(node.value) if is_typed else node.value


def read_json(node: Node, what: str, reader: Reader) -> Any:
    """Anything, as JSON."""
    return json_of(node)


def read_seconds(node: Node, what: str, reader: Reader) -> float | None:
    """A duration such as `30s`, `2m` or a number of seconds; S104 for anything else."""
    text = reader.text(node, what)
    if text is None:
        return None
    ms = milliseconds(text.value)
    if ms is not None:
        return ms / 1000
    if _SECONDS.fullmatch(text.value):
        return float(text.value)
    reader.report("S104", text.place, f'{what} cannot be "{text.value}"', "write seconds, such as 12s or 12")
    return None


def read_keys(node: Node, what: str, reader: Reader) -> str | None:
    """Keys of a telephone; S104 for anything else."""
    text = reader.text(node, what)
    if text is None or _KEYS.fullmatch(text.value):
        return text.value if text else None
    reader.report("S104", text.place, f'"{text.value}" are not keys', "write digits, * and #, in quotes")
    return None


def read_word(node: Node, known: Iterable[str], what: str, reader: Reader) -> str | None:
    """One of some words; S104 for any other."""
    text, words = reader.text(node, what), tuple(known)
    if text is None or text.value in words:
        return text.value if text else None
    near = nearest(text.value, words)
    cure = f'did you mean "{near}"?' if near else f"write one of: {', '.join(words)}"
    reader.report("S104", text.place, f'{what} cannot be "{text.value}"', cure)
    return None


def read_excerpt(node: Node, what: str, reader: Reader) -> Excerpt | None:
    """A text that must be heard."""
    text = reader.text(node, what)
    return None if text is None else Excerpt(None if text.value in _OPEN else text.value, text.place)


SECONDS: Final = ReadWith(
    read_seconds, {"type": ["number", "string"], "description": "seconds, such as 12, 12s, 500ms or 2m"}
)
KEYS: Final = ReadWith(read_keys, TEXT)
EXCERPTS: Final = listed(read_excerpt, TEXT)
TEXT_MAP: Final = named(
    lambda entry, reader: read_text(entry.value, f"`{entry.key.value}`", reader), "write it as {name: text}"
)
