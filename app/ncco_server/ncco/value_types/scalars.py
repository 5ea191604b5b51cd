"""Text, numbers, booleans and words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import TypeGuard

from ncco_server.issue import Issue, fault, listed, shown, wrong_type
from ncco_server.ncco.value_types.kind import SAMPLE, BeyondLimit, JsonSchema, Kind
from ncco_server.suggest import near, nearest

LARGE = 10**18
"""Some JSON parsers lose the last digits of larger numbers, which are refused."""
MOST_DIGITS = 18

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_EXPONENT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+")
_YES = frozenset(["true", "yes", "y", "on", "ja", "oui", "si", "sí", "sì", "sim", "tak"])
_NO = frozenset(["false", "no", "n", "off", "nein", "non", "nee", "não", "nie"])
_NUMERAL = re.compile(r"\s*[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?\s*", re.ASCII)
_DIGIT = re.compile(r"\d")
_LONGER = re.compile(r"[+-]?(?=.*[0-9]{19})[0-9]+(\.[0-9]+)?")


def write(value: object) -> str:
    """`true`, `3`, `0.00005`, ISO 8601: what `cast` reads again. Raises ValueError for lists, maps and None."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < LARGE:
            return str(value)
        case float() if abs(value) < LARGE:
            rounded = round(value, MOST_DIGITS)
            return str(int(rounded)) if rounded.is_integer() else f"{Decimal(repr(rounded)):f}"
        case int() | float() if abs(value) >= LARGE:
            raise BeyondLimit(
                f"has more than {MOST_DIGITS} digits",
                f"text in quotes, or a number of at most {MOST_DIGITS} digits is needed",
            )
        case date():
            return value.isoformat()
        case time():
            return value.isoformat("auto" if value.second or value.microsecond else "minutes")
    raise ValueError("a text, a number, true or false is needed")


@dataclass(frozen=True)
class PlainText(Kind):
    """Any text."""

    name = "text"
    family = "text"
    described = "text"
    sample = SAMPLE

    def cast(self, value: object) -> str:
        return write(value)

    def cast_at(self, value: object, line: str) -> str:
        """Text of nothing but spaces is "": a flow asks `name != ""` before it says the name."""
        text = self.cast(value)
        return "" if text.isspace() else text

    def check(self, value: object) -> list[Issue]:
        return [] if isinstance(value, str) else [wrong_type(value, "text", "Write text in quotes.")]

    def json_schema(self) -> JsonSchema:
        return {"type": "string"}


def is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


@dataclass(frozen=True)
class Flag(Kind):
    """In an NCCO, "true" or "false" in quotes causes a warning."""

    name = "bool"
    family = "bool"
    described = "true or false"
    sample = True
    empty = False

    def cast(self, value: object) -> bool:
        written = str(value).strip() if isinstance(value, bool | str) else ""
        if written in ("true", "True", "false", "False"):
            return written in ("true", "True")
        meant = "true" if written.lower() in _YES else "false" if written.lower() in _NO else ""
        raise ValueError(f"true or false is needed{f': write {meant}' if meant else ''}")

    def check(self, value: object) -> list[Issue]:
        if isinstance(value, bool):
            return []
        if is_true(value) or is_false(value):
            word = str(value).strip().lower()
            return [fault("N952", f"{shown(value)} is text.", f"Write {word} without quotes.")]
        return [wrong_type(value, "true or false", "Write true or false, without quotes.")]

    def normalised(self, value: object) -> object:
        return is_true(value) if is_true(value) or is_false(value) else value

    def json_schema(self) -> JsonSchema:
        return {"type": ["boolean", "string"], "pattern": "^\\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\\s*$"}


