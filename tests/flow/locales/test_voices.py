"""Whose language, style and premium a talk has: its own, the locale's, or that of `defaults`."""

from __future__ import annotations

import pytest

from tests.flow.loading_flows import marked
from tests.flow.locales.two_languages import LOCALES, one


def voice(do: str, locale: str, head: str = LOCALES) -> dict[str, object]:
    """The fields of the voice of a talk."""
    action = one(do, locale, head)
    return {name: action[name] for name in ("language", "style", "premium") if name in action}


TALK = '{talk: {en: "A.", fr: "B."}'


@pytest.mark.parametrize(
    ("own", "english", "french"),
    [
        ("", {"language": "en-GB", "style": 2}, {"language": "fr-FR", "style": 0}),
        (", style: 4", {"language": "en-GB", "style": 4}, {"language": "fr-FR", "style": 4}),
        (
            ", premium: true",
            {"language": "en-GB", "style": 2, "premium": True},
            {"language": "fr-FR", "style": 0, "premium": True},
        ),
        (", language: de-DE", {"language": "de-DE"}, {"language": "de-DE"}),
        (", language: de-DE, style: 3", {"language": "de-DE", "style": 3}, {"language": "de-DE", "style": 3}),
    ],
)
def test_the_own_voice_of_a_talk_wins_over_the_locale(
    own: str, english: dict[str, object], french: dict[str, object]
) -> None:
    assert english == voice(f"{TALK}{own}}}", "en")
    assert french == voice(f"{TALK}{own}}}", "fr")


@pytest.mark.parametrize(
    ("defaults", "english", "french"),
    [
        ("{language: de-DE}", {"language": "en-GB", "style": 2}, {"language": "fr-FR", "style": 0}),
        ("{style: 5}", {"language": "en-GB", "style": 2}, {"language": "fr-FR", "style": 5}),
        ("{language: en-GB, style: 5}", {"language": "en-GB", "style": 2}, {"language": "fr-FR", "style": 0}),
        (
            "{language: FR-fr, style: 5, premium: true}",
            {"language": "en-GB", "style": 2, "premium": False},
            {"language": "fr-FR", "style": 5, "premium": True},
        ),
        (
            "{language: de-DE, premium: true, level: 0.5}",
            {"language": "en-GB", "style": 2},
            {"language": "fr-FR", "style": 0},
        ),
    ],
)
def test_the_locale_wins_over_the_defaults(
    defaults: str, english: dict[str, object], french: dict[str, object]
) -> None:
    head = f"{LOCALES}defaults: {{talk: {defaults}}}\n"

    assert english == voice(f"{TALK}}}", "en", head)
    assert french == voice(f"{TALK}}}", "fr", head)


def test_other_defaults_of_a_talk_stay() -> None:
    head = f"{LOCALES}defaults: {{talk: {{level: 0.5}}}}\n"

    assert 0.5 == one(f"{TALK}}}", "fr", head)["level"]


def test_an_own_language_brings_the_style_of_the_defaults() -> None:
    head = f"{LOCALES}defaults: {{talk: {{style: 3}}}}\n"

    assert {"language": "de-DE", "style": 3} == voice(f"{TALK}, language: de-DE}}", "fr", head)


def test_without_locales_the_defaults_speak() -> None:
    head = "defaults: {talk: {language: en-GB, style: 3}}\n"

    assert {"language": "en-GB", "style": 3} == voice("talk: Hello.", "", head)


def test_a_style_that_the_language_does_not_have_is_told_at_the_locale() -> None:
    head = "locales: {en: {language: en-GB, style: 44}, fr: {language: fr-FR}}\n"
    steps = 'hello: {do: [{talk: {en: "A.", fr: "B."}}], goto: end}'

    assert ["W401 44"] == marked(steps, head)


def test_a_rule_that_one_locale_breaks_is_told_at_its_text() -> None:
    steps = 'hello: {do: [{talk: {en: "A.", fr: "<speak>B."}}], goto: end}'

    assert ["E401 <speak>B."] == [line.replace('"', "") for line in marked(steps, LOCALES)]
