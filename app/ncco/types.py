"""The kinds of values that an option takes: each checks a value, reads it for the models, and gives its JSON Schema."""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from app.ncco.hints import folded, near
from app.ncco.issue import Fix, Issue, fault, listed, shown, wrong_type
from app.ncco.languages import (
    LANGUAGE_NAMES,
    RECOGNISED,
    RECOGNISED_CODES,
    SAME_LANGUAGE,
    USUAL_CODES,
    VOICES,
    VOICES_BY_CODE,
)

if TYPE_CHECKING:
    from app.ncco.model import Shape

JsonSchema = dict[str, Any]

MAX_JSON_DEPTH = 200
"""Levels of nesting that every JSON parser and writer used here can handle. Our own choice."""
USER_TO_USER = "User-to-User"
BCP47 = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_NUMERAL = re.compile(r"\s*[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?\s*", re.ASCII)
_NO_HINTS: Mapping[str, str] = MappingProxyType({})


class Kind(ABC):
    """One kind of value."""

    @abstractmethod
    def check(self, value: object) -> list[Issue]:
        """What is wrong with the value, which may be of any type; paths are relative to it."""

    @abstractmethod
    def json_schema(self) -> JsonSchema:
        """The JSON Schema of values without an error, as far as JSON Schema can say it."""

    def read(self, value: object) -> object:
        """The value as the models hold it, as far as it can be read: a number for "45", an array for one URL."""
        return value

    def words_in(self, value: object) -> tuple[str, ...]:
        """The values of this kind in a text such as `dtmf, speech`; () unless there are several."""
        return ()

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shapes of the objects that a value of this kind is made of."""
        return ()


def check_value(kind: Kind, value: object) -> list[Issue]:
    """What is wrong with the value, including a scalar that JSON cannot hold."""
    reason = _unwritable_scalar(value) if isinstance(value, (str, int, float)) else None
    found = [] if reason and not isinstance(value, int) else kind.check(value)
    return found or ([fault("N125", f"{shown(value)} cannot be written as JSON: {reason}.")] if reason else [])


def unwritable(value: object) -> str | None:
    """Why the value cannot be written as JSON in UTF-8; None when it can. The value may be nested to any depth."""
    layer, depth = [value], 0
    while layer:
        inner: list[object] = []
        for each in layer:
            if isinstance(each, dict):
                inner += (*each.values(), *each.keys())
                if not all(isinstance(key, str) for key in each):
                    return "it has a key that is not text"
            elif isinstance(each, list):
                inner += each
            elif reason := _unwritable_scalar(each):
                return reason
        layer, depth = inner, depth + 1
        if layer and depth > MAX_JSON_DEPTH:
            return f"it is nested over {MAX_JSON_DEPTH} levels deep"
    return None


def _unwritable_scalar(value: object) -> str | None:
    if isinstance(value, str):
        return None if is_encodable(value) else "it holds half of a surrogate pair"
    if isinstance(value, float):
        return None if math.isfinite(value) else "NaN and Infinity are not JSON numbers"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "a number has over 64 bits"
    if value is None:
        return None
    return f"a {type(value).__name__} is not a JSON value"


def is_encodable(text: str) -> bool:
    """Whether the text can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def size_as_json(value: object) -> int:
    """Bytes of the value as compact JSON; 0 when it cannot be written."""
    return 0 if unwritable(value) else len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def is_true(value: object) -> bool:
    """Whether Vonage takes the value for true."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def is_false(value: object) -> bool:
    """Whether Vonage takes the value for false."""
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def as_number(value: object) -> int | float | None:
    """The number that a value stands for, including text of digits; None when it stands for none."""
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Flag(Kind):
    """true or false; the words as text are a warning."""

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if isinstance(value, bool):
            return []
        if is_true(value) or is_false(value):
            word = str(value).strip().lower()
            return [fault("N952", f"{shown(value)} is text.", Fix(f"Write {word} without quotes.", "characters", word))]
        return [wrong_type(value, "true or false", "Write true or false, without quotes.")]

    def read(self, value: object) -> object:
        """The words become booleans."""
        return is_true(value) if is_true(value) or is_false(value) else value

    def json_schema(self) -> JsonSchema:
        """A boolean, or its name."""
        return {"type": ["boolean", "string"], "pattern": "^\\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\\s*$"}


@dataclass(frozen=True)
class Number(Kind):
    """A number from `low` to `high`, both included; None is no limit. Text of digits is a warning.

    Attributes:
        whole: "always" (a fraction is an error), "usual" (a warning) or "no".
        disputed: values that some of Vonage's documents allow and others do not: a warning.
        clamps: a value out of range is a warning, since Vonage uses the nearest limit.
        tenths: more than one decimal place is an error.
    """

    low: float | None = None
    high: float | None = None
    whole: str = "always"
    disputed: tuple[float, ...] = ()
    clamps: bool = False
    tenths: bool = False
    unit: str = ""

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        number = as_number(value)
        if number is None:
            return [wrong_type(value, "a number", f"Write {self._expected()}, without quotes.")]
        issues = []
        if isinstance(value, str):
            fix = Fix(f"Write {shown(number)} without quotes.", "characters", shown(number))
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
        issues = []
        if self.tenths and abs(number * 10 - round(number * 10)) > 1e-6:
            issues.append(
                fault(
                    "N119",
                    f"{shown(number)} has more than one decimal place.",
                    Fix(f"Write {round(number, 1)}.", "characters", str(round(number, 1))),
                )
            )
        if self.whole != "no":
            code = "N118" if self.whole == "always" else "N957"
            issues.append(fault(code, f"{shown(number)} is not a whole number.", f"Write {self._expected()}."))
        return issues

    def _expected(self) -> str:
        noun = ("a number" if self.whole == "no" else "a whole number") + (f" of {self.unit}" if self.unit else "")
        if self.high is None:
            return noun if self.low is None else f"{noun}, {self.low} or more"
        return f"{noun} from {self.low} to {self.high}"

    def read(self, value: object) -> object:
        """Text of digits becomes a number, a whole float an int."""
        number = as_number(value)
        if number is None:
            return value
        return int(number) if self.whole != "no" and isinstance(number, float) and number.is_integer() else number

    def json_schema(self) -> JsonSchema:
        """A number, or text of digits."""
        kind = "integer" if self.whole == "always" else "number"
        return {"type": [kind, "string"], "pattern": f"^(?:{_NUMERAL.pattern})$", **self.bounds()}

    def bounds(self) -> JsonSchema:
        """The keywords of its range in a JSON Schema; none when a value out of range is only a warning."""
        limits = self.disputed if self.low is None else (*self.disputed, self.low)
        bounds = {"minimum": min(limits, default=None), "maximum": self.high}
        return {} if self.clamps else {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True)
class Word(Kind):
    """One of a few words.

    Attributes:
        disputed: words that some of Vonage's documents allow, each with its cure: a warning.
        any_case: another case is a warning, not an error.
        other_words: folded word of another platform → the word here.
    """

    words: tuple[str, ...]
    disputed: Mapping[str, str] = field(default_factory=lambda: _NO_HINTS)
    any_case: bool = False
    other_words: Mapping[str, str] = field(default_factory=lambda: _NO_HINTS)

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if isinstance(value, str) and value in self.words:
            return []
        expected = listed([f'"{word}"' for word in self.words])
        if not isinstance(value, str):
            return [wrong_type(value, "text", f"Write {expected}.")]
        if value in self.disputed:
            return [fault("N956", f'Sources disagree on "{value}".', self.disputed[value])]
        if self.any_case and value.upper() in self.words:
            fix = Fix(f'Write "{value.upper()}".', "word", value.upper())
            return [fault("N955", f"{shown(value)} is not written as in the reference.", fix)]
        if words := self.words_in(value):
            cure: str | Fix = f"Write {', '.join(map(shown, words))}: each in quotes of its own."
        else:
            meant = self.other_words.get(folded(value)) or near(value, self.words)
            cure = Fix(f'Did you mean "{meant}"?', "word", meant) if meant else f"Write {expected}."
        return [fault("N109", f"{shown(value)} is not {expected}.", cure)]

    def words_in(self, value: object) -> tuple[str, ...]:
        """The words, each once, in their order."""
        words = tuple(dict.fromkeys(re.findall(r"[^\s,;|+&/]+", value))) if isinstance(value, str) else ()
        return words if len(words) > 1 and all(word in self.words for word in words) else ()

    def read(self, value: object) -> object:
        """Another case becomes the reference's where that is harmless."""
        is_other_case = self.any_case and isinstance(value, str) and value.upper() in self.words
        return value.upper() if isinstance(value, str) and is_other_case else value

    def json_schema(self) -> JsonSchema:
        """The words, including disputed ones."""
        lower = [word.lower() for word in self.words] if self.any_case else []
        return {"enum": [*self.words, *self.disputed, *lower]}


