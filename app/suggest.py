"""For "did you mean": finds the known word that is most similar to an unknown one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

ALIKE_NAMES: Final = 0.8
"""Minimum similarity of place names that count as the same. Valencia is not Vienna."""
LONGEST: Final = 80
"""Maximum length of a word that is compared, in characters."""
MOST_COMPARISONS: Final = 200_000
"""Maximum number of words that are compared in one search, which takes about a second."""


@dataclass
class _Comparisons:
    left: int


_comparisons: ContextVar[_Comparisons | None] = ContextVar("comparisons", default=None)


@contextmanager
def limited_comparisons(most: int = MOST_COMPARISONS) -> Iterator[None]:
    """In this context `nearest` compares at most this many words. After that, it finds nothing.

    So a text with thousands of unknown words does not take minutes.
    """
    token = _comparisons.set(_Comparisons(most))
    try:
        yield
    finally:
        _comparisons.reset(token)


def _fold(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def nearest(word: str, known: Iterable[str], alike: float = 0.7) -> str | None:
    """The known word that `word` probably stands for, or None. Case, `_` and `-` are ignored.

    `alike` is the minimum similarity, from 0 to 1. It should be higher for place names, because most unknown ones are
    not misspellings of a known one.
    """
    comparisons = _comparisons.get()
    if len(word) > LONGEST or (comparisons is not None and comparisons.left < 0):
        return None
    by_fold = {_fold(candidate): candidate for candidate in known if len(candidate) <= LONGEST}
    if comparisons is not None:
        comparisons.left -= len(by_fold)
    written = _fold(word)
    matches = get_close_matches(written, by_fold, n=1, cutoff=alike)
    if not matches and len(written) > 2:  # two letters of a short word are swapped
        matches = [each for each in by_fold if len(each) == len(written) and sorted(each) == sorted(written)]
    return by_fold[matches[0]] if matches else None


def folded(word: object) -> str:
    """The word in lower case, only with its letters and digits: the same for `event_url` and `EventURL`."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def near(word: object, names: Collection[str]) -> str | None:
    """The name that a word stands for: in another case or spelling, or with a letter or two wrong."""
    return nearest(str(word)[:LONGEST], names)


def near_or_all(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name: the nearest known one, or any of the list."""
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
