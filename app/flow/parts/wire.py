"""The fields of every action and endpoint, derived from what `app.ncco` knows of them.

Names, types and words come from there; only what an NCCO cannot say is here: how data is escaped for its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from app.flow.parts.local import PerLocale
from app.flow.parts.shapes import Json, Many, One, Record, Scalar, Shape, Speech
from app.flow.types import TYPES, words
from app.ncco.actions import ENDPOINT, SHAPES
from app.ncco.addresses import Keys, PhoneNumber, Shaken, SipUri, Url
from app.ncco.hints import OPTION_NAMES
from app.ncco.model import Nested
from app.ncco.model import Shape as NccoShape
from app.ncco.types import (
    USER_TO_USER,
    AloneOrList,
    Flag,
    Free,
    Kind,
    ListOf,
    Number,
    SpokenText,
    StandardHeaders,
    Word,
)

_HEADER = Scalar(TYPES["text"], "header")
_ADDRESS = Scalar(TYPES["text"], "url")

_BY_KIND: Mapping[type[Kind], Callable[[Any], Shape]] = {
    Flag: lambda kind: Scalar(TYPES["bool"], "text"),
    Number: lambda kind: Scalar(TYPES["number" if kind.whole == "no" else "int"], "text"),
    Word: lambda kind: Scalar(words(*kind.words, *kind.disputed), "text"),
    PhoneNumber: lambda kind: Scalar(TYPES["phone"], "number"),
    Keys: lambda kind: Scalar(TYPES["text"], "number"),
    Shaken: lambda kind: _HEADER,
    SpokenText: lambda kind: PerLocale(Speech()),
    Url: lambda kind: One(Scalar(TYPES["url"], "url")),
    SipUri: lambda kind: _ADDRESS,
    ListOf: lambda kind: Many(_shape(kind.item)),
    AloneOrList: lambda kind: Many(_shape(kind.item)),
    Nested: lambda kind: _record(kind.shape),
    Free: lambda kind: Json("header", texts_only=True) if kind.text_only else Json("text"),
    StandardHeaders: lambda kind: Record({USER_TO_USER: _HEADER}),
}
"""How a kind of value is read; any other kind is a text."""

_BY_NAME: Mapping[tuple[str, str], Shape] = {
    ("stream", "streamUrl"): PerLocale(Many(Scalar(TYPES["url"], "url"))),
    ("websocket endpoint", "headers"): Json("header"),
    ("authorization", "value"): _HEADER,
    ("sip endpoint", "user"): _HEADER,
    ("sip endpoint", "domain"): _HEADER,
    ("app endpoint", "user"): _HEADER,
    ("vbc endpoint", "extension"): _HEADER,
}
"""Fields whose place asks for more than their kind tells."""

ENDPOINT_TYPES = tuple(ENDPOINT.shapes)


@cache
def action_shape(word: str) -> Record:
    """The fields of an action, without `action` itself."""
    return _record(SHAPES[word])


@cache
def endpoint_shape(kind: str) -> Record:
    """The fields of an endpoint, without `type` itself."""
    return _record(ENDPOINT.shapes[kind])


def _record(shape: NccoShape) -> Record:
    options = shape.options.items()
    fields = {name: _BY_NAME.get((shape.title, name)) or _shape(option.kind) for name, option in options}
    return Record(fields, _hints(shape))


def _hints(shape: NccoShape) -> dict[str, str]:
    """Cures for options of nested maps, and for what other platforms call an option."""
    nested = {name: f"write it inside `{holder}`" for name, holder in shape.inside.items()}
    by_word = {spelling: cure for name, cure in nested.items() for spelling in (name.lower(), _snake(name))}
    foreign = OPTION_NAMES.get(shape.title, {})
    return {word: f"here it is called {name}" for word, name in foreign.items()} | by_word


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _shape(kind: Kind) -> Shape:
    read = _BY_KIND.get(type(kind))
    return Scalar(TYPES["text"], "text") if read is None else read(kind)