@dataclass(frozen=True)
class NonBlank(Kind):
    """Text that is not blank.

    Attributes:
        digits: a whole number instead is a warning, not an error.
        may_be_blank: blank text is a warning, not an error.
    """

    noun: str = "text"
    digits: bool = False
    may_be_blank: bool = False

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if self.digits and _is_whole_number(value):
            return [fault("N953", f"{shown(value)} is a number.", f'Write "{shown(value)}".')]
        if not isinstance(value, str):
            return [wrong_type(value, "text", f"Write {self.noun} in quotes.")]
        code = "N914" if self.may_be_blank else "N122"
        return [] if value.strip() else [fault(code, f"{shown(value)} is empty.", f"Write {self.noun}.")]

    def read(self, value: object) -> object:
        """A number becomes text where digits are usual."""
        return str(value) if self.digits and _is_whole_number(value) else value

    def json_schema(self) -> JsonSchema:
        """Text, or a whole number where digits are usual."""
        schema: JsonSchema = {"type": ["string", "integer"] if self.digits else "string"}
        return schema if self.may_be_blank else schema | {"pattern": "\\S"}


class SpokenText(Kind):
    """A text that is spoken, plain or SSML; empty text is a warning. For length and tags see `app.ncco.ssml`."""

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if not isinstance(value, str):
            return [wrong_type(value, "text", "Write what is to be said in quotes.")]
        return [] if value.strip() else [fault("N914", "The text is empty.")]

    def json_schema(self) -> JsonSchema:
        """Text."""
        return {"type": "string"}


