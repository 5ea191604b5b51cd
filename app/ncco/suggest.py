"""For "did you mean": the known word that is most similar to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def _fold(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, or None; case, `_` and `-` do not count."""
    by_fold = {_fold(candidate): candidate for candidate in known}
    matches = get_close_matches(_fold(word), by_fold, n=1, cutoff=0.7)
    return by_fold[matches[0]] if matches else None
