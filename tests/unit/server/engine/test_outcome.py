from __future__ import annotations

import time
from typing import Any

import pytest

from ncco_server.engine.outcome import hear_connected, hear_input, hear_status
from ncco_server.flow.runtime import Asked
from ncco_server.ncco.webhooks import MOST_RESULTS, InputWebhook, StatusWebhook
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table

MENU = Asked(
    keys={"1": "sales", "22": "support", "#": "repeat"},
    phrases={"sales": "sales", "sales desk": "desk", "support": "support", "a question": "support"},
    min_confidence=0.5,
)
KEYS_ONLY = Asked(keys={"1": "sales"})
PIN = Asked(lengths=(4, 4), sensitive=True)
REASON = Asked(free_speech=True, min_confidence=0.5)


def hear(asked: Asked, **fields: Any) -> tuple[str, str, str]:
    outcome = hear_input(asked, InputWebhook.read(fields))
    return outcome.name, outcome.choice, outcome.reason


def speech(*results: tuple[str, str]) -> dict[str, Any]:
    return {"results": [{"text": text, "confidence": confidence} for text, confidence in results]}


@pytest.mark.parametrize("timed_out", [True, False])
def test_digits_that_equal_a_choice_are_that_choice_also_when_timed_out(timed_out: bool) -> None:
    assert ("choice", "support", "") == hear(MENU, dtmf={"digits": "22", "timed_out": timed_out})


def test_digits_sent_as_a_plain_string_as_in_old_traffic_are_read() -> None:
    assert ("choice", "sales", "") == hear(MENU, dtmf="1", timed_out=True)


def test_a_closing_hash_without_its_own_choice_is_ignored() -> None:
    assert ("choice", "sales", "") == hear(MENU, dtmf={"digits": "1#"})


def test_a_hash_can_be_a_choice() -> None:
    assert ("choice", "repeat", "") == hear(MENU, dtmf={"digits": "#"})


def test_digits_that_match_no_choice_are_a_nomatch() -> None:
    assert ("nomatch", "", "dtmf") == hear(MENU, dtmf={"digits": "9"})


def test_digits_where_only_speech_was_asked_for_are_a_nomatch() -> None:
    assert ("nomatch", "", "dtmf") == hear(REASON, dtmf={"digits": "9"})


@pytest.mark.parametrize("digits", [None, ""])
def test_a_phrase_in_the_best_result_selects_its_choice(digits: str | None) -> None:
    assert ("choice", "support", "") == hear(
        MENU, dtmf={"digits": digits}, speech=speech(("I have a Question, please!", "0.9"))
    )


def test_the_longest_phrase_wins() -> None:
    assert ("choice", "desk", "") == hear(MENU, speech=speech(("the sales desk", "0.9")))


CONFIRM = Asked(phrases={"yes": "yes", "right": "yes", "no": "no", "not right": "no", "no thanks": "no"})


@each_case(("said", "outcome"), table(__file__, "test_phrases_of_two_choices_in_one_sentence_are_a_nomatch"))
def test_phrases_of_two_choices_in_one_sentence_are_a_nomatch(said: str, outcome: str) -> None:
    name, choice, reason = hear(CONFIRM, speech=speech((said, "0.9"), ("no", "0.8")))

    assert outcome == (choice or f"{name} {reason}")


def test_a_phrase_must_be_whole_words() -> None:
    assert ("nomatch", "", "speech") == hear(MENU, speech=speech(("wholesales", "0.9")))


def test_the_next_best_result_decides_when_the_best_contains_no_phrase() -> None:
    assert ("choice", "sales", "") == hear(MENU, speech=speech(("sails", "0.9"), ("sales", "0.7")))


def test_results_below_the_minimum_confidence_are_ignored() -> None:
    assert ("nomatch", "", "low_confidence") == hear(MENU, speech=speech(("sales", "0.49")))


def test_a_result_at_the_minimum_confidence_counts() -> None:
    assert ("choice", "sales", "") == hear(MENU, speech=speech(("sales", "0.5")))


