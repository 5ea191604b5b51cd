"""Phone numbers: how people, spreadsheets and networks write them, and who withholds one."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import phonenumbers

from ncco_server.issue import RULES, Issue, fault, shown, wrong_type
from ncco_server.ncco.value_types.addresses import as_digits, digits_as_number, write_text
from ncco_server.ncco.value_types.kind import Escape, JsonSchema, Kind

E164 = re.compile(r"[1-9][0-9]{6,14}")

FILLING: Final = (
    r"\s./\\()\[\]\u00ad\u058a\u05be\u061c\u1400\u1806\u180e\u200b-\u2015\u202a-\u202e\u2043\u2060-\u206f\u2212"
    r"\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\ufeff\-"
)
"""For a character set: blanks, dashes, dots, slashes, brackets, and marks of formatting that nobody sees.

Source: Unicode, categories Zs, Pd and Cf.
"""
_FILLING: Final = re.compile(f"[{FILLING}]")
_TRUNK: Final = re.compile(r"\(\s*0\s*\)")
_QUOTES: Final = "'`\u2018\u2019"
_CELL: Final = re.compile(r'="(.*)"')
"""A text that a spreadsheet must not change."""
_SHORTENED: Final = re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+")
_COMPUTED: Final = re.compile(r"-\d+([.,]\d+)?")
"""What a spreadsheet makes of +44-20-79460000."""
_DECIMALS: Final = re.compile(r"(\+?\d{7,})[.,](\d{1,6})")
_NO_DOTS: Final = re.compile(f"[{FILLING.replace('.', '', 1)}]")
_LEAST_UNMARKED: Final = 9
"""Shorter digits are often a date or something else. Our choice."""
_OFTEN_NATIONAL: Final = 10
"""Most national numbers are not longer, and most international ones are."""

_COUNTRIES: Final = phonenumbers.COUNTRY_CODE_TO_REGION_CODE

NEEDED: Final = "a phone number is needed: 7 to 15 digits with the country code, such as 447700900123"
_CODE_NEEDED: Final = "a phone number is needed with its country code, such as 447700900123 for 07700 900123"

WITHHELD: Final = ("anonymous", "unknown", "restricted", "private", "unavailable")
"""What networks send instead of the number of a caller who withholds it, in any case."""
_KEYPAD: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_NOBODY: Final = frozenset(
    {"", *WITHHELD, *(before + word.translate(_KEYPAD) for before in ("", "00") for word in WITHHELD)}
)
"""Some networks send the keys of the words: 266696687 for anonymous. No country has such numbers."""
_USER: Final = re.compile(r"(?:[^<]*<)?\s*(?:(?:sips?|tel):)?([^@;:>]*)", re.IGNORECASE)
"""Before a password, if there is one."""

_EXAMPLE: Final = re.compile(
    r"447700900\d{3}|442079460\d{3}|441632960\d{3}|44(?:11[3-8]|1[2-6]1)4960\d{3}|1\d{3}55501\d{2}"
)
"""Sources: Ofcom, telephone numbers for drama use; North American Numbering Plan, line numbers 555-0100 to 0199."""


def is_example_number(number: str) -> bool:
    """Whether it is reserved for examples, and so belongs to nobody."""
    return _EXAMPLE.fullmatch(number) is not None


def _user_of(caller: str) -> str:
    """The user of a SIP or tel URI, which may be in <>; any other text is unchanged."""
    found = _USER.match(caller)
    return unquote(found[1]).strip() if found is not None else caller


def is_withheld(caller: str) -> bool:
    """Whether `from` stands for nobody: "", `Anonymous`, `sip:anonymous@anonymous.invalid`, `+266696687`, ..."""
    if (bare := caller.removeprefix("+")).isdecimal():
        return bare in _NOBODY
    return caller in _NOBODY or _user_of(caller).strip("\"' +").lower() in _NOBODY


@lru_cache(maxsize=256)
def number_of_caller(caller: str, line: str = "") -> str:
    """The digits in `from`, also in those of a SIP URI; "" for a withheld number or another name."""
    try:
        return read_number(_user_of(caller), line)
    except ValueError:
        return ""


def digits_in(written: str) -> str:
    """The digits of a number, or of the beginning or a part of one; any other text is unchanged."""
    with suppress(ValueError):
        return read_number(written)
    text = _unwrapped(written)
    digits = "" if _decimals_of(text) else _FILLING.sub("", text)
    bare = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    return bare if bare.isascii() and bare.isdecimal() else written


def _unwrapped(written: str) -> str:
    text = written.strip()
    text = cell[1] if (cell := _CELL.fullmatch(text)) is not None else text
    text = text[1:] if text[:1] and text[0] in _QUOTES else text
    return text[4:] if text[:4].lower() == "tel:" else text


def read_number(written: object, line: str = "") -> str:
    """The digits with the country code; see `Phone`. Every way in uses this.

    Args:
        written: as a person, a program or a spreadsheet writes a number.
        line: a number of the country whose national numbers are accepted; without one, none are.

    Raises ValueError, which says what is needed and never contains the value.
    """
    if isinstance(written, float):
        raise ValueError("a phone number is needed as text, such as 447700900123 in quotes, without decimals")
    if not isinstance(written, str | int) or isinstance(written, bool):
        raise ValueError("a phone number is needed, such as 447700900123")
    text = str(as_digits(written))
    is_named = text.strip() and is_withheld(text)
    bare = text.removeprefix("+")  # the usual forms first, since files have thousands
    is_plain = E164.fullmatch(bare) and (not line or len(bare) > _OFTEN_NATIONAL or bare != text)
    digits = bare if is_named or is_plain else _digits(_unwrapped(text), line)
    if is_named or digits in _NOBODY:
        raise ValueError("a phone number is needed: this stands for a withheld one")
    number = without_trunk_prefix(digits)
    if number != digits and not _TRUNK.search(text):
        raise ValueError(
            f"a phone number is needed without the digits that are only dialled within its country: {number}"
        )
    return number


def _digits(text: str, line: str) -> str:
    """Perhaps with a trunk prefix behind the country code. Raises ValueError."""
    if _SHORTENED.fullmatch(text):
        raise ValueError(
            "a phone number with all its digits is needed: a spreadsheet has shortened this one, so make its column "
            "one of text, and write the number again"
        )
    if _COMPUTED.fullmatch(text):
        raise ValueError(
            "a phone number is needed: a spreadsheet has computed this one from + and -, so make its column one of "
            "text, and write the number again"
        )
    if (decimals := _decimals_of(text)) is not None:
        text = _without_decimals(text, *decimals)
    plain = _FILLING.sub("", text)
    digits = plain.removeprefix("+") if plain.startswith("+") else plain.removeprefix("00")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 2 * 15:
        raise ValueError(NEEDED)
    if digits == plain and (region := _region_of(line)):
        digits = _in_country(digits, region, is_plain=digits == text)
    if E164.fullmatch(digits):
        return digits
    raise ValueError(_CODE_NEEDED if digits.startswith("0") else NEEDED)


def _decimals_of(text: str) -> tuple[str, str] | None:
    """What is before and after a decimal separator. With blanks or dashes too, only zeros are decimals."""
    found = _DECIMALS.fullmatch(text) or _DECIMALS.fullmatch(_NO_DOTS.sub("", text))
    return (found[1], found[2]) if found and (found[0] == text or not found[2].strip("0")) else None


def _without_decimals(text: str, whole: str, decimals: str) -> str:
    """A program writes `.0` behind a number, and a person perhaps a dot within one. Raises ValueError."""
    is_zero = not decimals.strip("0")
    has_more_digits = "." in text and _is_possible(whole + decimals)
    if is_zero and (len(decimals) == 1 or not has_more_digits):
        return whole
    if has_more_digits and not _is_possible(whole):
        return text
    raise ValueError("a phone number is needed without decimals, such as 447700900123")


def _in_country(digits: str, region: str, *, is_plain: bool) -> str:
    """A national number with its country code; `is_plain` if it was written without blanks or dashes.

    Digits alone have their country code, and with blanks too where people write national numbers with a 0 before
    them. Raises ValueError if they are probably a national number that lacks this 0, or its country code.
    """
    has_zero = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) == "0"
    try:
        found = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return digits
    length = phonenumbers.is_possible_number_with_reason(found)
    if length == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY and not _is_possible(digits):
        raise ValueError(_CODE_NEEDED)
    if length != phonenumbers.ValidationResult.IS_POSSIBLE:
        return digits
    national = f"{found.country_code}{phonenumbers.national_significant_number(found)}"
    if digits.startswith("0"):
        if without_trunk_prefix(national) != national:
            raise ValueError(_CODE_NEEDED)
        return national
    if not (is_plain or has_zero):
        return national
    is_whole = _is_possible(digits)
    is_doubtful = len(digits) <= _OFTEN_NATIONAL and phonenumbers.is_valid_number(found) and not _is_valid(digits)
    if national != digits and E164.fullmatch(digits) and (is_doubtful or not is_whole):
        raise ValueError(_CODE_NEEDED)
    return digits


def _parsed(digits: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(f"+{digits.removeprefix('+')}")
    except phonenumbers.NumberParseException:
        return None


def _is_possible(digits: str) -> bool:
    """A number without its area code is not."""
    return (found := _parsed(digits)) is not None and (
        phonenumbers.is_possible_number_with_reason(found) == phonenumbers.ValidationResult.IS_POSSIBLE
    )


def _is_valid(digits: str) -> bool:
    return (found := _parsed(digits)) is not None and phonenumbers.is_valid_number(found)


def parts_of_number(number: str) -> tuple[str, str, list[str]]:
    """The country code, the national number, and the digits that stand for the number within its country.

    These leave out the national number itself where it could be somebody's number with another country code.
    """
    found = _parsed(number)
    if found is None:
        return "", number, []
    national = phonenumbers.national_significant_number(found)
    prefix = phonenumbers.ndd_prefix_for_region(_region_of(number), strip_non_digits=True) or ""
    dialled = [f"{prefix}{national}"] if prefix else []
    dialled += [national] if len(national) >= _LEAST_UNMARKED else []
    return str(found.country_code), national, [each for each in dialled if each != number and not _is_valid(each)]


@lru_cache(256)
def _region_of(line: str) -> str:
    """The country of a number, such as GB; "" if it has none."""
    if not E164.fullmatch(line) or (found := _parsed(line)) is None:
        return ""
    return phonenumbers.region_code_for_number(found) or phonenumbers.region_code_for_country_code(
        found.country_code or 0
    )


@lru_cache(4096)
def without_trunk_prefix(digits: str) -> str:
    """Leave out digits that are only dialled within the country: 449098790000 for 4409098790000.

    Some networks ignore them, so they would hide which number is dialled. Numbers to which they belong (Italy, free
    numbers of Botswana), of fewer than 7 digits then, or without a known country code are unchanged.
    """
    found = _parsed(digits) if _may_have_trunk_prefix(digits) else None
    if found is None:
        return digits
    national = phonenumbers.national_significant_number(found)
    if national.startswith("0") and not (
        phonenumbers.is_valid_number(found) or _may_begin_with_zero(found.country_code)
    ):
        national = national.lstrip("0")
    plain = f"{found.country_code}{national}"
    return plain if E164.fullmatch(plain) else digits


def _may_have_trunk_prefix(digits: str) -> bool:
    """A first look, which takes a twentieth of the time of parsing."""
    code = next((int(digits[:size]) for size in (1, 2, 3) if int(digits[:size]) in _COUNTRIES), None)
    return code is not None and _trunk_prefix(code).match(digits, len(str(code))) is not None


@lru_cache(None)
def _trunk_prefix(country_code: int) -> re.Pattern[str]:
    """What parsing leaves out of the beginning of a national number, or a 0."""
    region = _COUNTRIES[country_code][0]
    found = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
    return re.compile(f"0|{found.national_prefix_for_parsing}" if found and found.national_prefix_for_parsing else "0")


@lru_cache
def _may_begin_with_zero(country_code: int) -> bool:
    regions = _COUNTRIES[country_code]
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    typical = [phonenumbers.example_number_for_type(region, kind) for region in regions for kind in kinds]
    return any(number is not None and number.italian_leading_zero for number in typical)


@dataclass(frozen=True)
class Phone(Kind):
    """A phone number: 7 to 15 digits, the first not 0, and none that are only dialled within the country.

    In an NCCO it must be in E.164 format. A plus sign or a JSON number causes a warning.
    """

    escape: Escape = field(default="number", compare=False, kw_only=True)

    name = "phone"
    family = "text"
    described = "a phone number"
    sample = "447700900123"
    begins_unknown = True
    input_type = "tel"

    def cast(self, value: object) -> str:
        """Leave out blanks, dashes, dots, slashes, brackets, `(0)`, `tel:`, `.0`, a leading `+`, `00` or apostrophe."""
        return read_number(value)

    def cast_at(self, value: object, line: str) -> str:
        return read_number(value, line)

    def check(self, value: object) -> list[Issue]:
        text = as_digits(value)
        if not isinstance(text, str):
            return [wrong_type(value, "a phone number", RULES["N113"].fix)]
        number = _meant(text)
        if number == text:
            return digits_as_number(value, text)
        if number == text.removeprefix("+"):
            return [fault("N954", f"{shown(text)} begins with a plus sign.", write_text(number))]
        cure = write_text(number) if number is not None else None
        return [fault("N113", f"{shown(text)} is not a number in E.164 format.", cure)]

    def normalised(self, value: object) -> object:
        text = as_digits(value)
        is_plus = isinstance(text, str) and text.startswith("+") and E164.fullmatch(text[1:])
        return text[1:] if isinstance(text, str) and is_plus else text

    def json_schema(self) -> JsonSchema:
        return {"type": ["string", "integer"], "pattern": "^\\+?[1-9][0-9]{6,14}$", "minimum": 10**6}


@dataclass(frozen=True)
class CallerId(Phone):
    """What a called party sees. Only for a phone must it be a phone number, which `caller_id` checks."""

    def cast(self, value: object) -> str:
        return self.cast_at(value, "")

    def cast_at(self, value: object, line: str) -> str:
        try:
            return super().cast_at(value, line)
        except ValueError:
            return str(value)

    def check(self, value: object) -> list[Issue]:
        return [issue for issue in super().check(value) if issue.code != "N113"]

    def json_schema(self) -> JsonSchema:
        return {"type": ["string", "integer"]}


def _meant(text: str) -> str | None:
    """Leave out a trunk prefix only if the result has a length that its country uses; None if it is nobody's number."""
    try:
        digits = text if E164.fullmatch(text) else _digits(_unwrapped(text), "")
    except ValueError:
        return None
    if digits in _NOBODY:
        return None
    plain = without_trunk_prefix(digits)
    return plain if plain == digits or _is_possible(plain) else digits
