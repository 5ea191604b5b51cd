"""Lists and maps, of limited size."""

from __future__ import annotations

import json
import math
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from ncco_server.issue import Issue, fault, shown, wrong_type
from ncco_server.ncco.value_types.kind import SAMPLE, BeyondLimit, JsonSchema, Kind, check_value
from ncco_server.ncco.value_types.scalars import LARGE, PlainText, write

MAX_ITEMS = 200
"""Our choice, so that data from callers cannot cause long loops."""

MAX_ENTRIES = 5_000
"""With all nested entries. Our choice."""

MAX_NESTING = 10


def entries(value: object) -> list[object] | tuple[object, ...]:
    """Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list of at most {MAX_ITEMS} entries is needed")
    return value


def pairs(value: object) -> ItemsView[str, object]:
    """Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError("a map is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a map of at most {MAX_ITEMS} entries is needed")
    return value.items()


class _SizeBudget:
    def __init__(self) -> None:
        self.left = MAX_ENTRIES + 1

    def copied(self, value: object, depth: int = 1) -> Any:
        """For JSON: dates and times become text."""
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"lists and maps with at most {MAX_ENTRIES:,} entries in total are needed")
        if depth > MAX_NESTING:
            raise ValueError(f"lists and maps nested at most {MAX_NESTING} deep are needed")
        match value:
            case str() | bool() | None:
                return value
            case list() | tuple():
                return [self.copied(item, depth + 1) for item in value]
            case Mapping():
                return {str(key): self.copied(item, depth + 1) for key, item in value.items()}
            case int() | float() if abs(value) < LARGE and math.isfinite(value):
                return value
            case date() | time():
                return write(value)
        raise ValueError("entries that are texts, numbers, true or false, lists or maps are needed")


@dataclass(frozen=True)
class ListOf(Kind):
    """A list whose entries have the type `item`; None for any. The attributes matter only in NCCOs.

    `high` is None for no limit. With `usually_one`, more than one entry causes a warning. `noun` names the entries.
    """

    item: Kind | None = None
    low: int = 0
    high: int | None = None
    usually_one: bool = False
    distinct: bool = False
    noun: str = "entry"

    name = "list"
    family = "list"
    described = "a list"

    @property
    def sample(self) -> Any:
        return (SAMPLE,) if self.item is None else [self.item.sample]

    @property
    def empty(self) -> list[Any]:
        return []

    def cast(self, value: object) -> list[Any]:
        if self.item is None:
            found: list[Any] = _SizeBudget().copied(entries(value), 0)
            return found
        cast = self.item.cast
        return [cast(entry) for entry in entries(value)]

    def operand(self, value: Any) -> Any:
        return [*map(self.item.operand, value)] if self.item is not None and isinstance(value, list | tuple) else value

    def check(self, value: object) -> list[Issue]:
        """A single value is an error, but is checked as an entry too."""
        if isinstance(value, (str, dict)):
            return self._check_single(value)
        if not isinstance(value, list):
            return [wrong_type(value, "an array", "Write an array: [ ... ].")]
        issues = self._check_count(value)
        for index, entry in enumerate(value):
            if found := check_value(self.entry, entry):
                issues += [issue.inside(index) for issue in found]
        return issues

    def _check_single(self, value: object) -> list[Issue]:
        message = f"{shown(value)} is not an array."
        if isinstance(value, str) and value.lstrip().startswith("["):
            return [fault("N110", message, "Write the array itself, not text that contains it.")]
        found = check_value(self.entry, value)
        wrong = next((issue for issue in found if issue.code == "N107" and issue.path == ""), None)
        words = self.entry.words_in(value)
        if wrong:
            return [fault("N110", message, f"{wrong.fix.removesuffix('.')}, in square brackets.")]
        entries = (shown(each) if isinstance(each, str) else "{ ... }" for each in words or (value,))
        cure = f"Write [{', '.join(entries)}]."
        return [fault("N110", message, cure), *(() if words else found)]

    def _check_count(self, value: list[object]) -> list[Issue]:
        count = len(value)
        if count < self.low:
            return [fault("N111", f"The array has no {self.noun}.", f"Write one {self.noun} in it.")]
        if self.high is not None and count > self.high:
            return [
                fault("N111", f"The array has {count} entries; {self.high} is the limit.", f"Leave {self.high} in it.")
            ]
        if count != 1 and self.usually_one:
            return [fault("N959", f"The array has {f'{count} URLs' if value else 'no URL'}.")]
        if self.distinct and any(entry in value[:index] for index, entry in enumerate(value)):
            return [fault("N111", "The array repeats an entry.", "Write each entry once.")]
        return []

    def normalised(self, value: object) -> object:
        entries = value if isinstance(value, (list, tuple)) else [value]
        return [self.entry.normalised(entry) for entry in entries]

    def json_schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "array", "items": self.entry.json_schema()}
        schema |= {"minItems": self.low} if self.low else {}
        schema |= {"maxItems": self.high} if self.high is not None else {}
        return schema | ({"uniqueItems": True} if self.distinct else {})


