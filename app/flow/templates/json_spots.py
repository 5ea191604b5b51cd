"""Where in a JSON text a value stands.

Outside of strings: "" anywhere, `text` behind `"text":`, `closed` behind a string that holds a value, `key` where such
a string has turned out to be a key. Within strings: `quotes`, `valued` (with a value in it), `said` (what a talk says),
`speak` (SSML), `tag` (directly behind a `<`), `backslash` (directly behind one).
"""

from __future__ import annotations

import re

_STRICTEST_WITHIN = ("speak", "said", "valued", "quotes")
_STRICTEST_OUTSIDE = ("closed", "text", "")

WITHIN = frozenset(_STRICTEST_WITHIN)
"""Within a string, where a value may stand."""

SPOKEN = frozenset({"said", "speak"})
"""Within a text that a caller hears."""

_OUTSIDE = re.compile(r'(?P<blank>\s+)|(?P<text>"text"\s*:)|(?P<begin>")|(?P<colon>:)|[^"\s:]+')
_INSIDE = re.compile(
    r'\\.|(?P<backslash>\\\Z)|(?P<end>")|(?P<speak><speak(?=[\s>]))|(?P<tag><[^<>\s"\\]*\Z)|[^"\\<]+|<', re.DOTALL
)


def after_json(spot: str, text: str) -> str:
    """The spot behind `text`."""
    at = 0
    while at < len(text) and spot != "key":
        is_inside = spot in WITHIN or spot in ("tag", "backslash")
        match = (_INSIDE if is_inside else _OUTSIDE).match(text, at)
        assert match is not None  # noqa: S101 - the patterns match any character
        spot = (_inside if is_inside else _outside)(spot, match.lastgroup or "")
        at = match.end()
    return spot


def _outside(spot: str, sign: str) -> str:
    match sign:
        case "blank":
            return spot
        case "begin":
            return "said" if spot == "text" else "quotes"
        case "colon":
            return "key" if spot == "closed" else spot
    return sign


def _inside(spot: str, sign: str) -> str:
    match sign:
        case "end":
            return "closed" if spot == "valued" else ""
        case "backslash" | "speak" | "tag":
            return sign
    return "said" if spot in ("tag", "backslash") else spot


def after_value(spot: str) -> str:
    """The spot behind a value."""
    if spot == "quotes":
        return "valued"
    return "" if spot in ("text", "closed") else spot


def joined_json(spots: set[str]) -> str | None:
    """The spot behind branches that end in these: the strictest, if all end within a string or all outside."""
    for spot in (*_STRICTEST_WITHIN, *_STRICTEST_OUTSIDE):
        if spot in spots:
            together = _STRICTEST_WITHIN if spot in WITHIN else _STRICTEST_OUTSIDE
            return spot if spots <= set(together) else None
    return None
