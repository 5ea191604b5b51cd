"""Finds what a text tells its caller to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.flow.checks.prompts.tokens import Token
from app.flow.checks.prompts.tongues import Tongue, Words, lexicon

_ENDS = frozenset(".!?;:")
_POLITE = frozenset(
    {"sie", "bitte", "please", "just", "simply", "einfach", "por", "favor", "per", "either", "entweder", "soit"}
)
_MOST_WORDS = 3
_TO_SAY = frozenset(
    {
        "puede",
        "pode",
        "puo",
        "pouvez",
        "can",
        "may",
        "could",
        "please",
        "simply",
        "just",
        "then",
        "either",
        "you",
        "bitte",
        "por",
        "favor",
    }
)
"""What may stand in front of a verb that tells to say something; behind other words it is told about."""


class Said(NamedTuple):
    """A few words of a text, folded, with their offsets."""

    said: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Offer:
    """`say sales, support or billing`.

    Attributes:
        alternatives: what may be said, as far as that is sure.
        start, end: offsets from the verb to the last alternative.
        first, behind: the tokens up to the end of the sentence.
        tongue: the language of its words.
    """

    alternatives: tuple[Said, ...]
    start: int
    end: int
    first: int
    behind: int
    tongue: Tongue


def offers_of(tokens: Sequence[Token], tongues: Sequence[Tongue]) -> Iterator[Offer]:
    """Every place where the text tells to say something, in order."""
    _, saying, _ = lexicon()
    for number, token in enumerate(tokens):
        for tongue in tongues if token.word in saying else ():
            if token.word in tongue.words.say and _tells(tokens, number, tongue.words):
                yield _offer(tokens, number, tongue)
                break


def _tells(tokens: Sequence[Token], number: int, words: Words) -> bool:
    if number == 0:
        return True
    before = tokens[number - 1]
    return (
        before.kind == "p"
        or before.word in words.joints
        or before.word in _TO_SAY
        or before.word in words.purpose - {"to"}
    )


def _offer(tokens: Sequence[Token], first: int, tongue: Tongue) -> Offer:
    words = tongue.words
    at = first + 1
    while at < len(tokens) and (tokens[at].word in _POLITE or tokens[at].word == ":"):
        at += 1
    found, piece = [], list[Token]()
    while at < len(tokens) and tokens[at].word not in _ENDS:
        token = tokens[at]
        if token.word in words.purpose or token.kind == "v":
            piece = piece if len(piece) == 1 and piece[0].word in words.numbers else []
            break
        if token.word in words.verbs or token.word in words.say:
            break
        if token.word == "," or token.word in words.joints:
            found.append(piece)
            piece = []
        elif token.kind in {"w", "n"}:
            piece.append(token)
        at += 1
    found.append(piece)
    alternatives = tuple(_joined(piece) for piece in found if _is_sayable(piece, words))
    end = alternatives[-1].end if alternatives else tokens[first].end
    while at < len(tokens) and tokens[at].word not in _ENDS:
        at += 1
    return Offer(alternatives, tokens[first].start, end, first, at, tongue)


def _is_sayable(piece: Sequence[Token], words: Words) -> bool:
    """Whether these are words to be said, not words about them ("your name", "what you need")."""
    if not 0 < len(piece) <= _MOST_WORDS or piece[0].kind != "w":
        return False
    return piece[0].word in words.numbers or piece[0].word not in words.common - words.marks


def _joined(piece: Sequence[Token]) -> Said:
    return Said(" ".join(token.word for token in piece), piece[0].start, piece[-1].end)
