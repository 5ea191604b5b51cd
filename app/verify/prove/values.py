"""Values that stand for all others of their type, by the literals that they are held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, Final

from app.flow.lookups.returned import Fields, Many, Returned, Single
from app.flow.types import ValueType
from app.verify.prove.literals import Literals, Tested, entries
from app.verify.prove.reading import Path

MOST: Final = 256
"""Answers of one look-up that are tried in every combination; of more, each value of each field once."""
SAMPLES: Final[Mapping[str, Any]] = {
    "text": "something",
    "int": 7,
    "number": 7.5,
    "phone": "447700900999",
    "url": "https://example.com/sample.mp3",
    "map": {},
    "any": "something",
}
_FORMED: Final[Mapping[str, str]] = {"datetime": "2026-03-05T09:30", "number": "7"}
LONGEST_LIST: Final = 2
_LENGTHS: Final = ("no, one and two entries",)


@dataclass(slots=True)
class Representatives:
    """Makes values, and remembers where they only stand for others.

    Attributes:
        env: the variables of the server that the flows read.
        chosen: what stands for all values of an input, by its name.
    """

    literals: Literals
    env: Mapping[str, str] = field(default_factory=dict)
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def of_type(self, type_: ValueType, tested: Tested, name: str) -> list[Any]:
        """Values of a type; `name` is what they are values of."""
        if type_.words:
            return list(type_.words)
        if type_.name == "bool":
            return [False, True]
        found = _numbers(type_.name, tested) if type_.kind == "number" else _texts(type_, tested)
        self.chosen[name] = tuple(found)
        return found

    def answers(self, flow: str, name: str, returns: Fields) -> list[dict[str, Any]]:
        """Answers of a look-up that stand for all that it may give."""
        return self._records(flow, (name,), returns)

    def _values(self, flow: str, path: Path, returned: Returned) -> list[Any]:
        match returned:
            case Fields():
                return self._records(flow, path, returned)
            case Many(item=item):
                return self._lists(flow, path, item)
            case Single(type=type_) if type_.name == "list":
                self.chosen[".".join(path)] = _LENGTHS
                return [[], ["something"], ["something", "something else"]]
            case Single(type=type_):
                return self.of_type(type_, self.literals.of(flow, path), ".".join(path))
        return [returned.empty]

    def _lists(self, flow: str, path: Path, item: Returned) -> list[Any]:
        """Of no, one and two entries."""
        items = self._values(flow, entries(path), item)
        self.chosen[".".join(path)] = _LENGTHS
        two = [[first, items[(at + 1) % len(items)]] for at, first in enumerate(items)]
        return [[], *([each] for each in items), *two]

    def _records(self, flow: str, path: Path, returns: Fields) -> list[dict[str, Any]]:
        known = (each for each in self.literals.paths_of(flow, path[0]) if each[: len(path)] == path)
        read = {each[len(path)] for each in known if len(each) > len(path)}
        choices = {
            name: self._values(flow, (*path, name), inner) if name in read else [_plain(inner)]
            for name, inner in returns.fields.items()
        }
        size = 1
        for values in choices.values():
            size *= len(values)
        if size <= MOST:
            return [dict(zip(choices, row, strict=True)) for row in product(*choices.values())]
        self.chosen[".".join(path)] = ("each value of each field once",)
        return list(_each_once(choices))


def _each_once(choices: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every value of every field at least once, with the first ones of the others."""
    first = {name: values[0] for name, values in choices.items()}
    yield first
    for name, values in choices.items():
        for value in islice(values, 1, None):
            yield first | {name: value}


def _plain(returned: Returned) -> Any:
    """One value of a type that nobody looks at."""
    match returned:
        case Fields(fields=fields):
            return {name: _plain(inner) for name, inner in fields.items()}
        case Many():
            return []
        case Single(type=type_):
            if type_.words:
                return type_.words[0]
            return SAMPLES.get(type_.name, returned.empty)
    return returned.empty


def _numbers(name: str, tested: Tested) -> list[Any]:
    """Each literal, and what lies right beside it; something else when there is none."""
    near = [each for number in tested.numbers for each in (number - 1, number, number + 1)]
    if tested.for_truth:
        near = [0, *near]
    whole = [int(each) if name == "int" or float(each).is_integer() else each for each in near]
    return list(dict.fromkeys(whole or [SAMPLES[name]]))


def _texts(type_: ValueType, tested: Tested) -> list[Any]:
    literals = [each for each in (_cast(type_, literal) for literal in tested.literals) if each is not None]
    empty = [""] if tested.for_truth and type_.name in ("text", "phone", "url") else []
    other = _FORMED.get(tested.form) or SAMPLES.get(type_.name, type_.sample)
    return _different([*literals, *empty, other])


def _cast(type_: ValueType, literal: object) -> Any:
    if literal == "" and type_.name in ("phone", "url"):
        return literal
    try:
        return type_.cast(literal)
    except ValueError:
        return None


def _different(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
