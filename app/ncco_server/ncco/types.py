"""The kinds of values that only NCCO options have."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ncco_server.issue import RULES, Issue, fault, listed, shown, wrong_type
from ncco_server.ncco.languages import (
    LANGUAGE_NAMES,
    RECOGNISED,
    RECOGNISED_CODES,
    SAME_LANGUAGE,
    USUAL_CODES,
    VOICES,
    VOICES_BY_CODE,
)
from ncco_server.ncco.value_types import Escape, JsonSchema, ListOf, MapOf, PlainText
from ncco_server.ncco.value_types.addresses import as_digits, digits_as_number
from ncco_server.ncco.value_types.kind import check_value, unwritable
from ncco_server.ncco.value_types.scalars import is_whole_number

USER_TO_USER = "User-to-User"
_NUMBER = re.compile(r"\+?[0-9][0-9 ]*")
BCP47 = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class NonBlank(PlainText):
    """Text that is not blank.

    Attributes:
        digits: whether a whole number causes only a warning, because the value usually consists of digits.
        may_be_blank: whether blank text causes only a warning.
    """

    noun: str = "text"
    digits: bool = False
    may_be_blank: bool = False

    def check(self, value: object) -> list[Issue]:
        if self.digits and is_whole_number(value):
            return [fault("N953", f"{shown(value)} is a number.", f'Write "{shown(value)}".')]
        if not isinstance(value, str):
            return [wrong_type(value, "text", f"Write {self.noun} in quotes.")]
        code = "N914" if self.may_be_blank else "N122"
        return [] if value.strip() else [fault(code, f"{shown(value)} is empty.", f"Write {self.noun}.")]

    def normalised(self, value: object) -> object:
        return str(value) if self.digits and is_whole_number(value) else value

    def json_schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": ["string", "integer"] if self.digits else "string"}
        return schema if self.may_be_blank else schema | {"pattern": "\\S"}


class ConversationId(NonBlank):
    """Digits alone, which are a phone number, cause a warning."""

    def check(self, value: object) -> list[Issue]:
        is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
        return [fault("N923", f"{shown(value)} is a phone number.")] if is_number else super().check(value)


class SpokenText(PlainText):
    """Plain text or SSML; `ncco_server.ncco.ssml` checks more. Empty text causes a warning."""

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "text", "Put the text to say in quotes.")]
        return [] if value.strip() else [fault("N914", "The text is empty.")]

    def json_schema(self) -> JsonSchema:
        return {"type": "string"}


@dataclass(frozen=True)
class LanguageCode(PlainText):
    """A BCP-47 code, in upper or lower case. One that is not in the list causes a warning.

    Attributes:
        code: the rule for a language that is not in the list, such as `N905`.
        known: the list, in lower case.
        codes: the list, spelt as in the guides.
    """

    code: str
    known: frozenset[str]
    codes: tuple[str, ...]

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "text", "Write language and region joined by a hyphen, e.g. en-GB.")]
        if value.lower() in self.known:
            return []
        if not BCP47.fullmatch(value):
            return [fault("N117", f"{shown(value)} is not a BCP-47 code.", self._cure(value))]
        return [fault(self.code, f"{shown(value)} is not in the list of languages.", self._cure(value))]

    def _cure(self, value: str) -> str | None:
        hyphened = value.strip().replace("_", "-").lower()
        if hyphened in self.known:
            code = next(code for code in self.codes if code.lower() == hyphened)
            return f"Write {code}."
        language, _, region = hyphened.partition("-")
        language = LANGUAGE_NAMES.get(language, language)
        region = {"uk": "gb"}.get(region, region)
        names = {language, *(code for codes in SAME_LANGUAGE if language in codes for code in codes)}
        same = [code for code in self.codes if code.lower().partition("-")[0] in names]
        same.sort(key=lambda code: (not code.lower().endswith(f"-{region}"), code not in USUAL_CODES))
        return f"Write {listed(same[:3])}." if same else None

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{BCP47.pattern}$", "examples": list(self.codes)}


VOICE_LANGUAGE = LanguageCode("N905", frozenset(VOICES_BY_CODE), tuple(sorted(VOICES)))
SPEECH_LANGUAGE = LanguageCode("N906", RECOGNISED_CODES, tuple(sorted(RECOGNISED)))


def _in_quotes(value: object) -> str | None:
    is_plain = isinstance(value, (bool, int, float))
    return "Put it in quotes." if is_plain else None


@dataclass(frozen=True)
class FreeForm(MapOf):
    """An object with any keys and values; with `or_list`, an array is valid too, and with `any_value`, everything.

    Attributes:
        text_only: whether a value that is not text causes a warning.
    """

    text_only: bool = False
    or_list: bool = False
    any_value: bool = False

    def check(self, value: Any) -> list[Issue]:
        if not (isinstance(value, dict) or self.any_value or (self.or_list and isinstance(value, list))):
            return [wrong_type(value, "an object", 'Write an object, e.g. {"key": "value"}.')]
        if reason := unwritable(value):
            return [fault("N125", f"The object cannot be written as JSON: {reason}.")]
        if not self.text_only:
            return []
        odd = {name: entry for name, entry in value.items() if not isinstance(entry, str)}
        return [
            fault("N963", f"{shown(entry)} is not text.", _in_quotes(entry)).inside(name) for name, entry in odd.items()
        ]

    def json_schema(self) -> JsonSchema:
        if self.any_value:
            return {"type": ["object", "array", "string", "number", "boolean"]}
        return {"type": ["object", "array"] if self.or_list else "object"}


class StandardHeaders(MapOf):
    """Standard SIP headers: only User-to-User, with at most 256 printable ASCII characters.

    Source: NCCO reference, SIP (standardHeaders).
    """

    def check(self, value: object) -> list[Issue]:
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
        return (
            None if all(" " <= character <= "~" for character in entry) else "has a character that a header cannot have"
        )

    def json_schema(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {USER_TO_USER: {"type": "string", "pattern": "^[ -~]{0,256}$"}},
            "required": [USER_TO_USER],
            "additionalProperties": False,
        }


class OneOrList(ListOf):
    """A value that Vonage's documents show both alone and in an array of one."""

    def check(self, value: object) -> list[Issue]:
        kind = ListOf(self.entry, usually_one=True) if isinstance(value, list) else self.entry
        return check_value(kind, value)

    def normalised(self, value: object) -> object:
        normalised = self.entry.normalised
        return [normalised(each) for each in value] if isinstance(value, list) else normalised(value)

    def json_schema(self) -> JsonSchema:
        single = self.entry.json_schema()
        return {"anyOf": [single, {"type": "array", "items": single}]}