class Sample(dict[str, Any]):
    """Every key without a value of its own has the same text."""

    def __init__(self, text: str, known: Mapping[str, Any] | None = None) -> None:
        super().__init__(known or {})
        self.text = text

    def __missing__(self, name: str) -> str:
        return self.text


@dataclass(frozen=True)
class MapOf(Kind):
    """A map, or a record (see `record`)."""

    typical: str = field(default=SAMPLE, kw_only=True)

    name = "map"
    family = "map"
    described = "a map"

    @property
    def sample(self) -> Any:
        known = {name: inner.sample for name, inner in self.fields.items()}
        return Sample(self.typical, known) if self.is_record and self.item is not None else known

    @property
    def empty(self) -> dict[str, Any]:
        return {name: inner.empty for name, inner in self.fields.items()}

    def cast(self, value: object) -> dict[str, Any]:
        found: dict[str, Any] = _SizeBudget().copied(dict(pairs(value)), 0)
        return found

    def operand(self, value: Any) -> Any:
        if not self.fields or not isinstance(value, Mapping):
            return value
        found = {name: self.fields[name].operand(each) if name in self.fields else each for name, each in value.items()}
        return Sample(value.text, found) if isinstance(value, Sample) else found

    def json_schema(self) -> JsonSchema:
        return {"type": "object"}


def record(fields: Mapping[str, Kind], item: Kind | None = None) -> MapOf:
    """Other entries than `fields` must have the type `item`; None allows none."""
    return MapOf(fields=fields, item=item, is_record=True)


def open_record(item: Kind, typical: str = SAMPLE) -> MapOf:
    """A map with any keys; `typical` is the text of a typical entry."""
    return MapOf(item=item, is_record=True, typical=typical)


class SentText(str):
    """A value of a webhook: text, or JSON for a map or a list. What is not in it is "".

    With GET, Vonage sends nested values as JSON text.
    """

    __slots__ = ()

    @property
    def nested(self) -> Any:
        """The map or list, whose leaves are texts; the text itself if it is neither."""
        try:
            found = json.loads(self) if self.lstrip()[:1] in ("{", "[") else None
        except (ValueError, RecursionError):
            found = None
        return str(self) if found is None else texts_of(found)

    def entry(self, key: str | int) -> SentText:
        nested = self.nested
        is_known = isinstance(nested, list) if isinstance(key, int) else isinstance(nested, dict)
        try:
            return SentText.of(nested[key]) if is_known else SentText()
        except LookupError:
            return SentText()

    @classmethod
    def of(cls, value: object) -> SentText:
        is_nested = isinstance(value, Mapping | list)
        return cls(json.dumps(texts_of(value), ensure_ascii=False) if is_nested else texts_of(value))


class SentMap(dict[str, Any]):
    """A map of a webhook. What is not in it is ""."""

    def __missing__(self, name: str) -> SentText:
        return SentText()


def texts_of(value: Any, depth: int = 0) -> Any:
    """Values as text, within maps and lists; what is nested too deep or cannot be text is ""."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping) and depth < MAX_NESTING:
        return {texts_of(str(key)): texts_of(each, depth + 1) for key, each in [*value.items()][:MAX_ITEMS]}
    if isinstance(value, list) and depth < MAX_NESTING:
        return [texts_of(each, depth + 1) for each in value[:MAX_ITEMS]]
    try:
        return write(value)
    except BeyondLimit:
        return f"{Decimal(value):f}" if isinstance(value, int) or math.isfinite(value) else ""
    except ValueError:
        return ""


@dataclass(frozen=True)
class _SentValue(PlainText):
    pass


SENT: Final = _SentValue()
"""A value of a webhook that Vonage does not document: text, which may have entries."""
