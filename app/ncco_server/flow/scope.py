"""The typed names that a flow declares and its values can use, with paths into them: `customer.cards[].number`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias

from ncco_server.flow.nodes import Place
from ncco_server.ncco.value_types import ANY, DATETIME, TYPES, Kind, open_record, record

PathKey: TypeAlias = str | None
"""None: any list entry, or one with a computed key."""

Path: TypeAlias = tuple[PathKey, ...]

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = re.compile(r'\.(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<quoted>"(?:[^"\\]|\\.)*")?\]')
_WITHIN: Final = re.compile(r"[.\[]")


def written(name: str, path: Path) -> str:
    return name + "".join(map(_key, path))


def _key(key: PathKey) -> str:
    if key is None:
        return "[]"
    return f".{key}" if NAME.fullmatch(key) else f"[{json.dumps(key)}]"


def has_path(name: str) -> bool:
    return _WITHIN.search(name) is not None


def root_of(name: str) -> str:
    return _WITHIN.split(name, maxsplit=1)[0]


@lru_cache(maxsize=4096)
def path_of(name: str) -> Path:
    """Parse what `written` returned; () for a name without a path."""
    return tuple(
        found["plain"] or (json.loads(found["quoted"]) if found["quoted"] else None) for found in _KEY.finditer(name)
    )


def may_overlap(one: Path, other: Path) -> bool:
    """Whether values at two paths may be the same, or one contain the other."""
    return all(left == right or left is None or right is None for left, right in zip(one, other, strict=False))


def by_first_key(paths: Collection[Path]) -> dict[PathKey, set[Path]]:
    found: dict[PathKey, set[Path]] = {}
    for path in paths:
        if path:
            found.setdefault(path[0], set()).add(path[1:])
    return found


RESERVED = frozenset(
    {"call", "input", "env", "now", "locale", "hours", "vars", "loop", "self", "end"}
    | {"and", "or", "not", "in", "is", "if", "else", "elif", "for", "endif", "endfor", "set", "include"}
    | {"true", "false", "none", "null", "nil", "undefined", "yes", "no"}
    | {"True", "False", "None", "TRUE", "FALSE", "NULL", "AND", "OR", "NOT", "IN", "And", "Or", "Not"}
)


def is_name(text: str) -> bool:
    """Reserved names are refused."""
    return NAME.fullmatch(text) is not None and text not in RESERVED


def header(headers: Mapping[str, str], name: str) -> str:
    """Return "" if the SIP header was not sent. Its name is case-insensitive. Source: RFC 3261, 7.3.1."""
    try:
        return headers[name]
    except KeyError:
        folded = name.casefold()
        return next((text for known, text in headers.items() if known.casefold() == folded), "")


_TEXT = TYPES["text"]
HEADERS = open_record(_TEXT)

_CALL = record(
    {
        "to": TYPES["phone"],
        "from": TYPES["phone"],
        "person": TYPES["phone"],
        "is_hidden": TYPES["bool"],
        "from_user": _TEXT,
        "uuid": _TEXT,
        "conversation_uuid": _TEXT,
        "region_url": TYPES["url"],
        "endpoint_type": _TEXT,
        "direction": _TEXT,
        "sip": HEADERS,
        "custom_data": open_record(ANY),
        "request": _TEXT,
    }
)
CALL_WORDS: Final = {
    "endpoint_type": ("phone", "sip", "websocket", "app", "vbc"),
    "direction": ("inbound", "outbound"),
}
"""Source: webhook reference, Answer and Event."""

_INPUT = record({"digits": _TEXT, "text": _TEXT, "confidence": TYPES["number"]})
_BASE: dict[str, Kind] = {
    "call": _CALL,
    "input": _INPUT,
    "env": open_record(_TEXT, "https://example.com"),
    "now": DATETIME,
    "locale": _TEXT,
}
_ENV_UNSPOKEN = "a server setting"
_KEPT_UNSPOKEN = "filled with a server setting"


@dataclass(frozen=True, slots=True)
class Variable:
    """A flow's variable. `default` has its type.

    A `sensitive` value exists only in the turn that received it; elsewhere a token replaces it. With `spoken`, a placed
    call keeps it, encrypted, and may speak it. Without `is_declared`, only a `collect` names it.
    """

    name: str
    type: Kind
    default: Any
    place: Place
    sensitive: bool = False
    spoken: bool = False
    is_declared: bool = field(default=True, compare=False)
    has_default: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a flow, a lookup or a hook."""

    variable: Variable
    is_required: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """A flow's interface for other flows. Unless `is_whole`, it may declare more than could be read."""

    name: str
    place: Place
    params: Mapping[str, Param] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    returns: Mapping[str, Variable] = field(default_factory=dict)
    is_whole: bool = True
    places: Mapping[str, Place] = field(default_factory=dict)
    is_placed: bool = False


