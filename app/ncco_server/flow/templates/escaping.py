"""Contextual escaping: each value is escaped for its context in the text, so that it cannot break out.

A context is a short word: "" at the start of a text, changed by the literal text before a value. Escapers' messages
omit the value, which may be a caller's PIN. A missing value raises UndefinedError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from jinja2 import Undefined

from ncco_server.flow.templates.filters import MAX_TEXT, Encoded, Unfit, as_text
from ncco_server.ncco.value_types import Kind

Escaper: TypeAlias = Callable[[Any], str]


_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]*>?|\]\]>")
_BRACKETS = str.maketrans("<>", "  ")
_TAG_OR_C1 = re.compile(r"[<>\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9*#pP+(). -]*")
_BASE = re.compile(r"[^\x00-\x20\x7f-\x9f\"<>\\^`{|}\ud800-\udfff]*")
_BEGINS_URL = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]|sips?:)", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9.:-]*")
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
"""As in `xml.sax.saxutils`, which would import an HTTP client."""


def _written(value: object) -> str:
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, Undefined):
        return str(value)
    text = as_text(value)
    if len(text) > MAX_TEXT:
        raise Unfit(f"a value of more than {MAX_TEXT:,} characters", "E394")
    return text


def talk(value: object) -> str:
    """Control characters become spaces; see also `without_tags`."""
    return _UNSPOKEN.sub(" ", _written(value))


def without_tags(text: str) -> str:
    """Plain speech without XML: each `<` becomes a space, and so does the `>` that ends it or a `]]`.

    It takes the whole text, as a tag may begin in a written part and end in a value. The length does not change.
    """
    return _TAG.sub(lambda tag: tag[0].translate(_BRACKETS), text) if "<" in text or "]]>" in text else text


def ssml(value: object) -> str:
    return _UNSPOKEN.sub(" ", _written(value)).translate(_XML)


def url(value: object) -> str:
    if isinstance(value, Encoded):
        return value
    return quote(_SURROGATE.sub("\ufffd", _written(value)), safe="")


def url_base(value: object) -> str:
    written = _matching(_BASE, value, "a setting with characters that are not allowed in a URL")
    if written and not _BEGINS_URL.match(written):
        raise Unfit("a URL with its scheme and host is needed, such as https://example.com", "E392")
    return written


def url_host(value: object) -> str:
    return _matching(_HOST, value, "a setting with characters that are not allowed in a host")


def number(value: object) -> str:
    return _matching(_NUMBER, value, "a value with characters that cannot be dialled")


def header(value: object) -> str:
    text = _written(value)
    if _UNSPOKEN.search(text):
        raise Unfit("a value with control characters in a header", "E393")
    return text


def json_text(value: object) -> str:
    """The string may be spoken later, so `<` and `>` become spaces."""
    return _json_escaped(_TAG_OR_C1.sub(" ", _written(value)))


def json_ssml(value: object) -> str:
    return _json_escaped(ssml(value))


def _json_escaped(text: str) -> str:
    return json.dumps(_SURROGATE.sub("\ufffd", text), ensure_ascii=False)[1:-1]


def json_bare(value: object) -> str:
    if isinstance(value, int | float | Undefined):
        return _written(value)
    raise Unfit("only a number, true or false can be outside JSON quotes", "E393")


def text(value: object) -> str:
    return _SURROGATE.sub("\ufffd", _written(value))


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
"""By the name of a filter, which authors cannot write."""


_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|(?P<sip>sips?:))")
_AFTER_BASE = re.compile(r"/(?!/)|[?#;@]|:(?:[0-9]+(?:[/?#;]|\Z)|\Z)")
"""What may follow scheme and host: a path, a query, a port, or a SIP user's host."""
_OPEN_TAG = re.compile(r"<[^<>\s\"]*$")


@dataclass(eq=False)
class Misplaced(Exception):
    """A value in a context that does not allow one.

    With `is_all_before`, the issue is about the text before the value.
    """

    code: str
    message: str
    cure: str | None = None
    is_all_before: bool = False


class WrittenValue(NamedTuple):
    """A value inserted into a text.

    Attributes:
        is_fixed: whether it consists only of server settings and literal text.
        is_url: whether it is fixed or of type url.
    """

    shown: str
    kind: Kind
    is_fixed: bool
    is_url: bool


