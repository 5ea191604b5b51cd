"""Where in its place a value stands: in a tag or between tags, in JSON's quotes or not, in a URL's host or path.

A spot is a short word; it begins as "" and changes with the literal text that stands before the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.flow.expressions.check import described, kind_of
from app.flow.expressions.fault import Fault
from app.flow.scope import Shape
from app.flow.templates.json_spots import SPOKEN, WITHIN, after_json, after_value, joined_json

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|(?P<sip>sips?:))")
_BEHIND_BASE = re.compile(r"/(?!/)|[?#;@]|:(?:[0-9]+(?:[/?#;]|\Z)|\Z)")
"""What may follow a value that holds a scheme and a host: a path, a port, or the host of a SIP user."""
_OPEN_TAG = re.compile(r"<[^<>\s\"]*$")


@dataclass(frozen=True, slots=True)
class Told:
    """A value that is about to be written.

    Attributes:
        shape: its type.
        is_fixed: whether it is made of settings of the server and of what the file says, and of nothing else.
        is_url: whether it begins as such a value or as one of type url does.
        shown, start, length: how and where it is written.
        before: how much of the text stands before its braces.
    """

    shape: Shape
    is_fixed: bool
    is_url: bool
    shown: str
    start: int
    length: int
    before: int = 0

    def fault(self, code: str, message: str, cure: str | None = None) -> Fault:
        """The fault that it stands where it does."""
        return Fault(code, self.start, self.length, message, cure)


@dataclass(frozen=True, slots=True)
class Spots:
    """How the spots of one kind of place follow from each other.

    Attributes:
        after: spot, literal text → the spot behind it.
        escaper: spot, value → the name of what escapes it. Raises Fault when no value may stand there.
        after_value: the spot behind a value.
        spoken: the spots whose text a caller hears.
        is_sent: whether it goes out in an NCCO, which is also kept with the call.
    """

    after: Callable[[str, str], str]
    escaper: Callable[[str, Told], str]
    after_value: Callable[[str], str] = str
    spoken: frozenset[str] = frozenset()
    is_sent: bool = True


def _after_talk(spot: str, text: str) -> str:
    if spot == "tag" and not re.search(r"[<>\s]", text):
        return spot
    return "tag" if _OPEN_TAG.search(text) else ""


def _talk(spot: str, told: Told) -> str:
    if spot == "tag":
        raise _behind_bracket(told)
    return "_talk"


def _plain(name: str) -> Spots:
    return Spots(lambda spot, text: spot, lambda spot, told: name)


def _after_ssml(spot: str, text: str) -> str:
    for sign in _COMMENT.sub("", text):
        if spot in ('"', "'"):
            spot = "tag" if sign == spot else spot
        elif spot == "tag":
            spot = "" if sign == ">" else sign if sign in "\"'" else spot
        elif sign == "<":
            spot = "tag"
    return spot


def _ssml(spot: str, told: Told) -> str:
    if spot == "tag":
        raise told.fault("E333", f"{told.shown} stands within a tag or a comment, outside of quotes")
    return "_ssml"


def _json(spot: str, told: Told) -> str:
    if spot == "tag":
        raise _behind_bracket(told)
    if spot == "backslash":
        cure = "leave the backslash out; values are escaped by themselves"
        raise told.fault("E334", "a backslash before the braces", cure)
    if spot in WITHIN:
        return "_json_ssml" if spot == "speak" else "_json"
    if kind_of(told.shape) not in ("number", "bool", "any"):
        raise told.fault("E334", f"{told.shown} is {described(told.shape)} and stands outside of quotes")
    return "_json_bare"


def _behind_bracket(told: Told) -> Fault:
    cure = 'leave the "<" out, or put a blank behind it'
    return told.fault("E333", f'{told.shown} stands directly behind a "<"', cure)


def _after_url(spot: str, text: str) -> str:
    if spot == "" and (scheme := _SCHEME.match(text)):
        spot, text = ("user" if scheme.group("sip") else "host"), text[scheme.end() :]
    if spot == "" and text.strip():
        return "odd"
    if spot == "user" and "@" in text:
        spot, text = "host", text[text.index("@") + 1 :]
    if spot == "base" and text.strip():
        spot = "host" if _BEHIND_BASE.match(text) else "torn"
    if spot == "host" and re.search(r"[/?#;]", text):
        return "path"
    return spot


def _url(spot: str, told: Told) -> str:
    if spot in ("user", "path"):
        return "_url"
    if spot == "" and told.is_url:
        return "_url_base"
    if spot in ("base", "host") and told.is_fixed:
        return "_url_host"
    if spot == "odd":
        cure = "begin with https:// and the host, or with a setting: {{ env.NAME }}"
        raise Fault("E332", 0, max(1, told.before), "the URL does not begin with a scheme and a host", cure)
    raise told.fault("E332", f"{told.shown} decides where the URL leads")


SPOT_NAMES = {
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
"""How messages call the spots; any other is at the beginning or between."""


def joined(spots: set[str]) -> str | None:
    """The spot behind branches that end in these spots; None when they do not go together."""
    if spots == {"base", "host"}:
        return "base"
    return next(iter(spots)) if len(spots) == 1 else joined_json(spots)


SPOTS: dict[str, Spots] = {
    "talk": Spots(_after_talk, _talk, spoken=frozenset({"", "tag"})),
    "ssml": Spots(_after_ssml, _ssml, spoken=frozenset({"", "tag", '"', "'"})),
    "json": Spots(after_json, _json, after_value, SPOKEN),
    "url": Spots(_after_url, _url, lambda spot: spot or "base"),
    "number": _plain("_number"),
    "header": _plain("_header"),
    "text": _plain("_text"),
    "kept": Spots(lambda spot, text: spot, lambda spot, told: "_text", is_sent=False),
}
"""By kind of place; `kept` is a variable."""
