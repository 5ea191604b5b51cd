"""Whole calls in several languages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.scripted_call import ScriptedCall, load_flow

DESK = """
flow: desk
default: true
start: language
locales:
  en: {language: en-GB, style: 2}
  fr: {language: fr-FR, premium: true}
  de: {language: de-DE}
defaults:
  talk: {level: 0.5}
  retry:
    noinput: {en: ["I did not hear you."], fr: ["Je ne vous ai pas entendu."], de: ["Ich habe Sie nicht gehört."]}
    nomatch: [{en: "That is no choice.", fr: "Ce choix n'existe pas.", de: "Das gibt es nicht."}]
    then: bye
  on: {error: sorry}
steps:
  language:
    do:
      - talk: "For English press 1."
        language: en-GB
      - talk: "Pour le français, faites le 2."
        language: fr-FR
    choices:
      english: {dtmf: 1, speech: [english], goto: menu}
      french: {dtmf: 2, speech: [french, français], set: {locale: fr}, goto: menu}
      german: {dtmf: 3, speech: [german, deutsch], set: {locale: de}, goto: menu}
  menu:
    do:
      - stream: {en: https://e.example/en.mp3, fr: https://e.example/fr.mp3, de: https://e.example/de.mp3}
      - talk: {en: "Sales or help?", fr: "Ventes ou aide ?", de: "Vertrieb oder Hilfe?"}
    choices:
      sales: {dtmf: 1, speech: {en: sales, fr: [ventes, vente], de: vertrieb}, goto: sales}
      help: {dtmf: 2, speech: {en: help, fr: [aide], de: hilfe}, goto: help}
      english: {dtmf: 9, speech: [english], set: {locale: en}, goto: menu}
  sales:
    do:
      - talk: {en: "Sales, {{ call.from }}.", fr: "Ventes, {{ call.from }}.", de: "Vertrieb, {{ call.from }}."}
      - talk: "{{ locale }}"
    goto: bye
  help:
    set: {locale: en}
    do: [{talk: {en: "Only in English.", fr: "En anglais.", de: "Auf Englisch."}}]
    goto: bye
  bye:
    do: [{talk: {en: "Goodbye.", fr: "Au revoir.", de: "Auf Wiedersehen."}}]
    goto: end
  sorry:
    do: [{talk: {en: "Sorry.", fr: "Désolé.", de: "Leider."}}]
    goto: end
"""


def called(*keys: str) -> ScriptedCall:
    """A call to the desk after these keys."""
    call = ScriptedCall(load_flow(DESK))
    for digits in keys:
        call.press(digits)
    return call


def voices(ncco: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    talks = [action for action in ncco if action["action"] == "talk"]
    return [(talk["language"], talk.get("style"), talk.get("premium"), talk["level"]) for talk in talks]


def listens(ncco: list[dict[str, Any]]) -> dict[str, Any]:
    """The speech settings of the input."""
    (settings,) = [action["speech"] for action in ncco if action["action"] == "input"]
    return dict(settings)


def test_a_call_begins_in_the_first_locale() -> None:
    call = called()

    assert ["For English press 1.", "Pour le français, faites le 2."] == call.said
    assert {"context": ["english", "french", "français", "german", "deutsch"], "language": "en-GB"} == listens(
        call.ncco
    )
    assert "Sorry." == call.ncco[-1]["text"]


def test_who_chooses_french_hears_the_menu_in_french() -> None:
    call = called("2")

    assert ["plays https://e.example/fr.mp3", "Ventes ou aide ?"] == call.said
    assert [("fr-FR", 0, True, 0.5), ("fr-FR", 0, True, 0.5)] == voices(call.ncco)
    assert {"context": ["ventes", "vente", "aide", "english"], "language": "fr-FR"} == listens(call.ncco)
    assert "Désolé." == call.ncco[-1]["text"]


def test_a_french_phrase_chooses_in_french_only() -> None:
    french, english = called("2"), called("1")
    french.speak(("Je voudrais le service des ventes", 0.9))
    english.speak(("Je voudrais le service des ventes", 0.9))

    assert ["Ventes, 447700900123.", "fr", "Au revoir."] == french.said
    assert ["That is no choice.", "plays https://e.example/en.mp3", "Sales or help?"] == english.said


def test_the_prompts_of_failed_tries_are_french() -> None:
    call = called("2")
    heard = [call.silence() and call.said[0], call.press("7") and call.said[0]]

    assert ["Je ne vous ai pas entendu.", "Au revoir."] == heard


def test_a_wrong_key_is_answered_in_german() -> None:
    call = called("3")
    call.press("7")

    assert ["Das gibt es nicht.", "plays https://e.example/de.mp3", "Vertrieb oder Hilfe?"] == call.said
    assert {"context": ["vertrieb", "hilfe", "english"], "language": "de-DE"} == listens(call.ncco)


def test_who_switches_back_hears_english_again() -> None:
    call = called("2", "9")

    assert ["plays https://e.example/en.mp3", "Sales or help?"] == call.said
    assert {"context": ["sales", "help", "english"], "language": "en-GB"} == listens(call.ncco)


def test_a_step_speaks_the_locale_that_it_sets() -> None:
    call = called("3", "2")

    assert ["Only in English.", "Goodbye."] == call.said


@pytest.mark.parametrize("order", [("1", "2", "3"), ("3", "2", "1")])
def test_calls_in_different_locales_do_not_disturb_each_other(order: tuple[str, ...]) -> None:
    flow = load_flow(DESK)
    heard = {}
    for key in (*order, *order):
        call = ScriptedCall(flow)
        call.press(key)
        call.press("1")
        heard[key] = call.said

    assert {
        "1": ["Sales, 447700900123.", "en", "Goodbye."],
        "2": ["Ventes, 447700900123.", "fr", "Au revoir."],
        "3": ["Vertrieb, 447700900123.", "de", "Auf Wiedersehen."],
    } == heard


def test_a_locale_may_be_computed() -> None:
    flow = load_flow(
        """
        flow: computed
        default: true
        start: choose
        locales: {en: {language: en-GB}, fr: {language: fr-FR}}
        defaults: {on: {error: sorry}}
        vars: {country: {type: text, default: fr}}
        steps:
          choose: {set: {locale: "{{ country }}"}, goto: hello}
          hello: {do: [{talk: {en: "Hello.", fr: "Bonjour."}}], goto: broken}
          broken: {set: {country: es}, goto: again}
          again: {set: {locale: "{{ country }}"}, do: [{talk: {en: "Bye.", fr: "Salut."}}], goto: end}
          sorry: {do: [{talk: {en: "Sorry.", fr: "Désolé."}}], goto: end}
        """
    )

    assert ["Bonjour.", "Désolé."] == ScriptedCall(flow).said


def test_a_template_says_what_the_locale_of_the_call_is() -> None:
    flow = load_flow(
        """
        flow: template
        default: true
        start: hello
        locales: {en: {language: en-GB}, fr: {language: fr-FR}}
        steps:
          hello:
            set: {locale: fr}
            do:
              - talk: {template: hello.j2}
            goto: end
        """,
        {"templates/hello.j2": "{% if locale == 'fr' %}Bonjour{% else %}Hello{% endif %}, {{ call.from }}."},
    )

    assert ["Bonjour, 447700900123."] == ScriptedCall(flow).said


CALLER = """
flow: caller
default: true
start: hello
locales: {en: {language: en-GB}, fr: {language: fr-FR}}
defaults: {on: {error: back}}
steps:
  hello: {set: {locale: fr}, do: [{talk: {en: "Hello.", fr: "Bonjour."}}], goto: ask}
  ask: {run: sub, on: {return: back}}
  back: {do: [{talk: {en: "Back.", fr: "De retour."}}], goto: end}
"""


@pytest.mark.parametrize(
    ("sub", "heard"),
    [
        (
            'locales: {en: {language: en-GB}, fr: {language: fr-FR}}\nsteps: {say: {do: [{talk: {en: "A.", fr: "B."}}],'
            " goto: return}}",
            ["Bonjour.", "B.", "De retour."],
        ),
        (
            'locales: {de: {language: de-DE}, it: {language: it-IT}}\nsteps: {say: {do: [{talk: {de: "C.", it: "D."}}],'
            " goto: return}}",
            ["Bonjour.", "C.", "De retour."],
        ),
        (
            "locales: {en: {language: en-GB}, fr: {language: fr-FR}}\nsteps: {say: {set: {locale: en}, do: [{talk: "
            '{en: "A.", fr: "B."}}], goto: return}}',
            ["Bonjour.", "A.", "Back."],
        ),
        ('steps: {say: {do: [{talk: "E."}], goto: return}}', ["Bonjour.", "E.", "De retour."]),
    ],
)
def test_the_locale_stays_with_the_call_through_other_flows(sub: str, heard: list[str]) -> None:
    flow = load_flow(CALLER, {"flows/a_sub.yaml": f"flow: sub\nstart: say\n{sub}\n"})

    assert heard == ScriptedCall(flow).said
