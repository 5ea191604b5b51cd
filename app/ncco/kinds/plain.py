"""Booleans, numbers, words and names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue
from app.ncco.kinds.kind import JsonSchema, Kind, wrong_type
from app.ncco.rules.advice import CLAMPED
from app.ncco.rules.manner import DISPUTED_VALUE, FLAG_AS_TEXT, FRACTION, NUMBER_AS_TEXT, OTHER_CASE, TEXT_AS_NUMBER
from app.ncco.rules.value import EMPTY, NOT_A_CHOICE, NOT_WHOLE, OUT_OF_RANGE, TOO_PRECISE
from app.ncco.shown import listed, shown
from app.ncco.spelling import folded, near

NUMERAL = re.compile(r"\s*[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?\s*", re.ASCII)


def is_true(value: object) -> bool:
    """Whether Vonage takes the value for true."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def is_false(value: object) -> bool:
    """Whether Vonage takes the value for false."""
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def as_number(value: object) -> int | float | None:
    """The number that a value stands for, text of digits included; None when it stands for none."""
    if isinstance(value, str) and NUMERAL.fullmatch(value):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


@dataclass(frozen=True)
class Flag(Kind):
    """true or false."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """A boolean; the words are a warning, anything else an error."""
        if isinstance(value, bool):
            return
        if is_true(value) or is_false(value):
            yield FLAG_AS_TEXT.at(
                path, f"{shown(value)} is text.", f"Write {str(value).strip().lower()} without quotes."
            )
        else:
            yield wrong_type(value, "true or false", path, "Write true or false, without quotes.")

    def clean(self) -> CoreSchema:
        """Real booleans."""
        return core_schema.bool_schema(strict=True)

    def read(self, value: object) -> object:
        """The words become booleans."""
        return is_true(value) if is_true(value) or is_false(value) else value

    def json_schema(self) -> JsonSchema:
        """A boolean, or its name."""
        return {"type": ["boolean", "string"], "pattern": "^\\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\\s*$"}


@dataclass(frozen=True)
class Number(Kind):
    """A number from `low` to `high`, both included; None is no limit.

    Attributes:
        whole: "always" (a fraction is an error), "usual" (a warning) or "no".
        disputed: values outside or inside the range on which sources disagree: a warning.
        clamps: out of the range is a warning, since Vonage takes the nearest limit.
        tenths: a finer value is an error.
    """

    low: float | None = None
    high: float | None = None
    whole: str = "always"
    disputed: tuple[float, ...] = ()
    clamps: bool = False
    tenths: bool = False
    unit: str = ""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """A number in its range; text of digits is a warning."""
        number = as_number(value)
        if number is None:
            yield wrong_type(value, "a number", path, f"Write {self._due()}, without quotes.")
            return
        if isinstance(value, str):
            yield NUMBER_AS_TEXT.at(path, f"{shown(value)} is text.", f"Write {shown(number)} without quotes.")
        yield from self._look_at_range(number, path)
        yield from self._look_at_fraction(number, path)

    def _look_at_range(self, number: float, path: str) -> Iterator[Issue]:
        if number in self.disputed:
            yield DISPUTED_VALUE.at(path, f"Sources disagree on {shown(number)}.", f"Write {self._due()}.")
        elif self._is_outside(number):
            rule = CLAMPED if self.clamps else OUT_OF_RANGE
            yield rule.at(path, f"{shown(number)} is not {self._range()}.", f"Write {self._due()}.")

    def _look_at_fraction(self, number: float, path: str) -> Iterator[Issue]:
        if isinstance(number, int) or number.is_integer():
            return
        if self.tenths and abs(number * 10 - round(number * 10)) > 1e-6:
            yield TOO_PRECISE.at(path, f"{shown(number)} is finer than a tenth.", f"Write {round(number, 1)}.")
        if self.whole != "no":
            rule = NOT_WHOLE if self.whole == "always" else FRACTION
            yield rule.at(path, f"{shown(number)} is not a whole number.", f"Write {self._due()}.")

    def _is_outside(self, number: float) -> bool:
        return (self.low is not None and number < self.low) or (self.high is not None and number > self.high)

    def _range(self) -> str:
        if self.high is None:
            return f"{self.low} or more"
        return f"between {self.low} and {self.high}"

    def _due(self) -> str:
        noun = "a number" if self.whole == "no" else "a whole number"
        unit = f" of {self.unit}" if self.unit else ""
        if self.high is None:
            return noun + unit if self.low is None else f"{noun}{unit}, {self.low} or more"
        return f"{noun}{unit} from {self.low} to {self.high}"

    def clean(self) -> CoreSchema:
        """Real numbers in the range."""
        if self.whole == "no":
            step = 0.1 if self.tenths else None
            return core_schema.float_schema(
                ge=self.low, le=self.high, multiple_of=step, allow_inf_nan=False, strict=True
            )
        low, high = self.low, self.high
        return core_schema.int_schema(
            ge=None if low is None else math.ceil(low), le=None if high is None else math.floor(high), strict=True
        )

    def read(self, value: object) -> object:
        """Text of digits becomes a number, a whole float an int."""
        number = as_number(value)
        if number is None:
            return value
        return int(number) if self.whole != "no" and isinstance(number, float) and number.is_integer() else number

    def json_schema(self) -> JsonSchema:
        """A number, or text of digits."""
        schema: JsonSchema = {
            "type": ["integer" if self.whole == "always" else "number", "string"],
            "pattern": f"^(?:{NUMERAL.pattern})$",
        }
        if not self.clamps:
            limits = (*self.disputed, *(limit for limit in (self.low,) if limit is not None))
            schema |= {"minimum": min(limits)} if limits else {}
            schema |= {} if self.high is None else {"maximum": self.high}
        return schema


@dataclass(frozen=True)
class Word(Kind):
    """One of a few words.

    Attributes:
        disputed: words on which sources disagree, with the reason: a warning.
        any_case: another case is a warning, not an error.
        other_words: by folded word, what the words are called elsewhere.
    """

    words: tuple[str, ...]
    disputed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    any_case: bool = False
    other_words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """One of the words, exactly."""
        if not isinstance(value, str):
            yield wrong_type(value, "text", path, f"Write {self._due()}.")
        elif value in self.disputed:
            yield DISPUTED_VALUE.at(path, f'"{value}": {self.disputed[value]}.', f"Write {self._due()}.")
        elif value not in self.words:
            yield self._unknown(value, path)

    def _unknown(self, value: str, path: str) -> Issue:
        if self.any_case and value.upper() in self.words:
            return OTHER_CASE.at(path, f"{shown(value)} is not in the reference's case.", f'Write "{value.upper()}".')
        if words := self.words_in(value):
            cure = f"Write {', '.join(map(shown, words))}: each in quotes of its own."
            return NOT_A_CHOICE.at(path, f"{shown(value)} is not {self._due()}.", cure)
        meant = self.other_words.get(folded(value)) or near(value, self.words)
        cure = f'Did you mean "{meant}"?' if meant else f"Write {self._due()}."
        return NOT_A_CHOICE.at(path, f"{shown(value)} is not {self._due()}.", cure)

    def words_in(self, value: object) -> tuple[str, ...]:
        """The words, each once, in their order."""
        words = tuple(dict.fromkeys(re.findall(r"[^\s,;|+&/]+", value))) if isinstance(value, str) else ()
        return words if len(words) > 1 and all(word in self.words for word in words) else ()

    def _due(self) -> str:
        return listed([f'"{word}"' for word in self.words])

    def read(self, value: object) -> object:
        """Another case becomes the reference's where that is harmless."""
        is_other_case = self.any_case and isinstance(value, str) and value.upper() in self.words
        return value.upper() if isinstance(value, str) and is_other_case else value

    def clean(self) -> CoreSchema:
        """The words."""
        return core_schema.literal_schema(list(self.words))

    def json_schema(self) -> JsonSchema:
        """The words, disputed ones included."""
        lower = [word.lower() for word in self.words] if self.any_case else []
        return {"enum": [*self.words, *self.disputed, *lower]}


@dataclass(frozen=True)
class Name(Kind):
    """Text that is not blank.

    Attributes:
        digits: a whole number instead is a warning, not an error.
    """

    noun: str = "text"
    digits: bool = False

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """Text with something in it."""
        if self.digits and isinstance(value, int) and not isinstance(value, bool):
            yield TEXT_AS_NUMBER.at(path, f"{shown(value)} is a number.", f'Write "{shown(value)}".')
        elif not isinstance(value, str):
            yield wrong_type(value, "text", path, f"Write {self.noun} in quotes.")
        elif not value.strip():
            yield EMPTY.at(path, f"{shown(value)} is empty.", f"Write {self.noun}.")

    def clean(self) -> CoreSchema:
        """Text with something in it."""
        return core_schema.str_schema(pattern=r"\S", strict=True)

    def read(self, value: object) -> object:
        """A number becomes text where digits are usual."""
        return str(value) if self.digits and isinstance(value, int) and not isinstance(value, bool) else value

    def json_schema(self) -> JsonSchema:
        """Text, or a whole number where digits are usual."""
        return {"type": ["string", "integer"] if self.digits else "string", "pattern": "\\S"}
