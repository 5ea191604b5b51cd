"""For "did you mean": the known word that is most similar to an unknown one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches


def _fold(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, or None; case, `_` and `-` do not count."""
    by_fold = {_fold(candidate): candidate for candidate in known}
    matches = get_close_matches(_fold(word), by_fold, n=1, cutoff=0.7)
    return by_fold[matches[0]] if matches else None


def folded(word: object) -> str:
    """The word in lower case without anything but letters and digits: `event_url` and `EventURL` fold alike."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def near(word: object, names: Collection[str]) -> str | None:
    """The name that the word was meant to be: another case or spelling of it, or one with a letter or two wrong."""
    return nearest(str(word)[:80], names)
