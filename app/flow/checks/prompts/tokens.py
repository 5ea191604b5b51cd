"""A spoken text as words, numbers, keys and pauses, each with its offset; braces and SSML tags are blanked out."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from app.flow.phrases import fold

COMPUTED = "\ue001"
"""Stands for each character of a `{{ value }}`: something is said there, and nobody knows what."""

_MASKED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|</?[A-Za-z][^<>]*>|<!--.*?-->|&#?\w{1,8};", re.DOTALL)
_ALTERNATIVE = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_DASHES = "\u2013\u2014"
_PAUSE = re.compile(r"<(?:break|/?p|/?s)\b")
_TOKEN = re.compile(
    rf"(?P<v>{COMPUTED}+)|(?P<m>[ap]\.\s?m\b\.?)|(?P<x>\d+(?:[.,:/]\d+)+|\d+[^\W\d_]+)|(?P<n>\d+)|(?P<w>[^\W\d_]+)"
    r"|(?P<k>[*#])|(?P<p>[.!?;:,()\-\u2013\u2014/%$€£…])",
    re.IGNORECASE,
)


class Token(NamedTuple):
    """One piece of a text.

    Attributes:
        kind: `w` a word, `n` a whole number, `x` another number (a time, a price, `3rd`), `k` one of * and #, `p` a
            punctuation mark, `v` a computed value.
        word: folded; of a number and a mark as written.
        start, end: offsets in the text.
    """

    kind: str
    word: str
    start: int
    end: int


@lru_cache(maxsize=8192)
def folded(word: str) -> str:
    """`word` in small letters without accents."""
    return fold(word)


@lru_cache(maxsize=2048)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The pieces of a text, in order."""
    if "{" in text or "<" in text or "&" in text:
        text = _MASKED.sub(_blank, text)
    found = []
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup or "", match.group()
        if kind == "m":
            kind, word = "w", f"{word[0]}m"
        elif word in _DASHES:
            word = "-"
        found.append(Token(kind, folded(word) if kind == "w" else word, match.start(), match.end()))
    return tuple(found)


def _blank(found: re.Match[str]) -> str:
    """Something of the same length that says as much."""
    piece = found.group()
    if piece.startswith("{{"):
        return COMPUTED * len(piece)
    is_pause = _ALTERNATIVE.match(piece) or _PAUSE.match(piece)
    return ("." if _ALTERNATIVE.match(piece) else ",").ljust(len(piece)) if is_pause else " " * len(piece)
