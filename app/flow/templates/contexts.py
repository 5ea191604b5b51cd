"""Where in its place a value stands: in a tag or between tags, in JSON's quotes or not, in a URL's host or path.

A context is a short word; it begins as "" and changes with the literal text that stands before the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from app.flow.scope import Shape, described, kind_of
from app.flow.templates.json_contexts import SPOKEN, WITHIN, after_json, after_value, joined_json

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|(?P<sip>sips?:))")
_BEHIND_BASE = re.compile(r"/(?!/)|[?#;@]|:(?:[0-9]+(?:[/?#;]|\Z)|\Z)")
"""What may follow a value that holds a scheme and a host: a path, a port, or the host of a SIP user."""
_OPEN_TAG = re.compile(r"<[^<>\s\"]*$")


class Misplaced(Exception):
    """A value where none may stand.

    Attributes:
        code, message, cure: for the issue; without a cure, the rule's own is meant.
        is_all_before: the issue is about the text in front of the value.
    """

    def __init__(self, code: str, message: str, cure: str | None = None, *, is_all_before: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure
        self.is_all_before = is_all_before


class Written(NamedTuple):
    """A value that is written into a text.

    Attributes:
        shape: its type.
        is_fixed: whether it is made of settings of the server and of what the file says, and of nothing else.
        is_url: whether it begins as such a value or as one of type url does.
        shown: how it is written.
    """

    shape: Shape
    is_fixed: bool
    is_url: bool
    shown: str


@dataclass(frozen=True, slots=True)
class Contexts:
    """How the contexts of one kind of place follow from each other.

    Attributes:
        after: context, literal text → the context behind it.
        escaper: context, value → the name of what escapes it. Raises Misplaced when no value may stand there.
        after_value: the context behind a value.
        spoken: the contexts whose text a caller hears.
        is_sent: whether it goes out in an NCCO, which is also kept with the call.
    """

    after: Callable[[str, str], str]
    escaper: Callable[[str, Written], str]
    after_value: Callable[[str], str] = str
    spoken: frozenset[str] = frozenset()
    is_sent: bool = True


def _after_talk(context: str, text: str) -> str:
    if context == "tag" and not re.search(r"[<>\s]", text):
        return context
    return "tag" if _OPEN_TAG.search(text) else ""


def _talk(context: str, value: Written) -> str:
    if context == "tag":
        raise _behind_bracket(value)
    return "_talk"


def _plain(name: str) -> Contexts:
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


def _ssml(context: str, value: Written) -> str:
    if context == "tag":
        raise Misplaced("E333", f"{value.shown} stands within a tag or a comment, outside of quotes")
    return "_ssml"


def _json(context: str, value: Written) -> str:
    if context == "tag":
        raise _behind_bracket(value)
    if context == "backslash":
        cure = "leave the backslash out; values are escaped by themselves"
        raise Misplaced("E334", "a backslash before the braces", cure)
    if context in WITHIN:
        return "_json_ssml" if context == "speak" else "_json"
    if kind_of(value.shape) not in ("number", "bool", "any"):
        raise Misplaced("E334", f"{value.shown} is {described(value.shape)} and stands outside of quotes")
    return "_json_bare"


def _behind_bracket(value: Written) -> Misplaced:
    cure = 'leave the "<" out, or put a blank behind it'
    return Misplaced("E333", f'{value.shown} stands directly behind a "<"', cure)


def _after_url(context: str, text: str) -> str:
    if context == "" and (scheme := _SCHEME.match(text)):
        context, text = ("user" if scheme.group("sip") else "host"), text[scheme.end() :]
    if context == "" and text.strip():
        return "odd"
    if context == "user" and "@" in text:
        context, text = "host", text[text.index("@") + 1 :]
    if context == "base" and text.strip():
        context = "host" if _BEHIND_BASE.match(text) else "torn"
    if context == "host" and re.search(r"[/?#;]", text):
        return "path"
    return context


def _url(context: str, value: Written) -> str:
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
    raise Misplaced("E332", f"{value.shown} decides where the URL leads")


CONTEXT_NAMES = {
    "tag": "in a tag",
    '"': "in quotes",
    "'": "in quotes",
    **dict.fromkeys(WITHIN, "in quotes"),
    "backslash": "behind a backslash",
    "user": "before the @",
    "host": "in the host",
    "path": "behind the host",
    "base": "in the host",
    "torn": "in the host",
    "odd": "in no URL",
}
"""How messages call the contexts; any other is at the beginning or between."""


def joined(contexts: set[str]) -> str | None:
    """The context behind branches that end in these contexts; None when they do not go together."""
    if contexts == {"base", "host"}:
        return "base"
    return next(iter(contexts)) if len(contexts) == 1 else joined_json(contexts)


CONTEXTS: dict[str, Contexts] = {
    "talk": Contexts(_after_talk, _talk, spoken=frozenset({"", "tag"})),
    "ssml": Contexts(_after_ssml, _ssml, spoken=frozenset({"", "tag", '"', "'"})),
    "json": Contexts(after_json, _json, after_value, SPOKEN),
    "url": Contexts(_after_url, _url, lambda context: context or "base"),
    "number": _plain("_number"),
    "header": _plain("_header"),
    "text": _plain("_text"),
    "kept": Contexts(lambda context, text: context, lambda context, value: "_text", is_sent=False),
}
"""By kind of place; `kept` is a variable."""
