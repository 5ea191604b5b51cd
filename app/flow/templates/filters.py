"""The filters: what may follow `|`.

None of them looks at anything but its operands, and none makes a text longer than `MAX_TEXT`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from jinja2 import Undefined

from app.flow.types import ANY, DATETIME, TYPES, ValueType, write

MAX_TEXT = 10_000
"""Characters that a computed text may have; our choice, far above what can be spoken."""

LANGUAGE = "en-US"
"""The language of localised filters when no language is known: that of a talk without `language`.

Source: NCCO reference, Talk (`language`, default en-US).
"""


class Unfit(Exception):
    """A value that does not fit where it is used. The message never repeats the value: it may be a caller's PIN.

    Attributes:
        code: the rule that is broken.
    """

    def __init__(self, message: str, code: str = "E395") -> None:
        super().__init__(message)
        self.code = code


class Absent(Exception):
    """A value that does not exist; `default` and `is defined` catch it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    Attributes:
        apply: the operand and the arguments → the result. Raises Unfit or Absent.
        takes: the kinds of operands (`ValueType.kind`) that it takes; () is any.
        gives: the type of the result; None: that of the operand.
        example: how it is written.
        args: the kind of each argument; "" is any.
        needed: how many of the arguments are required.
        is_localised: whether the result depends on the language, which is then the second argument of `apply`.
    """

    apply: Callable[..., Any]
    takes: tuple[str, ...]
    gives: ValueType | None
    example: str
    args: tuple[str, ...] = ()
    needed: int = 0
    is_localised: bool = False


def speech_package() -> ModuleType:
    """The package of the localised filters. It imports Babel, which most flows do not need, so it is imported late."""
    return importlib.import_module("app.flow.speech")


def bounded(text: str) -> str:
    """`text`, unless it is too long. Raises Unfit."""
    if len(text) > MAX_TEXT:
        raise Unfit(f"a text became longer than {MAX_TEXT:,} characters")
    return text


def is_missing(value: object) -> bool:
    """Whether the call does not have a value."""
    return value is None or isinstance(value, Undefined)


def default(value: object, otherwise: object = "", also_empty: object = False) -> object:
    """`otherwise` in place of a missing value; with `also_empty` also in place of an empty one."""
    return otherwise if is_missing(value) or (also_empty and not value) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text is needed here")
    return value


def _text_change(change: Callable[[str], str]) -> Callable[[object], str]:
    """A filter that changes a text."""
    return lambda value: bounded(change(_text(value)))


def _text_test(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    """A filter that tests a text against another text."""
    return lambda value, part: test(_text(value), _text(part))


def _cast(type_: ValueType) -> Callable[..., Any]:
    """A filter that casts a value, or gives its argument if the value does not fit."""

    def cast(value: object, *otherwise: object) -> object:
        try:
            return type_.cast(value)
        except ValueError as error:
            if otherwise:
                return otherwise[0]
            raise Unfit(str(error)) from None

    return cast


def _localised(name: str) -> Callable[..., Any]:
    """A filter of `app.flow.speech`."""

    def apply(value: object, language: str, *args: object) -> object:
        try:
            spoken = speech_package().SPEAKERS[name](value, language, *args)
        except ValueError as error:
            raise Unfit(str(error)) from None
        return bounded(spoken) if isinstance(spoken, str) else spoken

    return apply


def _entry_at(position: int) -> Callable[[object], Any]:
    """A filter that gives the first or the last entry. It raises Absent when there is none."""

    def entry(value: object) -> Any:
        if not isinstance(value, str | list | tuple):
            raise Unfit("only a text or a list has a first and a last entry")
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
        raise Unfit("only a text, a list or a map has a length")
    return len(value)


def _replace(value: object, old: object, new: object) -> str:
    text, part, other = _text(value), _text(old), _text(new)
    if len(text) + text.count(part) * len(other) > 2 * MAX_TEXT:
        raise Unfit(f"a text became longer than {MAX_TEXT:,} characters")
    return bounded(text.replace(part, other))


def _round(value: object, places: object = 0) -> int | float:
    if not isinstance(value, int | float) or not abs(value) < 10**18:  # NaN is not less
        raise Unfit("a number is needed here")
    if not isinstance(places, int) or not 0 <= places <= 9:
        raise Unfit("a number is rounded to 0 to 9 places")
    return round(value, places) if places else round(value)


def as_text(value: object) -> str:
    """The value as it is written in a text. Raises Unfit for a list or a map."""
    try:
        return write(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


_TEXT, _INT, _NUMBER, _BOOL = TYPES["text"], TYPES["int"], TYPES["number"], TYPES["bool"]

FILTERS: dict[str, Filter] = {
    "capitalize": Filter(_text_change(str.capitalize), ("text",), _TEXT, "| capitalize"),
    "contains": Filter(_text_test(str.__contains__), ("text",), _BOOL, '| contains("refund")', ("text",), 1),
    "default": Filter(default, (), None, '| default("friend")', ("", "bool")),
    "digits": Filter(_localised("digits"), ("text", "number"), _TEXT, "| digits(2)", ("number",), is_localised=True),
    "ends_with": Filter(_text_test(str.endswith), ("text",), _BOOL, '| ends_with("00")', ("text",), 1),
    "first": Filter(_entry_at(0), ("text", "list"), ANY, "| first"),
    "in_zone": Filter(
        _localised("in_zone"),
        ("datetime", "text"),
        DATETIME,
        '| in_zone("Europe/London")',
        ("text",),
        1,
        is_localised=True,
    ),
    "int": Filter(_cast(_INT), ("text", "number"), _INT, "| int", ("number",)),
    "join": Filter(_join, ("list",), _TEXT, '| join(", ")', ("text",)),
    "last": Filter(_entry_at(-1), ("text", "list"), ANY, "| last"),
    "length": Filter(_length, ("text", "list", "map"), _INT, "| length"),
    "list": Filter(_localised("list"), ("list",), _TEXT, '| list("or")', ("text",), is_localised=True),
    "lower": Filter(_text_change(str.lower), ("text",), _TEXT, "| lower"),
    "number": Filter(_cast(_NUMBER), ("text", "number"), _NUMBER, "| number", ("number",)),
    "replace": Filter(_replace, ("text",), _TEXT, '| replace("-", " ")', ("text", "text"), 2),
    "round": Filter(_round, ("number",), _NUMBER, "| round(2)", ("number",)),
    "spell": Filter(_localised("spell"), ("text", "number"), _TEXT, "| spell", is_localised=True),
    "spoken": Filter(
        _localised("spoken"), ("datetime", "number", "text"), _TEXT, '| spoken("GBP")', ("text",), is_localised=True
    ),
    "starts_with": Filter(_text_test(str.startswith), ("text",), _BOOL, '| starts_with("44")', ("text",), 1),
    "text": Filter(as_text, ("text", "number", "bool", "datetime"), _TEXT, "| text"),
    "title": Filter(_text_change(str.title), ("text",), _TEXT, "| title"),
    "trim": Filter(_text_change(str.strip), ("text",), _TEXT, "| trim"),
    "upper": Filter(_text_change(str.upper), ("text",), _TEXT, "| upper"),
}
"""By name; docs and messages list them in this order."""
