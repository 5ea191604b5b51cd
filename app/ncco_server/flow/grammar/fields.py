"""The kinds of fields in actions: how each is read, and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import nodes

from ncco_server.flow.grammar.forms import (
    ANYTHING,
    FILE,
    TEXT,
    Form,
    about,
    computed,
    in_yaml,
    listed,
    mapped,
    per_locale,
)
from ncco_server.flow.grammar.locales import Locale, in_locale, split, stands_for_locales
from ncco_server.flow.grammar.reader import OPTION_OWNERS, Reader, Resolver, has_braces, items, read_fields
from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.templates.checker import Checker
from ncco_server.flow.templates.compiler import compile_file, compile_value
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Array, Constant, Object, localised
from ncco_server.issue import listed as phrase
from ncco_server.ncco.actions import ENDPOINT, SHAPES
from ncco_server.ncco.model import Nested, Option
from ncco_server.ncco.model import Shape as NccoShape
from ncco_server.ncco.types import USER_TO_USER, FreeForm, OneOrList, SpokenText, StandardHeaders
from ncco_server.ncco.value_types import TYPES, Escape, JsonSchema, Kind, ListOf, PlainText, Url, list_of
from ncco_server.suggest import folded, nearest

_SSML = re.compile(r"(?:\s|(?>\{#.*?#\})|(?>\{%.*?%\}))*+<speak\b", re.DOTALL)
"""Possessive and atomic groups prevent endless backtracking in a text with many tags."""
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_JSON_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class OrTemplate:
    """A value of one `Kind`, or text with braces."""

    kind: Kind

    def read(self, node: Node, what: str, reader: Resolver) -> Value | None:
        return reader.value(node, self.kind, self.kind.escape, what)

    def json_schema(self) -> JsonSchema:
        schema = in_yaml(self.kind)
        return schema if schema == TEXT else computed(schema)


@dataclass(frozen=True, slots=True)
class SpeechField:
    """The text of a `talk`: plain or SSML, written here or in a file in templates/."""

    def read(self, node: Node, what: str, reader: Resolver) -> Value | None:
        is_file = isinstance(node, Map)
        if isinstance(node, Map):
            file = read_fields(node, ("template",), what, reader).get("template")
            text = None if file is None else reader.text(file, f"`template` of {what}")
        else:
            text = reader.text(node, what)
        if text is None:
            return None
        escape = speech_escape(reader.templates.get(text.value, "") if is_file else text.value)
        make = compile_file if is_file else compile_value
        value, issues = make(text, TYPES["text"], escape, reader.scope, reader.templates, language=reader.language)
        reader.issues.extend(issues)
        return value

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [TEXT, FILE]}


def speech_escape(text: str) -> Escape:
    return "ssml" if _SSML.match(text) else "talk"


@dataclass(frozen=True, slots=True)
class ListField:
    """A list. A single value counts as one entry, and a template may compute a list of texts."""

    item: Form

    @property
    def is_plain(self) -> bool:
        return isinstance(self.item, OrTemplate) and self.item.kind.name == "text" and self.item.kind.escape == "text"

    def read(self, node: Node, what: str, reader: Resolver) -> Value | None:
        if self.is_plain and entries_in(node, reader) is not None:
            return read_list(node, list_of(TYPES["text"]), reader, what)
        values = [self.item.read(inner, what, reader) for inner in items(node)]
        return Array(tuple(value for value in values if value is not None), node.place)

    def json_schema(self) -> JsonSchema:
        return listed(self.item.json_schema())


@dataclass(frozen=True, slots=True)
class SingleField:
    """A single value. A list of one counts as its item, because some SDKs write that."""

    item: Form

    def read(self, node: Node, what: str, reader: Reader) -> Value | None:
        if isinstance(node, Seq) and len(node.items) == 1:
            node = node.items[0]
        found: Value | None = self.item.read(node, what, reader)
        return found

    def json_schema(self) -> JsonSchema:
        schema = self.item.json_schema()
        return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}]}


@dataclass(frozen=True, slots=True)
class MapField:
    """A map of known fields; `hints` are fixes for common wrong words, in lower case."""

    fields: Mapping[str, Form]
    hints: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)

    def read(self, node: Node, what: str, reader: Reader) -> Value | None:
        name = next(iter(self.fields))
        found = reader.map(node, what, f"write `{{{name}: ..}}` here")
        return None if found is None else Object(self.read_fields(found, reader, what), found.place)

    def read_fields(self, node: Map, reader: Reader, what: str) -> dict[str, Value]:
        """Invalid values are reported and left out."""
        known = read_fields(node, self.fields, what, reader, hints=self.hints).values
        values = {name: self.fields[name].read(inner, f"`{name}` of {what}", reader) for name, inner in known.items()}
        return {name: value for name, value in values.items() if value is not None}

    def json_schema(self) -> JsonSchema:
        return mapped(self.schemas())

    def schemas(self) -> dict[str, JsonSchema]:
        found = {name: inner.json_schema() for name, inner in self.fields.items()}
        for name, option in self.options.items():
            default = {} if option.default is None else {"default": option.default}
            found[name] = about(found[name] | default, option.description)
        return found


@dataclass(frozen=True, slots=True)
class JsonField:
    """Anything that JSON can express, e.g. the `payload` of a notify.

    Numbers, `true` and `false` without quotes are as in JSON; everything in quotes is text.
    """

    escape: Escape
    texts_only: bool = False
    computed: Kind = TYPES["text"]

    def read(self, node: Node, what: str, reader: Resolver) -> Value | None:
        if isinstance(node, Map):
            return self._read_map(node, reader, what)
        if isinstance(node, Seq):
            return ListField(self).read(node, what, reader)
        literal = None if node.quoted or self.texts_only else _json_literal(node.value)
        if literal is not None:
            return Constant(literal, node.place)
        return reader.value(node, self.computed, self.escape, what)

    def _read_map(self, node: Map, reader: Resolver, what: str) -> Value:
        values: dict[str, Value | None] = {}
        for entry in node.entries:
            key = entry.key
            if has_braces(key):
                reader.report(
                    "E203",
                    key.place,
                    f'the key "{key.value}" has braces',
                    "write the key as plain text; only values may have braces",
                )
            else:
                reader.warn_of_own_name(entry)
                values[key.value] = self.read(entry.value, f"`{key.value}` of {what}", reader)
        return Object({name: value for name, value in values.items() if value is not None}, node.place)

    def json_schema(self) -> JsonSchema:
        return ANYTHING


def _json_literal(text: str) -> bool | int | float | None:
    if text in _JSON_WORDS:
        return _JSON_WORDS[text]
    if not _JSON_NUMBER.fullmatch(text) or len(text) > 18:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def read_list(node: Node, type_: Kind, reader: Resolver, what: str) -> Value | None:
    """Report E331 for secrets in the list, because everything played is stored."""
    value = reader.value(node, type_, "kept", what)
    if value is not None:
        reader.refuse_secrets(value, "sent and stored unmasked")
    return value


def entries_in(node: Node | None, reader: Resolver) -> Kind | None:
    """Return None if the text does not compute a list. Reports nothing."""
    shape = computed_type(node, reader)
    return shape.entry if shape is not None and shape.family == "list" else None


def computed_type(node: Node | None, reader: Resolver) -> Kind | None:
    """None unless the text is a single pair of braces of a known type.

    Reports nothing: compiling reports errors in the text.
    """
    if not isinstance(node, Text) or not node.value.startswith("{{"):
        return None
    template, faults, _ = reader.templates.parsed(node, reader.scope.zone)
    match template.body:
        case [nodes.Output(nodes=[computed])] if not faults and not isinstance(computed, nodes.TemplateData):
            return Checker(template, reader.scope).type_of(computed)
    return None


@dataclass(frozen=True, slots=True)
class LocalField:
    """A field that may also be a map by locale."""

    inner: Form

    def read(self, node: Node, what: str, reader: Resolver) -> Value | None:
        if isinstance(node, Map) and stands_for_locales(node, reader, ("template",)):
            return self._read_map(node, reader, what)
        return in_each_locale(node, reader, lambda local: self.inner.read(node, what, local))

    def _read_map(self, node: Map, reader: Resolver, what: str) -> Value | None:
        found = split(node, what, reader)
        if found is None:
            return None
        each_local = {name: (each, in_locale(reader, reader.locales[name])) for name, each in found.items()}
        return _joined(
            {name: self.inner.read(each, what, local) for name, (each, local) in each_local.items()}, node.place
        )

    def json_schema(self) -> JsonSchema:
        schema = self.inner.json_schema()
        return {"anyOf": [schema, per_locale(schema)]}


def in_each_locale(node: Node, reader: Resolver, read: Callable[[Resolver], Value | None]) -> Value | None:
    if not reader.locales or (isinstance(node, Text) and "{" not in node.value):
        return read(reader)
    return in_every_locale(node.place, reader, read)


def in_every_locale(place: Place, reader: Resolver, read: Callable[[Resolver], Value | None]) -> Value | None:
    """Read the node in each locale's language, because filters speak it."""
    locales: Mapping[str, Locale] = reader.locales
    if len({locale.language for locale in locales.values()}) < 2:
        return read(next((in_locale(reader, locale) for locale in locales.values()), reader))
    values = {name: read(in_locale(reader, locale)) for name, locale in locales.items()}
    return _joined(values, place)


