"""What a caller says, compared with what a flow waits for."""

from __future__ import annotations

import re
import unicodedata

_NOT_A_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """`text` as words in small letters without accents and punctuation, one blank between them."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in apart if not unicodedata.combining(character))
    return _NOT_A_WORD.sub(" ", bare.replace("'", "").replace("\u2019", "")).strip()


def find(phrase_folded: str, text_folded: str) -> bool:
    """Whether the phrase stands in the text as whole words; both are folded already."""
    return bool(phrase_folded) and f" {phrase_folded} " in f" {text_folded} "