@dataclass(frozen=True)
class LanguageCode(Kind):
    """A BCP-47 code in any case; one that is not in the list is a warning.

    Attributes:
        code: the rule that a language outside the list breaks.
        known: the list, in lower case.
        codes: the list as the guides write it.
    """

    code: str
    known: frozenset[str]
    codes: tuple[str, ...]

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if not isinstance(value, str):
            return [wrong_type(value, "text", "Write language and region joined by a hyphen, e.g. en-GB.")]
        if value.lower() in self.known:
            return []
        if not BCP47.fullmatch(value):
            return [fault("N117", f"{shown(value)} is not a BCP-47 code.", self._cure(value))]
        return [fault(self.code, f"{shown(value)} is not in the list of languages.", self._cure(value))]

    def _cure(self, value: str) -> str | Fix | None:
        """Another separator, or the regions of the same language: the same region, then the most usual ones first."""
        hyphened = value.strip().replace("_", "-").lower()
        if hyphened in self.known:
            code = next(code for code in self.codes if code.lower() == hyphened)
            return Fix(f"Write {code}.", "word", code)
        language, _, region = hyphened.partition("-")
        language, region = LANGUAGE_NAMES.get(language, language), {"uk": "gb"}.get(region, region)
        names = {language, *(code for codes in SAME_LANGUAGE if language in codes for code in codes)}
        same = [code for code in self.codes if code.lower().partition("-")[0] in names]
        same.sort(key=lambda code: (not code.lower().endswith(f"-{region}"), code not in USUAL_CODES))
        return Fix(f"Write {listed(same[:3])}.", "word", same[0]) if same else None

    def json_schema(self) -> JsonSchema:
        """A BCP-47 code; the list is given as examples."""
        return {"type": "string", "pattern": f"^{BCP47.pattern}$", "examples": list(self.codes)}


VOICE_LANGUAGE = LanguageCode("N905", frozenset(VOICES_BY_CODE), tuple(sorted(VOICES)))
SPEECH_LANGUAGE = LanguageCode("N906", RECOGNISED_CODES, tuple(sorted(RECOGNISED)))


def _in_quotes(value: object) -> Fix | None:
    """The fix of a number or a flag that has to be text."""
    is_plain = isinstance(value, (bool, int, float))
    return Fix("Put it in quotes.", "characters", json.dumps(json.dumps(value))) if is_plain else None


@dataclass(frozen=True)
class FreeForm(Kind):
    """An object with any keys and values.

    Attributes:
        text_only: a value that is not text is a warning.
        or_list: an array is valid as well.
    """

    text_only: bool = False
    or_list: bool = False

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if not isinstance(value, dict) and not (self.or_list and isinstance(value, list)):
            return [wrong_type(value, "an object", 'Write an object, e.g. {"key": "value"}.')]
        if reason := unwritable(value):
            return [fault("N125", f"The object cannot be written as JSON: {reason}.")]
        if not self.text_only or not isinstance(value, dict):
            return []
        odd = {name: entry for name, entry in value.items() if not isinstance(entry, str)}
        return [
            fault("N963", f"{shown(entry)} is not text.", _in_quotes(entry)).inside(name) for name, entry in odd.items()
        ]

    def json_schema(self) -> JsonSchema:
        """An object."""
        return {"type": ["object", "array"] if self.or_list else "object"}


