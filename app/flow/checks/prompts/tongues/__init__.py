"""The six languages whose prompts are understood, and which of them has a verb."""

from __future__ import annotations

from functools import cache

from app.flow.checks.prompts.tongues.english import ENGLISH
from app.flow.checks.prompts.tongues.french import FRENCH
from app.flow.checks.prompts.tongues.german import GERMAN
from app.flow.checks.prompts.tongues.italian import ITALIAN
from app.flow.checks.prompts.tongues.portuguese import PORTUGUESE
from app.flow.checks.prompts.tongues.spanish import SPANISH
from app.flow.checks.prompts.tongues.tongue import Tongue, Words

__all__ = ["TONGUES", "Tongue", "Words", "lexicon", "tongue_of"]

TONGUES: tuple[Tongue, ...] = (ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE)


@cache
def lexicon() -> tuple[frozenset[str], frozenset[str], dict[str, str]]:
    """Of all six languages: words that may begin a key, words that tell to say something, words for star and hash."""
    words = [tongue.words for tongue in TONGUES]
    starting = frozenset[str]().union(*(each.verbs | each.final | each.nouns | each.by for each in words))
    saying = frozenset[str]().union(*(each.say for each in words))
    signs = {word: "*" for each in words for word in each.star} | {word: "#" for each in words for word in each.hash}
    return starting, saying, signs


_BY_CODE = {tongue.code: tongue for tongue in TONGUES}


@cache
def tongue_of(language: str) -> Tongue | None:
    """The language of a code such as `en-GB`; None when it is not one of the six."""
    return _BY_CODE.get(language.partition("-")[0].lower())
