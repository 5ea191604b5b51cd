"""Public holidays from the library `holidays`, imported only when a flow uses them."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

FIRST_YEAR: Final = 2024
LAST_YEAR: Final = 2040
"""Our choice. Later public holidays are not known."""
_LABELS: Final = ("observed_label", "estimated_label", "observed_estimated_label")


@lru_cache(maxsize=256)
def library_dates(country: str, subdivision: str = "", language: str = "") -> Mapping[date, str]:
    known = known_country(country)
    with warnings.catch_warnings(action="ignore"):  # the library warns if it covers fewer years for a country
        found = known(
            subdiv=subdivision,
            years=range(FIRST_YEAR, LAST_YEAR + 1),
            language=language or known.default_language,
        )
    labels = [str(found.tr(getattr(found, label))) for label in _LABELS if getattr(found, label, None)]
    endings = [label.removeprefix("%s") for label in labels]  # such as " (observed)"
    return {day: _spoken_name(found[day], endings) for day in sorted(found)}


def _spoken_name(found: str, endings: list[str]) -> str:
    """Remove endings such as "(observed)"; a comma joins two names."""
    names: list[str] = []
    for name in found.split("; "):
        for ending in endings:
            name = name.removesuffix(ending)  # noqa: PLW2901 - the endings are removed one after another
        names.append(name)
    return ", ".join(dict.fromkeys(names))


def known_country(code: str) -> Any:
    """The library's class of the country with this two-letter code, or None."""
    return getattr(importlib.import_module("holidays"), code) if code in _codes() else None


def regions_of(country: str) -> Mapping[str, str]:
    """The names of a country's parts by their codes; a part without a name has its code."""
    known = known_country(country)
    if known is None:
        return {}
    names = {code: name for name, code in known.subdivisions_aliases.items()}
    return {code: names.get(code, code) for code in known.subdivisions}


@lru_cache(maxsize=1)
def country_names() -> Mapping[str, str]:
    """English names by code, sorted by name."""
    known = importlib.import_module("babel").Locale("en").territories
    return dict(sorted(((code, known.get(code, code)) for code in _codes()), key=lambda each: each[1]))


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    return frozenset(codes[1] for codes in importlib.import_module("holidays.registry").COUNTRIES.values())


def dates_to_json(dates: Mapping[date, str]) -> str:
    """One date per line, always in the same order."""
    by_day = {day.isoformat(): name for day, name in sorted(dates.items())}
    written = {"from": FIRST_YEAR, "to": LAST_YEAR, "dates": by_day}
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"


def dates_from_json(text: str) -> Mapping[date, str] | None:
    """Return None if the text is damaged."""
    try:
        by_day = json.loads(text)["dates"].items()
        return {date.fromisoformat(day): str(name) for day, name in by_day}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
