"""Which names a value of a flow may use, and of which type each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, TypeAlias

from app.flow.model import Variable
from app.flow.paths import Path, root_of, written
from app.flow.types import ANY, DATETIME, TYPES, ValueType, list_of, words

RESERVED = frozenset(
    {"call", "input", "env", "now", "locale", "hours", "vars", "loop", "self", "end"}
    | {"and", "or", "not", "in", "is", "if", "else", "elif", "for", "endif", "endfor", "set", "include"}
    | {"true", "false", "none", "null", "nil", "undefined", "yes", "no"}
    | {"True", "False", "None", "TRUE", "FALSE", "NULL", "AND", "OR", "NOT", "IN", "And", "Or", "Not"}
)
"""Names that no variable may have."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Whether a variable may have this name: letters, digits and `_`, no digit first, not reserved."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


@dataclass(frozen=True, slots=True)
class Record:
    """A name with fields.

    Attributes:
        fields: the type of each field.
        rest: the type of any other field; None when there is no other.
    """

    fields: Mapping[str, Shape] = field(default_factory=dict)
    rest: Shape | None = None


Shape: TypeAlias = ValueType | Record


def header(headers: Mapping[str, str], name: str) -> str:
    """A SIP header by its name, whose case does not count; "" when it was not sent.

    Source: RFC 3261, 7.3.1 (field names are case-insensitive).
    """
    try:
        return headers[name]
    except KeyError:
        folded = name.casefold()
        return next((text for known, text in headers.items() if known.casefold() == folded), "")


SAMPLE: Final = "sample"
"""A typical text."""


