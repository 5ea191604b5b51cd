"""Which of six languages a text is written in, by its frequent words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

from app.flow.checks.prompts.places import place_of
from app.flow.checks.prompts.texts import SpokenText
from app.flow.checks.prompts.tokens import Token, tokens_of
from app.flow.checks.prompts.tongues import TONGUES, Tongue, tongue_of
from app.flow.issues import Issue
from app.flow.rules import RULES

DEFAULT: Final = "en-US"
"""The voice of a talk without a language. Source: NCCO reference, Talk (language)."""

_LEAST_WEIGHT = 3
_LEAST_WORDS = 2
_MARK = 2
_SWITCHING = re.compile(r"<(?:lang|voice)\b|xml:lang")
"""SSML that speaks a part of the text in another language."""


class Foreign(NamedTuple):
    """A text in another language than its voice; offsets of its first and last word."""

    tongue: Tongue
    start: int
    end: int


@cache
def _by_word() -> dict[str, tuple[tuple[Tongue, int], ...]]:
    """Word → each language that has it, with its weight."""
    found: dict[str, list[tuple[Tongue, int]]] = {}
    for tongue in TONGUES:
        for word in tongue.words.common:
            found.setdefault(word, []).append((tongue, _MARK if word in tongue.words.marks else 1))
        for word in (tongue.words.press | tongue.words.say) - tongue.words.common:
            found.setdefault(word, []).append((tongue, 1))
    return {word: tuple(tongues) for word, tongues in found.items()}


def likely(tokens: Sequence[Token], told: Tongue | None) -> tuple[Tongue, ...]:
    """The six languages, the likeliest first; of equally likely ones that of the voice."""
    weights = dict.fromkeys((tongue.code for tongue in TONGUES), 0)
    by_word = _by_word()
    for word in {token.word for token in tokens if token.kind == "w"}:
        for tongue, weight in by_word.get(word, ()):
            weights[tongue.code] += weight
    return tuple(sorted(TONGUES, key=lambda tongue: (-weights[tongue.code], tongue is not told)))


def check_language(spoken: Iterable[SpokenText]) -> Iterator[Issue]:
    """W604: a text that is surely in another language than its voice; of those without a language the first one."""
    is_told = False
    for each in spoken:
        if each.is_default and is_told:
            continue
        language = DEFAULT if each.is_default else each.language
        voice = tongue_of(language)
        if voice is None or not _own_words(voice).isdisjoint(each.text.value.lower().split()):
            continue
        found = _foreign(each.text.value, voice)
        if found is not None:
            message = f"this text is {found.tongue.shown}, and a voice for {voice.shown} ({language}) speaks it"
            cure = f"write `language: {found.tongue.example}`, or translate the text"
            if each.is_default:
                is_told, cure = True, f"write `defaults: {{talk: {{language: {found.tongue.example}}}}}` in the flow"
                message += ", since nothing says its language"
            yield RULES["W604"].at(place_of(each.text, found.start, found.end), message, cure)


@cache
def _own_words(tongue: Tongue) -> frozenset[str]:
    """Words that no other of the six languages has: a text with one of them is not surely in another language."""
    return frozenset(
        word for word, tongues in _by_word().items() if len(word) > 1 and [t for t, _ in tongues] == [tongue]
    )


@lru_cache(maxsize=2048)
def _foreign(text: str, voice: Tongue) -> Foreign | None:
    """The language of a text, if there are several words of it and none of its voice's."""
    tokens = tokens_of(text)
    best = likely(tokens, voice)[0]
    if best is voice or _SWITCHING.search(text):
        return None
    by_word = _by_word()
    shown: dict[str, int] = {}
    for token in tokens:
        weights = {tongue.code: weight for tongue, weight in by_word.get(token.word, ())} if len(token.word) > 1 else {}
        if voice.code in weights and best.code not in weights:
            return None
        if best.code in weights and voice.code not in weights:
            shown[token.word] = weights[best.code]
    if len(shown) < _LEAST_WORDS or sum(shown.values()) < _LEAST_WEIGHT:
        return None
    return Foreign(best, tokens[0].start, tokens[-1].end)
