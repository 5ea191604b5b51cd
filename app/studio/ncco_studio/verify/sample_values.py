"""Sample values that proofs of flow files and of handlers share, and values near those that a flow compares with."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import Any, Final, TypeVar

from ncco_server.ncco.value_types import Kind

Name = TypeVar("Name", bound=Hashable)

SAMPLES: Final[Mapping[str, Any]] = {
    "text": "something",
    "int": 7,
    "number": 7.5,
    "phone": "447700900999",
    "url": "https://example.com/sample.mp3",
    "map": {},
    "any": "something",
}
FAR: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("2000-01-01", "2100-01-01"),
    "time": ("00:00", "23:59"),
    "datetime": ("2000-01-01T09:30:00+00:00", "2100-01-01T09:30:00+00:00"),
}
"""Dates and times far from any other, by kind."""
SECRET: Final = "kept to itself"  # noqa: S105 - a sample
"""Of what is sensitive. It must differ from all other samples: a text that is equal to a secret is masked."""
_SOME_DAY: Final = date(2026, 3, 5)


def each_once(samples: Mapping[Name, Sequence[Any]]) -> list[dict[Name, Any]]:
    """Records that differ from the first one in one field each. Every field varies once before one varies again."""
    first = {name: values[0] for name, values in samples.items()}
    others = (
        {**first, name: values[number]}
        for number in range(1, max(map(len, samples.values()), default=0))
        for name, values in samples.items()
        if number < len(values)
    )
    return [first, *others]


def different(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def around(numbers: Iterable[float], *, is_whole: bool) -> list[Any]:
    """Each number and its neighbours; unless `is_whole`, also the midpoint of each adjacent pair."""
    found = list(dict.fromkeys(numbers))
    if is_whole:
        whole = ((ceil(each) - 1, floor(each), ceil(each), floor(each) + 1) for each in found)
        return list(dict.fromkeys(number for numbers in whole for number in numbers))
    near = [each for number in found for each in (number - 1, number, number + 1)]
    half = [(low + high) / 2 for low, high in pairwise(sorted(found))]
    return list(dict.fromkeys(int(each) if float(each).is_integer() else each for each in (*near, *half)))


def near_points(type_: Kind, points: Iterable[Any]) -> list[str]:
    """Each date or time, and those a day or a minute before and after it. What is none is left out."""
    known = [each for point in points if (each := cast_or_none(type_, point)) is not None]
    return [each for stored in known for steps in (0, -1, 1) if (each := _moved(type_, stored, steps)) is not None]


def with_part(point: Any, part: str, number: Any) -> Any:
    """A date or a time with another year, hour, ..; None if there is none."""
    try:
        return point.replace(**{part: number})
    except (AttributeError, OverflowError, TypeError, ValueError):
        return None


def cast_or_none(type_: Kind, value: object) -> Any:
    try:
        return type_.cast(value)
    except (ValueError, OverflowError):
        return None


def _moved(type_: Kind, stored: str, steps: int) -> str | None:
    """Move by days or minutes; None if the calendar ends."""
    point = type_.operand(stored)
    try:
        if isinstance(point, time):
            return str(type_.cast((datetime.combine(_SOME_DAY, point) + timedelta(minutes=steps)).time()))
        is_moment = isinstance(point, datetime)
        return str(type_.cast(point + (timedelta(minutes=steps) if is_moment else timedelta(days=steps))))
    except (OverflowError, ValueError):
        return None