class Sample(dict[str, Any]):
    """Answers every field with a typical text.

    Attributes:
        text: the typical text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def __missing__(self, name: str) -> str:
        return self.text


_TEXT = TYPES["text"]
HEADERS = Record(rest=_TEXT)
"""`call.sip`."""

_CALL = Record(
    {
        "to": TYPES["phone"],
        "from": TYPES["phone"],
        "is_hidden": TYPES["bool"],
        "from_user": _TEXT,
        "uuid": _TEXT,
        "conversation_uuid": _TEXT,
        "region_url": TYPES["url"],
        "endpoint_type": _TEXT,
        "direction": _TEXT,
        "sip": HEADERS,
        "custom_data": Record(rest=ANY),
    }
)
CALL_WORDS: Final = {
    "endpoint_type": ("phone", "sip", "websocket", "app", "vbc"),
    "direction": ("inbound", "outbound"),
}
"""The words that Vonage sends in some fields of a call. Source: webhook reference, Answer and Event."""

_INPUT = Record({"digits": _TEXT, "text": _TEXT, "confidence": TYPES["number"]})
_BASE: dict[str, Shape] = {
    "call": _CALL,
    "input": _INPUT,
    "env": Record(rest=_TEXT),
    "now": DATETIME,
    "locale": _TEXT,
}
_ENV_UNSPOKEN = "a setting of the server"
_KEPT_UNSPOKEN = "filled with a setting of the server"


@dataclass(frozen=True, slots=True)
class ScopeTypes:
    """The names in scope.

    Attributes:
        shapes: by name.
        unspoken: names that may not be said to a caller, and ways into names (`name.list[].field`), each with what
            it is.
        env: the names that `env` has; None when that is not known.
    """

    shapes: Mapping[str, Shape]
    unspoken: Mapping[str, str] = field(default_factory=dict)
    env: frozenset[str] | None = None

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    @property
    def secrets(self) -> frozenset[str]:
        """What of `unspoken` is sensitive. Settings of the server are not: they may be sent and kept."""
        return frozenset(name for name in self.unspoken if not self.is_setting(name))

    def is_setting(self, name: str) -> bool:
        """Whether a name that may not be said holds settings of the server, or one of them."""
        return self.unspoken[name] in (_ENV_UNSPOKEN, _KEPT_UNSPOKEN)

    def get(self, name: str) -> Shape | None:
        """What `name` is, or None when it is not in scope."""
        return self.shapes.get(name)

    def shape_at(self, path: Sequence[str]) -> Shape | None:
        """What a name is, or a field within one; None when it is not known."""
        shape = self.shapes.get(path[0])
        for key in path[1:]:
            of = record_of(shape)
            shape = of.fields.get(key, of.rest) if of is not None else None
        return shape

    def having(self, name: str, shape: Shape, unspoken: str = "", secrets: Iterable[Path] = ()) -> ScopeTypes:
        """This scope and one more name, in which some fields are sensitive; one that is there gets the new type."""
        kept = {known: why for known, why in self.unspoken.items() if root_of(known) != name}
        kept |= {name: unspoken} if unspoken else {}
        kept |= dict.fromkeys(sorted(written(name, path) for path in secrets), "a sensitive field of a lookup")
        return ScopeTypes({**self.shapes, name: shape}, kept, self.env)

    def samples(self) -> dict[str, Any]:
        """A typical value for every name, to try a step out with."""
        return {name: _sample(shape) for name, shape in self.shapes.items()}


def _sample(shape: Shape) -> Any:
    if isinstance(shape, ValueType):
        return shape.sample
    if shape.rest is not None:
        return Sample(SAMPLE if shape is not _BASE["env"] else "https://example.com")
    return {name: _sample(field_shape) for name, field_shape in shape.fields.items()}


def variable_type(variable: Variable) -> ValueType:
    """The type of a declared variable."""
    return words(*variable.words) if variable.words else TYPES[variable.type_name]


def scope_types(
    variables: Mapping[str, Variable], env: Iterable[str] | None = None, kept: Iterable[str] = ()
) -> ScopeTypes:
    """What the values of a flow with these variables may use.

    Args:
        variables: of the flow.
        env: the names that are set on this server.
        kept: those of the variables that may hold a setting of the server.
    """
    unspoken = {"env": _ENV_UNSPOKEN} | dict.fromkeys(sorted(variables.keys() & kept), _KEPT_UNSPOKEN)
    unspoken |= {name: "a sensitive variable" for name, variable in variables.items() if variable.sensitive}
    shapes = {**{name: variable_type(variable) for name, variable in variables.items()}, **_BASE}
    return ScopeTypes(shapes, unspoken, None if env is None else frozenset(env))


def kind_of(shape: Shape) -> str:
    """What it can be compared with: `text`, `number`, `bool`, `list`, `map`, `datetime`, or `any`."""
    return "map" if isinstance(shape, Record) else shape.kind


def described(shape: Shape) -> str:
    """The type in a sentence: `text`, `a number`, `a map`, ..."""
    return "a map" if isinstance(shape, Record) else shape.described


def item_of(shape: Shape) -> ValueType:
    """The type of an entry of a list, or of a map of any keys."""
    return shape.item if isinstance(shape, ValueType) and shape.item is not None else ANY


def record_of(shape: Shape | None) -> Record | None:
    """The known fields of a map; None when it is no map, or when nothing is known of it."""
    if isinstance(shape, ValueType):
        return Record(shape.fields) if shape.fields else None
    return shape


def common(left: Shape | None, right: Shape | None) -> Shape:
    """The type of what is one or the other."""
    if left is None or right is None:
        return ANY
    if left == right:
        return left
    if isinstance(left, Record) or isinstance(right, Record) or left.kind != right.kind:
        return ANY
    if left.kind == "list":
        return joined_list([item_of(left), item_of(right)])
    return TYPES.get(left.kind, left)


def joined_list(items: Iterable[Shape | None]) -> ValueType:
    """The type of a list that has entries of all these types; there is at least one."""
    item = reduce(common, items)
    return TYPES["list"] if item is None or isinstance(item, Record) or item == ANY else list_of(item)
