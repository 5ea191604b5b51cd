"""How long speech lasts: a good estimate that is the same in every run."""

from __future__ import annotations

from ncco_server.ncco.durations import Durations, is_spoken
from tests.support.cases import each_case


@each_case(
    ("text", "language", "seconds"),
    [
        ("one two three", "en-GB", 1.161),
        ("one two three", "en-US", 1.161),
        ("one, two, three", "en-US", 1.461),
        ("One. Two.", "en-US", 1.124),
        ("2580", "en-US", 1.548),
        ("don't", "en-US", 0.387),
        ("eins zwei drei", "de-DE", 1.385),
        ("unbekannt", "xx-XX", 0.429),
        ("おはようございます", "ja-JP", 1.636),
        ("你好", "cmn-CN", 0.471),
        ("", "en-US", 0.1),
    ],
)
def test_words_take_their_time_by_language(text: str, language: str, seconds: float) -> None:
    assert seconds == Durations().talk(text, language)


@each_case(
    ("ssml", "seconds"),
    [
        ("<speak>one two three</speak>", 1.161),
        ("<speak>one <break time='500ms'/>two</speak>", 1.274),
        ("<speak>one <break time='2s'/>two</speak>", 2.774),
        ("<speak>one <break strength='strong'/>two</speak>", 1.474),
        ("<speak>one <break/>two</speak>", 1.174),
        ("<speak>one <break time='soon' strength='odd'/>two</speak>", 1.174),
        ("<speak><prosody rate='x-slow'>one two</prosody> three</speak>", 1.935),
        ("<speak><prosody rate='200%'>one two</prosody></speak>", 0.387),
        ("<speak><prosody pitch='low'>one two</prosody></speak>", 0.774),
        ("<speak><sub alias='one two three'>x</sub></speak>", 1.161),
        ("<speak><p>one</p><s>two</s></speak>", 1.474),
        ("one < two", 0.774),
    ],
)
def test_ssml_changes_the_duration(ssml: str, seconds: float) -> None:
    """Source: Text-To-Speech guide, break and prosody."""
    assert seconds == Durations().talk(ssml)


@each_case(
    ("text", "is_heard"), [("Hi", True), ("<speak> </speak>", False), ("<speak><sub alias='Hi'/></speak>", True)]
)
def test_an_alias_is_heard_instead_of_its_text(text: str, is_heard: bool) -> None:
    assert is_heard is is_spoken(text)


def test_pace_makes_all_speech_faster() -> None:
    assert 0.581 == Durations(pace=2).talk("one two three")


def test_streams_last_as_declared() -> None:
    durations = Durations({"https://example.com/a.mp3": 2.5}, stream_s=7)

    assert (2.5, 7) == (durations.stream("https://example.com/a.mp3"), durations.stream("https://example.com/b.mp3"))


def test_tags_may_be_nested_to_any_depth() -> None:
    deep = 5000

    assert 0.387 == Durations().talk(f"<speak>{'<emphasis>' * deep}one{'</emphasis>' * deep}</speak>")
