"""The maps of the flow language. Each kind of map is a `MapForm`: a frozen dataclass whose fields are its words.

Reading and the editor's schema are derived from the fields; docs/reference is written by hand.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from ncco_server.flow.grammar.forms import Form, in_yaml, mapped, ref
from ncco_server.flow.grammar.reader import Fields, Reader, read_fields
from ncco_server.flow.nodes import Map, Node, Place
from ncco_server.ncco.field_docs import field_docs
from ncco_server.ncco.value_types import JsonSchema, Kind, kind_of

T = TypeVar("T")

_BY_CODE = object()
SetByCode: TypeAlias = Annotated[T, _BY_CODE]


def written_as(name: str, *, default: Any = dataclasses.MISSING, default_factory: Any = dataclasses.MISSING) -> Any:
    return dataclasses.field(default=default, default_factory=default_factory, metadata={"word": name})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field, written_as))
@dataclasses.dataclass(frozen=True, kw_only=True)
class MapForm(ABC):
    """A map in a flow file whose keys are words of the language. The class itself is the form of such a map.

    The docstring after a field describes its word.
    """

    cures: ClassVar[Mapping[str, str]] = {}
    """What to write if a required word is missing (E204), by word."""
    unknown_code: ClassVar[str] = "E202"
    example: ClassVar[str] = ""
    """How the map is written; shown if something else is there."""
    is_named: ClassVar[bool] = False
    """Whether messages name the map as well as the word, because a file may contain several such maps."""
    is_at_key: ClassVar[bool] = False
    """Whether a missing word is reported at the map's key instead of at its start."""
    others: ClassVar[tuple[str, ...]] = ()
    """More words that the map may have, which other code reads."""
    definition: ClassVar[str] = ""
    """The name under which schemas refer to the map; "" if each schema includes the whole map."""

    written: SetByCode[Fields]

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def words(cls) -> tuple[str, ...]:
        return tuple(_declared(cls))

    @classmethod
    def words_under(cls, word: str) -> tuple[str, ...]:
        """Return () if the word's form is not a map."""
        form = _declared(cls)[word].form
        return form.words() if isinstance(form, type) and issubclass(form, MapForm) else ()

    @classmethod
    def required(cls) -> tuple[str, ...]:
        return tuple(name for name, each in _declared(cls).items() if each.is_required)

    @classmethod
    def read_words(
        cls,
        node: Map,
        what: str,
        reader: Reader,
        *,
        place: Place | None = None,
    ) -> Fields:
        """Report an unknown word once, then treat it as the word that was meant.

        `what` names the map in messages; missing words are reported at `place`, by default the map's.
        """
        return read_fields(node, _known(cls), what, reader, place=place, code=cls.unknown_code)

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """Return None if an error makes a value impossible."""
        found = reader.map(node, what, f"write `{cls.example}`" if cls.example else None)
        return None if found is None else cls.build(cls.read_words(found, what, reader, place=place), reader, **made)

    @classmethod
    def build(
        cls, fields: Fields, reader: Reader, *, cures: Mapping[str, str] | None = None, **made: Any
    ) -> Self | None:
        """Return None if a required word cannot be read. Other invalid fields get their defaults.

        `cures` are for this map only; `made` are fields that are not read from the file.
        """
        for name, cure in {**cls.cures, **(cures or {})}.items():
            fields.need(name, cure, reader)
        values = {"written": fields, **made}
        for name, each in _declared(cls).items():
            node = fields.get(name)
            if node is not None and each.field not in made:
                what = f"`{name}` of {fields.what}" if cls.is_named else f"`{name}`"
                at = {"place": fields.at(name)} if getattr(each.form, "is_at_key", False) else {}
                value = each.form.read(node, what, reader, **at)
                if value is not None:
                    values[each.field] = value
        is_whole = values.keys() >= _required(cls)
        return cls(**values) if is_whole else None

    @property
    def place(self) -> Place:
        return self.written.place

    def at(self, word: str) -> Place:
        return self.written.at(word)

    @classmethod
    def json_schema(cls) -> JsonSchema:
        """Words in `cures` are required too."""
        required = [name for name, each in _declared(cls).items() if each.is_required or name in cls.cures]
        return mapped(cls.schemas(), required=required)

    @classmethod
    def schemas(cls) -> dict[str, JsonSchema]:
        texts = {name: {"description": text} for name, text in field_docs(cls, MapForm).items()}
        return {
            name: _schema_of(each.form) | texts.get(each.field, {}) | each.default
            for name, each in _declared(cls).items()
        }


class _Declared(NamedTuple):
    field: str
    form: Form
    is_required: bool
    default: JsonSchema


@cache
def _declared(of: type[MapForm]) -> Mapping[str, _Declared]:
    own = inspect.get_annotations(of)
    hints = get_type_hints(of, localns={}, include_extras=True)  # with {}, a lambda sees the names of its module
    found: dict[str, _Declared] = {}
    for field in sorted(dataclasses.fields(of), key=lambda field: field.name not in own):
        name = field.metadata.get("word", field.name)
        form = _form(name, hints[field.name])
        if form is not None:
            is_written = isinstance(form, Kind) and isinstance(field.default, bool | int | float)
            default = {"default": field.default} if is_written else {}
            found[name] = _Declared(field.name, form, _is_required(field), default)
    return found


@cache
def _known(of: type[MapForm]) -> Mapping[str, None]:
    return dict.fromkeys((*of.words(), *of.others))


@cache
def _required(of: type[MapForm]) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(of) if _is_required(field))


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _form(name: str, annotation: Any) -> Form | None:
    type_, metadata = next(each for each in _types(annotation, ()) if each[0] is not NoneType)
    if _BY_CODE in metadata:
        return None
    written = next((each for each in metadata if isinstance(each, Form)), None)
    if written is not None:
        return written
    form: Form | None = type_ if isinstance(type_, Form) else kind_of(type_)
    if form is None:
        raise TypeError(f"`{name}` has the type {type_}, which a flow file cannot express")
    return form


def _schema_of(form: Form) -> JsonSchema:
    """In YAML, a number may be written instead of text."""
    if isinstance(form, type) and issubclass(form, MapForm) and form.definition:
        return ref(form.definition)
    return in_yaml(form) if isinstance(form, Kind) else dict(form.json_schema())


def _types(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _types(inner, (*metadata, *more))
    elif get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _types(inner, metadata)
    else:
        yield annotation, metadata
