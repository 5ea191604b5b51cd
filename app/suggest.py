"""For "did you mean": the known word most similar to an unknown one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

ALIKE_NAMES: Final = 0.8
"""The minimum similarity of names of cities or countries to be taken for each other: Valencia is not Vienna."""
LONGEST: Final = 80
"""Maximum number of characters of a word to compare."""
MOST_COMPARISONS: Final = 200_000
"""Maximum number of words to compare in one search: about a second."""


@dataclass
class _Comparisons:
    left: int


_comparisons: ContextVar[_Comparisons | None] = ContextVar("comparisons", default=None)


@contextmanager
def limited_comparisons(most: int = MOST_COMPARISONS) -> Iterator[None]:
    """While it is open, `nearest` compares this many words; after that, it does not find any.

    A text with thousands of unknown words and thousands of known ones is not worth minutes of comparing.
    """
    token = _comparisons.set(_Comparisons(most))
    try:
        yield
    finally:
        _comparisons.reset(token)


def _fold(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def nearest(word: str, known: Iterable[str], alike: float = 0.7) -> str | None:
    """The known word that `word` was probably meant to be, or None; case, `_` and `-` do not count.

    `alike` is the minimum similarity, from 0 to 1: geographic names need more than words in a file, since most unknown
    names are not misspellings of known ones.
    """
    comparisons = _comparisons.get()
    if len(word) > LONGEST or (comparisons is not None and comparisons.left < 0):
        return None
    by_fold = {_fold(candidate): candidate for candidate in known if len(candidate) <= LONGEST}
    if comparisons is not None:
        comparisons.left -= len(by_fold)
    written = _fold(word)
    matches = get_close_matches(written, by_fold, n=1, cutoff=alike)
    if not matches and len(written) > 2:  # two swapped letters in a short word
        matches = [each for each in by_fold if len(each) == len(written) and sorted(each) == sorted(written)]
    return by_fold[matches[0]] if matches else None


def folded(word: object) -> str:
    """The word in lower case, with only its letters and digits: `event_url` and `EventURL` fold alike."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def near(word: object, names: Collection[str]) -> str | None:
    """The name that the word was meant to be: another case or spelling of it, or one with a letter or two wrong."""
    return nearest(str(word)[:LONGEST], names)


def near_or_all(name: str, known: Iterable[str]) -> str:
    """The fix for an unknown name: the nearest known one, or the whole list."""
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
