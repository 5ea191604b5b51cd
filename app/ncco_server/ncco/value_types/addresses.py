"""URLs, and texts made of digits."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from ncco_server.issue import Issue, fault, listed, shown, wrong_type
from ncco_server.ncco.value_types.kind import Escape, JsonSchema, Kind
from ncco_server.ncco.value_types.scalars import is_whole_number

LOCAL_URL: Final = "N925"
"""While a call is developed, a virtual Vonage on this machine reaches such a URL."""


def as_digits(value: object) -> object:
    """Only a whole number changes."""
    return shown(value) if is_whole_number(value) else value


def digits_as_number(value: object, text: str) -> list[Issue]:
    return [] if isinstance(value, str) else [fault("N953", f"{text} is a number.", write_text(text))]


def write_text(text: str) -> str:
    return f'Write "{text}".'


_URL = re.compile(r"(?:https?|wss?)://[^\s/?#\\\"<>^`{|}@]+(?:[/?#][^\s\\\"<>^`{|}]*)?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[a-z]+://[^\s/?#@]+@", re.IGNORECASE)
_BLANKS_BEHIND_HOST = re.compile(r"[a-z]+://[^\s/?#]+[/?#]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_PARTS = re.compile(r"(?:([a-z][a-z0-9+.-]*):)?(?://([^/?#]*))?(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]+)(?::([0-9]*))?")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_ALLOWED_IN_URLS = "%/:?#[]@!$&'()*+,;=-._~"
_NOT_IN_URLS = re.compile(r"[<>\"{}|\\^`]")
_OTHER_SCHEME = re.compile(r"(https?|wss?)://([^\s/]\S*)")
_BROKEN_SCHEME = re.compile(
    r"(?:h?t{0,2}ps?:/{0,3}|wss?:/{0,3}|//)((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?)", re.IGNORECASE
)
_BARE_HOST = re.compile(
    r"(?![^/]*\.(?:wav|ogg|php|html?|json)$)(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?", re.IGNORECASE
)
"""A host without a scheme, perhaps with a port and a path. Names of files do not match."""


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_private_address(text: str) -> bool:
    """Whether a text is an IP address that cannot be reached from the internet."""
    if not is_address(text):
        return False
    address = ipaddress.ip_address(text.partition("%")[0])
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


@dataclass(frozen=True)
class Url(Kind):
    """An absolute URL. Characters that should be percent-encoded, and a host that Vonage cannot reach, cause a warning.

    A cast accepts http, https, ws and wss in any case, whatever `schemes` the NCCO option allows. With
    `array_of_one`, an array with one URL causes only a warning.
    """

    schemes: tuple[str, ...] = ("http", "https")
    array_of_one: bool = False
    escape: Escape = field(default="url", compare=False, kw_only=True)

    name = "url"
    family = "text"
    begins_unknown = True

    @property
    def described(self) -> str:
        return f"a URL of {' or '.join(self.hosts)}" if self.hosts else "a URL"

    @property
    def sample(self) -> str:
        return f"https://{self.hosts[0] if self.hosts else 'example.com'}/sample"

    def cast(self, value: object) -> str:
        written = value.strip() if isinstance(value, str) and not _CONTROL.search(value) else ""
        if _URL.fullmatch(written):
            if self.hosts and urlsplit(written).hostname not in self.hosts:
                raise ValueError(f"{self.described} is needed")
            return written
        if _BLANKS_BEHIND_HOST.match(written) and _URL.fullmatch(written.replace(" ", "%20")):
            raise ValueError("a URL without spaces is needed: write %20 for each")
        if _CREDENTIALS.match(written):
            raise ValueError("a URL without user and password is needed: credentials in a URL are refused")
        raise ValueError(f"a URL is needed, such as {self.schemes[-1]}://example.com/hold.mp3")

    def check(self, value: object) -> list[Issue]:
        if self.array_of_one and isinstance(value, list) and len(value) == 1:
            inner = [issue.inside(0) for issue in Url(self.schemes).check(value[0])]
            url = json.dumps(value[0], ensure_ascii=False) if isinstance(value[0], str) else ""
            cure = "Leave out the square brackets." if url else None
            return [fault("N964", "An array is given where a single URL is required.", cure), *inner]
        if not isinstance(value, str):
            return [wrong_type(value, "a URL", self._url_meant(value))]
        if reason := self._fault(value):
            return [fault("N112", f"{shown(value)} {reason}.", self._url_meant(value))]
        if _NOT_IN_URLS.search(value) or not value.isascii():
            encoded = quote(value, safe=_ALLOWED_IN_URLS)
            cure = f"Write {shown(encoded)}."
            return [fault("N961", f"{shown(value)} has characters that are not allowed in a URL.", cure)]
        host = (urlsplit(value).hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost") or is_private_address(host):
            return [fault(LOCAL_URL, f"Vonage cannot reach {host}, which leads to this machine or your own network.")]
        return []

    def _fault(self, value: str) -> str | None:
        if _BLANK.search(value):
            return "contains spaces or control characters"
        parts = _PARTS.fullmatch(value)
        scheme, authority = (parts[1], parts[2]) if parts else (None, None)
        if scheme is None or scheme.lower() not in self.schemes or authority is None:
            return f"is not an absolute {listed([name + '://' for name in self.schemes])} URL"
        found = _AUTHORITY.fullmatch(authority)
        if not found or not re.search(r"\w", found[1]):
            return "names no host"
        return "has an invalid port" if found[2] and int(found[2][:9]) > 65535 else None

    def _url_meant(self, value: object) -> str:
        scheme = self.schemes[-1]
        bare = value.strip().strip("<>\"'") if isinstance(value, str) and len(value) < 200 else ""
        if bare and bare != value and self._fault(bare) is None:
            return f"Write {shown(bare)}."
        other = _OTHER_SCHEME.fullmatch(bare)
        if other and other[1] not in self.schemes:
            return write_text(f"{scheme}://{other[2]}")
        broken = _BROKEN_SCHEME.fullmatch(bare)
        if broken and self._fault(f"{scheme}://{broken[1]}") is None:
            return write_text(f"{scheme}://{broken[1]}")
        if _BARE_HOST.fullmatch(bare):
            return f'Write "{scheme}://{bare}".'
        return f"Write the whole URL, e.g. {scheme}://example.com/path."

    def normalised(self, value: object) -> object:
        return value[0] if self.array_of_one and isinstance(value, list) and len(value) == 1 else value

    def json_schema(self) -> JsonSchema:
        pattern = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in scheme) for scheme in self.schemes)
        single = {"type": "string", "pattern": f"^({pattern})://[^\\s/?#]\\S*$"}
        if not self.array_of_one:
            return single
        return {"anyOf": [single, {"type": "array", "items": single, "minItems": 1, "maxItems": 1}]}
