"""What other languages and systems write, and what is written here instead: the tables of `foreign.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml


@dataclass(frozen=True, slots=True)
class Foreign:
    """The tables.

    Attributes:
        operators: the rule that an operator breaks, and its cure.
        misplaced: operators and words where an operator or the end is expected: the rule, what is wrong, and the cure.
        missing: operators where a value is expected, with their cures.
        words, literals: words in the place of an operator or of a value, with their cures.
        calls: functions and methods, with the filter that does the same.
        filters, tags: those that do not exist here, with their cures.
        names: names that other systems use, with the name here.
    """

    operators: Mapping[str, tuple[str, str]]
    misplaced: Mapping[str, tuple[str, str, str]]
    missing: Mapping[str, str]
    words: Mapping[str, str]
    literals: Mapping[str, str]
    calls: Mapping[str, str]
    filters: Mapping[str, str]
    names: Mapping[str, str]
    tags: Mapping[str, str]


FOREIGN: Final = Foreign(**yaml.load(Path(__file__).with_suffix(".yaml").read_bytes(), yaml.CSafeLoader))
