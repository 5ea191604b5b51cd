"""The types that values of a flow are cast to.

A cast converts a value of a flow file or a running call (mostly text) to the type, or raises ValueError with a
sentence that says what is needed. The sentence never repeats the value: it may be a caller's PIN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, ItemsView, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from app.ncco.suggest import nearest

MAX_ITEMS = 200
"""How many entries a list or a map may have; our choice, so that no caller's data makes a loop long."""

MAX_ENTRIES = 5_000
"""How many entries lists and maps within each other may have altogether; our choice."""

MAX_NESTING = 10
"""How deep lists and maps may be nested; our choice."""

SAMPLE = "sample"
"""A typical text."""

_LARGE = 10**18
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_URL = re.compile(r"(?:https?|wss?)://[^\s/?#\\\"<>^`{|}@]+(?:[/?#][^\s\\\"<>^`{|}]*)?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[a-z]+://[^\s/?#@]+@", re.IGNORECASE)
_BLANK = re.compile(r"[a-z]+://[^\s/?#]+[/?#]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PHONE_FILLING = re.compile(r"[\s.\-\u2010-\u2015()]")
_PHONE = re.compile(r"[1-9][0-9]{6,14}")


def entries(value: object) -> list[object] | tuple[object, ...]:
    """`value`, when it is a list of bounded length. Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list of at most {MAX_ITEMS} entries is needed")
    return value


def pairs(value: object) -> ItemsView[str, object]:
    """The entries of `value`, when it is a map of bounded length. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError("a map is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a map of at most {MAX_ITEMS} entries is needed")
    return value.items()


def _list(value: object) -> object:
    """A copy, as JSON can keep it with the call."""
    return _SizeBudget().copied(entries(value), 0)


def _map(value: object) -> object:
    """A copy, as JSON can keep it with the call."""
    return _SizeBudget().copied(dict(pairs(value)), 0)


class _SizeBudget:
    """Limits the size and depth of one list or map."""

    def __init__(self) -> None:
        self.left = MAX_ENTRIES + 1

    def copied(self, value: object, depth: int = 1) -> object:
        """A copy of an entry for JSON: a point in time becomes text."""
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"lists and maps of at most {MAX_ENTRIES:,} entries altogether are needed")
        if depth > MAX_NESTING:
            raise ValueError(f"lists and maps nested at most {MAX_NESTING} deep are needed")
        match value:
            case str() | bool() | None:
                return value
            case list() | tuple():
                return [self.copied(item, depth + 1) for item in value]
            case Mapping():
                return {str(key): self.copied(item, depth + 1) for key, item in value.items()}
            case int() | float() if abs(value) < _LARGE and math.isfinite(value):
                return value
            case datetime():
                return value.isoformat()
        raise ValueError("entries that are texts, numbers, true or false, lists or maps are needed")


@dataclass(frozen=True, slots=True)
class ValueType:
    """What a value is.

    Attributes:
        name: as a flow file writes it (`text`, `int`, ...).
        cast: a value as this type. Raises ValueError with a sentence that says what is needed.
        kind: values of the same kind can be compared with each other: phone, url and words are text, int is number.
        sample: a typical value, to try a step out with.
        words: the allowed words, when only those are allowed.
        hosts: the allowed hosts of a URL, in lower case, when only those are allowed.
        item: the type of every entry of a list, or of a map of any keys, when it is known.
        fields: the types of the known entries of a map.
        is_record: whether a map has no other entries, unless `item` is their type; otherwise it may have any.
        may_be_empty: whether an answer may hold "" in place of it.
    """

    name: str
    kind: str
    sample: Any = field(compare=False)
    cast: Callable[[object], object] = field(compare=False)
    words: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    item: ValueType | None = None
    fields: Mapping[str, ValueType] = field(default_factory=dict)
    is_record: bool = False
    may_be_empty: bool = False

    @property
    def described(self) -> str:
        """The type in a sentence: `text`, `a number`, `a list`, ..."""
        if self.hosts:
            return f"a URL of {' or '.join(self.hosts)}"
        return f"one of {', '.join(self.words)}" if self.words else _DESCRIBED[self.name]

    @property
    def empty(self) -> Any:
        """The value before anything is known: `""`, 0, an empty list, ...; None when only some words are allowed."""
        if self.is_record:
            return {name: inner.empty for name, inner in self.fields.items()}
        return None if self.words else copy(_EMPTY.get(self.name, ""))

    @property
    def entry(self) -> ValueType:
        """The type of an entry of a list, or of a map of any keys."""
        return self.item or ANY

    def at(self, key: str) -> ValueType | None:
        """The type of the entry of a map under a key; None without such an entry, and when this is not a map."""
        if self.is_record:
            return self.fields.get(key, self.item)
        return self.entry if self.kind == "map" else None


_EMPTY: Mapping[str, object] = {"int": 0, "number": 0, "bool": False, "list": [], "map": {}}
_DESCRIBED = {
    "text": "text",
    "int": "a whole number",
    "number": "a number",
    "bool": "true or false",
    "phone": "a phone number",
    "url": "a URL",
    "list": "a list",
    "map": "a map",
    "datetime": "a point in time",
    "any": "a value of any type",
}


