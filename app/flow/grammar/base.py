"""The base of the flow language: each kind of map in a flow file is a pydantic model.

A word is a key that the language defines. A field declares the type, range, default and description of one word; the
editor's schema is derived from it. A model is built from the nodes of a file. Each fault is reported at the place of
its node, and the field takes its default. If a required field cannot be read, there is no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from inspect import get_annotations
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    NamedTuple,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from app.flow.grammar.json_schema import TEXT, in_yaml, mapped
from app.flow.grammar.reader import Fields, Reader, read_fields
from app.flow.issues import Fix
from app.flow.nodes import Map, Node, Place
from app.value_types import JsonSchema, Kind, kind_of

T = TypeVar("T")


class _Unchecked:
    """Annotates a field whose value pydantic does not validate."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Part of pydantic's protocol for annotations."""
        return core_schema.any_schema()


SetByCode: TypeAlias = Annotated[T, _Unchecked()]
"""A field that the code fills in; a file cannot write it."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadWith(_Unchecked):
    """Annotates a field that a function reads from its node.

    Attributes:
        read: node, name for messages, reader → the value; None after reporting a fault.
        schema: JSON Schema of the field.
    """

    read: Callable[[Any, str, Reader], Any]
    schema: Mapping[str, Any]


def as_node(schema: Mapping[str, Any]) -> ReadWith:
    """Annotates a field that keeps its node, to be read later."""
    return ReadWith(lambda node, what, reader: node, schema)


class FlowModel(BaseModel):
    """A map of a flow file whose words the language defines.

    Attributes:
        written: where each word is written, and whether an unknown one was left out.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        defer_build=True,  # models are constructed, never validated
        protected_namespaces=(),
    )

    hints: ClassVar[Mapping[str, str]] = {}
    """Words that other systems use, separated by blanks → the word here, or what to write instead."""
    cures: ClassVar[Mapping[str, str | Fix]] = {}
    """A required word → what to write when it is missing (E204)."""
    unknown_code: ClassVar[str] = "E202"
    """The code of an issue for an unknown word."""
    value_code: ClassVar[str] = "E203"
    """The code of an issue for a value that does not fit its field."""
    example: ClassVar[str] = ""
    """How the map is written, shown when something else is there."""
    is_named: ClassVar[bool] = False
    """Whether messages name the map as well as the word, because a file may hold several such maps."""

    written: SetByCode[Fields]

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """The words that a file may write, in the order of their fields."""
        return tuple(slot.word for slot in _slots(cls).values())

    @classmethod
    def read_words(
        cls,
        node: Map,
        what: str,
        reader: Reader,
        *,
        place: Place | None = None,
        hints: Mapping[str, str] | None = None,
        more: tuple[str, ...] = (),
    ) -> Fields:
        """The words of a map; an unknown one is reported once, then treated as the intended word.

        Args:
            node: the map.
            what: the name of the map in messages.
            reader: collects the faults.
            place: where to report a missing word; by default the place of the map.
            hints: further `hints`, for this map only.
            more: further words that this map may have.
        """
        return read_fields(
            node,
            (*cls.words(), *more),
            what,
            reader,
            place=place,
            hints={**(hints or {}), **cls.hints},
            code=cls.unknown_code,
        )

    @classmethod
    def parse(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """Read a map into the model; None if a fault makes that impossible. See `read_words` and `build`."""
        found = reader.map(node, what, f"write `{cls.example}`" if cls.example else None)
        return None if found is None else cls.build(cls.read_words(found, what, reader, place=place), reader, **made)

    @classmethod
    def build(
        cls, fields: Fields, reader: Reader, *, cures: Mapping[str, str | Fix] | None = None, **made: Any
    ) -> Self | None:
        """Build the model from words whose values are still nodes; None if a required value cannot be read.

        Args:
            fields: the words.
            reader: reads the values and collects the faults.
            cures: further `cures`, for this map only.
            made: values of fields that are not read from the file.
        """
        for word, cure in {**cls.cures, **(cures or {})}.items():
            fields.need(word, cure, reader)
        values = {"written": fields, **made}
        for name, slot in _slots(cls).items():
            node = fields.get(slot.word)
            if node is not None and name not in made:
                what = f"`{slot.word}` of {fields.what}" if cls.is_named else f"`{slot.word}`"
                values[name] = slot.read(node, what, reader)
        values = {name: value for name, value in values.items() if value is not None or name in made}
        is_complete = all(name in values for name, field in cls.model_fields.items() if field.is_required())
        if not is_complete:
            return None
        return cls.model_construct(**values)  # type: ignore[return-value]  # the plugin types it as FlowModel

    @property
    def place(self) -> Place:
        """Where the map is written, or the key in front of it."""
        return self.written.place

    def at(self, word: str) -> Place:
        """Where a word is written; the place of the map when it is not."""
        return self.written.at(word)

    @classmethod
    def editor_schema(cls) -> JsonSchema:
        """JSON Schema of the map. A word in `cures` is required, too."""
        slots = _slots(cls)
        fields = cls.model_fields
        required = [slot.word for name, slot in slots.items() if fields[name].is_required() or slot.word in cls.cures]
        return mapped({slot.word: slot.schema for slot in slots.values()}, required=required)


class _Slot(NamedTuple):
    """One word of a model: how its value is read, and its JSON Schema."""

    word: str
    read: Callable[[Any, str, Reader], Any]
    schema: JsonSchema


@cache
def _slots(model: type[FlowModel]) -> Mapping[str, _Slot]:
    """The words of a model by field name: its own fields first, then the inherited ones."""
    own = get_annotations(model)
    fields = sorted(model.model_fields.items(), key=lambda item: item[0] not in own)
    found = {name: _slot(field.alias or name, field, model.value_code) for name, field in fields}
    return {name: slot for name, slot in found.items() if slot is not None}


def _slot(word: str, field: FieldInfo, code: str) -> _Slot | None:
    """The word of a field; None for one that the code fills in."""
    types = _types(field.annotation, tuple(field.metadata))
    type_, metadata = next((type_, metadata) for type_, metadata in types if type_ is not NoneType)
    described = {"description": field.description} if field.description else {}
    unchecked = next((each for each in metadata if isinstance(each, _Unchecked)), None)
    if isinstance(unchecked, ReadWith):
        return _Slot(word, unchecked.read, {**unchecked.schema, **described})
    if unchecked is not None:
        return None
    if isinstance(type_, type) and issubclass(type_, FlowModel):
        return _Slot(word, type_.parse, {**type_.editor_schema(), **described})
    kind = next((each for each in metadata if isinstance(each, Kind)), None) or kind_of(type_)
    if kind is None:
        raise TypeError(f"`{word}` has the type {type_}, which no flow file can write")
    default = {"default": field.default} if isinstance(field.default, bool | int | float) else {}
    return _Slot(word, partial(kind.read, code=code), {**in_yaml(kind), **described, **default})


def _types(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The types that a field may have, each with what is annotated."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = (part for each in more for part in (each.metadata if isinstance(each, FieldInfo) else (each,)))
        yield from _types(inner, (*metadata, *flat))
    elif get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _types(inner, metadata)
    else:
        yield annotation, metadata


_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_LIKE_A_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(?:(ms|s|m|h)[a-z]*)?\.?", re.IGNORECASE)
_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def duration(low: str, high: str, unit: str) -> ReadWith:
    """Reads a duration from `low` to `high` as milliseconds; E534 for anything else.

    `unit` is the most likely unit of a number that has none.
    """
    shortest, longest = milliseconds(low) or 0, milliseconds(high) or 0

    def read(node: Node, what: str, reader: Reader) -> int | None:
        text = reader.text(node, what)
        if text is None:
            return None
        found = milliseconds(text.value)
        if found is not None and shortest <= found <= longest:
            return found
        fitting = [
            each for each in _probable_durations(text.value, unit) if shortest <= (milliseconds(each) or -1) <= longest
        ]
        cure: str | Fix = f"write a duration from {low} to {high}"
        if fitting:
            cure = Fix(f"write {' or '.join(dict.fromkeys(fitting))}", "word", fitting[0])
        reader.report("E534", text.place, f'{what} cannot be "{text.value}"', cure)
        return None

    return ReadWith(read, TEXT)


def milliseconds(text: str) -> int | None:
    """A duration in milliseconds; None if the text is not a duration."""
    found = _DURATION.fullmatch(text)
    return round(float(found[1]) * _MS[found[2]]) if found else None


def _probable_durations(text: str, unit: str) -> tuple[str, ...]:
    """The durations that the author may have meant: the unit is missing or spelt differently."""
    found = _LIKE_A_DURATION.fullmatch(text.strip().lower().replace("milli", "ms"))
    if found is None:
        return ()
    count, written = found.groups()
    if written:
        return (f"{count}{written}",)
    return (f"{count}s",) if unit == "m" and float(count) >= 60 else (f"{count}{unit}", f"{count}s")
