"""The filters: what may stand behind `|`.

One function each, used alike by bare expressions and by templates. None of them looks at anything but its operands,
and none makes a text longer than `MAX_TEXT`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.flow.expressions.fault import Absent, Unfit
from app.flow.expressions.speech import speakers
from app.flow.types import ANY, DATETIME, TYPES, ValueType, write

MAX_TEXT = 10_000
"""Characters that a computed text may have; our choice, far above what can be spoken."""

_TEXT, _INT, _NUMBER, _BOOL = TYPES["text"], TYPES["int"], TYPES["number"], TYPES["bool"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    Attributes:
        apply: the operand and the arguments → the result. Raises Unfit or Absent.
        takes: kinds of values (`ValueType.kind`) that may stand before it; () is any.
        args: the kind of each argument; "" is any.
        needed: how many of them are needed.
        gives: the type of the result; None: that of the operand.
        example: how it is written.
        speaks: whether the result depends on the language, which `apply` then takes behind the operand.
    """

    apply: Callable[..., Any]
    takes: tuple[str, ...]
    gives: ValueType | None
    example: str
    args: tuple[str, ...] = ()
    needed: int = 0
    speaks: bool = False


def bounded(text: str) -> str:
    """`text`, unless it is too long. Raises Unfit."""
    if len(text) > MAX_TEXT:
        raise Unfit(f"a text became longer than {MAX_TEXT:,} characters")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text is needed here")
    return value


def _written(value: object) -> str:
    try:
        return write(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _length(value: object) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise Unfit("only a text, a list or a map has a length")
    return len(value)


def _cast(type_: ValueType) -> Callable[..., Any]:
    def cast(value: object, *otherwise: object) -> object:
        try:
            return type_.cast(value)
        except ValueError as error:
            if otherwise:
                return otherwise[0]
            raise Unfit(str(error)) from None

    return cast


def _end(position: int) -> Callable[[object], Any]:
    def end(value: object) -> Any:
        if not isinstance(value, str | list | tuple):
            raise Unfit("only a text or a list has a first and a last entry")
        if not value:
            raise Absent("entry in an empty list or text")
        return value[position]

    return end


def _join(value: object, between: object = "") -> str:
    if not isinstance(value, list | tuple):
        raise Unfit("only a list can be joined")
    return bounded(_text(between).join(_written(item) for item in value))


def _replace(value: object, old: object, new: object) -> str:
    text, part, other = _text(value), _text(old), _text(new)
    if len(text) + text.count(part) * len(other) > 2 * MAX_TEXT:
        raise Unfit(f"a text became longer than {MAX_TEXT:,} characters")
    return bounded(text.replace(part, other))


def default(value: object, otherwise: object = "", also_empty: object = False) -> object:
    """`otherwise` in place of an empty value when `also_empty`; a missing one never comes here."""
    return otherwise if also_empty and not value else value


def _about(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    def ask(value: object, part: object) -> bool:
        return test(_text(value), _text(part))

    return ask


def _round(value: object, places: object = 0) -> int | float:
    if not isinstance(value, int | float) or not abs(value) < 10**18:  # NaN is not less
        raise Unfit(f"{_NUMBER.described} is needed here")
    if not isinstance(places, int) or not 0 <= places <= 9:
        raise Unfit("a number is rounded to 0 to 9 places")
    return round(value, places) if places else round(value)


def _changed(change: Callable[[str], str]) -> Callable[[object], str]:
    def apply(value: object) -> str:
        return bounded(change(_text(value)))

    return apply


def _speaking(name: str) -> Callable[..., Any]:
    def apply(value: object, language: str, *args: object) -> object:
        try:
            told = speakers()[name](value, language, *args)
        except ValueError as error:
            raise Unfit(str(error)) from None
        return bounded(told) if isinstance(told, str) else told

    return apply


FILTERS: dict[str, Filter] = {
    "capitalize": Filter(_changed(str.capitalize), ("text",), _TEXT, "| capitalize"),
    "contains": Filter(_about(str.__contains__), ("text",), _BOOL, '| contains("refund")', ("text",), 1),
    "default": Filter(default, (), None, '| default("friend")', ("", "bool")),
    "digits": Filter(_speaking("digits"), ("text", "number"), _TEXT, "| digits(2)", ("number",), speaks=True),
    "ends_with": Filter(_about(str.endswith), ("text",), _BOOL, '| ends_with("00")', ("text",), 1),
    "first": Filter(_end(0), ("text", "list"), ANY, "| first"),
    "in_zone": Filter(
        _speaking("in_zone"), ("datetime", "text"), DATETIME, '| in_zone("Europe/London")', ("text",), 1, speaks=True
    ),
    "int": Filter(_cast(_INT), ("text", "number"), _INT, "| int", ("number",)),
    "join": Filter(_join, ("list",), _TEXT, '| join(", ")', ("text",)),
    "last": Filter(_end(-1), ("text", "list"), ANY, "| last"),
    "length": Filter(_length, ("text", "list", "map"), _INT, "| length"),
    "list": Filter(_speaking("list"), ("list",), _TEXT, '| list("or")', ("text",), speaks=True),
    "lower": Filter(_changed(str.lower), ("text",), _TEXT, "| lower"),
    "number": Filter(_cast(_NUMBER), ("text", "number"), _NUMBER, "| number", ("number",)),
    "replace": Filter(_replace, ("text",), _TEXT, '| replace("-", " ")', ("text", "text"), 2),
    "round": Filter(_round, ("number",), _NUMBER, "| round(2)", ("number",)),
    "spell": Filter(_speaking("spell"), ("text", "number"), _TEXT, "| spell", speaks=True),
    "spoken": Filter(
        _speaking("spoken"), ("datetime", "number", "text"), _TEXT, '| spoken("GBP")', ("text",), speaks=True
    ),
    "starts_with": Filter(_about(str.startswith), ("text",), _BOOL, '| starts_with("44")', ("text",), 1),
    "text": Filter(_written, ("text", "number", "bool", "datetime"), _TEXT, "| text"),
    "title": Filter(_changed(str.title), ("text",), _TEXT, "| title"),
    "trim": Filter(_changed(str.strip), ("text",), _TEXT, "| trim"),
    "upper": Filter(_changed(str.upper), ("text",), _TEXT, "| upper"),
}
"""By name; docs and messages list them in this order."""
