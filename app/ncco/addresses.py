"""The kinds of values that name a target: phone numbers, URLs, SIP URIs; also keys to press and the caller identity."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from app.ncco.issue import RULES, Fix, Issue, fault, listed, shown, wrong_type
from app.ncco.types import JsonSchema, Kind

E164 = re.compile(r"[1-9][0-9]{6,14}")


def _as_digits(value: object) -> object:
    """A whole number as text; anything else as it is."""
    return shown(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _digits_as_number(value: object, text: str) -> list[Issue]:
    return [] if isinstance(value, str) else [fault("N953", f"{text} is a number.", _write(text))]


def _write(text: str) -> Fix:
    return Fix(f'Write "{text}".', "word", text)


class PhoneNumber(Kind):
    """A number in E.164 format: 7 to 15 digits, the first not 0; a plus sign or a JSON number is a warning."""

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        text = _as_digits(value)
        if not isinstance(text, str):
            return [wrong_type(value, "a phone number", RULES["N113"].cure)]
        if E164.fullmatch(text):
            return _digits_as_number(value, text)
        if E164.fullmatch(text.removeprefix("+")):
            return [fault("N954", f"{shown(text)} begins with a plus sign.", _write(text[1:]))]
        digits = re.sub(r"\(0\)|[\s().\-/]", "", text[:40]).removeprefix("+").removeprefix("00")
        cure = _write(digits) if digits != text and E164.fullmatch(digits) else None
        return [fault("N113", f"{shown(text)} is not a number in E.164 format.", cure)]

    def read(self, value: object) -> object:
        """A number becomes text; the plus sign goes."""
        text = _as_digits(value)
        is_plus = isinstance(text, str) and text.startswith("+") and E164.fullmatch(text[1:])
        return text[1:] if isinstance(text, str) and is_plus else text

    def json_schema(self) -> JsonSchema:
        """The digits, also with a plus sign or as a number."""
        return {"type": ["string", "integer"], "pattern": "^\\+?[1-9][0-9]{6,14}$", "minimum": 10**6}


@dataclass(frozen=True)
class Keys(Kind):
    """Keys to press: one that ends a recording, or a sequence to send. A JSON number is a warning.

    Attributes:
        code: the rule that other text breaks.
        pattern: what the whole text must be, as a regular expression without anchors.
        may_be_empty: empty text is a warning, not an error.
    """

    code: str
    pattern: str
    may_be_empty: bool = False

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        text = _as_digits(value)
        if not isinstance(text, str):
            return [wrong_type(value, "text", RULES[self.code].cure)]
        if text == "" and self.may_be_empty:
            return [fault("N914", "There is nothing to send.", "Write the keys, or leave the option out.")]
        if re.fullmatch(self.pattern, text):
            return _digits_as_number(value, text)
        title = RULES[self.code].title
        meant = re.sub(r"[^0-9*#p]", "", text.lower().replace("w", "p").replace(",", "pppp"))
        cure = f'Write "{meant}".' if re.fullmatch(self.pattern, meant) else None
        return [fault(self.code, f"{shown(text)}: {title[0].lower()}{title[1:]}", cure)]

    def read(self, value: object) -> object:
        """A number becomes text."""
        return _as_digits(value)

    def json_schema(self) -> JsonSchema:
        """The keys, also as a number."""
        empty = "|" if self.may_be_empty else ""
        return {"type": ["string", "integer"], "pattern": f"^(?:{self.pattern}{empty})$", "minimum": 0}


END_KEY = Keys("N116", "[0-9*#]")
TONES = Keys("N115", "[0-9*#p]+", may_be_empty=True)

_JWT = r"[\w-]+\.[\w-]+\.[\w-]+"
_PARAMETERS = {"info": r"<\S+>", "alg": r'"?[A-Za-z0-9]+"?', "ppt": '"?shaken"?'}


class Shaken(Kind):
    """The content of a STIR/SHAKEN Identity header: a JWT, then info, alg and ppt.

    Source: NCCO reference, Connect (shaken).
    """

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if not isinstance(value, str):
            return [wrong_type(value, "text", RULES["N123"].cure)]
        token, *rest = (part.strip() for part in value.split(";"))
        given = {name.strip().lower(): entry.strip() for name, _, entry in (part.partition("=") for part in rest)}
        missing = [] if re.fullmatch(_JWT, token) else ["a JWT of header, payload and signature"]
        missing += [name for name, form in _PARAMETERS.items() if not re.fullmatch(form, given.get(name, ""))]
        return [fault("N123", f"The Identity header lacks {listed(missing, 'and')}.")] if missing else []

    def json_schema(self) -> JsonSchema:
        """Text that begins with a JWT."""
        return {"type": "string", "pattern": rf"^\s*{_JWT}\s*;"}


_URL = re.compile(r"(?:([a-z][a-z0-9+.-]*):)?(?://([^/?#]*))?(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]+)(?::([0-9]*))?")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_ALLOWED_IN_URLS = "%/:?#[]@!$&'()*+,;=-._~"
_NOT_IN_URLS = re.compile(r"[<>\"{}|\\^`]")
_OTHER_SCHEME = re.compile(r"(https?|wss?)://([^\s/]\S*)")
_BROKEN_SCHEME = re.compile(
    r"(?:h?t{0,2}ps?:/{0,3}|wss?:/{0,3}|//)((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?)", re.IGNORECASE
)
"""A scheme with a letter or a slash missing."""
_BARE_HOST = re.compile(
    r"(?![^/]*\.(?:wav|ogg|php|html?|json)$)(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?", re.IGNORECASE
)
"""Not the name of a file."""


@dataclass(frozen=True)
class Url(Kind):
    """An absolute URL of one of the schemes; characters that should be percent-encoded are a warning.

    Attributes:
        array_of_one: an array with one URL is a warning, not an error.
    """

    schemes: tuple[str, ...] = ("http", "https")
    array_of_one: bool = False

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if self.array_of_one and isinstance(value, list) and len(value) == 1:
            inner = [issue.inside(0) for issue in Url(self.schemes).check(value[0])]
            url = json.dumps(value[0], ensure_ascii=False) if isinstance(value[0], str) else ""
            cure = Fix("Leave out the square brackets.", "characters", url) if url else None
            return [fault("N964", "An array is given where a single URL is required.", cure), *inner]
        if not isinstance(value, str):
            return [wrong_type(value, "a URL", self._cure(value))]
        if reason := self._fault(value):
            return [fault("N112", f"{shown(value)} {reason}.", self._cure(value))]
        if _NOT_IN_URLS.search(value) or not value.isascii():
            encoded = quote(value, safe=_ALLOWED_IN_URLS)
            cure = Fix(f"Write {shown(encoded)}.", "word", encoded)
            return [fault("N961", f"{shown(value)} has characters that are not allowed in a URL.", cure)]
        return []

    def _fault(self, value: str) -> str | None:
        if _BLANK.search(value):
            return "holds blanks or control characters"
        parts = _URL.fullmatch(value)
        scheme, authority = (parts[1], parts[2]) if parts else (None, None)
        if scheme is None or scheme.lower() not in self.schemes or authority is None:
            return f"is not an absolute {listed([name + '://' for name in self.schemes])} URL"
        found = _AUTHORITY.fullmatch(authority)
        if not found or not re.search(r"\w", found[1]):
            return "names no host"
        return "names a port that does not exist" if found[2] and int(found[2][:9]) > 65535 else None

    def _cure(self, value: object) -> str | Fix:
        scheme = self.schemes[-1]
        bare = value.strip().strip("<>\"'") if isinstance(value, str) and len(value) < 200 else ""
        if bare and bare != value and self._fault(bare) is None:
            return Fix(f"Write {shown(bare)}.", "word", bare)
        other = _OTHER_SCHEME.fullmatch(bare)
        if other and other[1] not in self.schemes:
            return _write(f"{scheme}://{other[2]}")
        broken = _BROKEN_SCHEME.fullmatch(bare)
        if broken and self._fault(f"{scheme}://{broken[1]}") is None:
            return _write(f"{scheme}://{broken[1]}")
        if _BARE_HOST.fullmatch(bare):
            return f'Write "{scheme}://{bare}".'
        return f"Write the whole URL, e.g. {scheme}://example.com/path."

    def read(self, value: object) -> object:
        """An array with one URL becomes the URL where that is usual."""
        return value[0] if self.array_of_one and isinstance(value, list) and len(value) == 1 else value

    def json_schema(self) -> JsonSchema:
        """Text that begins with a scheme."""
        pattern = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in scheme) for scheme in self.schemes)
        single = {"type": "string", "pattern": f"^({pattern})://[^\\s/?#]\\S*$"}
        if not self.array_of_one:
            return single
        return {"anyOf": [single, {"type": "array", "items": single, "minItems": 1, "maxItems": 1}]}


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_SIP = re.compile(r"(sips?):(?:([^@\s]+)@)?([\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[;?]\S*)?", re.IGNORECASE)


class SipUri(Kind):
    """A SIP URI, sip:user@host; without a user, or with sips, it is a warning."""

    def check(self, value: object) -> list[Issue]:
        """See `Kind`."""
        if not isinstance(value, str):
            return [wrong_type(value, "a SIP URI", RULES["N114"].cure)]
        found = _SIP.fullmatch(value)
        if not found:
            bare = re.fullmatch(r"[^\s@:]+@[\w.-]+", value)
            cure = Fix(f'Write "sip:{value}".', "word", f"sip:{value}") if bare and len(value) < 200 else None
            return [fault("N114", f"{shown(value)} is not of the form sip:user@host.", cure)]
        scheme, slashes, rest = value.partition("//")
        if slashes and scheme.endswith(":"):
            fix = Fix(f'Write "{scheme}{rest}".', "word", f"{scheme}{rest}")
            return [fault("N962", f"{shown(value)} has slashes after its scheme.", fix)]
        if found[2] is None or found[1].lower() != "sip":
            return [fault("N962", f"{shown(value)} is not of the form sip:user@host.")]
        return []

    def json_schema(self) -> JsonSchema:
        """Text that begins with sip:."""
        return {"type": "string", "pattern": "^[sS][iI][pP][sS]?:\\S+$"}
