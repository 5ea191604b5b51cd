from __future__ import annotations

import pytest

from app.flow.actions.action import Action
from app.flow.loader import load
from app.flow.model import Frame
from tests.flow.loading_flows import PATH, flow_of, marked, text_of
from tests.flow.locales.two_languages import LOCALES, faults_of, one, played

ENGLISH = {"action": "talk", "language": "en-GB", "style": 2}
FRENCH = {"action": "talk", "language": "fr-FR", "style": 0}


@pytest.mark.parametrize(
    "do",
    [
        'talk: {en: "Hello.", fr: "Bonjour."}',
        'talk: {text: {en: "Hello.", fr: "Bonjour."}}',
        '{action: talk, text: {en: "Hello.", fr: "Bonjour."}}',
    ],
)
def test_a_talk_is_said_in_the_locale_of_the_call(do: str) -> None:
    assert {**ENGLISH, "text": "Hello."} == one(do, "en")
    assert {**FRENCH, "text": "Bonjour."} == one(do, "fr")


def test_a_locale_that_the_flow_does_not_have_hears_the_default() -> None:
    assert {**ENGLISH, "text": "Hello."} == one('talk: {en: "Hello.", fr: "Bonjour."}', "it")


def test_other_options_stand_beside_the_locales() -> None:
    assert {**FRENCH, "text": "Bonjour.", "loop": 2} == one('{talk: {en: "Hello.", fr: "Bonjour."}, loop: 2}', "fr")


def test_a_text_of_a_locale_is_computed_and_escaped_for_its_own_place() -> None:
    do = 'talk: {en: "{{ who }}", fr: "<speak>{{ who }}</speak>"}'
    head = f"{LOCALES}vars: {{who: {{type: text, default: A & B}}}}\n"

    assert "A & B" == one(do, "en", head)["text"]
    assert "<speak>A &amp; B</speak>" == one(do, "fr", head)["text"]


def test_a_template_can_stand_for_a_locale() -> None:
    steps = """hello: {do: [{talk: {en: {template: hello.j2}, fr: "Bonjour."}}], goto: end}"""
    project = load({PATH: text_of(steps, LOCALES), "templates/hello.j2": "Hello from a file."})
    (part,) = project.flows["test"].steps["hello"].parts

    assert () == project.issues
    assert "templates/hello.j2" in project.flows["test"].sources
    assert isinstance(part, Action)
    assert "Hello from a file." == part.in_locale("en").literal("text")
    assert "Bonjour." == part.in_locale("fr").literal("text")


def test_a_stream_is_played_in_the_locale_of_the_call() -> None:
    do = "stream: {en: https://e.example/a.mp3, fr: [https://e.example/b.mp3]}"

    assert ["https://e.example/a.mp3"] == one(do, "en")["streamUrl"]
    assert ["https://e.example/b.mp3"] == one(do, "fr")["streamUrl"]


def test_a_stream_that_is_written_once_is_played_in_every_locale() -> None:
    do = "stream: {streamUrl: https://e.example/a.mp3, level: 0.5}"

    assert {"action": "stream", "streamUrl": ["https://e.example/a.mp3"], "level": 0.5} == one(do, "fr")


@pytest.mark.parametrize(
    ("do", "fault"),
    [
        ('talk: {en: "Hello."}', 'E560 `text` of talk lacks the locale "fr" → add `fr: ..` to this map'),
        (
            "stream: {fr: https://e.example/a.mp3}",
            'E560 `streamUrl` of stream lacks the locale "en" → add `en: ..` to this map',
        ),
        (
            'talk: {en: "Hello.", de: "Hallo."}',
            'E561 `text` of talk: this flow has no locale "de" → known are: en, fr',
        ),
        (
            'talk: {en: "Hello.", fr-FR: "A."}',
            'E561 `text` of talk: this flow has no locale "fr-FR" → did you mean "fr"?',
        ),
        ('talk: {en: "Hello.", FR: "A."}', 'E561 `text` of talk: this flow has no locale "FR" → did you mean "fr"?'),
        (
            'talk: {en: "Hello.", fr_CA: "A."}',
            'E561 `text` of talk: this flow has no locale "fr_CA" → did you mean "fr"?',
        ),
        ('talk: {en: "Hello.", frr: "A."}', 'E561 `text` of talk: this flow has no locale "frr" → did you mean "fr"?'),
        (
            'talk: {en: "Hello.", fr: "Bonjour.", loop: 2}',
            'E563 the locale "en" is among the options → put the locales under an option of their own',
        ),
        (
            'talk: {en: "Hello.", french: "Bonjour."}',
            'E561 `text` of talk: this flow has no locale "french" → known are: en, fr',
        ),
        ('talk: {txt: "Hello."}', 'E202 talk has no "txt" → did you mean "text"?'),
        ("talk: {en: [Hello.], fr: Bonjour.}", "E201 `text` of talk is a list → write a text here"),
        ('talk: {en: "{{ nobody }}", fr: "Bonjour."}', "E303"),
        ('talk: "{{ nobody }}"', "E303"),
    ],
)
def test_a_fault_in_a_translation_is_reported_once_with_its_cure(do: str, fault: str) -> None:
    (found,) = faults_of(do)

    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("do", "cure"),
    [
        (
            'talk: {en: "Hello.", fr: "Bonjour."}',
            "add `locales: {en: {language: en-GB}, fr: {language: fr-FR}}` at the top of the flow",
        ),
        (
            'talk: {cs: "Dobrý den.", en_US: "Hello.", xy: "?"}',
            "add `locales: {cs: {language: cs-CZ}, en_US: {language: en-US}, xy: {language: xy}}` "
            "at the top of the flow",
        ),
    ],
)
def test_a_flow_without_locales_is_told_to_declare_them(do: str, cure: str) -> None:
    message = "E562 `text` of talk is written by locale, and this flow has no `locales`"

    assert [f"{message} → {cure}"] == faults_of(do, head="")


