"""The filters, which are written after `|`.

A filter's result depends only on its operands, and is never a text longer than `MAX_TEXT`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from types import ModuleType
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from jinja2 import Undefined

from ncco_server.ncco.value_types import ANY, POINTS, TYPES, Kind, point_of, write

MAX_TEXT = 10_000
"""Characters; our choice, far more than can be spoken."""

LANGUAGE = "en-US"
"""A talk without `language` speaks it. Source: NCCO reference, Talk (`language`, default en-US)."""


class Unfit(Exception):
    """A value that does not fit its use. The message never contains it, since it may be a caller's PIN."""

    def __init__(self, message: str, code: str = "E395") -> None:
        super().__init__(message)
        self.code = code


class Absent(Exception):
    """A value that does not exist; `default` and `is defined` accept it."""


class Encoded(str):
    """Text that `urlencode` has encoded, so that a URL takes it as it is."""

    __slots__ = ()


class ArgumentCheck(NamedTuple):
    """Checks a literal argument on loading: the filter is applied to typical values with it.

    Attributes:
        tried: the typical values, by kind; "" means any kind.
        cure: "" for a time zone, where similar names are suggested.
        forms: of a point in time; a date or a time of day has some of them.
    """

    tried: Mapping[str, Any]
    cure: str = ""
    forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, and the properties that checks and `prove` rely on. By default, they assume nothing.

    Attributes:
        apply: (operand, arguments) → result. Raises Unfit or Absent.
        takes: the kinds of operands (`Kind.family`); () means any.
        gives: the result's type; None for the operand's type.
        args: the kind of each argument; "" means any.
        is_localised: whether the language is the second argument of `apply`.
        reads: `entry` if it returns an entry or a letter; `length` if it returns the length.
        part: which part of a text it returns, or compares with its argument.
        keeps: what it preserves. `emptiness`: it never fails, and the result is empty exactly if the value is. `ends`:
            a text's start stays at the start, and its end at the end. `number`: the result can only grow if the number
            grows.
        form, argument_form: the form of a text as an operand or argument; "" for any text.
        price: its steps (`templates.budget`) for ten characters or entries of its operands.
    """

    name: str
    summary: str
    example: str
    apply: Callable[..., Any]
    takes: tuple[str, ...]
    gives: Kind | None
    usage: str
    args: tuple[str, ...] = ()
    needed: int = 0
    is_localised: bool = False
    check: ArgumentCheck | None = None
    reads: Literal["", "entry", "length"] = ""
    part: Literal["", "begins", "ends", "holds"] = ""
    keeps: Set[Literal["emptiness", "ends", "number"]] = frozenset()
    form: Literal["", "datetime", "number"] = ""
    argument_form: Literal["", "zone"] = ""
    price: int = 1

    @property
    def is_test(self) -> bool:
        return self.gives == TYPES["bool"]


def speech_package() -> ModuleType:
    """Import the package on demand: most flows do not need Babel."""
    return importlib.import_module("ncco_server.flow.speech")


def bounded(text: str) -> str:
    """Raise Unfit if the text is too long."""
    if len(text) > MAX_TEXT:
        raise Unfit(f"text grew to more than {MAX_TEXT:,} characters")
    return text


def is_absent(value: object) -> bool:
    return value is None or isinstance(value, Undefined)


def default(value: object, otherwise: object = "", also_empty: object = False) -> object:
    return otherwise if is_absent(value) or (also_empty and not value) else value


def as_text(value: object) -> str:
    """Raises Unfit for a list or a map."""
    try:
        return write(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text is needed here")
    return value


def _cast(type_: Kind, value: object, *otherwise: object) -> Any:
    """A value that does not fit becomes `otherwise`; without that, raise ValueError."""
    try:
        return type_.cast(value)
    except ValueError:
        if not otherwise:
            raise
        return otherwise[0]


def _entry_at(position: int, value: object) -> Any:
    if not isinstance(value, str | list | tuple):
        raise Unfit("only text or a list has a first and a last entry")
    if not value:
        raise Absent("entry in an empty list or text")
    return value[position]


def _sample(family: str) -> Any:
    return TYPES[family].operand(TYPES[family].sample)


_GIVEN: Final[Mapping[str, Kind | None]] = {
    "str": TYPES["text"],
    "bool": TYPES["bool"],
    "int": TYPES["int"],
    "int | float": TYPES["number"],
    "date": TYPES["date"],
    "time": TYPES["time"],
    "datetime": TYPES["datetime"],
    "Any": ANY,
    "object": None,
}
_TEXTS: Final = ("text",)

FILTERS: Final[dict[str, Filter]] = {}
"""Docs and messages list them in the order of this file."""


def _filter(
    example: str, takes: tuple[str, ...], args: tuple[str, ...] = (), **properties: Any
) -> Callable[[Callable[..., Any]], Filter]:
    """Add a filter to FILTERS. The rest is read from its function.

    The first parameter is the operand; `language` makes the filter localised. The others are arguments; those with a
    default are optional. The function may raise ValueError instead of Unfit.
    """

    def declare(function: Callable[..., Any]) -> Filter:
        @functools.wraps(function)
        def apply(*operands: Any) -> Any:
            try:
                result = function(*operands)
            except ValueError as error:
                raise Unfit(str(error)) from None
            return bounded(result) if isinstance(result, str) else result

        name = function.__name__.rstrip("_")
        parameters = inspect.signature(function).parameters.values()
        needed = [
            parameter.name
            for parameter in parameters
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        usage = re.search(rf"\| {name}(\([^)]*\))?", example)
        FILTERS[name] = Filter(
            **{
                "name": name,
                "summary": inspect.getdoc(function) or "",
                "example": example,
                "apply": apply,
                "takes": takes,
                "gives": _GIVEN[function.__annotations__["return"]],
                "usage": usage.group() if usage else "",
                "args": args,
                "needed": len(needed) - 1 - ("language" in needed),
                "is_localised": "language" in needed,
                **properties,
            }
        )
        return FILTERS[name]

    return declare


@_filter("{{ topic | capitalize }}", _TEXTS, keeps={"emptiness", "ends"})
def capitalize(value: object) -> str:
    """Makes the first letter upper case and the others lower case."""
    return _text(value).capitalize()


@_filter('{{ "yes" if topic | contains("refund") else "no" }}', _TEXTS, ("text",), part="holds")
def contains(value: object, part: object) -> bool:
    """Whether the text contains the given text."""
    return _text(part) in _text(value)


@_filter('{{ now | in_zone("Europe/London") | date | spoken }}', ("datetime", "date", "text"), form="datetime")
def date_(value: object) -> date:
    """The date of a point in time, in its own time zone."""
    point = point_of(value)
    if not isinstance(point, date):
        raise Unfit("a date is needed, such as 2026-03-05")
    return point.date() if isinstance(point, datetime) else point


@_filter(
    '{{ topic | default("friend", true) }}',
    (),
    ("", "bool"),
    usage='| default("friend")',
    keeps={"emptiness", "number"},
)
def default_(value: object, otherwise: object = "", also_empty: object = False) -> object:
    """Replaces a missing value and, with `true`, also an empty one."""
    return default(value, otherwise, also_empty)


@_filter(
    "{{ call.from | digits }}, or {{ account | digits(2) }}",
    ("text", "number"),
    ("number",),
    usage="| digits(2)",
    check=ArgumentCheck({"": "1"}, "write how many digits are in a group: 1 to 9"),
    price=80,
)
def digits(value: object, language: str, group: object = None) -> str:
    """Speaks digit by digit, in groups like a phone number or in groups of the given size."""
    return str(speech_package().digits(value, language, group))


@_filter('{{ "free" if account | ends_with("00") else "paid" }}', _TEXTS, ("text",), part="ends")
def ends_with(value: object, part: object) -> bool:
    """Whether the text ends with the given text."""
    return _text(value).endswith(_text(part))


@_filter('{{ answers | first | default("none") }}', ("text", "list"), reads="entry", part="begins", price=0)
def first(value: object) -> Any:
    """The first entry of a list, or the first letter of text; missing if empty."""
    return _entry_at(0, value)


@_filter(
    '{{ now | in_zone("Europe/London") | spoken("time") }}',
    ("datetime", "text"),
    ("text",),
    check=ArgumentCheck({"": _sample("datetime")}),
    form="datetime",
    argument_form="zone",
)
def in_zone(value: object, language: str, zone: object) -> datetime:
    """Converts a point in time to a time zone."""
    moment: datetime = speech_package().in_zone(value, language, zone)
    return moment


@_filter(
    "{{ (account | int(0)) + 1 }}", ("text", "number"), ("number",), usage="| int", keeps={"number"}, form="number"
)
def int_(value: object, *otherwise: object) -> int:
    """Converts text to a whole number. Anything else takes the `error` exit, or becomes the given number."""
    whole: int = _cast(TYPES["int"], value, *otherwise)
    return whole


@_filter('{{ answers | join(", ") }}', ("list",), ("text",), price=10)
def join(value: object, between: object = "") -> str:
    """Joins the entries of a list with the given separator."""
    if not isinstance(value, list | tuple):
        raise Unfit("only a list can be joined")
    return _text(between).join(as_text(item) for item in value)


@_filter('{{ answers | last | default("none") }}', ("text", "list"), reads="entry", part="ends", price=0)
def last(value: object) -> Any:
    """The last entry of a list, or the last letter of text; missing if empty."""
    return _entry_at(-1, value)


@_filter("{{ answers | length }}", ("text", "list", "map"), reads="length", keeps={"emptiness", "number"}, price=0)
def length(value: object) -> int:
    """The number of letters, entries or keys."""
    if not isinstance(value, str | list | tuple | Mapping):
        raise Unfit("only text, a list or a map has a length")
    return len(value)


@_filter(
    '{{ answers | list }}, or {{ answers | list("or") }}',
    ("list",),
    ("text",),
    usage='| list("or")',
    check=ArgumentCheck({"": []}, 'write "and" or "or"'),
    price=400,
)
def list_(value: object, language: str, word: object = "and") -> str:
    """Speaks a list as people say it: with commas, and a word before the last entry."""
    return str(speech_package().listed(value, language, word))


@_filter("{{ topic | lower }}", _TEXTS, keeps={"emptiness", "ends"})
def lower(value: object) -> str:
    """Makes all letters lower case."""
    return _text(value).lower()


@_filter(
    "{{ (account | number(0)) + 0.5 }}",
    ("text", "number"),
    ("number",),
    usage="| number",
    keeps={"number"},
    form="number",
)
def number(value: object, *otherwise: object) -> int | float:
    """Converts text to a number; otherwise like `int`."""
    found: int | float = _cast(TYPES["number"], value, *otherwise)
    return found


@_filter('{{ topic | replace("-", " ") }}', _TEXTS, ("text", "text"))
def replace(value: object, old: object, new: object) -> str:
    """Replaces every occurrence of one text with another."""
    text = _text(value)
    part = _text(old)
    other = _text(new)
    if len(text) + text.count(part) * len(other) > 2 * MAX_TEXT:
        raise Unfit(f"text grew to more than {MAX_TEXT:,} characters")
    return text.replace(part, other)


@_filter("{{ 2.345 | round(2) }}", ("number",), ("number",), keeps={"number"}, price=0)
def round_(value: object, places: object = 0) -> int | float:
    """Rounds a number to the given number of decimals."""
    if not isinstance(value, int | float) or not abs(value) < 10**18:  # also refuses NaN
        raise Unfit("a number is needed here")
    if not isinstance(places, int) or not 0 <= places <= 9:
        raise Unfit("a number is rounded to 0 to 9 places")
    return round(value, places) if places else round(value)


@_filter("{{ call.from_user | spell }}", ("text", "number"), price=50)
def spell(value: object, language: str) -> str:
    """Spells letter by letter, and names punctuation."""
    return str(speech_package().spelled(value, language))


@_filter(
    '{{ hours.office.next_open | spoken }}, {{ 12.5 | spoken("GBP") }}',
    (*POINTS, "number", "text"),
    ("text",),
    usage='| spoken("GBP")',
    check=ArgumentCheck(
        {"number": 1, **{family: _sample(family) for family in POINTS}},
        'write a currency such as "GBP" for a number; date, day, time or weekday for a point in time',
        ("date", "day", "time", "weekday"),
    ),
    form="datetime",
)
def spoken(value: object, language: str, form: object = "") -> str:
    """Speaks dates, times, numbers and amounts as people say them; see below."""
    return str(speech_package().spoken(value, language, form))


@_filter('{{ "home" if call.from | starts_with("44") else "away" }}', _TEXTS, ("text",), part="begins")
def starts_with(value: object, part: object) -> bool:
    """Whether the text begins with the given text."""
    return _text(value).startswith(_text(part))


@_filter('{{ (tries | text) + "0" }}', ("text", "number", "bool", *POINTS), keeps={"emptiness", "ends"})
def text(value: object) -> str:
    """Converts a number, true or false, a date or a time (ISO 8601) to text."""
    return write(value)


@_filter('{{ now | in_zone("Europe/London") | time | spoken }}', ("datetime", "time", "text"), form="datetime")
def time_(value: object) -> time:
    """The time of day of a point in time, in its own time zone, in whole seconds."""
    point = point_of(value)
    if isinstance(point, datetime):
        return point.time().replace(microsecond=0)
    if not isinstance(point, time):
        raise Unfit("a time of day is needed, such as 09:30")
    return point


@_filter("{{ topic | title }}", _TEXTS, keeps={"emptiness", "ends"})
def title(value: object) -> str:
    """Makes the first letter of each word upper case."""
    return _text(value).title()


@_filter("{{ topic | trim }}", _TEXTS, keeps={"emptiness", "ends"})
def trim(value: object) -> str:
    """Removes spaces at both ends."""
    return _text(value).strip()


@_filter("{{ topic | upper }}", _TEXTS, keeps={"emptiness", "ends"})
def upper(value: object) -> str:
    """Makes all letters upper case."""
    return _text(value).upper()


@_filter("{{ topic | urlencode }}", _TEXTS, keeps={"emptiness"}, price=40)
def urlencode(value: object) -> str:
    """Encodes text for a URL. In a URL, values are encoded even without it, and never twice."""
    return Encoded(quote(_text(value).encode("utf-8", "replace"), safe=""))
