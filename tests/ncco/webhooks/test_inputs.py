"""What the caller pressed or said, in every form in which it has been sent."""

from __future__ import annotations

import pytest

from app.ncco.webhooks import InputWebhook, SpeechResult, recognise, webhook_type


def read(**fields: object) -> InputWebhook:
    webhook = recognise(fields)
    assert isinstance(webhook, InputWebhook)
    return webhook


@pytest.mark.parametrize(
    ("digits", "dtmf"),
    [
        ("3", {"digits": "3", "timed_out": False}),
        ("", {"digits": "", "timed_out": True}),
        (None, {"digits": None, "timed_out": False}),
        (None, {"timed_out": False}),
        ("3", {"digits": 3}),
        (None, {"digits": True}),
        (None, {"digits": ["3"]}),
        (None, {"digits": 10**5000}),
        ("42", "42"),
        ("42", 42),
        ("*#", '{"digits": "*#", "timed_out": false}'),
        (None, ["4"]),
        (None, None),
    ],
)
def test_digits(digits: str | None, dtmf: object) -> None:
    assert digits == read(dtmf=dtmf).digits


@pytest.mark.parametrize(
    ("timed_out", "fields"),
    [
        (True, {"dtmf": {"digits": "3", "timed_out": True}}),
        (True, {"dtmf": {"digits": "3", "timed_out": "true"}}),
        (False, {"dtmf": {"digits": "3", "timed_out": False}}),
        (False, {"dtmf": {"digits": "3"}}),
        (True, {"dtmf": "3", "timed_out": True}),
        (True, {"dtmf": "3", "timed_out": "true"}),
        (False, {"dtmf": "3"}),
    ],
)
def test_timed_out(timed_out: bool, fields: dict[str, object]) -> None:
    assert timed_out == read(**fields).timed_out


def test_results_come_best_first_and_without_what_cannot_be_read() -> None:
    webhook = read(
        speech={
            "results": [
                {"text": "building", "confidence": "0.44"},
                {"text": "billing", "confidence": 0.91},
                {"text": "bill", "confidence": "high"},
                {"text": "pill", "confidence": "nan"},
                {"text": "till", "confidence": True},
                {"text": "hill", "confidence": 10**400},
                {"confidence": "0.3"},
                "bill",
            ]
        }
    )

    assert webhook.results == (
        SpeechResult("billing", 0.91),
        SpeechResult("building", 0.44),
        SpeechResult("bill", None),
        SpeechResult("pill", None),
        SpeechResult("till", None),
        SpeechResult("hill", None),
    )


@pytest.mark.parametrize("speech", [None, {}, {"results": None}, {"results": "sales"}, "sales", ["sales"]])
def test_there_are_no_results_where_none_can_be_read(speech: object) -> None:
    assert read(speech=speech).results == ()


def test_an_error_of_the_recogniser_is_told() -> None:
    assert (
        read(speech={"error": "Speech was not enabled"}, dtmf={"digits": "3"}).speech_error == "Speech was not enabled"
    )


def test_the_recording_and_the_reason_are_told() -> None:
    webhook = read(speech={"timeout_reason": "max_duration", "recording_url": "https://api.nexmo.com/v1/files/1"})

    assert webhook.timeout_reason == "max_duration"
    assert webhook.recording_url == "https://api.nexmo.com/v1/files/1"


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        ("input-dtmf", {"dtmf": {"digits": "3"}, "speech": {"results": []}}),
        ("input-dtmf", {"dtmf": {"digits": "3"}, "speech": {"results": [{"text": "three"}]}}),
        ("input-dtmf", {"dtmf": {"digits": ""}}),
        ("input-speech", {"dtmf": {"digits": None}, "speech": {"results": [{"text": "three"}]}}),
        ("input-speech", {"speech": {"results": []}}),
        ("input-speech", {"dtmf": {"digits": None}, "speech": {"timeout_reason": "start_timeout"}}),
        ("input-speech", {"dtmf": {"digits": None}, "speech": {"error": "ERR1: Failed to analyze audio"}}),
        ("input-dtmf", {"dtmf": {"digits": ""}, "speech": {"error": "Speech was not enabled"}}),
        ("input-dtmf", {"dtmf": {"digits": ""}, "speech": {"error": "Speech overridden by DTMF"}}),
    ],
)
def test_the_type_tells_keys_from_speech(expected: str, fields: dict[str, object]) -> None:
    assert expected == webhook_type(read(**fields))
