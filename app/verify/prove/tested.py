"""What a value is held against, and the values that make a difference because of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import ceil, floor
from typing import Any, Final, Literal, NamedTuple

from app.verify.prove.reading import Path

MOST_NUMBERS: Final = 24
"""Numbers of one value that others are counted from."""
MOST_PAIRS: Final = 6
"""Parts of one text that are tried two by two."""
_FILLINGS: Final = "2345678901"


class Part(NamedTuple):
    """What a part of a text is held against: its beginning, its end, any part of it, or what stands at `low`."""

    where: Literal["begins", "ends", "holds", "at"]
    text: str
    low: int = 0

    def at(self, length: int) -> int:
        """Where it stands in a text of some length."""
        return length - len(self.text) if self.where == "ends" else self.low

    def is_in(self, text: str) -> bool:
        """Whether a text has it."""
        match self.where:
            case "begins":
                return text.startswith(self.text)
            case "ends":
                return text.endswith(self.text)
            case "holds":
                return self.text in text
        return text[self.low : self.low + len(self.text)] == self.text


class Tested(NamedTuple):
    """What a value is held against.

    Attributes:
        literals: texts and numbers, in the order in which they stand.
        for_truth: it is also asked whether there is anything: "", 0 or an empty list.
        form: what a text of it has to look like: `datetime`, `number`, `phone`, `url`, or "" for anything.
        names: every path that shares these literals, the flow first ("" for what all flows have).
        parts: what parts of it are held against.
        lengths: what its length is held against.
        offsets: numbers that are added or taken away where it is held against something.
        steps: numbers that are added or taken away where it is kept.
        is_related: it is held against another value, not only against literals.
        rises, sinks: a literal is added where it is kept, or taken away.
        is_free: it is a sum of values that are not literals, or computed in another way.
        is_joined: it is a text that is made of others.
        decides: it is not only said, sent or kept.
        is_bounded: it stands in an option of an action, which takes numbers of a certain range.
        is_headed: it stands in a header, which takes no line ends.
        is_exact: it is held against literals as it is, and in no other way: its values stand for all others exactly.
    """

    literals: tuple[Any, ...] = ()
    for_truth: bool = False
    form: str = ""
    names: tuple[Path, ...] = ()
    parts: tuple[Part, ...] = ()
    lengths: tuple[int, ...] = ()
    offsets: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    is_related: bool = False
    rises: bool = False
    sinks: bool = False
    is_free: bool = False
    is_joined: bool = False
    decides: bool = False
    is_bounded: bool = False
    is_headed: bool = False
    is_exact: bool = False

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers among them, and those that come to one by adding; a text of digits is one too."""
        return self._moved((*self.offsets, *self.steps))

    @property
    def borders(self) -> tuple[float, ...]:
        """The numbers at which something that it is held against begins to hold, or ends."""
        return self._moved(self.offsets)

    def _moved(self, offsets: tuple[float, ...]) -> tuple[float, ...]:
        found = [number for each in self.literals if (number := _number(each)) is not None]
        moved = [each + step for each in found for offset in offsets for step in (-offset, offset)]
        return tuple(dict.fromkeys([*found, *moved[: max(0, MOST_NUMBERS - len(found))]]))

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts among the literals."""
        return tuple(each for each in self.literals if isinstance(each, str))

    def has_none(self, text: str) -> bool:
        """Whether a text is none of the literals and holds none of the parts."""
        parts = any(part.text and part.is_in(text) for part in self.parts)
        return not parts and text not in self.literals and len(text) not in self.lengths

    def made(self, low: int, high: int) -> Iterator[str]:
        """Texts of `low` to `high` characters that have the parts, alone and two by two, then those of each length."""
        for part in self.parts:
            length = max(low, part.low + len(part.text))
            if length <= high:
                yield _written(self._filling(part.text) * length, part)
        for first in self.parts[:MOST_PAIRS]:
            for second in self.parts[:MOST_PAIRS]:
                length = max(low, first.low + len(first.text) + second.low + len(second.text))
                if first.where != second.where and length <= high:
                    yield _written(_written(self._filling() * length, first), second)
        for number in self.lengths:
            yield from (self._filling() * each for each in (number - 1, number, number + 1) if low <= each <= high)

    def _filling(self, beside: str = "") -> str:
        """A digit that is in none of the parts, if there is one."""
        known = beside + "".join(part.text for part in self.parts)
        return next((digit for digit in _FILLINGS if digit not in known), _FILLINGS[0])


def _written(text: str, part: Part) -> str:
    at = part.at(len(text))
    return text[:at] + part.text + text[at + len(part.text) :]


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None


def beside(numbers: Iterable[float], *, is_whole: bool) -> list[Any]:
    """Each number and what lies right beside it; between two that are not whole, what lies half way."""
    found = list(dict.fromkeys(numbers))
    if is_whole:
        whole = [
            each for number in found for each in (ceil(number) - 1, floor(number), ceil(number), floor(number) + 1)
        ]
        return list(dict.fromkeys(whole))
    near = [each for number in found for each in (number - 1, number, number + 1)]
    half = [(low + high) / 2 for low, high in pairwise(sorted(found))]
    return list(dict.fromkeys(int(each) if float(each).is_integer() else each for each in (*near, *half)))


def different(values: Iterable[Any]) -> list[Any]:
    """The values without those that are there already; they may be lists."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
