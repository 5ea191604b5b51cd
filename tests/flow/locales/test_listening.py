"""What callers can say in each locale, and in which language they are heard."""

from __future__ import annotations

from typing import Any

import pytest

from app.flow.model import Frame, Outcome
from tests.flow.loading_flows import exit_of, faults_of, marked
from tests.flow.locales.two_languages import LOCALES, played

MENU = """
    hello:
      do: [{talk: {en: "Sales or help?", fr: "Ventes ou aide ?"}}]
      choices:
        sales: {dtmf: 1, speech: {en: [sales, buy], fr: ventes}, goto: end}
        help: {speech: {en: help, fr: [aide, au secours]}, goto: end}
      retry: {then: end}
"""


def menu(choices: str, beside: str = "") -> str:
    return f'hello: {{do: [{{talk: {{en: "A?", fr: "B?"}}}}{beside}], choices: {{{choices}}}, retry: {{then: end}}}}'


def speech(locale: str, steps: str = MENU, head: str = LOCALES) -> dict[str, Any]:
    """The speech settings of the input."""
    settings: dict[str, Any] = played(steps, locale, head)[-1]["speech"]
    return settings


def test_the_input_expects_the_phrases_of_the_locale_in_its_language() -> None:
    assert {"context": ["sales", "buy", "help"], "language": "en-GB"} == speech("en")
    assert {"context": ["ventes", "aide", "au secours"], "language": "fr-FR"} == speech("fr")


def test_the_input_can_hear_the_same_in_every_locale() -> None:
    assert ["dtmf", "speech"] == played(MENU, "fr")[-1]["type"]
    assert played(MENU, "fr")[0]["bargeIn"]


def test_what_the_input_writes_itself_wins() -> None:
    steps = menu(
        "one: {speech: {en: one, fr: un}, goto: end}", ", {input: {speech: {language: de-DE, endOnSilence: 1}}}"
    )

    assert {"context": ["un"], "language": "de-DE", "endOnSilence": 1} == speech("fr", steps)


def test_a_setting_of_the_input_stands_beside_what_the_locale_asks_for() -> None:
    steps = menu("one: {speech: {en: one, fr: un}, goto: end}", ", {input: {speech: {endOnSilence: 1}}}")

    assert {"context": ["un"], "language": "fr-FR", "endOnSilence": 1} == speech("fr", steps)


def test_free_speech_is_heard_in_the_language_of_the_locale() -> None:
    steps = """
        hello:
          do: [{talk: {en: "Why?", fr: "Pourquoi ?"}}]
          collect: {into: reason, speech: any}
          goto: end
          retry: {then: end}
    """

    assert {"language": "fr-FR"} == speech("fr", steps)


def test_a_talk_in_another_language_does_not_change_what_is_listened_for() -> None:
    steps = """
        hello:
          do: [{talk: "Deutsch?", language: de-DE}]
          collect: {into: reason, speech: any}
          goto: end
          retry: {then: end}
    """

    assert {"language": "en-GB"} == speech("en", steps)


def test_a_locale_may_listen_in_another_language_than_it_speaks() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: cy-GB, speech: en-IE}}\n"

    assert "en-IE" == speech("fr", MENU, head)["language"]


def test_the_phrases_of_each_locale_choose() -> None:
    asked = exit_of(MENU, LOCALES).asked

    assert asked is not None
    assert {"sales": "sales", "buy": "sales", "help": "help"} == asked.phrases
    assert {"ventes": "sales", "aide": "help", "au secours": "help"} == asked.in_locale("fr").phrases
    assert asked.phrases == asked.in_locale("en").phrases == asked.in_locale("it").phrases
    assert {"1": "sales"} == asked.in_locale("fr").keys


def test_a_phrase_may_stand_for_another_choice_in_another_locale() -> None:
    steps = menu("four: {speech: {en: four, fr: quatre}, goto: end}, oven: {speech: {en: oven, fr: four}, goto: end}")
    asked = exit_of(steps, LOCALES).asked

    assert asked is not None
    assert "four" == asked.in_locale("en").phrases["four"]
    assert "oven" == asked.in_locale("fr").phrases["four"]