@dataclass(frozen=True)
class Keys(PlainText):
    """One key that ends a recording, or several to send. A JSON number causes a warning.

    Attributes:
        code: the rule for invalid text.
        pattern: a regular expression for the whole text, without anchors. If it matches "", that causes a warning.
    """

    code: str
    pattern: str
    escape: Escape = field(default="number", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        text = as_digits(value)
        if not isinstance(text, str):
            return [wrong_type(value, "text", RULES[self.code].fix)]
        if re.fullmatch(self.pattern, text):
            nothing = fault("N914", "There is nothing to send.", "Write the keys, or leave the option out.")
            return digits_as_number(value, text) if text else [nothing]
        title = RULES[self.code].title
        meant = re.sub(r"[^0-9*#p]", "", text.lower().replace("w", "p").replace(",", "pppp"))
        cure = f'Write "{meant}".' if meant and re.fullmatch(self.pattern, meant) else None
        return [fault(self.code, f"{shown(text)}: {title[0].lower()}{title[1:]}", cure)]

    def normalised(self, value: object) -> object:
        return as_digits(value)

    def json_schema(self) -> JsonSchema:
        return {"type": ["string", "integer"], "pattern": f"^{self.pattern}$", "minimum": 0}


END_KEY = Keys("N116", "[0-9*#]")
TONES = Keys("N115", "[0-9*#p]*")

_JWT = r"[\w-]+\.[\w-]+\.[\w-]+"
_PARAMETERS = {"info": r"<\S+>", "alg": r'"?[A-Za-z0-9]+"?', "ppt": '"?shaken"?'}


@dataclass(frozen=True)
class Shaken(PlainText):
    """The content of a STIR/SHAKEN Identity header: a JWT, followed by info, alg and ppt.

    Source: NCCO reference, Connect (shaken).
    """

    escape: Escape = field(default="header", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "text", RULES["N123"].fix)]
        token, *rest = (part.strip() for part in value.split(";"))
        given = {name.strip().lower(): entry.strip() for name, _, entry in (part.partition("=") for part in rest)}
        missing = [] if re.fullmatch(_JWT, token) else ["a JWT of header, payload and signature"]
        missing += [name for name, form in _PARAMETERS.items() if not re.fullmatch(form, given.get(name, ""))]
        return [fault("N123", f"The Identity header lacks {listed(missing, 'and')}.")] if missing else []

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": rf"^\s*{_JWT}\s*;"}


_SIP = re.compile(r"(sips?):(?:([^@\s]+)@)?([\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[;?]\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class SipUri(PlainText):
    """A SIP URI, sip:user@host. A missing user or the scheme sips causes a warning."""

    escape: Escape = field(default="url", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "a SIP URI", RULES["N114"].fix)]
        found = _SIP.fullmatch(value)
        if not found:
            bare = re.fullmatch(r"[^\s@:]+@[\w.-]+", value)
            cure = f'Write "sip:{value}".' if bare else None
            return [fault("N114", f"{shown(value)} is not of the form sip:user@host.", cure)]
        scheme, _, rest = value.partition(":")
        if rest.startswith("//"):
            fix = f'Write "{scheme}:{rest[2:]}".'
            return [fault("N962", f"{shown(value)} has slashes after its scheme.", fix)]
        if found[2] is None or found[1].lower() != "sip":
            return [fault("N962", f"{shown(value)} is not of the form sip:user@host.")]
        return []

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^[sS][iI][pP][sS]?:\\S+$"}
