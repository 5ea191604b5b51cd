"""What a text says that each key is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.flow.checks.prompts.keys import Told
from app.flow.checks.prompts.tokens import Token

_STOPS = frozenset(".!?;")


class Described(NamedTuple):
    """A key told by itself, and the words that say what it is for.

    Attributes:
        told: the key.
        before, behind: the words on each side; "" where they do not belong to it.
    """

    told: Told
    before: str
    behind: str


def describe(tokens: Sequence[Token], told: Sequence[Told]) -> tuple[Described, ...]:
    """What each of `told` stands for; those that tell several keys, or none for sure, are left out."""
    found: list[Described] = []
    for sentence in _sentences(tokens, told):
        found += _of_sentence(tokens, *sentence)
    return tuple(item for item in found if len(item.told.keys) == 1)


def _sentences(tokens: Sequence[Token], told: Sequence[Told]) -> Iterator[tuple[list[Told], int, int]]:
    """The keys of each sentence that tells some, and where it begins and ends."""
    start = 0
    for number in range(len(tokens) + 1):
        if number < len(tokens) and (tokens[number].word not in _STOPS or tokens[number].kind != "p"):
            continue
        within = [one for one in told if start <= one.first < number]
        if within:
            yield within, start, number
            start = number + 1
        elif number < len(tokens) and tokens[number].word != "?":
            start = number + 1


def _of_sentence(tokens: Sequence[Token], told: list[Told], start: int, end: int) -> Iterator[Described]:
    way = _way(tokens, told, start, end)
    for number, one in enumerate(told):
        since = told[number - 1].behind if number else start
        until = told[number + 1].first if number + 1 < len(told) else end
        before = _words(tokens, since, one.first) if way != "behind" else ""
        behind = _words(tokens, one.behind, until) if way != "before" else ""
        yield Described(one, before, behind)


def _way(tokens: Sequence[Token], told: list[Told], start: int, end: int) -> str:
    """On which side of the keys their descriptions stand: `before`, `behind`, or "" when both may be."""
    first, last = told[0], told[-1]
    purpose = first.tongue.words.purpose
    has_before = any(token.word in purpose for token in tokens[start : first.first])
    has_behind = last.behind < end and tokens[last.behind].word in purpose
    if has_before and has_behind:
        direct = [one.behind < end and tokens[one.behind].word in purpose for one in told]
        return "behind" if all(direct) else "before" if not any(direct[:-1]) and len(direct) > 1 else ""
    if has_before or has_behind:
        return "before" if has_before else "behind"
    has_words = any(token.kind == "w" for token in tokens[start : first.first])
    return "" if has_words and first.behind < end else "before" if has_words else "behind"


def _words(tokens: Sequence[Token], start: int, end: int) -> str:
    return " ".join(token.word for token in tokens[start:end] if token.kind in {"w", "n"})