def test_a_result_without_confidence_counts() -> None:
    assert ("choice", "sales", "") == hear(MENU, speech={"results": [{"text": "sales"}]})


def test_results_without_a_matching_phrase_are_a_nomatch_by_speech() -> None:
    assert ("nomatch", "", "speech") == hear(MENU, speech=speech(("pizza", "0.9")))


def test_silence_is_noinput() -> None:
    assert ("noinput", "", "noinput") == hear(MENU, dtmf={"digits": ""}, speech={"results": []})


def test_missing_results_are_noinput() -> None:
    assert ("noinput", "", "noinput") == hear(MENU, dtmf={"digits": None}, speech={"timeout_reason": "start_timeout"})


def test_an_error_of_the_recogniser_is_an_asr_error() -> None:
    assert ("asr_error", "", "asr_error") == hear(MENU, speech={"error": "ERR1: failed to analyze audio"})


def test_a_speech_error_without_a_request_for_speech_is_silence() -> None:
    assert ("noinput", "", "noinput") == hear(
        KEYS_ONLY, dtmf={"digits": "", "timed_out": True}, speech={"error": "Speech was not enabled"}
    )


def test_digits_win_over_an_error_of_the_recogniser() -> None:
    assert ("choice", "sales", "") == hear(MENU, dtmf={"digits": "1"}, speech={"error": "Speech overridden by DTMF"})


def test_digits_win_over_speech() -> None:
    assert ("choice", "sales", "") == hear(MENU, dtmf={"digits": "1"}, speech=speech(("support", "0.99")))


def test_a_number_that_was_asked_for_is_collected_without_its_closing_hash() -> None:
    outcome = hear_input(PIN, InputWebhook.read({"dtmf": {"digits": "1234#"}}))

    assert ("collected", "1234") == (outcome.name, outcome.digits)


def test_a_sensitive_number_is_not_written_to_the_trace() -> None:
    outcome = hear_input(PIN, InputWebhook.read({"dtmf": {"digits": "1234"}}))

    assert "1234" not in outcome.because


def test_free_speech_is_collected() -> None:
    outcome = hear_input(REASON, InputWebhook.read({"speech": speech(("my heating is broken", "0.8"))}))

    assert ("collected", "my heating is broken", 0.8) == (outcome.name, outcome.text, outcome.confidence)


def test_free_speech_without_words_is_a_nomatch() -> None:
    assert ("nomatch", "", "speech") == hear(REASON, speech=speech(("  ", "0.8")))


@each_case(
    ("fields", "name"),
    [
        ({"status": "busy", "sip_code": 486}, "busy"),
        ({"status": "unanswered", "detail": "unavailable"}, "unanswered"),
        ({"status": "machine"}, "machine"),
        ({"status": "machine", "sub_state": "beep_start"}, "beep"),
        ({"status": "machine", "sub_state": "beep_timeout"}, "machine"),
        ({}, ""),
    ],
)
def test_every_call_status_except_the_beep_is_its_own_outcome(fields: dict[str, Any], name: str) -> None:
    assert name == hear_status(StatusWebhook.read(fields)).name


def test_the_notify_after_a_connect_means_completed_if_somebody_answered() -> None:
    assert "completed" == hear_connected(frozenset({"ringing", "answered"})).name


def test_the_notify_after_an_unanswered_connect_means_a_lost_failure() -> None:
    assert "failed" == hear_connected(frozenset({"ringing"})).name


def test_speech_is_compared_up_to_a_bounded_length() -> None:
    ligatures = "\ufdfa" * 170_000
    results = [{"text": ligatures, "confidence": "0.9"}] * 100
    webhook = InputWebhook.read({"speech": {"results": results}})
    started = time.process_time()

    outcome = hear_input(Asked(phrases={"sales": "sales"}), webhook)

    assert ("nomatch", ligatures) == (outcome.name, outcome.text)
    assert time.process_time() - started < 5


def test_only_the_first_of_very_many_results_are_read() -> None:
    results = [{"text": f"sales {number}", "confidence": "0.5"} for number in range(10_000)]

    assert MOST_RESULTS == len(InputWebhook.read({"speech": {"results": results}}).results)
