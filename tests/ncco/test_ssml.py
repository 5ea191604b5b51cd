"""Spoken text: what is said about it, and that no text takes long."""

from __future__ import annotations

import pytest

from app.ncco import Issue, check
from app.ncco.ssml import LONGEST, is_ssml


def only(text: str) -> Issue:
    (issue,) = check([{"action": "talk", "text": text}])
    return issue


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('The SSML breaks at " chips</speak>": not well-formed (invalid token).', "<speak>Fish & chips</speak>"),
        ('The SSML breaks at "speak>": mismatched tag.', "<speak>\n<p>a</speak>"),
        ("The SSML is cut short: no element found.", "<speak>a"),
        ('The SSML breaks at "&nbsp;</speak>": undefined entity.', "<speak>&nbsp;</speak>"),
        ('The SSML breaks at "b": junk after document element.', "<speak>a</speak>b"),
        ("The SSML declares a document type.", "<!DOCTYPE speak SYSTEM 'https://example.com/x'><speak>a</speak>"),
        ("The text does not begin with <speak>, but has tags: <p> and <break>.", "<p>a<break/></p><P>b</P>"),
        ("The speak element does not enclose the whole text, or is in capitals.", "a <speak>b</speak>"),
        ("A plain text holds <.", "Press <1> now"),
        ("Vonage's list of tags lacks <voice> and <mark>.", "<speak><voice><mark name='a'/></voice></speak>"),
        ("The text has 1501 characters; 1500 is the most.", "a" * 1501),
        ("The text has 1501 characters; 1500 is the most.", "<speak>" + "&amp;" * 1501 + "</speak>"),
    ],
)
def test_what_is_said_of_a_text(message: str, text: str) -> None:
    assert message == only(text).message


@pytest.mark.parametrize(
    "text",
    [
        "a" * LONGEST,
        "<speak>" + "&amp;" * LONGEST + "</speak>",
        "<speak>" + "<break time='1s'/>" * 500 + "</speak>",
        "<!-- a --><!-- <b> --><speak>a</speak>",
        "<speak xmlns='http://www.w3.org/2001/10/synthesis' version='1.1'>a</speak>",
        "<speak\n>a</speak>",
        "<speak><p><s>a</s></p><say-as interpret-as='digits'>1</say-as></speak>",
        "<speak><sub alias='b'>a</sub><phoneme alphabet='ipa' ph='t@m'>a</phoneme></speak>",
    ],
)
def test_nothing_is_said_of_a_sound_text(text: str) -> None:
    assert check([{"action": "talk", "text": text}]) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("N403", "<speak>" + "<p>" * 100_000),
        ("N402", "<!---->" * 10_000 + "<p>"),
        ("N402", "<!-- " * 10_000 + "<p>"),
        ("N402", "<p " * 100_000 + "<p>"),
        ("N403", "<speak>" + "&#" * 100_000),
        ("N404", "<!DOCTYPE a [" + "<!ENTITY a 'a'>" * 10_000),
    ],
)
def test_hostile_texts_are_looked_at_quickly(code: str, text: str) -> None:
    assert code in {issue.code for issue in check([{"action": "talk", "text": text}])}


def test_ssml_is_told_from_plain_text() -> None:
    assert is_ssml(" <speak>a</speak>")
    assert not is_ssml("<p>a</p>")
    assert not is_ssml("speak")


@pytest.mark.parametrize("text", ["<speak></speak>", "<speak/>", "<speak><p> </p>\n<prosody rate='slow'/></speak>"])
def test_ssml_without_a_word_is_empty(text: str) -> None:
    (issue,) = check([{"action": "talk", "text": text}])

    assert ("N914", "The SSML holds nothing to say.") == (issue.code, issue.message)


@pytest.mark.parametrize("text", ["<speak><break time='1s'/></speak>", "<speak><sub alias='one'/></speak>"])
def test_ssml_of_a_pause_or_an_alias_is_not_empty(text: str) -> None:
    assert check([{"action": "talk", "text": text}]) == []
