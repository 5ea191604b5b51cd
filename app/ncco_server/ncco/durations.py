"""How long speech and audio last. The platform documents no durations: these are our estimates."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

WORDS_PER_MINUTE: Final[Mapping[str, float]] = {
    "en": 155, "de": 130, "fr": 165, "es": 165, "it": 155, "pt": 160, "nl": 145, "sv": 140, "da": 145, "nb": 145,
    "no": 145, "fi": 105, "pl": 120, "cs": 120, "sk": 120, "hu": 110, "ru": 115, "uk": 115, "tr": 105, "el": 135,
    "ro": 140, "hi": 140, "ar": 110, "he": 120, "id": 125, "vi": 190,
}  # fmt: skip
OTHER_WORDS_PER_MINUTE: Final = 140.0
CHARACTERS_PER_MINUTE: Final[Mapping[str, float]] = {
    "ja": 330, "cmn": 255, "yue": 255, "zh": 255, "ko": 330, "th": 420,
}  # fmt: skip
"""Languages without spaces."""
COMMA_S: Final = 0.15
"""The length is our estimate. Source: NCCO reference, Talk (text)."""
SENTENCE_S: Final = 0.35
STRENGTHS: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
RATES: Final = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}

LONGEST_SOUND_S: Final = 604_800.0
"""No call lasts longer, and the clock cannot hold every duration."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d")
"""A single digit takes as long as a word."""
_TIME: Final = re.compile(r"\s*\+?(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)\s*")
_PERCENT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)%\s*")


@dataclass(frozen=True, slots=True)
class Durations:
    """How long speech and audio files last.

    Attributes:
        streams: seconds by URL.
        stream_s: for every other audio file.
        pace: 2 is twice as fast.
    """

    streams: Mapping[str, float] = field(default_factory=dict)
    stream_s: float = 30.0
    pace: float = 1.0

    def talk(self, text: str, language: str = "en-US") -> float:
        """In seconds, at least 0.1, for plain text or SSML."""
        seconds = sum(self._seconds(part, language) for part in _parts(text))
        return max(0.1, round(min(seconds, LONGEST_SOUND_S), 3))

    def stream(self, url: str) -> float:
        return self.streams.get(url, self.stream_s)

    def _seconds(self, part: tuple[str, float] | float, language: str) -> float:
        if isinstance(part, float):
            return part
        text, rate = part
        pauses = COMMA_S * len(re.findall(r",(?=\s)", text)) + SENTENCE_S * len(re.findall(r"[.!?:;](?=\s+\S)", text))
        return (_spoken(text, language) + pauses) / (rate * self.pace)


def repeated(once: float, loop: int) -> float | None:
    """None is endless."""
    return round(min(once * min(loop, 10**9), LONGEST_SOUND_S), 3) if loop else None


_TAG: Final = re.compile(r"<[^<>]*>")
_PAUSES: Final = re.compile(r"(?:<break\b[^<>]*>(?:\s*</break>)?\s*)+")
_BREAK_TIME: Final = re.compile(r"""\btime\s*=\s*["'](\d+(?:\.\d+)?)(ms|s)["']""")


def plain(text: str) -> str:
    """Without tags and repeated spaces."""
    return " ".join((html.unescape(_TAG.sub(" ", text)) if "<" in text else text).split())


def is_spoken(text: str) -> bool:
    return bool(_TAG.sub("", text).strip()) or "alias=" in text


def longest_pause(text: str) -> float:
    """In seconds."""
    times = (_BREAK_TIME.findall(found[0]) for found in _PAUSES.finditer(text))
    return max((sum(float(time) / (1000 if unit == "ms" else 1) for time, unit in each) for each in times), default=0.0)


def _spoken(text: str, language: str) -> float:
    primary = language.partition("-")[0].lower()
    if primary in CHARACTERS_PER_MINUTE:
        return 60 * len(re.findall(r"\w", text)) / CHARACTERS_PER_MINUTE[primary]
    return 60 * len(_WORD.findall(text)) / WORDS_PER_MINUTE.get(primary, OTHER_WORDS_PER_MINUTE)


def _parts(text: str) -> Iterable[tuple[str, float] | float]:
    """Texts with their speaking rates, and pauses in seconds."""
    if "<" not in text:
        return [(text, 1.0)]
    try:
        root = ET.fromstring(text)  # noqa: S314 - expat limits how far entities expand
    except ET.ParseError:
        return [(_TAG.sub(" ", text), 1.0)]
    return _walk(root)


def _walk(root: ET.Element) -> Iterable[tuple[str, float] | float]:
    """Not recursive, because tags can be nested to any depth."""
    pending = [(root, 1.0)]
    while pending:
        element, rate = pending.pop()
        name = element.tag.rpartition("}")[2]
        if name == "break":
            yield _break_s(element)
        elif alias := element.get("alias"):  # of a `sub`
            yield alias, rate
        else:
            inner = rate * _rate(element)
            yield element.text or "", inner
            yield from ((child.tail or "", inner) for child in element)
            pending += [(child, inner) for child in element]
        if name in ("p", "s"):
            yield SENTENCE_S


def _break_s(element: ET.Element) -> float:
    """Source: Text-To-Speech guide, break (time, strength)."""
    if found := _TIME.fullmatch(element.get("time", "")):
        return float(found[1]) / (1000 if found[2] == "ms" else 1)
    return STRENGTHS.get(element.get("strength", "medium"), STRENGTHS["medium"])


def _rate(element: ET.Element) -> float:
    written = element.get("rate", "medium")
    if found := _PERCENT.fullmatch(written):
        return max(float(found[1]), 20.0) / 100
    return RATES.get(written, 1.0)
