"""The base class of value types."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from ncco_server.issue import Issue, fault, shown, wrong_type


class BeyondLimit(ValueError):
    """A value of the right type is beyond a limit; the message says what is needed, and never contains the value."""

    def __init__(self, problem: str, needed: str) -> None:
        super().__init__(needed)
        self.problem = problem


JsonSchema: TypeAlias = dict[str, Any]

Escape: TypeAlias = Literal["talk", "ssml", "url", "number", "header", "json", "text", "kept"]
"""How values are escaped in a text with braces, by what the text is used for."""

SAMPLE = "sample"

MAX_JSON_DEPTH = 200
"""Every JSON parser and writer used here can handle it. Our choice."""


class LiteralReader(Protocol):
    """Reads a flow file (`ncco_server.flow.grammar.reader`)."""

    def literal(self, node: Any, kind: Kind, what: str) -> Any:
        """Report a wrong value and return None."""


@dataclass(frozen=True, kw_only=True)
class Kind(ABC):
    """One type of value.

    Attributes:
        words: () for any text.
        hosts: of a URL, in lower case; () for any.
        item: the type of a list's or map's entries, if known.
        is_record: whether entries besides `fields` need a type in `item`.
        may_be_empty: whether a lookup may return "" instead.
        escape: of values that are inserted into one of this type.
    """

    words: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    item: Kind | None = None
    fields: Mapping[str, Kind] = field(default_factory=dict, hash=False)
    is_record: bool = False
    may_be_empty: bool = False
    escape: Escape = field(default="text", compare=False)

    name: ClassVar[str]
    family: ClassVar[str]
    """Its values can be compared: phone, url and words belong to text, int to number."""
    begins_unknown: ClassVar[bool] = False
    """Whether a variable without a default begins as `""`, which is not a value of the type."""
    input_type: ClassVar[str] = "text"

    @property
    @abstractmethod
    def described(self) -> str:
        """For messages: `text`, `a number`, `a list`, ..."""

    @property
    @abstractmethod
    def sample(self) -> Any:
        """For trying a step out."""

    @abstractmethod
    def cast(self, value: object) -> Any:
        """Cast a value of a flow file or a running call, mostly text, to this type.

        Raises ValueError, whose message says what is required, and never contains the value: it may be a PIN.
        """

    def cast_at(self, value: object, line: str) -> Any:
        """Cast what people and programs write; see `read_number` for `line`."""
        return self.cast(value)

    @abstractmethod
    def json_schema(self) -> JsonSchema:
        """Valid values, as far as JSON Schema can express them."""

    def operand(self, value: Any) -> Any:
        """A date, a time of day or a point in time instead of its text."""
        return value

    @property
    def is_text(self) -> bool:
        return self.family == "text" or (self.is_timed and self.item is None and not self.fields)

    @property
    def is_timed(self) -> bool:
        """Whether expressions use the value, or a part of it, as a date or a time."""
        return any(inner.is_timed for inner in (*self.fields.values(), *filter(None, (self.item,))))

    def with_zone(self, zone: str) -> Kind:
        """`zone` is an IANA name, or ""."""
        return self

    def read(self, node: Any, what: str, source: LiteralReader) -> Any:
        """Report a wrong value and return None. Messages call it `what`."""
        return source.literal(node, self, what)

    def literal(self, text: str) -> Any:
        """Raises ValueError outside the limits."""
        return self.cast(text)

    def check(self, value: object) -> list[Issue]:
        """Paths are relative to the value, which may have any type."""
        try:
            self.cast(value)
        except ValueError:
            return [wrong_type(value, self.described, f"Write {self.described}.")]
        return []

    def normalised(self, value: object) -> object:
        """As in the NCCO models, if possible: a number for "45", an array for a single URL."""
        return value

    def words_in(self, value: object) -> tuple[str, ...]:
        """The values in a text such as `dtmf, speech`; () if there are fewer than two."""
        return ()

    @property
    def cure(self) -> str:
        """For a flow file; "" if the cast's error already says it."""
        return ""

    @property
    def empty(self) -> Any:
        """The initial value; None if only certain words are allowed."""
        return ""

    @property
    def entry(self) -> Kind:
        return self.item or ANY

    def at(self, key: str) -> Kind | None:
        """None if the map has no such entry, or the type is not a map."""
        if self.is_record:
            return self.fields.get(key, self.item)
        return self.entry if self.family == "map" else None


@dataclass(frozen=True)
class AnyValue(Kind):
    """Its type is only known during the call: an entry of a list, of a map or of `call.custom_data`."""

    name = "any"
    family = "any"
    described = "a value of any type"
    sample = SAMPLE

    def cast(self, value: object) -> Any:
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean", "object", "array"]}


ANY = AnyValue()


def check_value(kind: Kind, value: object) -> list[Issue]:
    reason = _unwritable_scalar(value) if isinstance(value, (str, int, float)) else None
    found = [] if reason and not isinstance(value, int) else kind.check(value)
    return found or ([fault("N125", f"{shown(value)} cannot be written as JSON: {reason}.")] if reason else [])


def unwritable(value: object) -> str | None:
    """Why the value cannot be written as JSON in UTF-8. It may be nested to any depth."""
    layer = [value]
    depth = 0
    while layer:
        inner: list[object] = []
        for each in layer:
            if isinstance(each, dict):
                inner += (*each.values(), *each.keys())
                if not all(isinstance(key, str) for key in each):
                    return "it has a key that is not text"
            elif isinstance(each, list):
                inner += each
            elif reason := _unwritable_scalar(each):
                return reason
        layer = inner
        depth = depth + 1
        if layer and depth > MAX_JSON_DEPTH:
            return f"it is nested more than {MAX_JSON_DEPTH} levels deep"
    return None


def _unwritable_scalar(value: object) -> str | None:
    if isinstance(value, str):
        return None if is_encodable(value) else "it contains half of a surrogate pair"
    if isinstance(value, float):
        return None if math.isfinite(value) else "NaN and Infinity are not JSON numbers"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "a number has more than 64 bits"
    if value is None:
        return None
    return f"a {type(value).__name__} is not a JSON value"


def is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def size_as_json(value: object) -> int:
    """Bytes of compact JSON; 0 if the value cannot be written."""
    return 0 if unwritable(value) else len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
