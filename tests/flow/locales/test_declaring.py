from __future__ import annotations

import pytest

from tests.flow.loading_flows import codes_of, faults_of, flow_of, marked

STEP = "hello: {do: [{wait: 1}], goto: end}"


def test_the_locales_of_a_flow_are_known_by_name_the_first_is_the_default() -> None:
    flow = flow_of(STEP, "locales: {en: {language: en-GB, style: 2}, fr: {language: fr-FR, premium: true}}\n")

    assert ["en", "fr"] == list(flow.locales)
    assert {"language": "en-GB", "style": 2} == flow.locales["en"].options
    assert {"language": "fr-FR", "premium": True} == flow.locales["fr"].options


@pytest.mark.parametrize(
    ("locale", "heard", "is_heard"),
    [
        ("{language: en-GB}", "en-GB", True),
        ("{language: cmn-CN, speech: cmn-hans-cn}", "cmn-hans-cn", True),
        ("{language: cy-GB}", "en-US", False),
        ("{language: cy-GB, speech: en-GB}", "en-GB", True),
    ],
)
def test_a_locale_listens_in_its_language_or_the_one_that_is_written(locale: str, heard: str, is_heard: bool) -> None:
    found = flow_of(STEP, f"locales: {{a: {locale}}}\n").locales["a"]

    assert heard == found.hears
    assert is_heard is found.is_heard


@pytest.mark.parametrize(
    ("locales", "fault"),
    [
        ("[en, fr]", "E201 `locales` is a list → write `locales: {en: {language: en-GB}, fr: {language: fr-FR}}`"),
        ("English", "E201 `locales` is a text → write `locales: {en: {language: en-GB}, fr: {language: fr-FR}}`"),
        ("{}", "E204 `locales` is empty → write `locales: {en: {language: en-GB}}`"),
        ("{en: en-GB}", 'E201 the locale "en" is not a map → write `en: {language: en-GB}`'),
        ("{en: British English}", 'E201 the locale "en" is not a map → write `en: {language: en-GB}`'),
        ("{en: [en-GB]}", 'E201 the locale "en" is not a map → write `en: {language: en-GB}`'),
        ("{en: {style: 2}}", 'E204 the locale "en" has no `language` → add `language` with a code such as en-GB'),
        ("{fr: {style: 2}}", 'E204 the locale "fr" has no `language` → add `language` with a code such as fr-FR'),
        ("{en: {langauge: en-GB}}", 'E202 the locale "en" has no "langauge" → did you mean "language"?'),
        ("{en: {lang: en-GB}}", 'E202 the locale "en" has no "lang" → write `language`'),
        ("{en: {language: en_GB}}", 'E203 `language` cannot be "en_GB" → write the code of a language, such as en-GB'),
        (
            "{en: {language: British English}}",
            'E203 `language` cannot be "British English" → write the code of a language, such as en-GB',
        ),
        (
            "{en: {language: '{{ call.to }}'}}",
            'E203 `language` cannot be "{{ call.to }}" → write the code of a language, such as en-GB',
        ),
        ("{en: {language: [en-GB]}}", "E201 `language` is a list → write a text here"),
        (
            "{en: {language: en-GB, speech: e n}}",
            'E203 `speech` cannot be "e n" → write the code of a language, such as en-GB',
        ),
        (
            "{en: {language: en-GB, style: low}}",
            'E203 `style` cannot be "low" → a whole number is needed, such as 20',
        ),
        (
            "{en: {language: en-GB, premium: yes}}",
            'E203 `premium` cannot be "yes" → true or false is needed: write true',
        ),
        (
            "{1: {language: en-GB}}",
            'E205 a locale cannot be named "1" → use letters, digits, _ and -, a letter first, e.g. en or en-GB',
        ),
        (
            "{text: {language: en-GB}}",
            'E206 a locale cannot be named "text": that is an option of talk or stream → '
            "name it by its language, e.g. en",
        ),
    ],
)
def test_a_fault_in_the_locales_is_reported_once_with_its_cure(locales: str, fault: str) -> None:
    assert [fault] == faults_of(STEP, f"locales: {locales}\n")


@pytest.mark.parametrize(
    ("locales", "fault"),
    [
        ("locales: [en-GB, fr-FR]", "E201 locales"),
        ("languages: {en: {language: en-GB}, fr: {language: fr-FR}}", 'E202 the flow has no "languages"'),
    ],
)
def test_a_fault_in_the_locales_is_not_held_against_the_texts(locales: str, fault: str) -> None:
    steps = 'hello: {do: [{talk: {en: "Hello.", fr: "Bonjour."}}], goto: end}'
    (found,) = faults_of(steps, f"{locales}\n")

    assert found.replace("`", "").startswith(fault)


def test_a_language_that_is_not_spoken_is_told_at_the_locale() -> None:
    steps = "hello: {do: [{talk: '123'}], goto: end}"

    assert ["W401 xx-XX"] == marked(steps, "locales: {xx: {language: xx-XX}}\n")


def test_the_locale_of_a_call_is_one_of_the_names() -> None:
    steps = """
        hello:
          branch:
            - if: locale == "es"
              goto: hello
            - else: end
    """

    assert codes_of(steps, "locales: {en: {language: en-GB}, fr: {language: fr-FR}}\n")


def test_a_flow_without_locales_takes_any_name_for_the_locale() -> None:
    steps = """
        hello:
          branch:
            - if: locale == ""
              goto: end
            - else: end
    """

    assert [] == codes_of(steps)


@pytest.mark.parametrize("french", ["{style: 1}", "fr-CA", "French", "{language: [fr-FR]}"])
def test_a_locale_with_a_fault_is_not_taken_to_speak_another_language(french: str) -> None:
    talk = '{en: "Please hold the line.", fr: "Ne quittez pas, nous vous mettons en relation."}'
    steps = f"hello:\n  do: [{{talk: {talk}}}]\n  goto: end"

    assert 1 == len(faults_of(steps, f"locales: {{en: {{language: en-GB}}, fr: {french}}}\n"))
