"""What a caller says, compared with what a flow waits for."""

from __future__ import annotations

import re
import unicodedata

_WITHIN_WORDS = "'\u2019\u02bc"
_NOT_A_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """`text` as words in small letters without accents and punctuation, one blank between them."""
    small = unicodedata.normalize("NFKD", text).casefold()
    apart = unicodedata.normalize("NFKD", small)
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign) and sign not in _WITHIN_WORDS)
    return _NOT_A_WORD.sub(" ", bare).strip()


def find(phrase_folded: str, text_folded: str) -> bool:
    """Whether the phrase stands in the text as whole words; both are folded already."""
    return bool(phrase_folded) and f" {phrase_folded} " in f" {text_folded} "
