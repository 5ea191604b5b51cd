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
_MOST_ALIKE: Final = 3
_MOST_SLIPS: Final = 3
_OPPOSITES: Final = tuple(
    tuple(pair.split("/"))
    for pair in [
        "add/remove",
        "after/before",
        "allow/deny",
        "asc/desc",
        "begin/end",
        "close/open",
        "connect/disconnect",
        "decrease/increase",
        "down/up",
        "disable/enable",
        "earliest/latest",
        "exclude/include",
        "fewest/most",
        "first/last",
        "from/to",
        "hide/show",
        "high/low",
        "in/out",
        "least/most",
        "less/more",
        "max/min",
        "min/max",
        "new/old",
        "on/off",
        "start/end",
        "start/stop",
        "with/without",
    ]
)
_DIGITS: Final = re.compile("[0-9]")
_NEGATIONS: Final = frozenset({"un", "not", "non", "no", "dis", "de", "in", "never", "without", "isnot"})
MOST_COMPARISONS: Final = 200_000
"""They take about a second."""


@dataclass
class _Comparisons:
    left: int


_comparisons: ContextVar[_Comparisons | None] = ContextVar("comparisons", default=None)


@contextmanager
def limited_comparisons(most: int = MOST_COMPARISONS) -> Iterator[None]:
    """Let `nearest` compare at most this many words within this context, and then find nothing.

    Otherwise, a text with thousands of unknown words could take minutes.
    """
    token = _comparisons.set(_Comparisons(most))
    try:
        yield
    finally:
        _comparisons.reset(token)


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
    written = _fold(word)
    if written in by_fold:
        return by_fold[written]
    matches = get_close_matches(written, by_fold, n=_MOST_ALIKE, cutoff=alike)
    if not matches and len(written) > 2:  # a short word whose letters are in the wrong order
        matches = [each for each in by_fold if len(each) == len(written) and sorted(each) == sorted(written)]
    return next((by_fold[each] for each in matches if _is_slip(written, each, by_fold[each])), None)


def is_same(word: str, other: str) -> bool:
    """Whether the words differ at most in case, `_` and `-`, or in the `s` of the plural."""
    return _fold(word).removesuffix("s") == _fold(other).removesuffix("s")


def _is_slip(written: str, known: str, whole: str) -> bool:
    """Whether few letters differ, or one word is a part of the other: `opening` and `open`, `hidden` and `is_hidden`.

    Another digit is no slip: it makes another name. `whole` is `known` as it is written.
    """
    if _are_opposites(written, known) or _DIGITS.findall(written) != _DIGITS.findall(known):
        return False
    if len(known) > 3 and (written.startswith(known) or written.endswith(known)):
        return True
    if written in whole.casefold().split("_") or known.startswith(written.removesuffix("s")):
        return True
    if written[1:] == known[1:] and len(known) < 6:  # gone and none are two words
        return False
    most = min(max(len(written), len(known)) // 3, _MOST_SLIPS) if written[:1] == known[:1] else 1
    return _distance(written, known) <= most


def _are_opposites(one: str, other: str) -> bool:
    """`decrease` and `increase`, `answered` and `unanswered`."""
    short, long = sorted((one, other), key=len)
    is_negated = len(short) > 3 and long.removesuffix(short) in _NEGATIONS
    return is_negated or any(
        first in each and each.replace(first, second, 1) == (other if each is one else one)
        for pair in _OPPOSITES
        for first, second in (pair, pair[::-1])
        for each in (one, other)
    )


def _distance(one: str, other: str) -> int:
    """The number of letters to add, delete, change, or swap with the next one."""
    rows = [list(range(len(other) + 1))]
    for at, letter in enumerate(one, 1):
        row = [at]
        for to, wanted in enumerate(other, 1):
            best = min(rows[-1][to] + 1, row[-1] + 1, rows[-1][to - 1] + (letter != wanted))
            if at > 1 < to and letter == other[to - 2] and wanted == one[at - 2]:
                best = min(best, rows[-2][to - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def folded(word: object) -> str:
    """`event_url` and `EventURL` give the same result."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def near(word: object, names: Collection[str]) -> str | None:
    return nearest(str(word)[:LONGEST_WORD], names)


def near_or_all(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
