"""What the maps of a flow file have in common: each is a pydantic model of its words.

A field declares the type, the range, the default and the description of one word; the editor's schema is derived from
it (`app.flow.language.schema`). A model is validated from the nodes of a file, with a `Reader` as its context: every
fault is reported there with the place of its node, and the field takes its default. A fault in a required field leaves
no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.flow.language.json_schema import TEXT
from app.flow.language.reader import Fields, Reader, read_fields
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.types import TYPES, ValueType

T = TypeVar("T")


class Trusted:
    """Annotates a field whose value the code makes: it is never validated."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Part of pydantic's protocol for annotations."""
        return core_schema.any_schema()


class _NoWord(Trusted):
    """Annotates a field that no file writes."""


Made: TypeAlias = Annotated[T, _NoWord(), SkipJsonSchema()]
"""A field that the code fills in: it is no word of the file."""

_SCALARS: Final[Mapping[Any, ValueType]] = {
    bool: TYPES["bool"],
    int: TYPES["int"],
    float: TYPES["number"],
    str: TYPES["text"],
}


@dataclass(frozen=True, slots=True, eq=False)
class ReadWith:
    """Annotates a field that a function reads from its node.

    Attributes:
        read: takes the node, how messages call it, and the reader; None once a fault is reported.
        schema: JSON Schema of the field; that of the annotated type when it is None.
    """

    read: Callable[[Any, str, Reader], Any]
    schema: Mapping[str, Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Part of pydantic's protocol for annotations: what was read is not validated again."""
        inner = handler(source) if self.schema is None else core_schema.any_schema()
        return core_schema.no_info_wrap_validator_function(lambda value, _: value, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Part of pydantic's protocol for annotations."""
        return handler(schema) if self.schema is None else dict(self.schema)


def kept(schema: Mapping[str, Any]) -> ReadWith:
    """Annotates a field that keeps its node: it is read once more is known."""
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
        protected_namespaces=(),
    )

    aliases: ClassVar[Mapping[str, str]] = {}
    """A word of other systems → the word here that it is taken for."""
    hints: ClassVar[Mapping[str, str]] = {}
    """A word of other systems → what to write instead."""
    cures: ClassVar[Mapping[str, str]] = {}
    """A required word → what to write when it is missing (E204)."""
    unknown_code: ClassVar[str] = "E202"
    """The code of a word that is none."""
    value_code: ClassVar[str] = "E203"
    """The code of a value that does not fit its field."""

    is_named: ClassVar[bool] = False
    """Whether messages say in which map a word is: a file has several of them, with names."""

    written: Made[Fields]

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """The words that a file may write, in the order of their fields."""
        return tuple(word for word, _ in _kinds(cls).values())

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
        """The words of a map; each that is none is reported once, and taken for the one that is meant.

        Args:
            node: the map.
            what: how messages call it.
            reader: where faults go.
            place: where what is missing is reported; the map's own place without it.
            hints: more of them, for this map alone.
            more: words that it may have and that are no fields.
        """
        known = {**cls.hints, **(hints or {})}
        return read_fields(
            node,
            (*cls.words(), *more),
            what,
            reader,
            place=place,
            hints=known,
            aliases=cls.aliases,
            code=cls.unknown_code,
        )

    @classmethod
    def parse(cls, node: Map, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """The model of a map; None when a fault leaves open what its author meant. See `read_words` and `build`."""
        return cls.build(cls.read_words(node, what, reader, place=place), reader, **made)

    @classmethod
    def build(
        cls, fields: Fields, reader: Reader, *, cures: Mapping[str, str] | None = None, **made: Any
    ) -> Self | None:
        """The model of words whose values are still nodes.

        Args:
            fields: the words.
            reader: what values are read with, and where faults go.
            cures: those of this map alone, for words that are missing.
            made: fields that are given as they are.
        """
        for word, cure in {**cls.cures, **(cures or {})}.items():
            fields.need(word, cure, reader)
        try:
            return cls.model_validate({**fields.values, **made, "written": fields}, context=reader)
        except ValidationError:
            return None  # each fault is reported when its field is read

    @property
    def place(self) -> Place:
        """Where the map is written, or the key in front of it."""
        return self.written.place

    def at(self, word: str) -> Place:
        """Where a word is written; the place of the map when it is not."""
        return self.written.at(word)

    @field_validator("*", mode="wrap")
    @classmethod
    def _read_field(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Report a value that does not fit, and take the default in its place."""
        name = str(info.field_name)
        if name not in _kinds(cls) or not isinstance(value, Text | Map | Seq):
            return value
        field, (word, kind) = cls.model_fields[name], _kinds(cls)[name]
        what = f"`{word}` of {info.data['written'].what}" if cls.is_named else f"`{word}`"
        reader: Reader = info.context  # type: ignore[assignment]  # `build` gives it
        if isinstance(kind, ReadWith):
            found = kind.read(value, what, reader)
        else:
            text = reader.text(value, what)
            found = cls._single(text, what, field, reader, lambda: handler(kind.cast(text.value))) if text else None
        if found is None and field.is_required():
            raise PydanticCustomError("reported", "reported")
        return field.get_default(call_default_factory=True, validated_data={}) if found is None else found

    @classmethod
    def _single(cls, text: Text, what: str, field: FieldInfo, reader: Reader, cast: Callable[[], Any]) -> Any:
        """What a text is cast to; None once it is reported that it does not fit."""
        try:
            return cast()
        except ValueError as error:
            cure = _cure(field) or str(error)
        reader.report(cls.value_code, text.place, f'{what} cannot be "{text.value}"', cure)
        return None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The words in their order, with their defaults; what has a cure for when it is missing is required."""
        found = handler.resolve_ref_schema(handler(schema))
        found["properties"] = {word: found["properties"][word] for word in cls.words()}
        for name, (word, kind) in _kinds(cls).items():
            default = cls.model_fields[name].default
            if isinstance(kind, ValueType) and isinstance(default, bool | int | float):
                found["properties"][word]["default"] = default
        if required := {*found.get("required", ()), *cls.cures}:
            found["required"] = [word for word in cls.words() if word in required]
        return found


@cache
def _kinds(model: type[FlowModel]) -> Mapping[str, tuple[str, ReadWith | ValueType]]:
    """The word of each field, and how it is read: by a function, or as a single value of a type.

    The words that only this model has come before those that it inherits.
    """
    own = get_annotations(model)
    fields = sorted(model.model_fields.items(), key=lambda item: item[0] not in own)
    return {
        name: (field.alias or name, _kind(field))
        for name, field in fields
        if not any(isinstance(each, _NoWord) for each in field.metadata)
    }


def _kind(field: FieldInfo) -> ReadWith | ValueType:
    reads = (each for each in _metadata(field) if isinstance(each, ReadWith))
    type_ = next(each for each in _types(field.annotation) if each is not NoneType)
    return next(reads, TYPES["text"] if get_origin(type_) is Literal else _SCALARS.get(type_, TYPES["text"]))


def _metadata(annotated: Any) -> Iterator[Any]:
    """Everything that is annotated in a field, in an optional one too."""
    if isinstance(annotated, FieldInfo):
        yield from annotated.metadata
        yield from _metadata(annotated.annotation)
    elif get_origin(annotated) is Annotated:
        for each in annotated.__metadata__:
            yield from each.metadata if isinstance(each, FieldInfo) else (each,)
    elif get_origin(annotated) in (Union, UnionType):
        for inner in get_args(annotated):
            yield from _metadata(inner)


def _types(annotation: Any) -> Iterator[Any]:
    """The types that a field may have, without what is annotated."""
    if get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _types(inner)
    else:
        yield get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _cure(field: FieldInfo) -> str | None:
    """What to write in a field of some words, or of a number within bounds; None for any other."""
    type_ = next(_types(field.annotation))
    if get_origin(type_) is Literal:
        return f"write {' or '.join(get_args(type_))}"
    bounds = [each for each in _metadata(field) if isinstance(each, Ge | Le)]
    low, high = (next((getattr(each, name) for each in bounds if hasattr(each, name)), None) for name in ("ge", "le"))
    if low is None or high is None:
        return None
    return f"write a {'whole ' if type_ is int else ''}number from {low:,} to {high:,}"


_WRITTEN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_MEANT: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]*)\.?", re.IGNORECASE)
_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_UNITS: Final = {
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
}


def duration(low: str, high: str, unit: str) -> ReadWith:
    """Reads a duration from `low` to `high` as milliseconds; E534 for anything else.

    `unit` is what a bare number is most likely meant in.
    """
    shortest, longest = milliseconds(low) or 0, milliseconds(high) or 0

    def read(node: Node, what: str, reader: Reader) -> int | None:
        text = reader.text(node, what)
        if text is None:
            return None
        found = milliseconds(text.value)
        if found is not None and shortest <= found <= longest:
            return found
        fitting = [each for each in _meant(text.value, unit) if shortest <= (milliseconds(each) or -1) <= longest]
        cure = f"write {' or '.join(dict.fromkeys(fitting))}" if fitting else f"write a duration from {low} to {high}"
        reader.report("E534", text.place, f'{what} cannot be "{text.value}"', cure)
        return None

    return ReadWith(read, TEXT)


def milliseconds(text: str) -> int | None:
    """What a duration is in milliseconds; None when the text is none."""
    found = _WRITTEN.fullmatch(text)
    return round(float(found[1]) * _MS[found[2]]) if found else None


def _meant(text: str, unit: str) -> tuple[str, ...]:
    """Durations that a text may be meant as: it lacks its unit, or has it in another spelling.

    A large bare number of minutes is more likely one of seconds: 240 is 240s or 4m.
    """
    found = _MEANT.fullmatch(text.strip())
    if found is None:
        return ()
    number, written = found[1], found[2].lower()
    if written:
        return (f"{number}{_UNITS[written]}",) if written in _UNITS else ()
    if unit == "m" and number.isdigit() and int(number) >= 60:
        minutes, seconds = divmod(int(number), 60)
        return (f"{number}s", *(() if seconds else (f"{minutes}m",)))
    return (f"{number}{unit}", f"{number}s")
