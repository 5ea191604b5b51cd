"""Where in a JSON text a value stands; see `contexts`.

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


def after_json(context: str, text: str) -> str:
    """The context behind `text`."""
    at = 0
    while at < len(text) and context != "key":
        is_inside = context in WITHIN or context in ("tag", "backslash")
        match = (_INSIDE if is_inside else _OUTSIDE).match(text, at)
        assert match is not None  # noqa: S101 - the patterns match any character
        context = (_inside if is_inside else _outside)(context, match.lastgroup or "")
        at = match.end()
    return context


def _outside(context: str, sign: str) -> str:
    match sign:
        case "blank":
            return context
        case "begin":
            return "said" if context == "text" else "quotes"
        case "colon":
            return "key" if context == "closed" else context
    return sign


def _inside(context: str, sign: str) -> str:
    match sign:
        case "end":
            return "closed" if context == "valued" else ""
        case "backslash" | "speak" | "tag":
            return sign
    return "said" if context in ("tag", "backslash") else context


def after_value(context: str) -> str:
    """The context behind a value."""
    if context == "quotes":
        return "valued"
    return "" if context in ("text", "closed") else context


def joined_json(contexts: set[str]) -> str | None:
    """The context behind branches that end in these: the strictest, if all end within a string or all outside."""
    for context in (*_STRICTEST_WITHIN, *_STRICTEST_OUTSIDE):
        if context in contexts:
            together = _STRICTEST_WITHIN if context in WITHIN else _STRICTEST_OUTSIDE
            return context if contexts <= set(together) else None
    return None