def write(value: object) -> str:
    """A single value as text: `true`, `3`, `0.5`, ISO 8601. Raises ValueError for a list, a map and for nothing."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < _LARGE:
            return str(value)
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() and abs(value) < _LARGE else repr(value)
        case datetime():
            return value.isoformat()
    raise ValueError("a text, a number, true or false is needed")


def _int(value: object) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE and value == int(value):
        return int(value)
    raise ValueError(f"a whole number{_in_seconds(value) or ' is needed, such as 2'}")


def _number(value: object) -> int | float:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE:
        return value
    raise ValueError(f"a number{_in_seconds(value) or ' is needed, such as 2 or 0.5'}")


_DURATION = re.compile(r"([0-9]{1,6}) ?(s|m|h)(?:ecs?|econds?|ins?|inutes?|rs?|ours?)?", re.IGNORECASE)


def _in_seconds(value: object) -> str:
    """The rest of the error message for a number with a unit of time, such as `5 min`; "" for anything else."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    return f" of seconds is needed: write {int(found[1]) * {'s': 1, 'm': 60, 'h': 3600}[found[2].lower()]}"


def _bool(value: object) -> bool:
    written = str(value).strip() if isinstance(value, bool | str) else ""
    if written in ("true", "True", "false", "False"):
        return written in ("true", "True")
    meant = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
    cure = f": write {meant[written.lower()]}" if written.lower() in meant else ""
    raise ValueError(f"true or false is needed{cure}")


def _phone(value: object) -> str:
    """Digits with the country code; spaces, dashes, dots, brackets and a leading `+` or `00` are removed."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError("a phone number is needed, such as 447700900123")
    written = str(value).strip()
    if "(0)" in written:
        raise ValueError('a phone number is needed without the "(0)" that is only dialled within the country')
    digits = _PHONE_FILLING.sub("", written)
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    if _PHONE.fullmatch(digits):
        return digits
    if digits.startswith("0") and digits.isdigit():
        raise ValueError("a phone number is needed with its country code, such as 447700900123 for 07700 900123")
    raise ValueError("a phone number is needed: 7 to 15 digits with the country code, such as 447700900123")


def _url(value: object) -> str:
    if isinstance(value, str) and not _CONTROL.search(value) and _URL.fullmatch(value.strip()):
        return value.strip()
    if isinstance(value, str) and _BLANK.match(value.strip()) and _URL.fullmatch(value.strip().replace(" ", "%20")):
        raise ValueError("a URL without blanks is needed: write %20 for each")
    if isinstance(value, str) and _CREDENTIALS.match(value.strip()):
        raise ValueError("a URL without user and password is needed: credentials in a URL are refused")
    raise ValueError("a URL is needed, such as https://example.com/hold.mp3")


def _datetime(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    raise ValueError("a point in time is needed")


TYPES: dict[str, ValueType] = {
    "text": ValueType("text", "text", SAMPLE, write),
    "int": ValueType("int", "number", 1, _int),
    "number": ValueType("number", "number", 0.5, _number),
    "bool": ValueType("bool", "bool", True, _bool),
    "phone": ValueType("phone", "text", "447700900123", _phone),
    "url": ValueType("url", "text", "https://example.com/sample", _url),
    "list": ValueType("list", "list", (SAMPLE,), _list),
    "map": ValueType("map", "map", {}, _map),
}
"""The types that an author may name, by name."""

CALLER_URL = replace(TYPES["text"], sample=TYPES["url"].sample)
"""What expressions see of a variable of type url that a caller may fill: it may not begin a URL. See `flow.taint`."""

DATETIME = ValueType("datetime", "datetime", datetime(2026, 1, 5, 9, 30, tzinfo=UTC), _datetime)
"""`now`."""

ANY = ValueType("any", "any", SAMPLE, lambda value: value)
"""A type that is only known in the running call: an entry of a list, of a map or of `call.custom_data`."""


def common_type(left: ValueType | None, right: ValueType | None) -> ValueType:
    """The type of a value that has one of two types; None is an unknown type."""
    if left is None or right is None or left.kind != right.kind:
        return ANY
    if left == right:
        return left
    return list_of(common_type(left.entry, right.entry)) if left.kind == "list" else TYPES.get(left.kind, left)


def list_of(item: ValueType) -> ValueType:
    """The type of a list whose entries are all of the type `item`."""
    if item == ANY:
        return TYPES["list"]

    def cast(value: object) -> list[object]:
        return [item.cast(entry) for entry in entries(value)]

    return ValueType("list", "list", [item.sample], cast, item=item)


def record(fields: Mapping[str, ValueType]) -> ValueType:
    """The type of a map that has every one of `fields`, each of its type."""
    sample = {name: type_.sample for name, type_ in fields.items()}
    return replace(TYPES["map"], sample=sample, fields=fields, is_record=True)


class Sample(dict[str, Any]):
    """A map that returns a typical text for every key.

    Attributes:
        text: the typical text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def __missing__(self, name: str) -> str:
        return self.text


def open_record(item: ValueType, sample: str = SAMPLE) -> ValueType:
    """The type of a map that may have any field, each of the type `item`; `sample` is a typical text of one."""
    return replace(TYPES["map"], sample=Sample(sample), item=item, is_record=True)


def words(*allowed: str) -> ValueType:
    """The type of a text that is one of `allowed`."""

    def cast(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        near = nearest(value, allowed) if isinstance(value, str) else None
        hint = f'; did you mean "{near}"?' if near else ""
        raise ValueError(f"one of {', '.join(allowed)} is needed{hint}")

    return ValueType("words", "text", allowed[0], cast, allowed)


def url_of(*hosts: str) -> ValueType:
    """The type of a URL whose host is one of `hosts`, which are in lower case; any port is allowed."""

    def cast(value: object) -> str:
        url = str(TYPES["url"].cast(value))
        if urlsplit(url).hostname not in hosts:
            raise ValueError(f"a URL of {' or '.join(hosts)} is needed")
        return url

    return replace(TYPES["url"], sample=f"https://{hosts[0]}/sample", cast=cast, hosts=hosts)