def as_number(value: object) -> int | float | None:
    """None unless it is a number or text made of digits."""
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Number(Kind):
    """A number from `low` to `high` (inclusive; None for no limit). In an NCCO, digits as text cause a warning.

    A cast ignores the limits, which are checked in the NCCO.

    Attributes:
        disputed: values that only some of Vonage's documents allow, which cause a warning.
        clamps: whether a value out of range causes only a warning, because Vonage uses the nearest limit.
        tenths: whether more than one decimal place is an error.
    """

    low: float | None = None
    high: float | None = None
    disputed: tuple[float, ...] = ()
    clamps: bool = False
    tenths: bool = False
    unit: str = ""

    name = "number"
    family = "number"
    described = "a number"
    sample = 0.5
    empty = 0
    noun = "a number"

    def cast(self, value: object) -> int | float:
        if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            return float(value) if "." in value else int(value)
        if is_number(value) and abs(value) < LARGE:
            return value
        raise _not_a_number(value, "a number", "1 or 0.5", self.unit, " before and behind the point")

    def literal(self, text: str) -> int | float:
        number = self.cast(text)
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise ValueError(self.cure)
        return number

    @property
    def cure(self) -> str:
        is_bounded = self.low is not None and self.high is not None
        return f"write {self.noun} from {self.low:,} to {self.high:,}" if is_bounded else ""

    def check(self, value: object) -> list[Issue]:
        number = as_number(value)
        if number is None:
            return [wrong_type(value, "a number", f"Write {self._expected()}, without quotes.")]
        issues = []
        if isinstance(value, str):
            fix = f"Write {shown(number)} without quotes."
            issues.append(fault("N951", f"{shown(value)} is text.", fix))
        if number in self.disputed:
            issues.append(fault("N956", f"Sources disagree on {shown(number)}.", f"Write {self._expected()}."))
        elif (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            code = "N904" if self.clamps else "N108"
            limits = f"{self.low} or more" if self.high is None else f"between {self.low} and {self.high}"
            issues.append(fault(code, f"{shown(number)} is not {limits}.", f"Write {self._expected()}."))
        if isinstance(number, float) and not number.is_integer():
            issues += self._check_fraction(number)
        return issues

    def _check_fraction(self, number: float) -> list[Issue]:
        if self.tenths and abs(number * 10 - round(number * 10)) > 1e-6:
            fix = f"Write {round(number, 1)}."
            return [fault("N119", f"{shown(number)} has more than one decimal place.", fix)]
        return []

    def _expected(self) -> str:
        noun = self.noun + (f" of {self.unit}" if self.unit else "")
        if self.high is None:
            return noun if self.low is None else f"{noun}, {self.low} or more"
        return f"{noun} from {self.low} to {self.high}"

    def normalised(self, value: object) -> object:
        number = as_number(value)
        return value if number is None else number

    def json_schema(self) -> JsonSchema:
        """Without limits if a value out of range causes only a warning."""
        kind = "integer" if self.name == "int" else "number"
        limits = self.disputed if self.low is None else (*self.disputed, self.low)
        bounds = {} if self.clamps else {"minimum": min(limits, default=None), "maximum": self.high}
        known = {keyword: bound for keyword, bound in bounds.items() if bound is not None}
        return {"type": [kind, "string"], "pattern": f"^(?:{_NUMERAL.pattern})$", **known}


@dataclass(frozen=True)
class WholeNumber(Number):
    """If `is_usual`, a fraction causes only a warning in an NCCO."""

    is_usual: bool = field(default=False, kw_only=True)

    name = "int"
    described = "a whole number"
    sample = 1
    noun = "a whole number"

    def cast(self, value: object) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)
        if is_number(value) and abs(value) < LARGE and value == int(value):
            return int(value)
        raise _not_a_number(value, "a whole number", "2", self.unit)

    def _check_fraction(self, number: float) -> list[Issue]:
        code = "N957" if self.is_usual else "N118"
        message = f"{shown(number)} is not a whole number."
        return [*super()._check_fraction(number), fault(code, message, f"Write {self._expected()}.")]

    def normalised(self, value: object) -> object:
        number = super().normalised(value)
        return int(number) if isinstance(number, float) and number.is_integer() else number

    def json_schema(self) -> JsonSchema:
        schema = super().json_schema()
        return schema | {"type": ["number", "string"]} if self.is_usual else schema


def _not_a_number(value: object, noun: str, examples: str, unit: str, where: str = "") -> ValueError:
    """Perhaps it has too many digits."""
    if isinstance(value, str):
        text = value.strip()
        is_longer = len(value) > MOST_DIGITS and _LONGER.fullmatch(text) is not None
        is_longer = is_longer or (_EXPONENT.fullmatch(text) is not None and abs(float(text)) >= LARGE)
    else:
        is_longer = isinstance(value, int | float) and LARGE <= abs(value) < math.inf
    if is_longer:
        needed = f"{noun} of at most {MOST_DIGITS} digits{where} is needed"
        return BeyondLimit(f"has more than {MOST_DIGITS} digits", needed)
    unit = " of seconds" if unit == "seconds" else ""
    return ValueError(f"{noun}{unit} is needed, such as {examples}")


@dataclass(frozen=True)
class Word(Kind):
    """One of a few allowed words.

    Attributes:
        disputed: words that only some of Vonage's documents allow → fix; they cause a warning in an NCCO.
        any_case: whether a word in another case causes only a warning in an NCCO.
    """

    words: tuple[str, ...]
    disputed: Mapping[str, str] = field(default_factory=dict, hash=False)
    any_case: bool = False

    name = "words"
    family = "text"
    empty = None

    @property
    def sample(self) -> str:
        return self.words[0]

    @property
    def described(self) -> str:
        return f"one of {', '.join(self.words)}"

    @property
    def cure(self) -> str:
        return f"write {' or '.join(self.words)}"

    def cast(self, value: object) -> str:
        if isinstance(value, str) and (value in self.words or value in self.disputed):
            return value
        meant = nearest(value, self.words) if isinstance(value, str) else None
        hint = f'; did you mean "{meant}"?' if meant else ""
        raise ValueError(f"one of {', '.join((*self.words, *self.disputed))} is needed{hint}")

    def check(self, value: object) -> list[Issue]:
        if isinstance(value, str) and value in self.words:
            return []
        expected = listed([f'"{word}"' for word in self.words])
        if not isinstance(value, str):
            return [wrong_type(value, "text", f"Write {expected}.")]
        if value in self.disputed:
            return [fault("N956", f'Sources disagree on "{value}".', self.disputed[value])]
        if self.any_case and value.upper() in self.words:
            fix = f'Write "{value.upper()}".'
            return [fault("N955", f"{shown(value)} is not written as in the reference.", fix)]
        if words := self.words_in(value):
            cure = f"Write {', '.join(map(shown, words))}, each in its own quotes."
        else:
            meant = near(value, self.words)
            cure = f'Did you mean "{meant}"?' if meant else f"Write {expected}."
        return [fault("N109", f"{shown(value)} is not {expected}.", cure)]

    def words_in(self, value: object) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(re.findall(r"[^\s,;|+&/]+", value))) if isinstance(value, str) else ()
        return words if len(words) > 1 and all(word in self.words for word in words) else ()

    def normalised(self, value: object) -> object:
        is_other_case = self.any_case and isinstance(value, str) and value.upper() in self.words
        return value.upper() if isinstance(value, str) and is_other_case else value

    def json_schema(self) -> JsonSchema:
        lower = [word.lower() for word in self.words] if self.any_case else []
        return {"enum": [*self.words, *self.disputed, *lower]}
