"""Guesses what an author meant, even by a word of another platform."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.suggest import folded, near

_DATA: Final = yaml.load(Path(__file__).with_name("hints.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


def _by_word(meanings: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {word: meaning for meaning, words in meanings.items() for word in words}


def _cures(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return _by_word({entry["cure"]: entry["words"] for entry in entries})


ACTION_HINTS: Final = _cures(_DATA["actions"])
"""Folded name on another platform → fix."""

ENDPOINT_NAMES: Final = _by_word(_DATA["endpoints"])
"""Folded name on another platform → Vonage's name."""

OPTION_NAMES: Final = {title: _by_word(names) for title, names in _DATA["options"].items()}
"""Shape and folded name on another platform → Vonage's name."""

OPTION_HINTS: Final = {title: _cures(entries) for title, entries in _DATA["elsewhere"].items()}
"""Shape and folded name of an option that belongs elsewhere → fix."""


def meant_action(word: object, names: Collection[str]) -> str | None:
    target = folded(word)
    if target in ACTION_HINTS:
        return ACTION_HINTS[target]
    name = near(word, names)
    return f'Did you mean "{name}"?' if name else None


def meant_option(
    word: object, title: str, names: Collection[str], inside: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Guess an option of the shape `title`, such as `talk`: the cure, and the option's name if it is one of `names`.

    `inside` has the options of nested objects, each with the option that contains it.
    """
    target = folded(word)
    same = next((name for name in names if folded(name) == target), None)
    if same:
        return f'Write "{same}".', same
    nested = next((name for name in inside if folded(name) == target), None)
    if nested:
        return f'"{nested}" belongs inside "{inside[nested]}".', None
    if target in OPTION_HINTS.get(title, {}):
        return OPTION_HINTS[title][target], None
    if meant := OPTION_NAMES.get(title, {}).get(target):
        # "maxDigits inside dtmf" is no name
        return f"Here it is called {meant}.", meant if meant in names else None
    if name := near(word, names):
        return f'Did you mean "{name}"?', name
    name = near(word, inside)
    return f'Did you mean "{name}" inside "{inside[name]}"?' if name else None, None