def test_the_trace_tells_what_would_have_been_said_in_this_locale() -> None:
    outcome = Outcome("choice", "help", text="au secours", because="heard")
    french = exit_of(MENU, LOCALES).decide(outcome, Frame({"locale": "fr"}), 0)

    assert french is not None
    assert '"au secours" holds "au secours", a phrase of choice "help"' == french.because
    assert ('sales: needs 1 or "ventes"',) == french.others


def test_a_failed_try_tells_the_same() -> None:
    exit_ = exit_of(MENU, LOCALES)
    failed = [exit_.decide(Outcome("noinput"), Frame({"locale": locale}), 0) for locale in ("fr", "it")]

    assert [
        ('sales: needs 1 or "ventes"', 'help: needs "aide", "au secours"'),
        ('sales: needs 1 or "sales", "buy"', 'help: needs "help"'),
    ] == [decision.others for decision in failed if decision]


@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        (
            "one: {speech: {en: one}, goto: end}",
            'E560 `speech` of the choice "one" lacks the locale "fr" → add `fr: ..` to this map',
        ),
        (
            "one: {speech: {en: one, fre: un}, goto: end}",
            'E561 `speech` of the choice "one": this flow has no locale "fre" → did you mean "fr"?',
        ),
        (
            "one: {speech: {en: one, fr: []}, goto: end}",
            'E235 `speech` of the choice "one" is an empty list → list what a caller may say',
        ),
        (
            "one: {speech: {en: one, fr: '!'}, goto: end}",
            'E235 "!" holds no word that could be heard → write words as they are said, without braces',
        ),
        (
            "one: {speech: {en: a, fr: b}, goto: end}, two: {speech: {en: c, fr: b}, goto: end}",
            'E234 the phrase "b" stands for "two" and, in line 6, for "one" → give one of them another phrase',
        ),
        (
            "one: {speech: [one, un], goto: end}",
            'W566 `speech` of the choice "one" is the same in every locale: en, fr → '
            "write `speech: {en: [..], fr: [..]}`",
        ),
        (
            "french: {speech: [french], locale: fr, goto: end}",
            'E202 the choice "french" has no "locale" → write `set: {locale: name}`',
        ),
        (
            "french: {speech: [french], set: {locale: french}, goto: end}",
            'E561 this flow has no locale "french" → known are: en, fr',
        ),
    ],
)
def test_a_fault_in_the_phrases_is_reported_once_with_its_cure(choices: str, fault: str) -> None:
    assert [fault] == faults_of(menu(choices), LOCALES)


def test_phrases_by_locale_need_locales() -> None:
    steps = "hello: {do: [{talk: A?}], choices: {one: {speech: {en: one, fr: un}, goto: end}}, retry: {then: end}}"

    assert [
        'E562 `speech` of the choice "one" is written by locale, and this flow has no `locales` → '
        "add `locales: {en: {language: en-GB}, fr: {language: fr-FR}}` at the top of the flow"
    ] == faults_of(steps)


def test_the_choice_of_a_language_is_said_in_its_own() -> None:
    steps = menu("french: {speech: [french, français], set: {locale: fr}, goto: end}")

    assert ["french", "français"] == speech("en", steps)["context"]


def test_regions_of_one_language_share_their_phrases() -> None:
    head = "locales: {uk: {language: en-GB}, us: {language: en-US}}\n"
    steps = "hello: {do: [{talk: A?}], choices: {one: {speech: one, goto: end}}, retry: {then: end}}"

    assert {"context": ["one"], "language": "en-US"} == speech("us", steps, head)


def test_who_is_heard_in_another_language_is_told_at_the_locale() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: cy-GB}}\n"

    assert ["W567 cy-GB"] == marked(MENU, head)
    assert (
        "W567 callers of the locale fr are heard in en-US: cy-GB is in no list of recognised languages → "
        "add `speech: code` to the locale, with a language that is recognised"
    ) == faults_of(MENU, head)[0]


def test_a_language_for_listening_that_is_not_recognised_is_told_at_the_locale() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: cy-GB, speech: cy-CY}}\n"

    assert ["W401 cy-CY"] == marked(MENU, head)


def test_who_writes_the_language_of_an_input_is_not_warned() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: cy-GB}}\n"
    steps = menu("one: {speech: {en: one, fr: un}, goto: end}", ", {input: {speech: {language: en-IE}}}")

    assert [] == faults_of(steps, head)
