"""The choices of a menu, by what a text may call them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from app.flow.checks.prompts.concepts import are_akin, concepts_in
from app.flow.checks.prompts.texts import MenuEntry
from app.flow.phrases import find, fold

_SEPARATORS = re.compile(r"[-_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LANGUAGES = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
}
"""A choice of a language is often named by its code, which in a text would be another word."""
_SAYS_NOTHING = re.compile(
    r"(?:opt|option|choice|key|press|taste|touche|tecla|tasto)?_?\d*|one|two|three|four|five|six|seven|eight|nine|zero",
    re.I,
)
"""Names of choices that only tell the key: where such a one leads says what it is for."""
_UMLAUTS = re.compile("([aou])e")
_LEAST = 3
_STEM, _LONG_STEM = 4, 6
"""Letters at the beginning of two words that make them perhaps, and surely, the same."""


class Terms(NamedTuple):
    """What a choice is called.

    Attributes:
        names: its name and phrases, folded.
        phrases: only these, folded.
        bare: name and phrases without umlauts in either spelling.
        target: the step that it leads to, likewise.
        concepts: what they are about.
    """

    names: tuple[str, ...]
    phrases: tuple[str, ...]
    bare: tuple[str, ...]
    target: str
    concepts: frozenset[str]


def terms_of(entry: MenuEntry) -> Terms:
    """What a text may call this choice."""
    return _terms(entry.name, entry.phrases, entry.target)


@lru_cache(maxsize=4096)
def _terms(name: str, phrases: tuple[str, ...], target: str) -> Terms:
    called = target if target and _SAYS_NOTHING.fullmatch(name) else name
    names = tuple(folded for folded in map(_spoken, (called, *phrases)) if folded)
    concepts = concepts_in(" ".join((*names, _LANGUAGES.get(name.lower(), ""), _spoken(target))))
    bare = tuple(_without_umlauts(folded) for folded in names)
    heard = tuple(folded for folded in map(_spoken, phrases) if folded)
    return Terms(names, heard, bare, _without_umlauts(_spoken(target)), concepts)


def _spoken(name: str) -> str:
    return fold(_SEPARATORS.sub(" ", _CAMEL.sub(" ", name)))


def _without_umlauts(words: str) -> str:
    """`sueden` and `süden` alike; both sides of a comparison lose the same letters."""
    return _UMLAUTS.sub(r"\1", words)


def is_about(entry: MenuEntry, words: str) -> bool:
    """Whether folded words may be about this choice; in doubt they are."""
    terms = terms_of(entry)
    bare = _without_umlauts(words)
    if any(find(name, bare) for name in terms.bare) or terms.concepts & concepts_in(words):
        return True
    return are_akin(" ".join((*terms.bare, terms.target)), bare, _STEM)


def names_surely(entry: MenuEntry, words: str) -> bool:
    """Whether folded words hold a whole name of this choice, or a word that means the same."""
    terms = terms_of(entry)
    bare = _without_umlauts(words)
    if any(len(name) >= _LEAST and find(name, bare) for name in terms.bare) or terms.concepts & concepts_in(words):
        return True
    return are_akin(" ".join(terms.bare), bare, _LONG_STEM)


def others_named(words: str, entry: MenuEntry, menu: Iterable[MenuEntry]) -> list[MenuEntry]:
    """The other choices that folded words name; none when they may be about `entry` itself."""
    if not words or is_about(entry, words):
        return []
    return [other for other in menu if other.name != entry.name and names_surely(other, words)]
