"""What is spoken: text and its language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue, Rule
from app.ncco.kinds.kind import JsonSchema, Kind, wrong_type
from app.ncco.languages import IS_RECOGNISED, RECOGNISED, VOICE_OF, VOICES
from app.ncco.rules.advice import EMPTY_TEXT, UNKNOWN_SPEECH_LANGUAGE, UNKNOWN_VOICE_LANGUAGE
from app.ncco.rules.value import NOT_A_LANGUAGE
from app.ncco.shown import listed, shown

OTHER_NAMES = {
    "zh": ("cmn",),
    "cmn": ("zh",),
    "no": ("nb",),
    "nb": ("no",),
    "iw": ("he",),
    "tl": ("fil",),
    "in": ("id",),
}
"""Other codes of the same language."""

USUAL = frozenset(
    {"en-US", "en-GB", "es-ES", "es-US", "fr-FR", "de-DE", "pt-PT", "pt-BR", "nl-NL", "it-IT", "ar-SA", "ta-IN"}
)
"""The regions that are named first when a code has none, or one that is not in the list."""

BCP47 = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class Spoken(Kind):
    """A text that is spoken, plain or SSML."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """Text with something in it; empty text is a warning. Length and SSML: `app.ncco.between.talk_is_speakable`."""
        if not isinstance(value, str):
            yield wrong_type(value, "text", path, "Write what shall be said in quotes.")
        elif not value.strip():
            yield EMPTY_TEXT.at(path, "The text is empty.")

    def clean(self) -> CoreSchema:
        """Text with something in it."""
        return core_schema.str_schema(pattern=r"\S", max_length=20_000, strict=True)

    def json_schema(self) -> JsonSchema:
        """Text."""
        return {"type": "string"}


@dataclass(frozen=True)
class Language(Kind):
    """A BCP-47 code; one that is not in the list is a warning."""

    known: frozenset[str]
    codes: tuple[str, ...]
    rule: Rule

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """A code of the list, in any case."""
        if not isinstance(value, str):
            yield wrong_type(value, "text", path, NOT_A_LANGUAGE.cure)
        elif not BCP47.fullmatch(value):
            yield NOT_A_LANGUAGE.at(path, f"{shown(value)} is not a BCP-47 code.", self._cure(value))
        elif value.lower() not in self.known:
            yield self.rule.at(path, f"{shown(value)} is not in the list of languages.", self._cure(value))

    def _cure(self, value: str) -> str | None:
        """Another separator, or the regions of the same language: the same one, then the most usual ones first."""
        hyphened = value.strip().replace("_", "-").lower()
        if hyphened in self.known:
            return f"Write {next(code for code in self.codes if code.lower() == hyphened)}."
        language, _, region = hyphened.partition("-")
        region = {"uk": "gb"}.get(region, region)
        names = {language, *OTHER_NAMES.get(language, ())}
        near = [code for code in self.codes if code.lower().partition("-")[0] in names]
        near.sort(key=lambda code: (not code.lower().endswith(f"-{region}"), code not in USUAL))
        return f"Write {listed(near[:3])}." if near else None

    def clean(self) -> CoreSchema:
        """The codes as the guides write them."""
        return core_schema.literal_schema(list(self.codes))

    def json_schema(self) -> JsonSchema:
        """A BCP-47 code; the list is given as examples."""
        return {"type": "string", "pattern": f"^{BCP47.pattern}$", "examples": list(self.codes)}


def codes_of(collection: Collection[str]) -> tuple[str, ...]:
    """The codes in a stable order."""
    return tuple(sorted(collection))


VOICE_LANGUAGE = Language(frozenset(VOICE_OF), codes_of(VOICES), UNKNOWN_VOICE_LANGUAGE)
SPEECH_LANGUAGE = Language(IS_RECOGNISED, codes_of(RECOGNISED), UNKNOWN_SPEECH_LANGUAGE)
