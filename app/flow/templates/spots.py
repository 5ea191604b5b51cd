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

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|(?P<sip>sips?:))")
_OPEN_TAG = re.compile(r"<[^<>\s\"]*$")
_JSON_SIGN = re.compile(r'\\.|\\$|"|<speak', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Told:
    """A value that is about to be written.

    Attributes:
        shape: its type.
        is_env: whether it is a setting of the server, as it is.
        shown, start, length: how and where it is written.
    """

    shape: Shape
    is_env: bool
    shown: str
    start: int
    length: int

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
    """

    after: Callable[[str, str], str]
    escaper: Callable[[str, Told], str]
    after_value: Callable[[str], str] = str


def _after_talk(spot: str, text: str) -> str:
    if spot == "tag" and not re.search(r"[<>\s]", text):
        return spot
    return "tag" if _OPEN_TAG.search(text) else ""


def _talk(spot: str, told: Told) -> str:
    if spot == "tag":
        raise told.fault(
            "E333", f'{told.shown} stands directly behind a "<"', 'leave the "<" out, or put a blank behind it'
        )
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


def _after_json(spot: str, text: str) -> str:
    spot = "quotes" if spot == "tag" else spot
    for match in _JSON_SIGN.finditer(text):
        sign = match.group()
        if sign == '"':
            spot = "" if spot else "quotes"
        elif sign == "<speak":
            spot = "speak" if spot else spot
        elif len(sign) == 1 and spot:
            return "backslash"
    return "tag" if spot in ("quotes", "tag") and _OPEN_TAG.search(text) else spot


def _json(spot: str, told: Told) -> str:
    if spot == "backslash":
        raise told.fault(
            "E334", "a backslash before the braces", "leave the backslash out; values are escaped by themselves"
        )
    if spot == "tag":
        raise told.fault(
            "E333", f'{told.shown} stands directly behind a "<"', 'leave the "<" out, or put a blank behind it'
        )
    if spot:
        return "_json_ssml" if spot == "speak" else "_json"
    if kind_of(told.shape) not in ("number", "bool", "any"):
        raise told.fault("E334", f"{told.shown} is {described(told.shape)} and stands outside of quotes")
    return "_json_bare"


def _after_url(spot: str, text: str) -> str:
    if spot == "" and (scheme := _SCHEME.match(text)):
        spot, text = ("user" if scheme.group("sip") else "host"), text[scheme.end() :]
    if spot == "" and text.strip():
        return "odd"
    if spot == "user" and "@" in text:
        spot, text = "host", text[text.index("@") + 1 :]
    if spot == "host" and re.search(r"[/?#;]", text):
        return "path"
    return spot


def _url(spot: str, told: Told) -> str:
    if spot in ("user", "path"):
        return "_url"
    if spot == "" and (told.is_env or getattr(told.shape, "name", "") == "url"):
        return "_url_base"
    if spot == "host" and told.is_env:
        return "_url_host"
    if spot == "odd":
        cure = "begin with https:// and the host, or with a setting: {{ env.NAME }}"
        raise told.fault("E332", "the URL does not begin with a scheme and a host", cure)
    raise told.fault("E332", f"{told.shown} decides where the URL leads")


SPOT_NAMES = {
    "tag": "in a tag",
    '"': "in quotes",
    "'": "in quotes",
    "quotes": "in quotes",
    "speak": "in quotes",
    "backslash": "behind a backslash",
    "user": "before the @",
    "host": "in the host",
    "path": "behind the host",
    "odd": "in no URL",
}
"""How messages call the spots; any other is at the beginning or between."""


def joined(spots: set[str]) -> str | None:
    """The spot behind branches that end in these spots; None when they do not go together."""
    if spots <= {"quotes", "speak"}:
        return "speak" if "speak" in spots else "quotes"
    return spots.pop() if len(spots) == 1 else None


SPOTS: dict[str, Spots] = {
    "talk": Spots(_after_talk, _talk),
    "ssml": Spots(_after_ssml, _ssml),
    "json": Spots(_after_json, _json),
    "url": Spots(_after_url, _url, lambda spot: spot or "path"),
    "number": _plain("_number"),
    "header": _plain("_header"),
    "text": _plain("_text"),
}
"""By kind of place."""