def _joined(contexts: set[str]) -> str | None:
    if contexts == {"base", "host"}:
        return "base"
    return next(iter(contexts)) if len(contexts) == 1 else None


@dataclass(frozen=True, slots=True)
class Contexts:
    """The escaping rules of a kind of text (`Escape`): how contexts change, and how values are escaped.

    Attributes:
        after: (context, literal text) → the context after the text.
        escaper: (context, value) → the escaper's name. Raises Misplaced if no value is allowed there.
        joined: contexts at the ends of branches → the context after them; None if they conflict.
        is_sent: it is sent in an NCCO, which is also stored with the call.
    """

    after: Callable[[str, str], str]
    escaper: Callable[[str, WrittenValue], str]
    after_value: Callable[[str], str] = str
    joined: Callable[[set[str]], str | None] = _joined
    spoken: frozenset[str] = frozenset()
    is_sent: bool = True


def _after_talk(context: str, text: str) -> str:
    if context == "tag" and not re.search(r"[<>\s]", text):
        return context
    return "tag" if _OPEN_TAG.search(text) else ""


def _talk_escaper(context: str, value: WrittenValue) -> str:
    if context == "tag":
        raise _value_after_bracket(value)
    return "_talk"


def _without_contexts(name: str) -> Contexts:
    return Contexts(lambda context, text: context, lambda context, value: name)


def _after_ssml(context: str, text: str) -> str:
    for sign in _COMMENT.sub("", text):
        if context in ('"', "'"):
            context = "tag" if sign == context else context
        elif context == "tag":
            context = "" if sign == ">" else sign if sign in "\"'" else context
        elif sign == "<":
            context = "tag"
    return context


def _ssml_escaper(context: str, value: WrittenValue) -> str:
    if context == "tag":
        raise Misplaced("E333", f"{value.shown} is inside a tag or a comment, outside quotes")
    return "_ssml"


# JSON
#
# Contexts outside strings: `text` after `"text":`, `url` after the name of a URL field, `closed` after a string that
# contains a value, `key` if that string turns out to be a key, and "" anywhere else.
# Contexts inside strings: `quotes`, `valued` (the string already contains a value), `said` (the text of a talk),
# `speak` (SSML), `tag` (directly after a `<`), `backslash` (directly after a backslash).
# Contexts inside a URL: `start`, `base`, `host`, `user` and `path` in a URL field; `link` in the host of any other URL.

_STRICTEST_WITHIN = ("speak", "said", "start", "base", "host", "user", "link", "path", "valued", "quotes")
_STRICTEST_OUTSIDE = ("closed", "text", "url", "")
_WITHIN = frozenset(_STRICTEST_WITHIN)
_SPOKEN_IN_JSON = frozenset({"said", "speak"})
_OUTSIDE = re.compile(
    r'(?P<blank>[\s\[]+)|(?P<text>"text"\s*:)'
    r'|(?P<url>"(?:streamUrl|eventUrl|musicOnHoldUrl|ringbackTone|uri|url)"\s*:)'
    r'|(?P<user>"\s*sips?:)|(?P<host>"\s*[A-Za-z][A-Za-z0-9+.-]*://)|(?P<begin>")|(?P<colon>:)|[^"\s:\[]+'
)
"""The names of URL fields are those in the NCCO reference."""
_INSIDE = re.compile(
    r'\\.|(?P<backslash>\\\Z)|(?P<end>")|(?P<speak><speak(?=[\s>]))|(?P<tag><[^<>\s"\\]*\Z)|[^"\\<]+|<', re.DOTALL
)


def _after_json(context: str, text: str) -> str:
    at = 0
    while at < len(text) and context != "key":
        is_inside = context in _WITHIN or context in ("tag", "backslash")
        match = (_INSIDE if is_inside else _OUTSIDE).match(text, at)
        assert match is not None  # noqa: S101 - the patterns match any character
        context = (_after_inside if is_inside else _after_outside)(context, match.lastgroup or "", match.group())
        at = match.end()
    return context


def _after_outside(context: str, sign: str, text: str) -> str:
    match sign:
        case "blank":
            return context if context == "url" or text.isspace() else ""
        case "begin":
            return {"text": "said", "url": "start"}.get(context, "quotes")
        case "host":
            return {"text": "said", "url": "host"}.get(context, "link")
        case "user":
            return {"text": "said", "url": "user"}.get(context, "quotes")
        case "colon":
            return "key" if context == "closed" else context
    return sign


