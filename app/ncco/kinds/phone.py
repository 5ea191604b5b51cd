"""What only telephony knows: numbers, keys, caller identity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue, Rule
from app.ncco.kinds.kind import JsonSchema, Kind, wrong_type
from app.ncco.rules.advice import EMPTY_TEXT
from app.ncco.rules.manner import LEADING_PLUS, TEXT_AS_NUMBER
from app.ncco.rules.value import NOT_A_KEY, NOT_DTMF, NOT_E164, NOT_SHAKEN
from app.ncco.shown import listed, shown

E164 = re.compile(r"[1-9][0-9]{6,14}")


@dataclass(frozen=True)
class PhoneNumber(Kind):
    """A number in E.164 format: 7 to 15 digits, the first not 0."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """The digits alone; a leading plus sign, or a JSON number, is a warning."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = shown(value)
            if E164.fullmatch(value):
                yield TEXT_AS_NUMBER.at(path, f"{value} is a number.", f'Write "{value}".')
        if not isinstance(value, str):
            yield wrong_type(value, "a phone number", path, NOT_E164.cure)
        elif E164.fullmatch(value.removeprefix("+")):
            if value.startswith("+"):
                yield LEADING_PLUS.at(path, f"{shown(value)} begins with a plus sign.", f'Write "{value[1:]}".')
        else:
            yield NOT_E164.at(path, f"{shown(value)} is not a number in E.164 format.", _number_cure(value))

    def clean(self) -> CoreSchema:
        """The digits."""
        return core_schema.str_schema(pattern="^[1-9][0-9]{6,14}$", strict=True)

    def read(self, value: object) -> object:
        """A number becomes text; the plus sign goes."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = shown(value)
        is_plus = isinstance(value, str) and value.startswith("+") and E164.fullmatch(value[1:])
        return value[1:] if isinstance(value, str) and is_plus else value

    def json_schema(self) -> JsonSchema:
        """The digits, also with a plus sign or as a number."""
        return {"type": ["string", "integer"], "pattern": "^\\+?[1-9][0-9]{6,14}$", "minimum": 10**6}


def _number_cure(value: str) -> str | None:
    digits = re.sub(r"\(0\)|[\s().\-/]", "", value[:40]).removeprefix("+").removeprefix("00")
    return f'Write "{digits}".' if digits != value and E164.fullmatch(digits) else None


@dataclass(frozen=True)
class Keys(Kind):
    """Keys to press: one that ends a recording, or a sequence to send.

    Attributes:
        pattern: what the whole text must be, as a regular expression without anchors.
        rule: what is broken when it is not.
        may_be_empty: empty text is a warning, not an error.
    """

    pattern: str
    rule: Rule
    may_be_empty: bool = False

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """Text of keys; a JSON number is a warning."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = shown(value)
            if re.fullmatch(self.pattern, value):
                yield TEXT_AS_NUMBER.at(path, f"{value} is a number.", f'Write "{value}".')
        if not isinstance(value, str):
            yield wrong_type(value, "text", path, self.rule.cure)
        elif value == "" and self.may_be_empty:
            yield EMPTY_TEXT.at(path, "There is nothing to send.", "Write the keys, or leave the option out.")
        elif not re.fullmatch(self.pattern, value):
            yield self.rule.at(path, f"{shown(value)}: {self.rule.title[0].lower()}{self.rule.title[1:]}")

    def clean(self) -> CoreSchema:
        """The keys as text."""
        return core_schema.str_schema(pattern=f"^(?:{self.pattern})$", strict=True)

    def read(self, value: object) -> object:
        """A number becomes text."""
        return shown(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def json_schema(self) -> JsonSchema:
        """The keys, also as a number."""
        empty = "|" if self.may_be_empty else ""
        return {"type": ["string", "integer"], "pattern": f"^(?:{self.pattern}{empty})$", "minimum": 0}


END_KEY = Keys("[0-9*#]", NOT_A_KEY)
TONES = Keys("[0-9*#p]+", NOT_DTMF, may_be_empty=True)

_JWT = r"[\w-]+\.[\w-]+\.[\w-]+"
_PARAMETERS = {"info": r"<\S+>", "alg": r'"?[A-Za-z0-9]+"?', "ppt": '"?shaken"?'}


@dataclass(frozen=True)
class Shaken(Kind):
    """The content of a STIR/SHAKEN Identity header."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """A JWT, then info, alg and ppt. Source: NCCO reference, Connect (shaken)."""
        if not isinstance(value, str):
            yield wrong_type(value, "text", path, NOT_SHAKEN.cure)
            return
        token, *rest = (part.strip() for part in value.split(";"))
        given = {name.strip().lower(): entry.strip() for name, _, entry in (part.partition("=") for part in rest)}
        lacking = [] if re.fullmatch(_JWT, token) else ["a JWT of header, payload and signature"]
        lacking += [name for name, due in _PARAMETERS.items() if not re.fullmatch(due, given.get(name, ""))]
        if lacking:
            yield NOT_SHAKEN.at(path, f"The Identity header lacks {listed(lacking, 'and')}.")

    def clean(self) -> CoreSchema:
        """The header as the reference shows it."""
        pattern = r'^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+;info=<[^\s;]+>;alg=[A-Z0-9]+;ppt="?shaken"?$'
        return core_schema.str_schema(pattern=pattern, strict=True)

    def json_schema(self) -> JsonSchema:
        """Text."""
        return {"type": "string", "pattern": ";"}
