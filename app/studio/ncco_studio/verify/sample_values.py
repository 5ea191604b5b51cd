"""The sample values of each type, from the constants that a value is compared with, in flow files and in handlers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise, product
from math import ceil, floor
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

from ncco_server.flow.templates.filters import FILTERS
from ncco_server.ncco.value_types import POINTS, TYPES, Kind

Name = TypeVar("Name", bound=Hashable)
Path: TypeAlias = tuple[str, ...]
"""A variable and the fields below it; ENTRY stands for any list entry, LENGTH for a length."""

Position: TypeAlias = Literal["begins", "ends", "holds", "at"]
Pieces: TypeAlias = tuple[str | None, ...]
"""A concatenated text: literal texts, and None for each computed piece."""
Mark: TypeAlias = Literal[
    "truth", "related", "changed", "rises", "sinks", "free", "joined", "decides", "bounded", "headed"
]

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
DIGITS: Final = "2345678901"
"""The digits of which entries are made: the first one, unless something is compared with that."""
_SECRETS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("text", "any"), "kept to itself"),
    **{"phone": "447700900765", "int": 70707, "number": 70707.5, "url": "https://example.com/kept.mp3"},
    **{"date": "1971-04-13", "time": "04:44", "datetime": "1971-04-13T04:44:00+00:00"},
}
"""Of what is sensitive, by type. They must differ from all other samples: a text that is equal to one is masked."""
_SOME_DAY: Final = date(2026, 3, 5)
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
KEYED_POINTS: Final = (
    *("01", "12", "99", "0101", "1212", "9999", "010101", "121230", "999999"),
    *("01012001", "12122030", "20010101", "20301212", "99999999"),
)
"""Keys that are a time of day or a date, whichever part comes first: an early one, a late one, and one that is none."""
USUAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "text": (SAMPLES["text"], "anything else", "quite another word", "xyz", "88888888"),
    "phone": (SAMPLES["phone"], "447700900998", "33199000123", "15550100123", "8618812345678"),
    "url": (SAMPLES["url"], "https://example.org/other.mp3"),
}
_SHORTEST: Final = {"phone": 11}
MOST_DISTANCES: Final = 3
"""Distances to try between two compared numbers."""
_OUT_OF_RANGE: Final = (7, -1, 0, 1_000_000)
"""One number that most action fields accept, then three that some reject."""
_TWO_LINES: Final = "one line\nand another"
MOST_NUMBERS: Final = 24
"""Numbers to try for one value, including those derived by sums."""
MOST_PAIRS: Final = 6
"""Parts of one text that are combined in pairs."""
LONGEST_SAMPLE: Final = 40


_TESTS: Final = {known.part: known for known in FILTERS.values() if known.is_test}
"""The filter that tests a text for each kind of part."""


class TextPart(NamedTuple):
    """A compared part of a text: its beginning, its end, any substring, or that from index `low`."""

    where: Position
    text: str = ""
    low: int = 0

    def is_in(self, text: str) -> bool:
        if self.where == "at":
            return text[self.low : self.low + len(self.text)] == self.text
        return bool(_TESTS[self.where].apply(text, self.text))

    def written_into(self, text: str) -> str:
        at = len(text) - len(self.text) if self.where == "ends" else self.low
        return text[:at] + self.text + text[at + len(self.text) :]


@dataclass(slots=True)
class Compared:
    """The literals and other facts about a value, each in source order.

    Attributes:
        literals: texts and numbers.
        form: the required form of the value: `datetime`, `date`, `time`, `moment` (with a UTC offset), `number`,
            `phone`, `url`, `websocket`, `language`, `zone`, `user`, `sip`, or "" for any.
        names: every path that shares these literals; the first element of a path is the flow, "" for GLOBAL names.
        parts: parts of the text that are compared.
        lengths: numbers that the length of the text is compared with.
        offsets: numbers that are added or subtracted in a comparison.
        steps: numbers that are added or subtracted in an assignment.
        joins: the concatenated texts that contain the value.
        keys: the paths of values that are used as keys of this map.
        marks: other facts about the value:

            - `truth`: it is tested for truth, so "", 0 and [] matter
            - `related`: it is compared with another value
            - `changed`: it is also used in other ways than being compared, unmodified, with literals
            - `rises`, `sinks`: an assignment adds or subtracts a literal
            - `free`: an assignment computes it in another way
            - `joined`: it is a concatenated text
            - `decides`: it can affect where the call goes
            - `bounded`: it is a number in a field of an action
            - `headed`: it is in a header, where line breaks are not allowed
    """

    literals: dict[Any, None] = field(default_factory=dict)
    form: str = ""
    names: tuple[Path, ...] = ()
    parts: dict[TextPart, None] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    offsets: dict[float, None] = field(default_factory=dict)
    steps: dict[float, None] = field(default_factory=dict)
    joins: dict[Pieces, None] = field(default_factory=dict)
    keys: dict[Path, None] = field(default_factory=dict)
    marks: set[Mark] = field(default_factory=set)

    def add(self, literal: object) -> None:
        if isinstance(literal, str | int | float) and not isinstance(literal, bool):
            self.literals[literal] = None

    def update(self, other: Compared) -> None:
        for name in ("literals", "parts", "offsets", "steps", "joins", "keys", "marks"):
            getattr(self, name).update(getattr(other, name))
        self.form = self.form or other.form

    def has(self, mark: Mark) -> bool:
        return mark in self.marks

    @property
    def is_exact(self) -> bool:
        """Whether it is only compared unmodified with literals, so its samples represent all values."""
        return "changed" not in self.marks

    @property
    def numbers(self) -> tuple[float, ...]:
        """The literal numbers, and those that an addition or subtraction turns into one.

        A text of digits counts as a number.
        """
        return self._moved((*self.offsets, *self.steps))

    @property
    def borders(self) -> tuple[float, ...]:
        return self._moved(self.offsets)

    def _moved(self, offsets: Iterable[float]) -> tuple[float, ...]:
        found = [number for literal in self.literals if (number := _number(literal)) is not None]
        moved = [each + step for each in found for offset in offsets for step in (-offset, offset)]
        return tuple(dict.fromkeys([*found, *moved[: max(0, MOST_NUMBERS - len(found))]]))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(literal for literal in self.literals if isinstance(literal, str))

    def excludes(self, text: str) -> bool:
        parts = any(part.text and part.is_in(text) for part in self.parts)
        return not parts and text not in self.literals and len(text) not in self.lengths

    def made(self, low: int, high: int) -> Iterator[str]:
        """Texts of `low` to `high` characters: one for each part, pair of parts and length."""
        for part in self.parts:
            length = max(low, part.low + len(part.text))
            if length <= high:
                yield part.written_into(self._filler(part.text) * length)
        for first, second in product(islice(self.parts, MOST_PAIRS), repeat=2):
            first_end, second_end = first.low + len(first.text), second.low + len(second.text)
            is_fixed = {first.where, second.where} <= {"begins", "at"}
            is_apart = first_end <= second.low if is_fixed else first.where != second.where
            length = max(low, second_end if is_fixed else first_end + second_end)
            if is_apart and length <= high:
                yield second.written_into(first.written_into(self._filler() * length))
        for number in self.lengths:
            yield from (self._filler() * each for each in (number - 1, number, number + 1) if low <= each <= high)

    def written(self, shortest: int = 0) -> list[str]:
        """Texts for each literal, part and length, and for numbers around literals if texts can be numbers."""
        texts = [*self.texts, *(part.text for part in self.parts), *self.made(shortest, LONGEST_SAMPLE)]
        if self.form == "number" or not self.texts:
            texts += [f"{number:g}" for number in around(self.numbers, is_whole=False)]
        return texts

    def _filler(self, beside: str = "") -> str:
        """A digit that occurs in no part, if there is one."""
        known = beside + "".join(part.text for part in self.parts)
        return next((digit for digit in DIGITS if digit not in known), DIGITS[0])


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_whole(type_: Kind) -> bool:
    """Whether `values_of` has all values of the type."""
    return bool(type_.words) or type_.name == "bool"


def values_of(type_: Kind, compared: Compared, now: datetime) -> list[Any]:
    """The values that stand for all of a type without parts; `now` is the earliest time of a call."""
    if is_whole(type_):
        return [*type_.words] or [False, True]
    if type_.family in POINTS:
        found = _points(type_, compared, now)
    else:
        found = _numbers(type_.name, compared) if type_.family == "number" else _texts(type_, compared)
    return different([*found, ""]) if type_.may_be_empty else found


def usual_of(type_: Kind) -> Any:
    if type_.is_record:
        return {name: usual_of(inner) for name, inner in type_.fields.items()}
    if type_.words or type_.hosts or type_.is_timed:
        return type_.sample
    return SAMPLES.get(type_.name, type_.empty)


def secret_of(type_: Kind) -> Any:
    usual = usual_of(type_)
    return usual if type_.words or type_.hosts else _SECRETS.get(type_.name, usual)


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
    literals = [each for each in (cast_literal(type_, literal) for literal in written) if each is not None]
    only = [each for each in _ONLY_BY_FORM.get(compared.form, ()) if compared.excludes(each)]
    if only and not type_.hosts:
        return different([*literals, *only[: 2 if compared.has("related") else 1]])
    empty = [""] if type_.name == "text" or type_.begins_unknown else []
    known = formed(compared) if type_.name == "text" else []
    others = [] if known and compared.form == "datetime" else others_of(type_, compared)
    lines = [_TWO_LINES] if compared.has("headed") else []
    far = map(str, _OUT_OF_RANGE) if compared.has("bounded") else ()
    return different([*literals, *known, *others, *empty, *lines, *far])


def formed(compared: Compared) -> list[str]:
    return [_BY_FORM[compared.form]] if compared.form in _BY_FORM else []


def others_of(type_: Kind, compared: Compared) -> list[Any]:
    usual = (type_.sample,) if type_.hosts else USUAL.get(type_.name, (type_.sample,))
    fitting = [each for each in usual if compared.excludes(str(each))] or list(usual[:1])
    return fitting[: 2 if compared.has("related") else 1]


def cast_literal(type_: Kind, literal: object) -> Any:
    if literal == "" and type_.name in ("phone", "url"):  # an unknown date or time cannot be compared
        return literal
    return cast_or_none(type_, literal)


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


def frozen(value: Any) -> Any:
    """Hashable, and equal for equal values of the same types."""
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(each)) for key, each in value.items()))
    return (type(value).__name__, value) if isinstance(value, bool) else value
