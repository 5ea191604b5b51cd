"""`set: {locale: fr}`: the call goes on in another language."""

from __future__ import annotations

import pytest

from tests.flow.loading_flows import faults_of, flow_of
from tests.flow.locales.two_languages import LOCALES


def step(locale: str) -> str:
    return f"hello: {{set: {{locale: {locale}}}, goto: end}}"


@pytest.mark.parametrize("locale", ["fr", '"{{ language }}"', '"{{ locale }}"'])
def test_a_step_sets_the_locale(locale: str) -> None:
    head = f"{LOCALES}vars: {{language: {{type: text, default: fr}}}}\n"
    (assignment,) = flow_of(step(locale), head).steps["hello"].sets

    assert "locale" == assignment.name
    assert "fr" == assignment.value.render({"language": "fr", "locale": "fr"})


def test_a_choice_sets_the_locale() -> None:
    steps = "hello: {choices: {french: {dtmf: 2, set: {locale: fr}, goto: end}}, retry: {then: end}}"

    assert [] == faults_of(steps, LOCALES)


@pytest.mark.parametrize(
    ("locale", "fault"),
    [
        ("frr", 'E561 this flow has no locale "frr" → did you mean "fr"?'),
        ("fr-FR", 'E561 this flow has no locale "fr-FR" → did you mean "fr"?'),
        ("de", 'E561 this flow has no locale "de" → known are: en, fr'),
        ("[fr]", "E201 `locale` is a list → write a text here"),
        (
            '"{{ pin }}"',
            'E226 "locale" would keep the sensitive "pin" in the open → '
            "choose the locale by something that is no secret",
        ),
    ],
)
def test_what_is_no_locale_cannot_be_set(locale: str, fault: str) -> None:
    head = f"{LOCALES}vars: {{pin: {{type: text, default: '', sensitive: true}}}}\n"

    assert [fault] == faults_of(step(locale), head)


def test_a_flow_without_locales_has_none_to_set() -> None:
    assert [
        "E562 `locale` is set, and this flow has no `locales` → "
        "add `locales: {en: {language: en-GB}, fr: {language: fr-FR}}` at the top of the flow"
    ] == faults_of(step("fr"))
