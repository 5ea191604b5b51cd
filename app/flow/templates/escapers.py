"""Writes a value into its place, so that it can be nothing but a value there.

None repeats the value in a message: it may be a caller's PIN. A missing value raises UndefinedError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import quote

from jinja2 import Undefined

from app.flow.templates.filters import MAX_TEXT, Unfit
from app.flow.types import write

Escaper: TypeAlias = Callable[[Any], str]

_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_UNSPOKEN_OR_TAG = re.compile(r"[<>\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_TAG_OR_C1 = re.compile(r"[<>\x7f-\x9f]")
_LONE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9*#pP+(). -]*")
_BASE = re.compile(r"[^\x00-\x20\x7f-\x9f\"<>\\^`{|}\ud800-\udfff]*")
_BEGINS_URL = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]|sips?:)", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9.:-]*")
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
"""As `xml.sax.saxutils` escapes, which brings an HTTP client with it when it is imported."""


def _written(value: object) -> str:
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, Undefined):
        return str(value)
    try:
        text = write(value)
    except ValueError as error:
        raise Unfit(str(error)) from None
    if len(text) > MAX_TEXT:
        raise Unfit(f"a value of more than {MAX_TEXT:,} characters", "E394")
    return text


def talk(value: object) -> str:
    """Plain speech: `<`, `>` and control characters become blanks."""
    return _UNSPOKEN_OR_TAG.sub(" ", _written(value))


def ssml(value: object) -> str:
    """Text between SSML tags or in an attribute's quotes."""
    return _UNSPOKEN.sub(" ", _written(value)).translate(_XML)


def url(value: object) -> str:
    """One segment of a path, or one value of a query."""
    return quote(_LONE.sub("\ufffd", _written(value)), safe="")


def url_base(value: object) -> str:
    """The beginning of a URL, from a setting of the server or a variable of type url."""
    written = _matching(_BASE, value, "a setting with characters that a URL does not have")
    if written and not _BEGINS_URL.match(written):
        raise Unfit("a URL with its scheme and host is needed, such as https://example.com", "E392")
    return written


def url_host(value: object) -> str:
    """The host of a URL, or a part of it, from a setting of the server."""
    return _matching(_HOST, value, "a setting with characters that a host does not have")


def number(value: object) -> str:
    """Digits, `*`, `#`, `p`, and what phone numbers are written with."""
    return _matching(_NUMBER, value, "a value with characters that are not dialled")


def header(value: object) -> str:
    """A header: control characters, above all line ends, are refused."""
    text = _written(value)
    if _UNSPOKEN.search(text):
        raise Unfit("a value with control characters in a header", "E393")
    return text


def json_text(value: object) -> str:
    """A part of a JSON string. It may be spoken later, so `<` and `>` become blanks as in `talk`."""
    return _json_escaped(_TAG_OR_C1.sub(" ", _written(value)))


def json_ssml(value: object) -> str:
    """A part of a JSON string that holds SSML."""
    return _json_escaped(ssml(value))


def _json_escaped(text: str) -> str:
    return json.dumps(_LONE.sub("\ufffd", text), ensure_ascii=False)[1:-1]


def json_bare(value: object) -> str:
    """A number, true or false outside of JSON's quotes."""
    if isinstance(value, int | float | Undefined):
        return _written(value)
    raise Unfit("only a number, true or false can stand outside of JSON's quotes", "E393")


def text(value: object) -> str:
    """A text that goes nowhere by itself: as it is, without half characters."""
    return _LONE.sub("\ufffd", _written(value))


def _matching(pattern: re.Pattern[str], value: object, message: str) -> str:
    written = _written(value)
    if not pattern.fullmatch(written):
        raise Unfit(message, "E393")
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
"""By the names that they have as filters; no author can write such a name."""
