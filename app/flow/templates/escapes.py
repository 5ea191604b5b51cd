"""Writes a value into its place, so that it can be nothing but a value there.

Each takes the value and the number of the braces that it stands in, for the place of a fault; none repeats the value
in a message, since it may be a caller's PIN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import quote

from jinja2 import Undefined

from app.flow.expressions.filters import MAX_TEXT
from app.flow.types import write

Escaper: TypeAlias = Callable[[Any, int], str]

_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_UNSPOKEN_OR_TAG = re.compile(r"[<>\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile(r"[<>]")
_LONE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9*#pP+(). -]*")
_BASE = re.compile(r"[^\x00-\x20\x7f-\x9f\"<>\\^`{|}\ud800-\udfff]*")
_BEGINS_URL = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]|sips?:)", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9.:-]*")
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
"""As `xml.sax.saxutils` escapes, which brings an HTTP client with it when it is imported."""


class Refused(Exception):
    """A value that may not stand in its place.

    Attributes:
        code: the rule that is broken.
        message: one sentence without the value.
        index: which braces of the template.
    """

    def __init__(self, code: str, message: str, index: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.index = index


def _written(value: object, index: int) -> str:
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, Undefined):
        raise Refused("E391", "missing", index)
    try:
        text = write(value)
    except ValueError as error:
        raise Refused("E395", str(error), index) from None
    if len(text) > MAX_TEXT:
        raise Refused("E394", f"a value of more than {MAX_TEXT:,} characters", index)
    return text


def talk(value: object, index: int) -> str:
    """Plain speech: `<`, `>` and control characters become blanks."""
    return _UNSPOKEN_OR_TAG.sub(" ", _written(value, index))


def ssml(value: object, index: int) -> str:
    """Text between SSML tags or in an attribute's quotes."""
    return _UNSPOKEN.sub(" ", _written(value, index)).translate(_XML)


def url(value: object, index: int) -> str:
    """One segment of a path, or one value of a query."""
    return quote(_LONE.sub("\ufffd", _written(value, index)), safe="")


def url_base(value: object, index: int) -> str:
    """The beginning of a URL, from a setting of the server or a variable of type url."""
    written = _matching(_BASE, value, index, "a setting with characters that a URL does not have")
    if written and not _BEGINS_URL.match(written):
        raise Refused("E392", "a URL with its scheme and host is needed, such as https://example.com", index)
    return written


def url_host(value: object, index: int) -> str:
    """The host of a URL, or a part of it, from a setting of the server."""
    return _matching(_HOST, value, index, "a setting with characters that a host does not have")


def number(value: object, index: int) -> str:
    """Digits, `*`, `#`, `p`, and what phone numbers are written with."""
    return _matching(_NUMBER, value, index, "a value with characters that are not dialled")


def header(value: object, index: int) -> str:
    """A header: control characters, above all line ends, are refused."""
    text = _written(value, index)
    if _UNSPOKEN.search(text):
        raise Refused("E393", "a value with control characters in a header", index)
    return text


def json_text(value: object, index: int) -> str:
    """A part of a JSON string. It may be spoken later, so `<` and `>` become blanks as in `talk`."""
    return _json_escaped(_TAG.sub(" ", _written(value, index)))


def json_ssml(value: object, index: int) -> str:
    """A part of a JSON string that holds SSML."""
    return _json_escaped(ssml(value, index))


def _json_escaped(text: str) -> str:
    return json.dumps(_LONE.sub("\ufffd", text), ensure_ascii=False)[1:-1]


def json_bare(value: object, index: int) -> str:
    """A number, true or false outside of JSON's quotes."""
    if isinstance(value, int | float | Undefined):
        return _written(value, index)
    raise Refused("E393", "only a number, true or false can stand outside of JSON's quotes", index)


def text(value: object, index: int) -> str:
    """A text that goes nowhere by itself: as it is, without half characters."""
    return _LONE.sub("\ufffd", _written(value, index))


def _matching(pattern: re.Pattern[str], value: object, index: int, message: str) -> str:
    written = _written(value, index)
    if not pattern.fullmatch(written):
        raise Refused("E393", message, index)
    return written


ESCAPERS: dict[str, Escaper] = {
    "_talk": talk,
    "_ssml": ssml,
    "_url": url,
    "_url_base": url_base,
    "_url_host": url_host,
    "_number": number,
    "_header": header,
    "_json": json_text,
    "_json_ssml": json_ssml,
    "_json_bare": json_bare,
    "_text": text,
}
"""By the name that a rewritten template calls them by; no author can write such a name."""