def _after_inside(context: str, sign: str, text: str) -> str:
    match sign:
        case "end":
            return "closed" if context == "valued" else ""
        case "backslash" | "speak" | "tag":
            return sign
    if context in ("tag", "backslash"):
        return "said"
    if context == "start":
        return "path" if "?" in text else "quotes"
    if context in ("user", "base", "host", "link"):
        after = _after_url("host" if context in ("base", "link") else context, text)
        return after if after == "path" or context == "user" else context
    return context


def _after_json_value(context: str) -> str:
    if context in ("quotes", "start"):
        return {"quotes": "valued", "start": "base"}[context]
    return "" if context in ("text", "url", "closed") else context


def _joined_json(contexts: set[str]) -> str | None:
    """The strictest context if all are inside a string or all outside; otherwise None."""
    if len(contexts) == 1:
        return next(iter(contexts))
    for context in (*_STRICTEST_WITHIN, *_STRICTEST_OUTSIDE):
        if context in contexts:
            together = _STRICTEST_WITHIN if context in _WITHIN else _STRICTEST_OUTSIDE
            return context if contexts <= set(together) else None
    return None


def _json_escaper(context: str, value: WrittenValue) -> str:
    if context == "tag":
        raise _value_after_bracket(value)
    if context == "backslash":
        cure = "leave out the backslash; values are escaped automatically"
        raise Misplaced("E333", "a backslash before the braces", cure)
    if context in ("user", "path"):
        return "_url"
    if (context == "start" and not value.is_url) or (context in ("base", "host") and not value.is_fixed):
        raise Misplaced("E332", f"{value.shown} determines the URL's host")
    if context in _WITHIN:
        return "_json_ssml" if context == "speak" else "_json"
    if value.kind.family not in ("number", "bool", "any"):
        cure = f'put quotes around the braces: "{{{{ {value.shown} }}}}"; for a number, convert it: `| number`'
        raise Misplaced("E333", f"{value.shown} is {value.kind.described} and is outside quotes", cure)
    return "_json_bare"


def _value_after_bracket(value: WrittenValue) -> Misplaced:
    cure = 'leave out the "<", or put a space after it'
    return Misplaced("E333", f'{value.shown} directly follows a "<"', cure)


def _after_url(context: str, text: str) -> str:
    """`odd`: the text does not begin with scheme and host. `torn`: it continues the host of a base."""
    if context == "" and (scheme := _SCHEME.match(text)):
        context = "user" if scheme.group("sip") else "host"
        text = text[scheme.end() :]
    if context == "" and text.strip():
        return "odd"
    if context == "user" and "@" in text:
        context = "host"
        text = text[text.index("@") + 1 :]
    if context == "base" and text.strip():
        context = "host" if _AFTER_BASE.match(text) else "torn"
    if context == "host" and re.search(r"[/?#;]", text):
        return "path"
    return context


def _url_escaper(context: str, value: WrittenValue) -> str:
    if context in ("user", "path"):
        return "_url"
    if context == "" and value.is_url:
        return "_url_base"
    if context in ("base", "host") and value.is_fixed:
        return "_url_host"
    if context == "odd":
        cure = "begin with https:// and the host, or with a setting: {{ env.NAME }}"
        message = "the URL does not begin with a scheme and a host"
        raise Misplaced("E332", message, cure, is_all_before=True)
    raise Misplaced("E332", f"{value.shown} determines the URL's host")


CONTEXTS: dict[str, Contexts] = {
    "talk": Contexts(_after_talk, _talk_escaper, spoken=frozenset({"", "tag"})),
    "ssml": Contexts(_after_ssml, _ssml_escaper, spoken=frozenset({"", "tag", '"', "'"})),
    "json": Contexts(_after_json, _json_escaper, _after_json_value, _joined_json, _SPOKEN_IN_JSON),
    "url": Contexts(_after_url, _url_escaper, lambda context: context or "base"),
    "number": _without_contexts("_number"),
    "header": _without_contexts("_header"),
    "text": _without_contexts("_text"),
    "kept": Contexts(lambda context, text: context, lambda context, value: "_text", is_sent=False),
}
"""`kept` is the value of a variable."""
