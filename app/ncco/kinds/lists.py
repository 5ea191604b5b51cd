"""Arrays, and values that may stand alone or in an array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue, member
from app.ncco.kinds.kind import JsonSchema, Kind, look_at, wrong_type
from app.ncco.kinds.shape import Shape
from app.ncco.rules.manner import NOT_ONE_URL
from app.ncco.rules.shape import NEEDS_ARRAY, WRONG_COUNT, WRONG_TYPE
from app.ncco.shown import shown


@dataclass(frozen=True)
class ListOf(Kind):
    """An array.

    Attributes:
        low: fewest entries.
        high: most entries; None is no limit.
        usually_one: another number of entries within the limits is a warning.
        distinct: an entry may not come twice.
        noun: what the entries are called.
    """

    item: Kind
    low: int = 0
    high: int | None = None
    usually_one: bool = False
    distinct: bool = False
    noun: str = "entry"

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """An array of the right length, entry by entry; a single value is an error, and is looked at all the same."""
        if isinstance(value, (str, dict)):
            yield from self._look_at_single(value, path)
        elif not isinstance(value, list):
            yield wrong_type(value, "an array", path, "Write an array: [ ... ].")
        else:
            yield from self._look_at_count(value, path)
            for index, entry in enumerate(value):
                yield from look_at(self.item, entry, member(path, index))

    def _look_at_single(self, value: object, path: str) -> Iterator[Issue]:
        """One issue where the value could be no entry either: its cure says what an entry is."""
        if isinstance(value, str) and value.lstrip().startswith("["):
            cure = "Write the array itself, not text that holds it."
            yield NEEDS_ARRAY.at(path, f"{shown(value)} stands where an array is due.", cure)
            return
        found = list(look_at(self.item, value, path))
        blind = next((issue for issue in found if issue.code == WRONG_TYPE.code and issue.path == path), None)
        words = self.item.words_in(value)
        cure = f"{blind.cure.removesuffix('.')}, in square brackets." if blind else _bracketed(words or (value,))
        yield NEEDS_ARRAY.at(path, f"{shown(value)} stands where an array is due.", cure)
        yield from () if blind or words else found

    def _look_at_count(self, value: list[object], path: str) -> Iterator[Issue]:
        if len(value) < self.low:
            yield WRONG_COUNT.at(path, f"The array has no {self.noun}.", f"Write one {self.noun} in it.")
        elif self.high is not None and len(value) > self.high:
            yield WRONG_COUNT.at(
                path, f"The array has {len(value)} entries; {self.high} is the most.", f"Leave {self.high} in it."
            )
        elif len(value) != 1 and self.usually_one:
            yield NOT_ONE_URL.at(path, f"The array has {f'{len(value)} URLs' if value else 'no URL'}.")
        elif self.distinct and not _is_distinct(value):
            yield WRONG_COUNT.at(path, "The array has an entry twice.", "Write each entry once.")

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shapes of the entries."""
        return self.item.shapes_inside()

    def clean(self) -> CoreSchema:
        """The right number of entries, each right beyond doubt."""
        low, high = (1, 1) if self.usually_one else (self.low, self.high)
        entries = core_schema.list_schema(self.item.clean(), min_length=low, max_length=high, strict=True)
        if not self.distinct:
            return entries
        return core_schema.chain_schema([entries, core_schema.no_info_plain_validator_function(_distinct)])

    def read(self, value: object) -> object:
        """A single value becomes an array of one."""
        entries = value if isinstance(value, (list, tuple)) else [value]
        return [self.item.read(entry) for entry in entries]

    def json_schema(self) -> JsonSchema:
        """An array."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema()}
        schema |= {"minItems": self.low} if self.low else {}
        schema |= {"maxItems": self.high} if self.high is not None else {}
        return schema | ({"uniqueItems": True} if self.distinct else {})


@dataclass(frozen=True)
class AloneOrList(Kind):
    """A value that sources write alone and in an array of one."""

    item: Kind

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """Either way is right."""
        if isinstance(value, list):
            yield from ListOf(self.item, usually_one=True).look(value, path)
        else:
            yield from look_at(self.item, value, path)

    def clean(self) -> CoreSchema:
        """Either way."""
        single = self.item.clean()
        return core_schema.union_schema([single, core_schema.list_schema(single, min_length=1, max_length=1)])

    def read(self, value: object) -> object:
        """As it is written."""
        return [self.item.read(entry) for entry in value] if isinstance(value, list) else self.item.read(value)

    def json_schema(self) -> JsonSchema:
        """Either way."""
        single = self.item.json_schema()
        return {"anyOf": [single, {"type": "array", "items": single}]}


def _is_distinct(entries: list[object]) -> bool:
    return not any(entry in entries[:index] for index, entry in enumerate(entries))


def _distinct(entries: list[object]) -> list[object]:
    if not _is_distinct(entries):
        raise ValueError
    return entries


def _bracketed(values: Sequence[object]) -> str:
    texts = (shown(value) if isinstance(value, str) else "{ ... }" for value in values)
    return f"Write [{', '.join(texts)}]."