def test_a_missing_translation_is_told_at_the_map() -> None:
    steps = 'hello: {do: [{talk: {en: "Hello."}}], goto: end}'

    assert ['E560 {en: "Hello."}'] == marked(steps, LOCALES)


@pytest.mark.parametrize(
    "text",
    ["Hello.", "{{ call.from }} is calling", "<speak>Hello.</speak>", "<speak><break time='1s'/>Now</speak>"],
)
def test_words_that_are_said_in_every_language_are_a_warning(text: str) -> None:
    (found,) = faults_of(f'talk: "{text}"')

    assert (
        "W565 this text is said as it is in every locale: en, fr → "
        'write `{en: "..", fr: ".."}` in its place, or give the talk a `language` of its own'
    ) == found


@pytest.mark.parametrize(
    "do",
    [
        'talk: "{{ call.from }}"',
        "talk: '1 2 3'",
        "talk: \"<speak><break time='1s'/>{{ call.from }}</speak>\"",
        """talk: '{% if locale == "fr" %}Bonjour.{% else %}Hello.{% endif %}'""",
        '{talk: "Hello.", language: en-GB}',
        '{talk: "Hello.", language: "{{ input.text }}"}',
    ],
)
def test_what_may_be_said_in_every_locale_is_none(do: str) -> None:
    assert [] == faults_of(do)


def test_regions_of_one_language_share_a_text() -> None:
    head = "locales: {uk: {language: en-GB}, us: {language: en-US}}\n"

    assert {"action": "talk", "text": "Hello.", "language": "en-US"} == one('talk: "Hello."', "us", head)


def test_a_flow_of_one_locale_needs_no_maps() -> None:
    head = "locales: {fr: {language: fr-FR, premium: true}}\n"

    assert {"action": "talk", "text": "Bonjour.", "language": "fr-FR", "premium": True} == one(
        'talk: "Bonjour."', "fr", head
    )


def test_what_holds_for_every_locale_is_the_same_in_every_call() -> None:
    steps = "hello: {do: [{talk: '123'}], goto: end}"
    head = "locales: {en: {language: en-GB}, gb: {language: en-GB}}\n"

    assert [{"action": "talk", "text": "123", "language": "en-GB"}] == played(steps, "gb", head)


AMOUNT = f"{LOCALES}vars: {{amount: {{type: number, default: 2.5}}, said: {{type: text}}}}\n"


def test_a_filter_speaks_the_language_of_the_text_it_stands_in() -> None:
    do = 'talk: {en: "{{ amount | spoken }}", fr: "{{ amount | spoken }}"}'

    assert ["2.5", "2,5"] == [one(do, locale, AMOUNT)["text"] for locale in ("en", "fr")]


def test_a_filter_in_a_text_that_is_written_once_speaks_the_language_of_the_call() -> None:
    do = 'talk: "{{ amount | spoken }}"'

    assert ["2.5", "2,5"] == [one(do, locale, AMOUNT)["text"] for locale in ("en", "fr")]


def test_a_filter_speaks_the_own_language_of_a_talk() -> None:
    do = '{talk: "{{ amount | spoken }}", language: de-DE}'

    assert "2,5" == one(do, "fr", AMOUNT)["text"]


def test_without_locales_a_filter_speaks_the_language_of_the_defaults() -> None:
    head = "defaults: {talk: {language: fr-FR}}\nvars: {amount: {type: number, default: 2.5}}\n"

    assert "2,5" == one('talk: "{{ amount | spoken }}"', "", head)["text"]


def test_what_is_kept_for_later_is_kept_in_the_language_of_the_call() -> None:
    flow = flow_of('hello: {set: {said: "{{ amount | spoken }}"}, goto: end}', AMOUNT)
    (assignment,) = flow.steps["hello"].sets

    assert "2,5" == assignment.value.render({"amount": 2.5, "locale": "fr"})


def test_a_document_speaks_the_language_of_the_call() -> None:
    text = '[{"action": "talk", "text": "{{ amount | spoken }}"}]'
    project = load({PATH: text_of("hello: {do: [{ncco: say.j2}], goto: end}", AMOUNT), "templates/say.j2": text})
    (part,) = project.flows["test"].steps["hello"].parts
    (draft,) = part.render(Frame({"amount": 2.5, "locale": "fr"}))

    assert () == project.issues
    assert "2,5" == draft.action["text"]