@dataclass(frozen=True)
class ScopeTypes:
    """The names in scope, with their types.

    Attributes:
        unspoken: names and paths (`name.list[].field`) that must not be spoken, each with a description.
        env: None if the names are unknown.
        undeclared: names that flows return, each with what to write if it is used undeclared.
        several: lookups that give a list of rows, each with its declaration's place.
    """

    types: Mapping[str, Kind]
    unspoken: Mapping[str, str] = field(default_factory=dict)
    env: frozenset[str] | None = None
    undeclared: Mapping[str, str] = field(default_factory=dict)
    several: Mapping[str, Place] = field(default_factory=dict)
    spoken: frozenset[str] = frozenset()
    zone: str = ""

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    @property
    def secrets(self) -> frozenset[str]:
        """Server settings are not sensitive: they may be sent and stored."""
        return frozenset(name for name in self.unspoken if not self.is_setting(name))

    def is_setting(self, name: str) -> bool:
        """Whether an unspoken name holds one server setting, or all."""
        return self.unspoken[name] in (_ENV_UNSPOKEN, _KEPT_UNSPOKEN)

    def get(self, name: str) -> Kind | None:
        return self.types.get(name)

    def type_at(self, path: Sequence[str]) -> Kind | None:
        """Return None if the type of the name, or of the field within it, is unknown."""
        kind = self.types.get(path[0])
        for key in path[1:]:
            kind = kind.at(key) if kind is not None and kind.is_record else None
        return kind

    def with_name(self, name: str, kind: Kind, unspoken: str = "", secrets: Iterable[Path] = ()) -> ScopeTypes:
        """`secrets` are the paths of its sensitive fields."""
        kept = {known: why for known, why in self.unspoken.items() if root_of(known) != name}
        kept |= {name: unspoken} if unspoken else {}
        kept |= dict.fromkeys(sorted(written(name, path) for path in secrets), "a sensitive field of a lookup")
        return replace(self, types={**self.types, name: kind}, unspoken=kept, spoken=self.spoken - {name})

    @cached_property
    def samples(self) -> Mapping[str, Any]:
        return {name: kind.operand(kind.sample) for name, kind in self.types.items()}


def scope_types(
    variables: Mapping[str, Variable], env: Iterable[str] | None = None, kept: Iterable[str] = ()
) -> ScopeTypes:
    """`env` has the names set on this server, `kept` the variables that may hold one."""
    unspoken = {"env": _ENV_UNSPOKEN} | dict.fromkeys(sorted(variables.keys() & kept), _KEPT_UNSPOKEN)
    unspoken |= {name: "a sensitive variable" for name, variable in variables.items() if variable.sensitive}
    types = {**{name: variable.type for name, variable in variables.items()}, **_BASE}
    spoken = frozenset(name for name, variable in variables.items() if variable.spoken)
    return ScopeTypes(types, unspoken, None if env is None else frozenset(env), spoken=spoken)