def _joined(values: Mapping[str, Value | None], place: Place) -> Value | None:
    read = {name: value for name, value in values.items() if value is not None}
    return localised(read, place) if len(read) == len(values) else None


_BY_KIND: Mapping[type[Kind], Callable[[Any], Form]] = {
    SpokenText: lambda kind: LocalField(SpeechField()),
    Url: lambda kind: SingleField(OrTemplate(kind)),
    ListOf: lambda kind: ListField(_field(kind.item)),
    OneOrList: lambda kind: ListField(_field(kind.item)),
    Nested: lambda kind: _record(kind.shape),
    FreeForm: lambda kind: JsonField("header", texts_only=True) if kind.text_only else JsonField("text"),
    StandardHeaders: lambda kind: MapField({USER_TO_USER: OrTemplate(PlainText(escape="header"))}),
}
"""An option of any other kind is written as it is, or computed."""

_BY_NAME: Mapping[tuple[str, str], Form] = {
    ("stream", "streamUrl"): LocalField(ListField(OrTemplate(Url()))),
    ("websocket endpoint", "headers"): JsonField("header"),
}

ENDPOINT_TYPES = tuple(ENDPOINT.shapes)


@cache
def action_fields(word: str) -> MapField:
    return _record(SHAPES[word])


@cache
def endpoint_fields(kind: str) -> MapField:
    return _record(ENDPOINT.shapes[kind])


def _record(shape: NccoShape) -> MapField:
    options = shape.options.items()
    fields = {name: _BY_NAME.get((shape.title, name)) or _field(option.kind) for name, option in options}
    return MapField(fields, _hints(shape), shape.options)


def _hints(shape: NccoShape) -> dict[str, str]:
    own = {folded(name) for name in shape.options}
    inner = {name: holder for name, holder in shape.inside.items() if folded(name) not in own}
    nested = {name: f"write it inside `{holder}`" for name, holder in inner.items()}
    by_word = {spelling: cure for name, cure in nested.items() for spelling in (name.lower(), _snake_case(name))}
    return by_word | (_owners(shape) if shape.title in SHAPES else {})


def _owners(shape: NccoShape) -> dict[str, str]:
    """What to write instead of other actions' options that resemble none of this one's."""
    own = (*shape.options, *shape.inside)
    return {
        name: f"it is an option of {phrase(titles)}"
        for name, titles in OPTION_OWNERS.items()
        if nearest(name, own) is None
    }


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|-", "_", name).lower()


def _field(kind: Kind) -> Form:
    return _BY_KIND.get(type(kind), OrTemplate)(kind)
