"""Retry prompts by locale."""

from __future__ import annotations

from typing import Any

import pytest

from app.flow.model import Again, Frame, Outcome
from tests.flow.loading_flows import exit_of, faults_of
from tests.flow.locales.two_languages import LOCALES, NAMES

CHOICES = "{one: {dtmf: 1, goto: end}}"


def steps(retry: str) -> str:
    return f'hello: {{do: [{{talk: {{en: "A?", fr: "B?"}}}}], choices: {CHOICES}, retry: {{{retry}, then: end}}}}'


def prompt(retry: str, locale: str, tries: int = 0) -> dict[str, Any]:
    """The action that is played after a failed try."""
    decision = exit_of(steps(retry), LOCALES).decide(Outcome("noinput"), Frame({"locale": locale}), tries)
    assert decision is not None
    assert isinstance(decision.move, Again)
    (draft,) = [each for part in decision.move.prompts for each in part.render(Frame({**NAMES, "locale": locale}))]
    return draft.action


LISTS = 'noinput: {en: ["Sorry?", "Press 1."], fr: ["Pardon ?", "Faites le 1."]}'


@pytest.mark.parametrize(
    ("retry", "tries", "english", "french"),
    [
        (LISTS, 0, "Sorry?", "Pardon ?"),
        (LISTS, 1, "Press 1.", "Faites le 1."),
        ('noinput: [{en: "Sorry?", fr: "Pardon ?"}]', 0, "Sorry?", "Pardon ?"),
        ('noinput: {en: "Sorry?", fr: "Pardon ?"}', 0, "Sorry?", "Pardon ?"),
        ('noinput: [{talk: {en: "Sorry?", fr: "Pardon ?"}}]', 0, "Sorry?", "Pardon ?"),
        ('noinput: [{en: {talk: "Sorry?"}, fr: "Pardon ?"}]', 0, "Sorry?", "Pardon ?"),
        ('noinput: [{talk: {text: {en: "Sorry?", fr: "Pardon ?"}}}]', 0, "Sorry?", "Pardon ?"),
    ],
)
def test_a_prompt_is_said_in_the_locale_of_the_call(retry: str, tries: int, english: str, french: str) -> None:
    assert {"action": "talk", "text": english, "language": "en-GB", "style": 2, "bargeIn": True} == prompt(
        retry, "en", tries
    )
    assert {"action": "talk", "text": french, "language": "fr-FR", "style": 0, "bargeIn": True} == prompt(
        retry, "fr", tries
    )


@pytest.mark.parametrize(
    "retry",
    [
        "noinput: {en: {stream: https://e.example/a.mp3}, fr: {stream: https://e.example/b.mp3}}",
        "noinput: [{stream: {en: https://e.example/a.mp3, fr: https://e.example/b.mp3}}]",
    ],
)
def test_a_prompt_is_streamed_in_the_locale_of_the_call(retry: str) -> None:
    assert {"action": "stream", "streamUrl": ["https://e.example/b.mp3"]} == prompt(retry, "fr")


def test_prompts_of_the_defaults_may_be_written_by_locale() -> None:
    head = f'{LOCALES}defaults: {{retry: {{noinput: {{en: "Sorry?", fr: "Pardon ?"}}, then: end}}}}\n'
    own = f'hello: {{do: [{{talk: {{en: "A?", fr: "B?"}}}}], choices: {CHOICES}}}'

    assert [] == faults_of(own, head)


SHAPE = (
    "E564 a prompt is not spoken, or not streamed, in every locale alike → write a text for each, or {stream: url} "
    "for each; other fields go beside `talk: {en: .., fr: ..}`"
)


@pytest.mark.parametrize(
    ("retry", "fault"),
    [
        (
            'noinput: {en: ["Sorry?", "Press 1."], fr: ["Pardon ?"]}',
            "E564 there are 2 prompts in en and 1 in fr → "
            "write as many prompts for each locale, all spoken or all streamed",
        ),
        ('noinput: {en: ["Sorry?"]}', 'E560 this list of prompts lacks the locale "fr" → add `fr: ..` to this map'),
        ('noinput: [{en: "Sorry?"}]', 'E560 this prompt lacks the locale "fr" → add `fr: ..` to this map'),
        ('noinput: [{en: "Sorry?", fr: {stream: https://e.example/a.mp3}}]', SHAPE),
        ('noinput: [{en: {talk: "A.", loop: 2}, fr: "B."}]', SHAPE),
        ('noinput: [{en: ["A."], fr: "B."}]', SHAPE),
        ("noinput: [{en: {wait: 1}, fr: {wait: 1}}]", SHAPE),
        (
            'noinput: ["Sorry?"]',
            'W565 this text is said as it is in every locale: en, fr → write `{en: "..", fr: ".."}` in its place, '
            "or give the talk a `language` of its own",
        ),
    ],
)
def test_a_fault_in_the_prompts_is_reported_once_with_its_cure(retry: str, fault: str) -> None:
    assert [fault] == faults_of(steps(retry), LOCALES)


def test_prompts_by_locale_need_locales() -> None:
    menu = f'hello: {{do: [{{talk: "A?"}}], choices: {CHOICES}, retry: {{noinput: {{en: A., fr: B.}}, then: end}}}}'

    assert [
        "E562 this list of prompts is written by locale, and this flow has no `locales` → "
        "add `locales: {en: {language: en-GB}, fr: {language: fr-FR}}` at the top of the flow"
    ] == faults_of(menu)
