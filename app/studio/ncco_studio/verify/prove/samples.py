"""Sample values of each type, chosen from the literals that they are compared with, and their combinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, islice, product
from math import prod
from typing import Any, Final

from ncco_server.flow.language.returns import Returned
from ncco_server.ncco.value_types import POINTS, TYPES, Kind
from ncco_studio.verify.prove.expressions import ENTRY, LENGTH, Path
from ncco_studio.verify.prove.literals import Compared, Literals
from ncco_studio.verify.sample_values import (
    FAR,
    SAMPLES,
    SECRET,
    Name,
    around,
    cast_or_none,
    different,
    each_once,
    near_points,
)

MOST_ANSWERS: Final = 256
"""Of more combinations of field values, only some are tried (see `combined`)."""
LONGEST_LIST: Final = 2
"""Unless the flow tests for a longer one."""
MOST_ENTRIES: Final = 25
"""Even if the flow tests for a longer one."""
MOST_DISTANCES: Final = 3
"""Distances to try between two compared numbers."""
_BY_FORM: Final[Mapping[str, str]] = {
    "datetime": "2026-03-05T09:30",
    "date": TYPES["date"].sample,
    "time": TYPES["time"].sample,
    "moment": TYPES["datetime"].sample,
    "number": "7",
    "phone": SAMPLES["phone"],
    "url": SAMPLES["url"],
}
"""Texts in other forms are also tried, except for `datetime`."""
_ONLY_BY_FORM: Final[Mapping[str, tuple[str, ...]]] = {
    "language": ("en-GB", "fr-FR"),
    "zone": ("Europe/London", "America/New_York"),
    "websocket": ("wss://example.com/socket", "wss://example.org/socket"),
    "sip": ("sip:someone@example.com", "sip:other@example.org"),
    "user": ("someone", "somebody_else"),
}
"""Fields that accept only one form; other texts are not tried there."""
_USUAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "text": (SAMPLES["text"], "anything else", "quite another word", "xyz", "88888888"),
    "phone": (SAMPLES["phone"], "447700900998", "33199000123", "15550100123", "8618812345678"),
    "url": (SAMPLES["url"], "https://example.org/other.mp3"),
}
_SHORTEST: Final = {"phone": 11}
_MANY_ITEMS: Final = 8
_OUT_OF_RANGE: Final = (7, -1, 0, 1_000_000)
"""One number that most action fields accept, then three that some reject."""
_TWO_LINES: Final = "one line\nand another"


@dataclass(slots=True)
class Representatives:
    """Chooses sample values, and records the inputs where they represent others.

    Attributes:
        now: the earliest time of a call.
        chosen: the samples for all values of an input, by its dotted name.
        is_brief: whether values vary alone.
    """

    literals: Literals
    now: datetime
    env: Mapping[str, str] = field(default_factory=dict)
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    is_brief: bool = False
    _secrets: set[tuple[str | None, ...]] = field(default_factory=set)
    """The sensitive fields of lookups, as (flow, lookup, field ...)."""

    def answers(self, flow: str, name: str, returns: Returned) -> list[dict[str, Any]]:
        self._secrets |= {(flow, name, *way) for way in returns.secrets}
        return self._records(flow, (name,), returns.type)

    def combined(self, choices: Mapping[Name, list[Any]], most: int) -> tuple[list[dict[Name, Any]], str]:
        """Rows with a value for each name, and how they were chosen: "" for every combination.

        With more than `most` combinations, the rows contain each pair of values of two names or, with too many pairs,
        each value once.
        """
        if prod(map(len, choices.values())) <= (1 if self.is_brief else most):
            return [dict(zip(choices, row, strict=True)) for row in product(*choices.values())], ""
        pairs = [] if self.is_brief else list(islice(_pairs(choices), most * MOST_PAIR_ROWS + 1))
        return (pairs, EACH_PAIR) if 0 < len(pairs) <= most * MOST_PAIR_ROWS else (each_once(choices), EACH_ONCE)

    def samples(self, flow: str, name: str, type_: Kind) -> list[Any]:
        return self._values(flow, (name,), type_)

    def _values(self, flow: str, path: Path, type_: Kind) -> list[Any]:
        if type_.name == "bool":
            return [False, True]
        if type_.family == "map":
            return self._records(flow, path, type_) if type_.is_record else self._maps(flow, path)
        if type_.family == "list" and type_.item is not None:
            items = self._values(flow, (*path, ENTRY), type_.item)
            sought = (_cast(type_.item, literal) for literal in self.literals.of(flow, path).literals)
            items = different([*items, *(each for each in sought if each is not None)])
            return self._lists(flow, path, _with_another(items, type_.item))
        if type_.family == "list":
            known = {**self.literals.of(flow, path).literals, **self.literals.of(flow, (*path, ENTRY)).literals}
            return self._lists(flow, path, different(["something", "something else", *known]))
        if type_.words:
            return list(type_.words)
        compared = self.literals.of(flow, path)
        if type_.family in POINTS:
            found = _points(type_, compared, self.now)
        else:
            found = _numbers(type_.name, compared) if type_.family == "number" else _texts(type_, compared)
        self.chosen[".".join(path)] = tuple(found)
        return different([*found, ""]) if type_.may_be_empty else found

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
        others = [*_formed(compared), *_others(TYPES["text"], compared)]
        return different([*compared.texts, *numbers, *([] if numbers else others)])

    def _records(self, flow: str, path: Path, type_: Kind) -> list[dict[str, Any]]:
        read = self._fields_read(flow, path)
        choices = {
            name: self._values(flow, (*path, name), inner) if name in read else [_unread(inner)]
            for name, inner in type_.fields.items()
        }
        for name in [name for name in choices if (flow, *path, name) in self._secrets]:
            choices[name] = self._sensitive_values(flow, (*path, name), choices[name])
        found, how = self.combined(choices, MOST_ANSWERS)
        if how:
            self.chosen[".".join(path)] = (how,)
        return found

    def _sensitive_values(self, flow: str, path: Path, values: list[Any]) -> list[Any]:
        """Leave out texts that other fields also use."""
        compared = self.literals.of(flow, path)
        key = ".".join(path)
        if compared.has("related") or not compared.excludes(SECRET):
            return values
        found = [SECRET if value in _USUAL["text"] else value for value in values]
        self.chosen |= {key: tuple(found)} if key in self.chosen else {}
        return found

    def _fields_read(self, flow: str, path: Path) -> set[str]:
        known = (each for each in self.literals.paths_of(flow, path[0]) if each[: len(path)] == path)
        return {each[len(path)] for each in known if len(each) > len(path)}


def _with_another(items: list[Any], item: Kind) -> list[Any]:
    """Include a second usual value: a list can hold two valid numbers or URLs."""
    usual = () if item.hosts else _USUAL.get(item.name, ())
    is_alone = len([each for each in items if each in usual]) == 1
    return [*items[:1], *(each for each in usual[:2] if is_alone and each not in items), *items[1:]]


def _of_length(items: list[Any], length: int) -> list[Any]:
    """Put each item at each position; return one list if there are many items and positions."""
    if length <= 1:
        return [[item] for item in items] if length else [[]]
    starts = range(len(items)) if length <= LONGEST_LIST or len(items) <= _MANY_ITEMS else range(1)
    return [[items[(start + at) % len(items)] for at in range(length)] for start in starts]


def _unread(type_: Kind) -> Any:
    if type_.is_record:
        return {name: _unread(inner) for name, inner in type_.fields.items()}
    if type_.words or type_.hosts or type_.is_timed:
        return type_.sample
    return SAMPLES.get(type_.name, type_.empty)


def _numbers(name: str, compared: Compared) -> list[Any]:
    """Return a usual number if there are no literals."""
    usual = SAMPLES[name]
    is_related = compared.has("related")
    distances = compared.numbers[:MOST_DISTANCES] if is_related else ()
    found = around([*compared.numbers, *(a + b for a in distances for b in distances)], is_whole=name == "int")
    found += [usual - 1, usual, usual + 1] if is_related and not found else []
    far = _OUT_OF_RANGE if compared.has("bounded") else ()
    return list(dict.fromkeys([*([0] if compared.has("truth") else []), *found, *far])) or [usual]


def _points(type_: Kind, compared: Compared, now: datetime) -> list[str]:
    """Each literal and its neighbours, or the sample.

    For a value compared with another one, such as `now`: also the present date or time of day, and far values.
    """
    found = near_points(type_, compared.texts)
    if compared.has("related"):
        present = {"date": now.date(), "time": now.time().replace(second=0, microsecond=0)}.get(type_.family)
        found += [type_.cast(each) for each in (present, *FAR[type_.family]) if each is not None]
    return different(found) or [type_.sample]


def _texts(type_: Kind, compared: Compared) -> list[Any]:
    written = compared.written(_SHORTEST.get(type_.name, 0))
    literals = [each for each in (_cast(type_, literal) for literal in written) if each is not None]
    only = [each for each in _ONLY_BY_FORM.get(compared.form, ()) if compared.excludes(each)]
    if only and not type_.hosts:
        return different([*literals, *only[: 2 if compared.has("related") else 1]])
    empty = [""] if type_.name == "text" or type_.begins_unknown else []
    formed = _formed(compared) if type_.name == "text" else []
    others = [] if formed and compared.form == "datetime" else _others(type_, compared)
    lines = [_TWO_LINES] if compared.has("headed") else []
    far = map(str, _OUT_OF_RANGE) if compared.has("bounded") else ()
    return different([*literals, *formed, *others, *empty, *lines, *far])


def _formed(compared: Compared) -> list[str]:
    return [_BY_FORM[compared.form]] if compared.form in _BY_FORM else []


def _others(type_: Kind, compared: Compared) -> list[Any]:
    usual = (type_.sample,) if type_.hosts else _USUAL.get(type_.name, (type_.sample,))
    fitting = [each for each in usual if compared.excludes(str(each))] or list(usual[:1])
    return fitting[: 2 if compared.has("related") else 1]


def _cast(type_: Kind, literal: object) -> Any:
    if literal == "" and type_.name in ("phone", "url"):  # an unknown date or time cannot be compared
        return literal
    return cast_or_none(type_, literal)


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
