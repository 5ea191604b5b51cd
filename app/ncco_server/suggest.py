"""Finds the known word that is most similar to another one, for "did you mean"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

ALIKE_NAMES: Final = 0.8
"""Valencia must not match Vienna."""
LONGEST_WORD: Final = 80
MOST_COMPARISONS: Final = 200_000
"""They take about a second."""


@dataclass
class _Comparisons:
    left: int


_comparisons: ContextVar[_Comparisons | None] = ContextVar("comparisons", default=None)


@contextmanager
def limited_comparisons() -> Iterator[None]:
    """Let `nearest` compare at most `MOST_COMPARISONS` words within this context, and then find nothing.

    Otherwise, a text with thousands of unknown words could take minutes.
    """
    token = _comparisons.set(_Comparisons(MOST_COMPARISONS))
    try:
        yield
    finally:
        _comparisons.reset(token)


def folded(word: object) -> str:
    """`event_url` and `EventURL` give the same result."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def _fold(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def nearest(word: str, known: Iterable[str], alike: float = 0.7) -> str | None:
    """The known word that `word` probably stands for. Case, `_` and `-` are ignored.

    `alike` is the minimum similarity, from 0 to 1: higher for place names, most of which are not misspellings.
    """
    comparisons = _comparisons.get()
    if len(word) > LONGEST_WORD or (comparisons is not None and comparisons.left < 0):
        return None
    by_fold = {_fold(candidate): candidate for candidate in known if len(candidate) <= LONGEST_WORD}
    if comparisons is not None:
        comparisons.left -= len(by_fold)
    matches = get_close_matches(_fold(word), by_fold, n=1, cutoff=alike)
    return by_fold[matches[0]] if matches else None


def is_same(word: str, other: str) -> bool:
    """Whether the words differ at most in case, `_` and `-`, or in the `s` of the plural."""
    return _fold(word).removesuffix("s") == _fold(other).removesuffix("s")


def near(word: object, names: Collection[str]) -> str | None:
    """Return None if `word` is not text."""
    return nearest(word, names) if isinstance(word, str) else None


def near_or_all(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
