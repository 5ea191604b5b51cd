"""Public holidays of a country, by the `holidays` library, which is imported when a flow asks for them."""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

FIRST_YEAR: Final = 2024
LAST_YEAR: Final = 2040
"""Public holidays are turned into dates for these years; our choice. Later ones are not known."""

_LABELS = ("observed_label", "estimated_label", "observed_estimated_label")


@dataclass(frozen=True, slots=True)
class Region:
    """Whose holidays are meant: ISO 3166 codes, and the language of their names ("": the country's own), as written."""

    country: str
    subdivision: str = ""
    language: str = ""

    @property
    def path(self) -> str:
        """Where its dates stand among the sources of a flow: `calendars/GB-ENG.json`."""
        key = "-".join(filter(None, (self.country, self.subdivision)))
        key = f"{key}.{self.language}" if self.language else key
        return f"calendars/{re.sub(r'[^A-Za-z0-9_.-]', '_', key)}.json"


@lru_cache(maxsize=256)
def library_dates(region: Region) -> Mapping[date, str]:
    """The holidays of the years that are known. The region must be one that `country_class` and its fields know."""
    known = country_class(region.country)
    with warnings.catch_warnings(action="ignore"):  # some calendars say that they know fewer years
        found = known(
            subdiv=region.subdivision or None,
            years=range(FIRST_YEAR, LAST_YEAR + 1),
            language=region.language or known.default_language or "en_US",
        )
    endings = _endings(found)
    return {day: _name(found[day], endings) for day in sorted(found)}


def country_class(code: str) -> Any:
    """What the library knows of a country by its two letters; None when there is no such country."""
    return getattr(_library(), code) if code in countries().values() else None


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    """The two letters of a country by each of its names (`united kingdom`) and codes (`gb`, `gbr`, `uk`)."""
    registry = importlib.import_module("holidays.registry").COUNTRIES
    names = {name.replace("_", " "): codes[1] for name, codes in registry.items()}
    return names | {code.lower(): codes[1] for codes in registry.values() for code in codes[1:]}


def written_dates(dates: Mapping[date, str]) -> str:
    """The dates as a stable text: JSON, one date a line."""
    by_day = {day.isoformat(): name for day, name in sorted(dates.items())}
    written = {"from": FIRST_YEAR, "to": LAST_YEAR, "dates": by_day}
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"


def read_written(text: str) -> Mapping[date, str] | None:
    """What `written_dates` wrote; None when it is damaged."""
    try:
        by_day = json.loads(text)["dates"].items()
        return {date.fromisoformat(day): str(name) for day, name in by_day}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _library() -> Any:
    return importlib.import_module("holidays")


def _endings(found: Any) -> tuple[str, ...]:
    """What the library puts behind a name to say that it falls on another day: ` (observed)`, in its language."""
    labels = [str(found.tr(getattr(found, label))) for label in _LABELS if getattr(found, label, None)]
    return tuple(label.removeprefix("%s") for label in labels if label.startswith("%s ("))


def _name(found: str, endings: tuple[str, ...]) -> str:
    """The name as it is said to a caller; two on one day are joined by a comma."""
    names: list[str] = []
    for name in found.split("; "):
        for ending in endings:
            name = name.removesuffix(ending)  # noqa: PLW2901 - one ending after the other is taken off
        names.append(name)
    return ", ".join(dict.fromkeys(names))
