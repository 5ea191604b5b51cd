"""The words of six languages with which prompts name keys, from words.yaml, and which language a text is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import yaml

from app.flow.phrases import fold

_FILE = Path(__file__).with_name("words.yaml")
_TYPICAL_WEIGHT = 2


@dataclass(frozen=True, eq=False)
class Language:
    """The words of one language, folded; words.yaml says what each list is for."""

    code: str
    numbers: dict[str, str]
    """Word → digit."""
    press: frozenset[str]
    dial: frozenset[str]
    final_verbs: frozenset[str]
    say: frozenset[str]
    star: frozenset[str]
    hash: frozenset[str]
    hash_beside_key: frozenset[str]
    nouns: frozenset[str]
    with_: frozenset[str]
    fillers: frozenset[str]
    purpose: frozenset[str]
    after_key: frozenset[str]
    conjunctions: frozenset[str]
    range: frozenset[str]
    before_quantities: frozenset[str]
    units: frozenset[str]
    digits: frozenset[str]
    at_most: frozenset[str]
    at_least: frozenset[str]
    end_of_entry: frozenset[str]
    enter: frozenset[str]
    negations: frozenset[str]
    example: frozenset[str]
    common: frozenset[str]
    typical: frozenset[str]

    @property
    def verbs(self) -> frozenset[str]:
        """Everything that can ask for a key."""
        return self.press | self.dial


@cache
def languages() -> tuple[Language, ...]:
    """The six languages, English first."""
    written: dict[str, dict[str, str]] = yaml.load(_FILE.read_bytes(), yaml.CSafeLoader)
    return tuple(_language(code, lists) for code, lists in written.items())


def _language(code: str, lists: dict[str, str]) -> Language:
    names = (field.name for field in fields(Language) if field.name not in {"code", "numbers"})
    words = {name: frozenset(map(fold, lists.get(name.rstrip("_"), "").split())) for name in names}
    words["after_key"] |= words["purpose"] | words["conjunctions"] | words["nouns"] | words["range"]
    digits = enumerate(lists["numbers"].split())
    numbers = {fold(word): str(digit) for digit, group in digits for word in group.split("/")}
    return Language(code, numbers, **words)


@cache
def words_that_begin_a_key() -> frozenset[str]:
    """Words of any language from which a key can be read."""
    return frozenset[str]().union(*(each.verbs | each.final_verbs | each.nouns | each.with_ for each in languages()))


@cache
def names_of_signs() -> dict[str, str]:
    """Word of any language → the key that it names, `*` or `#`."""
    found = {word: "*" for each in languages() for word in each.star}
    return found | {word: "#" for each in languages() for word in each.hash}


def likeliest_languages(words: Iterable[str], voice: str) -> tuple[Language, ...]:
    """All languages, the one of a text with these words first; `voice` is the language code of its voice or ""."""
    weights: Counter[str] = Counter()
    for word in set(words):
        weights.update(_weights().get(word, {}))
    spoken = voice.partition("-")[0].lower()
    return tuple(sorted(languages(), key=lambda language: (-weights[language.code], language.code != spoken)))


@cache
def _weights() -> dict[str, dict[str, int]]:
    """Word → language code → how much the word says for it."""
    found: dict[str, dict[str, int]] = {}
    for language in languages():
        for word in language.common | language.typical | language.press | language.say:
            found.setdefault(word, {})[language.code] = _TYPICAL_WEIGHT if word in language.typical else 1
    return found