class StandardHeaders(Kind):
    """The standard SIP headers: User-to-User alone. Source: NCCO reference, SIP (standardHeaders)."""

    def check(self, value: object) -> list[Issue]:
        """One header of at most 256 printable ASCII characters."""
        if not isinstance(value, dict):
            cure = 'Write one key, "User-to-User", with at most 256 printable ASCII characters.'
            return [wrong_type(value, "an object", cure)]
        if not value:
            return [fault("N124", "The object is empty.")]
        faults = {name: self._header_fault(name, entry) for name, entry in value.items()}
        return [fault("N124", f"{shown(str(name))} {each}.").inside(name) for name, each in faults.items() if each]

    def _header_fault(self, name: object, entry: object) -> str | None:
        if name != USER_TO_USER:
            return "is not a standard header that Vonage sends"
        if not isinstance(entry, str):
            return "is not text"
        if len(entry) > 256:
            return f"has {len(entry)} characters; 256 is the limit"
        return None if all(" " <= character <= "~" for character in entry) else "holds a character that headers do not"

    def json_schema(self) -> JsonSchema:
        """One header."""
        return {
            "type": "object",
            "properties": {USER_TO_USER: {"type": "string", "pattern": "^[ -~]{0,256}$"}},
            "required": [USER_TO_USER],
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class ListOf(Kind):
    """An array.

    Attributes:
        low: fewest entries.
        high: most entries; None is no limit.
        usually_one: another number of entries within the limits is a warning.
        distinct: no entry may be repeated.
        noun: what the entries are called.
    """

    item: Kind
    low: int = 0
    high: int | None = None
    usually_one: bool = False
    distinct: bool = False
    noun: str = "entry"

    def check(self, value: object) -> list[Issue]:
        """An array of the right length, entry by entry; a single value is an error, and is checked all the same."""
        if isinstance(value, (str, dict)):
            return self._check_single(value)
        if not isinstance(value, list):
            return [wrong_type(value, "an array", "Write an array: [ ... ].")]
        issues = self._check_count(value)
        for index, entry in enumerate(value):
            if found := check_value(self.item, entry):
                issues += [issue.inside(index) for issue in found]
        return issues

    def _check_single(self, value: object) -> list[Issue]:
        """A value that is not an array. If it cannot be an entry either, the cure says what an entry is."""
        message = f"{shown(value)} is not an array."
        if isinstance(value, str) and value.lstrip().startswith("["):
            return [fault("N110", message, "Write the array itself, not text that holds it.")]
        found = check_value(self.item, value)
        wrong = next((issue for issue in found if issue.code == "N107" and issue.path == ""), None)
        words = self.item.words_in(value)
        if wrong:
            return [fault("N110", message, f"{wrong.cure.removesuffix('.')}, in square brackets.")]
        entries = (shown(each) if isinstance(each, str) else "{ ... }" for each in words or (value,))
        cure = f"Write [{', '.join(entries)}]."
        fix = Fix(cure, "characters", json.dumps(words, ensure_ascii=False)) if words else Fix(cure, "wrap")
        return [fault("N110", message, fix), *(() if words else found)]

    def _check_count(self, value: list[object]) -> list[Issue]:
        count = len(value)
        if count < self.low:
            return [fault("N111", f"The array has no {self.noun}.", f"Write one {self.noun} in it.")]
        if self.high is not None and count > self.high:
            return [
                fault("N111", f"The array has {count} entries; {self.high} is the limit.", f"Leave {self.high} in it.")
            ]
        if count != 1 and self.usually_one:
            return [fault("N959", f"The array has {f'{count} URLs' if value else 'no URL'}.")]
        if self.distinct and any(entry in value[:index] for index, entry in enumerate(value)):
            return [fault("N111", "The array repeats an entry.", "Write each entry once.")]
        return []

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shapes of the entries."""
        return self.item.shapes_inside()

    def read(self, value: object) -> object:
        """A single value becomes an array of one."""
        entries = value if isinstance(value, (list, tuple)) else [value]
        return [self.item.read(entry) for entry in entries]

    def json_schema(self) -> JsonSchema:
        """An array."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema()}
        schema |= {"minItems": self.low} if self.low else {}
        schema |= {"maxItems": self.high} if self.high is not None else {}
        return schema | ({"uniqueItems": True} if self.distinct else {})


@dataclass(frozen=True)
class OneOrList(Kind):
    """A value that Vonage's documents show both alone and in an array of one."""

    item: Kind

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        kind = ListOf(self.item, usually_one=True) if isinstance(value, list) else self.item
        return check_value(kind, value)

    def read(self, value: object) -> object:
        """As it is written."""
        return [self.item.read(entry) for entry in value] if isinstance(value, list) else self.item.read(value)

    def json_schema(self) -> JsonSchema:
        """Either way."""
        single = self.item.json_schema()
        return {"anyOf": [single, {"type": "array", "items": single}]}
