"""What one text tells its caller: keys, words to say, how many digits; the same whatever the menu is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.flow.checks.prompts.descriptions import Described, describe
from app.flow.checks.prompts.keys import KeyFinder, Told
from app.flow.checks.prompts.language import likely
from app.flow.checks.prompts.naming import Naming
from app.flow.checks.prompts.offers import Offer, offers_of
from app.flow.checks.prompts.tokens import Token, tokens_of
from app.flow.checks.prompts.tongues import Tongue, lexicon, tongue_of

_LOOP = re.compile(r"\{%[-+]?\s*for\b")
_STOPS = frozenset(".!?;:")


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read.

    Attributes:
        tokens: its pieces.
        told: the keys that it tells.
        described: what each single key of `told` stands for.
        offers: what it tells to say.
        loose: keys that it may tell in a way that is not understood.
        tongue: the language that it is likely in.
        offered: what it offers to say, each from its verb to the end of the sentence.
        questions: the words of its questions.
        is_open: a value or a loop may tell more keys than can be seen.
    """

    tokens: tuple[Token, ...]
    told: tuple[Told, ...]
    described: tuple[Described, ...]
    offers: tuple[Offer, ...]
    loose: frozenset[str]
    tongue: Tongue
    offered: tuple[str, ...]
    questions: tuple[str, ...]
    is_open: bool


@lru_cache(maxsize=2048)
def read_text(text: str, language: str) -> Reading:
    """Read a text that is spoken in `language` ("" when that is not known)."""
    tokens = tokens_of(text)
    tongues = likely(tokens, tongue_of(language))
    told = tuple(KeyFinder(tokens, tongues).find())
    offers = tuple(offers_of(tokens, tongues))
    return Reading(
        tokens,
        told,
        describe(tokens, told),
        offers,
        frozenset(_loose_keys(tokens, tongues[0])),
        tongues[0],
        tuple(_words(tokens[offer.first : offer.behind]) for offer in offers),
        tuple(_questions(tokens)) if "?" in text else (),
        bool(_LOOP.search(text)) or _may_tell_more(text, tokens, tongues),
    )


def _words(tokens: Sequence[Token]) -> str:
    return " ".join(token.word for token in tokens if token.kind != "p")


def _questions(tokens: Sequence[Token]) -> Iterator[str]:
    start = 0
    for number, token in enumerate(tokens):
        if token.word == "?":
            yield _words(tokens[start:number])
        if token.word in _STOPS:
            start = number + 1


def _may_tell_more(text: str, tokens: Sequence[Token], tongues: Sequence[Tongue]) -> bool:
    """Whether a computed value is a sentence of its own, or stands where a key is due."""
    for number, token in enumerate(tokens):
        if token.kind != "v":
            continue
        before = tokens[number - 1].word if number else "."
        behind = tokens[number + 1] if number + 1 < len(tokens) else None
        ends = behind is None or behind.word in _STOPS or text[behind.start].isupper()
        if before in _STOPS and ends:
            return True
        if any(before in tongue.words.verbs | tongue.words.nouns for tongue in tongues):
            return True
    return False


def _loose_keys(tokens: Sequence[Token], tongue: Tongue) -> Iterator[str]:
    naming = Naming(tokens)
    _, _, signs = lexicon()
    for number, token in enumerate(tokens):
        if token.kind == "k":
            yield token.word
        elif token.kind == "n" and len(token.word) == 1:
            if not naming.is_explained(number, tongue.words):
                yield token.word
        elif token.word in signs:
            yield signs[token.word]
