"""Sample values of each type, chosen from the literals that they are compared with, and their combinations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, islice, product
from math import prod
from typing import Any, Final

from ncco_server.flow.language.returns import Returned
from ncco_server.flow.language.selection import ROWS
from ncco_server.ncco.value_types import TYPES, Kind
from ncco_studio.verify.prove.expressions import ENTRY, LENGTH
from ncco_studio.verify.prove.literals import Literals
from ncco_studio.verify.sample_values import (
    USUAL,
    Name,
    Path,
    around,
    cast_literal,
    different,
    each_once,
    formed,
    is_whole,
    others_of,
    secret_of,
    usual_of,
    values_of,
)

MOST_ANSWERS: Final = 256
"""Of more combinations of field values, only some are tried (see `combined`)."""
LONGEST_LIST: Final = 2
"""Unless the flow tests for a longer one."""
MOST_ENTRIES: Final = 25
"""Even if the flow tests for a longer one."""
_MANY_ITEMS: Final = 8


@dataclass(slots=True)
class Representatives:
    """Chooses sample values, and records the inputs where they represent others.

    Attributes:
        now: the earliest time of a call.
        chosen: the samples for all values of an input, by its dotted name.
    """

    literals: Literals
    now: datetime
    env: Mapping[str, str] = field(default_factory=dict)
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _secrets: set[tuple[str | None, ...]] = field(default_factory=set)
    """The sensitive fields of lookups, as (flow, lookup, field ...)."""
    _present: set[tuple[str, ...]] = field(default_factory=set)
    """Those that are never empty."""

    def answers(self, flow: str, name: str, returns: Returned, present: Collection[str] = ()) -> list[dict[str, Any]]:
        """`present` are the fields of the answer, or of its rows, that are never ""."""
        self._secrets |= {(flow, name, *(ENTRY if part is None else part for part in way)) for way in returns.secrets}
        self._present |= {(flow, name, *way, field) for way in ((), (ROWS, ENTRY)) for field in present}
        return self._records(flow, (name,), returns.type)

    def combined(self, choices: Mapping[Name, list[Any]], most: int) -> tuple[list[dict[Name, Any]], str]:
        """Rows with a value for each name, and how they were chosen: "" for every combination.

        With more than `most` combinations, the rows contain each pair of values of two names or, with too many pairs,
        each value once.
        """
        if prod(map(len, choices.values())) <= most:
            return [dict(zip(choices, row, strict=True)) for row in product(*choices.values())], ""
        pairs = list(islice(_pairs(choices), most * MOST_PAIR_ROWS + 1))
        return (pairs, EACH_PAIR) if 0 < len(pairs) <= most * MOST_PAIR_ROWS else (each_once(choices), EACH_ONCE)

    def samples(self, flow: str, name: str, type_: Kind) -> list[Any]:
        return self._values(flow, (name,), type_)

    def _values(self, flow: str, path: Path, type_: Kind) -> list[Any]:
        if type_.family == "map":
            return self._records(flow, path, type_) if type_.is_record else self._maps(flow, path)
        if type_.family == "list" and type_.item is not None:
            items = self._values(flow, (*path, ENTRY), type_.item)
            sought = (cast_literal(type_.item, literal) for literal in self.literals.of(flow, path).literals)
            items = different([*items, *(each for each in sought if each is not None)])
            return self._lists(flow, path, _with_another(items, type_.item))
        if type_.family == "list":
            known = {**self.literals.of(flow, path).literals, **self.literals.of(flow, (*path, ENTRY)).literals}
            return self._lists(flow, path, different(["something", "something else", *known]))
        found = values_of(type_, self.literals.of(flow, path), self.now)
        if (flow, *path) in self._present:
            found = [value for value in found if value != ""]
        if not is_whole(type_):
            self.chosen[".".join(path)] = tuple(found)
        return found

    def _lists(self, flow: str, path: Path, items: list[Any]) -> list[Any]:
        lengths = {0, 1, LONGEST_LIST}
        for number in map(int, self.literals.of(flow, (*path, LENGTH)).numbers):
            lengths |= {number - 1, number, number + 1}
        found = sorted(each for each in lengths if 0 <= each <= MOST_ENTRIES)
        self.chosen[".".join(path)] = (f"lists of {', '.join(map(str, found))} entries",)
        return [each for length in found for each in _of_length(items, length)]

    def _maps(self, flow: str, path: Path) -> list[Any]:
        known = self.literals
        fields = {*self._fields_read(flow, path), *known.keys_of(flow, path), *known.of(flow, path).texts}
        choices = {name: self.untyped(flow, (*path, name)) for name in sorted(fields - {ENTRY, LENGTH})}
        self.chosen[".".join(path)] = ("an empty map, and maps with every entry that is read",)
        return [{}, *self.combined(choices, MOST_ANSWERS)[0]] if choices else [{}]

    def untyped(self, flow: str, path: Path) -> list[Any]:
        """Maps if a field below a path of unknown type is read, otherwise texts and numbers."""
        if self._fields_read(flow, path) - {ENTRY, LENGTH}:
            return self._maps(flow, path)
        compared = self.literals.of(flow, path)
        numbers = around([literal for literal in compared.literals if not isinstance(literal, str)], is_whole=False)
        others = [*formed(compared), *others_of(TYPES["text"], compared)]
        return different([*compared.texts, *numbers, *([] if numbers else others)])

    def _records(self, flow: str, path: Path, type_: Kind) -> list[dict[str, Any]]:
        read = self._fields_read(flow, path)
        choices = {
            name: self._values(flow, (*path, name), inner) if name in read else [usual_of(inner)]
            for name, inner in type_.fields.items()
        }
        for name in [name for name in choices if (flow, *path, name) in self._secrets]:
            choices[name] = self._sensitive_values(flow, (*path, name), type_.fields[name], choices[name])
        found, how = self.combined(choices, MOST_ANSWERS)
        if how:
            self.chosen[".".join(path)] = (how,)
        return found

    def _sensitive_values(self, flow: str, path: Path, type_: Kind, values: list[Any]) -> list[Any]:
        """Replace values that other fields also use: they would be masked there, or make the answer invalid."""
        compared = self.literals.of(flow, path)
        key = ".".join(path)
        secret = secret_of(type_)
        if compared.has("related") or not compared.excludes(str(secret)):
            return values
        usual = USUAL.get(type_.name, (usual_of(type_),))
        found = [secret if each in usual and each not in compared.literals else each for each in values]
        self.chosen |= {key: tuple(found)} if key in self.chosen else {}
        return found

    def _fields_read(self, flow: str, path: Path) -> set[str]:
        known = (each for each in self.literals.paths_of(flow, path[0]) if each[: len(path)] == path)
        return {each[len(path)] for each in known if len(each) > len(path)}


def _with_another(items: list[Any], item: Kind) -> list[Any]:
    """Include a second usual value: a list can hold two valid numbers or URLs."""
    usual = () if item.hosts else USUAL.get(item.name, ())
    is_alone = len([each for each in items if each in usual]) == 1
    return [*items[:1], *(each for each in usual[:2] if is_alone and each not in items), *items[1:]]


def _of_length(items: list[Any], length: int) -> list[Any]:
    """Put each item at each position; return one list if there are many items and positions."""
    if length <= 1:
        return [[item] for item in items] if length else [[]]
    starts = range(len(items)) if length <= LONGEST_LIST or len(items) <= _MANY_ITEMS else range(1)
    return [[items[(start + at) % len(items)] for at in range(length)] for start in starts]


# combinations

MOST_PAIR_ROWS: Final = 4
"""The most rows for pairs, as a multiple of `combined`'s `most`."""
EACH_ONCE: Final = "each value of each field once"
EACH_PAIR: Final = "each pair of values of two fields"


def _pairs(choices: Mapping[Name, list[Any]]) -> Iterator[dict[Name, Any]]:
    yield from each_once(choices)
    first = {name: values[0] for name, values in choices.items()}
    for one, two in combinations(choices, 2):
        for value, other in product(choices[one][1:], choices[two][1:]):
            yield first | {one: value, two: other}
