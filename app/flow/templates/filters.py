"""The filters, which are written after `|`.

A filter's result depends only on its operands, and is never a text longer than `MAX_TEXT`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from types import ModuleType
from typing import Any, Final, Literal, NamedTuple

from jinja2 import Undefined

from app.value_types import ANY, POINTS, TYPES, Kind, point_of, write

MAX_TEXT = 10_000
"""Maximum number of characters in computed text; our choice, far more than can be spoken."""

LANGUAGE = "en-US"
"""The default language of localised filters: the language of a talk without `language`.

Source: NCCO reference, Talk (`language`, default en-US).
"""


class Unfit(Exception):
    """A value that does not fit where it is used. The message never contains the value, which may be a caller's PIN.

    Attributes:
        code: the rule that is broken.
    """

    def __init__(self, message: str, code: str = "E395") -> None:
        super().__init__(message)
        self.code = code


class Absent(Exception):
    """A value that does not exist; `default` and `is defined` accept it."""


class ArgumentCheck(NamedTuple):
    """How a literal argument is checked when a file is loaded: the filter is applied to typical values with it.

    Attributes:
        tried: the typical values, by kind; "" means any kind.
        cure: what to write instead of the argument; "" for a time zone, where similar names are suggested.
        code: the code of the issue if the filter refuses the argument for every value.
    """

    tried: Mapping[str, Any]
    cure: str = ""
    code: str = "E340"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, and the properties that the checks and `prove` rely on. By default, they assume nothing about it.

    Attributes:
        name: the word after `|`.
        summary: its result, in a sentence.
        example: a text that uses it.
        apply: (operand, arguments) → result. Raises Unfit or Absent.
        takes: the kinds of operands (`Kind.family`) that it takes; () means any.
        gives: the type of the result; None if it has the type of the operand.
        usage: how messages show it.
        args: the kind of each argument; "" means any.
        needed: how many of the arguments are required.
        is_localised: whether the result depends on the language, which is then the second argument of `apply`.
        check: how a literal argument is checked.
        reads: `entry` if it returns an entry of a list or a letter of a text; `length` if it returns the length.
        part: which part of a text it returns, or compares with its argument.
        keeps: what it preserves. `emptiness`: it never fails, an empty value stays empty, and no other value becomes
            empty. `ends`: the start of a text stays at the start, and the end at the end. `number`: the result can only
            grow if the number grows.
        form: the form that a text must have as an operand; "" for any text.
        argument_form: the form that a text must have as an argument; "" for any text.
        growth: the maximum number of characters that it produces from one character.
        price: the steps (`app.flow.templates.budget`) that it takes for ten characters or entries of its operands.
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
    growth: int = 1
    price: int = 1

    @property
    def is_test(self) -> bool:
        """Whether the filter is a test: its result is true or false."""
        return self.gives == _BOOL


def speech_package() -> ModuleType:
    """The package of the localised filters, imported only when used: it imports Babel, which most flows do not need."""
    return importlib.import_module("app.flow.speech")


def bounded(text: str) -> str:
    """Return `text`; raises Unfit if it is too long."""
    if len(text) > MAX_TEXT:
        raise Unfit(f"text grew to more than {MAX_TEXT:,} characters")
    return text


def is_absent(value: object) -> bool:
    """Whether a value is missing in the call."""
    return value is None or isinstance(value, Undefined)


def default(value: object, otherwise: object = "", also_empty: object = False) -> object:
    """Return the value, or `otherwise` if it is missing; with `also_empty`, also if it is empty."""
    return otherwise if is_absent(value) or (also_empty and not value) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text is needed here")
    return value


def _text_change(change: Callable[[str], str]) -> Callable[[object], str]:
    """Make a filter function that changes a text."""
    return lambda value: bounded(change(_text(value)))


def _text_test(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    """Make a filter function that tests a text against another text."""
    return lambda value, part: test(_text(value), _text(part))


def _cast(type_: Kind) -> Callable[..., Any]:
    """Make a filter function that casts a value, or returns its argument if the value does not fit the type."""

    def cast(value: object, *otherwise: object) -> object:
        try:
            return type_.cast(value)
        except ValueError as error:
            if otherwise:
                return otherwise[0]
            raise Unfit(str(error)) from None

    return cast


def _localised(name: str) -> Callable[..., Any]:
    """Make the filter function for a filter of `app.flow.speech`."""

    def apply(value: object, language: str, *args: object) -> object:
        try:
            spoken = speech_package().SPEAKERS[name](value, language, *args)
        except ValueError as error:
            raise Unfit(str(error)) from None
        return bounded(spoken) if isinstance(spoken, str) else spoken

    return apply


def _entry_at(position: int) -> Callable[[object], Any]:
    """Make a filter function that returns the first or the last entry, and raises Absent if there is none."""

    def entry(value: object) -> Any:
        if not isinstance(value, str | list | tuple):
            raise Unfit("only text or a list has a first and a last entry")
        if not value:
            raise Absent("entry in an empty list or text")
        return value[position]

    return entry


def _join(value: object, between: object = "") -> str:
    if not isinstance(value, list | tuple):
        raise Unfit("only a list can be joined")
    return bounded(_text(between).join(as_text(item) for item in value))


def _length(value: object) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise Unfit("only text, a list or a map has a length")
    return len(value)


def _replace(value: object, old: object, new: object) -> str:
    text = _text(value)
    part = _text(old)
    other = _text(new)
    if len(text) + text.count(part) * len(other) > 2 * MAX_TEXT:
        raise Unfit(f"text grew to more than {MAX_TEXT:,} characters")
    return bounded(text.replace(part, other))


def _round(value: object, places: object = 0) -> int | float:
    if not isinstance(value, int | float) or not abs(value) < 10**18:  # also refuses NaN
        raise Unfit("a number is needed here")
    if not isinstance(places, int) or not 0 <= places <= 9:
        raise Unfit("a number is rounded to 0 to 9 places")
    return round(value, places) if places else round(value)


def as_text(value: object) -> str:
    """Convert a value to text. Raises Unfit for a list or a map."""
    try:
        return write(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _date(value: object) -> date:
    """The date of a point in time, in its own time zone, or of its text."""
    point = point_of(value)
    if not isinstance(point, date):
        raise Unfit("a date is needed, such as 2026-03-05")
    return point.date() if isinstance(point, datetime) else point


def _time(value: object) -> time:
    """The time of day of a point in time, in its own time zone, or of its text."""
    point = point_of(value)
    if isinstance(point, datetime):
        return point.time()
    if not isinstance(point, time):
        raise Unfit("a time of day is needed, such as 09:30")
    return point


def _sample(family: str) -> Any:
    """A typical value of a type, as expressions use it."""
    return TYPES[family].operand(TYPES[family].sample)


_TEXT: Final = TYPES["text"]
_INT: Final = TYPES["int"]
_NUMBER: Final = TYPES["number"]
_BOOL: Final = TYPES["bool"]

_ALL: Final = (
    Filter(
        name="capitalize",
        summary="Makes the first letter upper case and the others lower case.",
        example="{{ topic | capitalize }}",
        apply=_text_change(str.capitalize),
        takes=("text",),
        gives=_TEXT,
        usage="| capitalize",
        keeps={"emptiness", "ends"},
    ),
    Filter(
        name="contains",
        summary="Whether the text contains the given text.",
        example='{{ "yes" if topic | contains("refund") else "no" }}',
        apply=_text_test(str.__contains__),
        takes=("text",),
        gives=_BOOL,
        usage='| contains("refund")',
        args=("text",),
        needed=1,
        part="holds",
    ),
    Filter(
        name="date",
        summary="The date of a point in time, in its own time zone.",
        example='{{ now | in_zone("Europe/London") | date | spoken }}',
        apply=_date,
        takes=("datetime", "date", "text"),
        gives=TYPES["date"],
        usage="| date",
        form="datetime",
    ),
    Filter(
        name="default",
        summary="Replaces a missing value and, with `true`, also an empty one.",
        example='{{ topic | default("friend", true) }}',
        apply=default,
        takes=(),
        gives=None,
        usage='| default("friend")',
        args=("", "bool"),
        keeps={"emptiness", "number"},
    ),
    Filter(
        name="digits",
        summary="Speaks digit by digit, in groups like a phone number or in groups of the given size.",
        example="{{ call.from | digits }}, or {{ account | digits(2) }}",
        apply=_localised("digits"),
        takes=("text", "number"),
        gives=_TEXT,
        usage="| digits(2)",
        args=("number",),
        is_localised=True,
        check=ArgumentCheck({"": "1"}, "write how many digits are in a group: 1 to 9"),
        growth=3,
        price=80,
    ),
    Filter(
        name="ends_with",
        summary="Whether the text ends with the given text.",
        example='{{ "free" if account | ends_with("00") else "paid" }}',
        apply=_text_test(str.endswith),
        takes=("text",),
        gives=_BOOL,
        usage='| ends_with("00")',
        args=("text",),
        needed=1,
        part="ends",
    ),
    Filter(
        name="first",
        summary="The first entry of a list, or the first letter of text; missing if empty.",
        example='{{ answers | first | default("none") }}',
        apply=_entry_at(0),
        takes=("text", "list"),
        gives=ANY,
        usage="| first",
        reads="entry",
        part="begins",
        price=0,
    ),
    Filter(
        name="in_zone",
        summary="Converts a point in time to a time zone.",
        example='{{ now | in_zone("Europe/London") | spoken("time") }}',
        apply=_localised("in_zone"),
        takes=("datetime", "text"),
        gives=TYPES["datetime"],
        usage='| in_zone("Europe/London")',
        args=("text",),
        needed=1,
        is_localised=True,
        check=ArgumentCheck({"": _sample("datetime")}, code="E342"),
        form="datetime",
        argument_form="zone",
    ),
    Filter(
        name="int",
        summary="Converts text to a whole number. Anything else takes the `error` exit, or becomes the given number.",
        example="{{ (account | int(0)) + 1 }}",
        apply=_cast(_INT),
        takes=("text", "number"),
        gives=_INT,
        usage="| int",
        args=("number",),
        keeps={"number"},
        form="number",
    ),
    Filter(
        name="join",
        summary="Joins the entries of a list with the given separator.",
        example='{{ answers | join(", ") }}',
        apply=_join,
        takes=("list",),
        gives=_TEXT,
        usage='| join(", ")',
        args=("text",),
        price=5,
    ),
    Filter(
        name="last",
        summary="The last entry of a list, or the last letter of text; missing if empty.",
        example='{{ answers | last | default("none") }}',
        apply=_entry_at(-1),
        takes=("text", "list"),
        gives=ANY,
        usage="| last",
        reads="entry",
        part="ends",
        price=0,
    ),
    Filter(
        name="length",
        summary="The number of letters, entries or keys.",
        example="{{ answers | length }}",
        apply=_length,
        takes=("text", "list", "map"),
        gives=_INT,
        usage="| length",
        reads="length",
        keeps={"emptiness", "number"},
        price=0,
    ),
    Filter(
        name="list",
        summary="Speaks a list as people say it: with commas, and a word before the last entry.",
        example='{{ answers | list }}, or {{ answers | list("or") }}',
        apply=_localised("list"),
        takes=("list",),
        gives=_TEXT,
        usage='| list("or")',
        args=("text",),
        is_localised=True,
        check=ArgumentCheck({"": []}, 'write "and" or "or"'),
        price=10,
    ),
    Filter(
        name="lower",
        summary="Makes all letters lower case.",
        example="{{ topic | lower }}",
        apply=_text_change(str.lower),
        takes=("text",),
        gives=_TEXT,
        usage="| lower",
        keeps={"emptiness", "ends"},
    ),
    Filter(
        name="number",
        summary="Converts text to a number; otherwise like `int`.",
        example="{{ (account | number(0)) + 0.5 }}",
        apply=_cast(_NUMBER),
        takes=("text", "number"),
        gives=_NUMBER,
        usage="| number",
        args=("number",),
        keeps={"number"},
        form="number",
    ),
    Filter(
        name="replace",
        summary="Replaces every occurrence of one text with another.",
        example='{{ topic | replace("-", " ") }}',
        apply=_replace,
        takes=("text",),
        gives=_TEXT,
        usage='| replace("-", " ")',
        args=("text", "text"),
        needed=2,
    ),
    Filter(
        name="round",
        summary="Rounds a number to the given number of decimals.",
        example="{{ 2.345 | round(2) }}",
        apply=_round,
        takes=("number",),
        gives=_NUMBER,
        usage="| round(2)",
        args=("number",),
        keeps={"number"},
        price=0,
    ),
    Filter(
        name="spell",
        summary="Spells letter by letter, and names punctuation.",
        example="{{ call.from_user | spell }}",
        apply=_localised("spell"),
        takes=("text", "number"),
        gives=_TEXT,
        usage="| spell",
        is_localised=True,
        growth=3,
        price=50,
    ),
    Filter(
        name="spoken",
        summary="Speaks dates, times, numbers and amounts as people say them; see below.",
        example='{{ hours.office.next_open | spoken }}, {{ 12.5 | spoken("GBP") }}',
        apply=_localised("spoken"),
        takes=(*POINTS, "number", "text"),
        gives=_TEXT,
        usage='| spoken("GBP")',
        args=("text",),
        is_localised=True,
        check=ArgumentCheck(
            {"number": 1, **{family: _sample(family) for family in POINTS}},
            'write a currency such as "GBP" for a number; date, day, time or weekday for a point in time',
        ),
        form="datetime",
    ),
    Filter(
        name="starts_with",
        summary="Whether the text begins with the given text.",
        example='{{ "home" if call.from | starts_with("44") else "away" }}',
        apply=_text_test(str.startswith),
        takes=("text",),
        gives=_BOOL,
        usage='| starts_with("44")',
        args=("text",),
        needed=1,
        part="begins",
    ),
    Filter(
        name="text",
        summary="Converts a number, true or false, a date or a time (ISO 8601) to text.",
        example='{{ (tries | text) + "0" }}',
        apply=as_text,
        takes=("text", "number", "bool", *POINTS),
        gives=_TEXT,
        usage="| text",
        keeps={"emptiness", "ends"},
    ),
    Filter(
        name="time",
        summary="The time of day of a point in time, in its own time zone.",
        example='{{ now | in_zone("Europe/London") | time | spoken }}',
        apply=_time,
        takes=("datetime", "time", "text"),
        gives=TYPES["time"],
        usage="| time",
        form="datetime",
    ),
    Filter(
        name="title",
        summary="Makes the first letter of each word upper case.",
        example="{{ topic | title }}",
        apply=_text_change(str.title),
        takes=("text",),
        gives=_TEXT,
        usage="| title",
        keeps={"emptiness", "ends"},
    ),
    Filter(
        name="trim",
        summary="Removes spaces at both ends.",
        example="{{ topic | trim }}",
        apply=_text_change(str.strip),
        takes=("text",),
        gives=_TEXT,
        usage="| trim",
        keeps={"emptiness", "ends"},
    ),
    Filter(
        name="upper",
        summary="Makes all letters upper case.",
        example="{{ topic | upper }}",
        apply=_text_change(str.upper),
        takes=("text",),
        gives=_TEXT,
        usage="| upper",
        keeps={"emptiness", "ends"},
    ),
)
FILTERS: Final[dict[str, Filter]] = {each.name: each for each in _ALL}
"""The filters by name, in the order in which docs and messages list them."""
