"""URLs, WebSocket and SIP URIs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue
from app.ncco.kinds.kind import JsonSchema, Kind, wrong_type
from app.ncco.rules.manner import ARRAY_OF_ONE, ODD_SIP_TARGET, ODD_URL
from app.ncco.rules.value import NOT_A_SIP_URI, NOT_A_URL
from app.ncco.shown import listed, shown

_PARTS = re.compile(r"(?:([a-z][a-z0-9+.-]*):)?(?://([^/?#]*))?(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]+)(?::([0-9]*))?")
_ODD = re.compile(r"[<>\"{}|\\^`]")
_HOST_CHARACTER = re.compile(r"\w")
_OTHER_SCHEME = re.compile(r"(https?|wss?)://([^\s/]\S*)")
_SLIP = re.compile(r"(?:h?t{0,2}ps?:/{0,3}|wss?:/{0,3}|//)((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?)", re.IGNORECASE)
"""A scheme with a letter or a slash missing."""
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?", re.IGNORECASE)
_TAIL = r"(?:[/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"


@dataclass(frozen=True)
class Url(Kind):
    """An absolute URL of one of the schemes.

    Attributes:
        array_of_one: an array with one URL is a warning, not an error.
    """

    schemes: tuple[str, ...] = ("http", "https")
    array_of_one: bool = False

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """An absolute URL; characters that should be percent-encoded are a warning."""
        if self.array_of_one and isinstance(value, list) and len(value) == 1:
            yield ARRAY_OF_ONE.at(path, "An array stands where a single URL is due.")
            value, path = value[0], f"{path}/0"
        if not isinstance(value, str):
            yield wrong_type(value, "a URL", path, self._cure(value))
        elif fault := self._fault(value):
            yield NOT_A_URL.at(path, f"{shown(value)} {fault}.", self._cure(value))
        elif _ODD.search(value) or not value.isascii():
            yield ODD_URL.at(path, f"{shown(value)} holds characters that a URL does not.")

    def _fault(self, value: str) -> str | None:
        if re.search(r"[\s\x00-\x1f\x7f]", value):
            return "holds blanks or control characters"
        scheme, authority, _ = _parts(value)
        if scheme is None or scheme.lower() not in self.schemes or authority is None:
            return f"is not an absolute {listed([name + '://' for name in self.schemes])} URL"
        found = _AUTHORITY.fullmatch(authority)
        if not found or not _HOST_CHARACTER.search(found[1]):
            return "names no host"
        return "names a port that does not exist" if found[2] and int(found[2][:9]) > 65535 else None

    def _cure(self, value: object) -> str:
        scheme = self.schemes[-1]
        bare = value.strip().strip("<>\"'") if isinstance(value, str) and len(value) < 200 else ""
        if bare and bare != value and self._fault(bare) is None:
            return f"Write {shown(bare)}."
        other = _OTHER_SCHEME.fullmatch(bare)
        if other and other[1] not in self.schemes:
            return f'Write "{scheme}://{other[2]}".'
        found = _SLIP.fullmatch(bare)
        if found and self._fault(f"{scheme}://{found[1]}") is None:
            return f'Write "{scheme}://{found[1]}".'
        if _BARE_HOST.fullmatch(bare):
            return f'Write "{scheme}://{bare}".'
        return f"Write the whole URL, e.g. {scheme}://example.com/path."

    def clean(self) -> CoreSchema:
        """The URLs that nearly everybody writes."""
        schemes = "|".join(self.schemes)
        return core_schema.str_schema(
            pattern=rf"^(?:{schemes})://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{{1,4}})?{_TAIL}$", strict=True
        )

    def read(self, value: object) -> object:
        """An array with one URL becomes the URL where that is usual."""
        return value[0] if self.array_of_one and isinstance(value, list) and len(value) == 1 else value

    def json_schema(self) -> JsonSchema:
        """Text that begins with a scheme."""
        pattern = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in scheme) for scheme in self.schemes)
        single = {"type": "string", "pattern": f"^({pattern})://[^\\s]+$"}
        if not self.array_of_one:
            return single
        return {"anyOf": [single, {"type": "array", "items": single, "minItems": 1, "maxItems": 1}]}


def _parts(value: str) -> tuple[str | None, str | None, str]:
    found = _PARTS.fullmatch(value)
    return (found[1], found[2], found[3]) if found else (None, None, value)


_SIP = re.compile(r"(sips?):(?:([^@\s]+)@)?([\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[;?]\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class SipUri(Kind):
    """A SIP URI."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """sip:user@host; without a user, or with sips, it is a warning."""
        if not isinstance(value, str):
            yield wrong_type(value, "a SIP URI", path, NOT_A_SIP_URI.cure)
            return
        found = _SIP.fullmatch(value)
        if not found:
            bare = re.fullmatch(r"[^\s@:]+@[\w.-]+", value)
            cure = f'Write "sip:{value}".' if bare and len(value) < 200 else None
            yield NOT_A_SIP_URI.at(path, f"{shown(value)} is not of the form sip:user@host.", cure)
        elif found[2] is None or found[1].lower() != "sip":
            yield ODD_SIP_TARGET.at(path, f"{shown(value)} is not of the form sip:user@host.")

    def clean(self) -> CoreSchema:
        """sip:user@host with parameters."""
        pattern = r"^sip:[A-Za-z0-9._%+!~*'()&=$,-]+@[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:;[A-Za-z0-9;=._~-]*)?$"
        return core_schema.str_schema(pattern=pattern, strict=True)

    def json_schema(self) -> JsonSchema:
        """Text that begins with sip:."""
        return {"type": "string", "pattern": "^[sS][iI][pP][sS]?:\\S+$"}
