"""Notations of other languages, with their replacements here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml


@dataclass(frozen=True, slots=True)
class ForeignSyntax:
    """The tables in `foreign.yaml`.

    Attributes:
        misplaced: in place of an operator or the end, with the rule, the problem and the fix.
        missing: in place of a value, with the fix.
        words, literals: words in place of an operator, or of a value, with their fixes.
        currencies: names and signs of currencies in lower case, with their codes.
        instead: operators and words, with their spelling here.
    """

    operators: Mapping[str, tuple[str, str]]
    misplaced: Mapping[str, tuple[str, str, str]]
    missing: Mapping[str, str]
    words: Mapping[str, str]
    literals: Mapping[str, str]
    calls: Mapping[str, str]
    methods: Mapping[str, str]
    filters: Mapping[str, str]
    names: Mapping[str, str]
    fields: Mapping[str, str]
    tags: Mapping[str, str]
    instead: Mapping[str, str]
    currencies: Mapping[str, str]

    def operator(self, word: str) -> str | None:
        """The fix of a word where an operator is expected; None for an unknown one."""
        if word in self.words:
            return self.words[word]
        meant = self.instead.get(word.lower())
        return f'write "{meant}"' if meant else None


FOREIGN: Final = ForeignSyntax(**yaml.load(Path(__file__).with_name("foreign.yaml").read_bytes(), yaml.CSafeLoader))
