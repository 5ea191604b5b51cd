"""Compares a caller's words with a flow's phrases."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

_WITHIN_WORDS = "'\u2019\u02bc"
_NOT_A_WORD = re.compile(r"[\W_]+")
_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
    "[\u3099\u309a]*"
)
"""Thai, Lao, Burmese, Khmer, kana, Chinese."""

_VOICING = "\u3099\u309a"
"""Marks that turn a kana into another syllable; not accents, so they are kept."""


COMPARED_CHARACTERS: Final = 1_500
"""A minute of speech, which is Vonage's limit, is about 1,000.

Source: NCCO reference, Speech recognition settings (maxDuration).
"""


def fold(text: str) -> str:
    """Lower-case words, without accents or punctuation, separated by single spaces.

    Only the first `COMPARED_CHARACTERS` are used. One can become up to 18. In a script without spaces between words,
    each character is a word.
    """
    text = text[:COMPARED_CHARACTERS]
    if text.isascii():
        return _NOT_A_WORD.sub(" ", text.lower().replace("'", "")).strip()
    small = unicodedata.normalize("NFKD", text).casefold()
    apart = unicodedata.normalize("NFKD", small)
    bare = "".join(sign for sign in apart if sign in _VOICING or not _is_dropped(sign))
    return " ".join(_words(_WITHOUT_BLANKS.sub(r" \g<0> ", bare)).split())


def _is_dropped(sign: str) -> bool:
    return bool(unicodedata.combining(sign)) or sign in _WITHIN_WORDS


def _words(text: str) -> str:
    """Vowel signs of Indic scripts belong to words."""
    signs: list[str] = []
    for sign in text:
        is_mark = unicodedata.category(sign) in {"Mn", "Mc"}
        is_behind = bool(signs) and signs[-1] != " "
        belongs = is_mark and (is_behind or _WITHOUT_BLANKS.fullmatch(sign) is not None)
        signs.append(sign if sign.isalnum() or belongs else " ")
    return "".join(signs)


def find_phrases(phrases: Iterable[str], text: str) -> list[str]:
    """Folded `phrases` in the order in which `text` contains them, without those inside a longer one."""
    said = f" {fold(text)} "
    places = sorted(((start, -end, phrase) for phrase in phrases for start, end in _places(phrase, said)))
    found: dict[str, None] = {}
    furthest = 0
    for _, end, phrase in places:
        if -end > furthest:
            found[phrase] = None
            furthest = -end
    return list(found)


def _places(phrase_folded: str, text_folded: str) -> Iterator[tuple[int, int]]:
    words = f" {phrase_folded} "
    start = text_folded.find(words) if phrase_folded else -1
    while start >= 0:
        yield start, start + len(words)
        start = text_folded.find(words, start + 1)
