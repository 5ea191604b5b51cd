"""The languages that Vonage speaks and recognises. The lists may be outdated, so others only cause warnings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml


@dataclass(frozen=True, slots=True)
class VoiceStyles:
    """The styles of one language, by number; none if they are unknown."""

    styles: frozenset[int] = frozenset()
    ssml_styles: frozenset[int] = frozenset()


def _numbers(ranges: str) -> frozenset[int]:
    ends = [part.partition("-") for part in ranges.split(",") if part]
    return frozenset(number for low, _, high in ends for number in range(int(low), int(high or low) + 1))


def spans(numbers: frozenset[int]) -> list[str]:
    """As ranges: `["0 to 7", "9"]`."""
    starts = sorted(number for number in numbers if number - 1 not in numbers)
    ends = sorted(number for number in numbers if number + 1 not in numbers)
    return [f"{low}" if low == high else f"{low} to {high}" for low, high in zip(starts, ends, strict=True)]


_DATA: Final[dict[str, Any]] = yaml.load(
    Path(__file__).with_name("languages.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)

VOICES: Final = {
    code: VoiceStyles(_numbers(standard) | _numbers(premium), _numbers(ssml))
    for code, (standard, premium, ssml) in _DATA["voices"].items()
} | dict.fromkeys(_DATA["voices_without_styles"], VoiceStyles())

LANGUAGE_NAMES: Final[dict[str, str]] = _DATA["names"]

SAME_LANGUAGE: Final[list[list[str]]] = _DATA["same"]
"""Codes that mean the same language."""

USUAL_CODES: Final[list[str]] = _DATA["usual"]
"""Suggested first if the region is missing or not listed."""

RECOGNISED: Final[tuple[str, ...]] = tuple(_DATA["recognised"].split())

VOICES_BY_CODE: Final = {code.lower(): voice for code, voice in VOICES.items()}
"""In lower case, because case does not matter."""

RECOGNISED_CODES: Final = frozenset(code.lower() for code in RECOGNISED)
