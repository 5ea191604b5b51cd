"""Every webhook that is known is recognised, whatever else it carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ncco import webhooks
from app.ncco.webhooks import (
    AnswerWebhook,
    FallbackWebhook,
    InputWebhook,
    LegWebhook,
    NotifyWebhook,
    RecordWebhook,
    StatusWebhook,
    UnknownWebhook,
    Webhook,
    recognise,
    webhook_type,
)

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "webhooks").glob("*.json"))
FIELDS = (
    *("status", "type", "dtmf", "speech", "payload", "original_request", "reason", "uuid", "call_uuid", "from", "to"),
    *("conversation_uuid", "custom_data", "duration", "recording_url", "transcription_url", "timestamp", "headers"),
    *("conversation_uuid_from", "sip_code", "size"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def load(path: Path) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return sample


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load(SAMPLES[0].parent / f"{name}.json")["payload"]
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_recognised_and_read_without_a_problem(path: Path) -> None:
    sample = load(path)
    webhook = recognise(sample["payload"])

    assert sample["type"] == webhook_type(webhook)
    assert webhook.problems == ()


def test_each_kind_of_webhook_has_a_sample() -> None:
    kinds = {
        webhook.kind
        for webhook in vars(webhooks).values()
        if isinstance(webhook, type) and issubclass(webhook, Webhook)
    }

    assert kinds == {recognise(load(path)["payload"]).kind for path in SAMPLES}


def test_an_answer_webhook_of_a_client_names_its_user() -> None:
    webhook = recognise(payload("own-answer-app"))

    assert isinstance(webhook, AnswerWebhook)
    assert webhook.from_ is None
    assert webhook.from_user == "alice"
    assert webhook.custom_data == {"orderId": "A-17"}


def test_sip_headers_are_found_by_their_own_names() -> None:
    webhook = recognise(payload("own-answer-sip"))

    assert isinstance(webhook, AnswerWebhook)
    assert webhook.sip_headers == {"X-Tenant": "blue", "User-to-User": "abcd;encoding=hex"}


def test_the_leg_of_a_machine_event_is_found_under_uuid() -> None:
    webhook = recognise(payload("own-machine"))

    assert isinstance(webhook, StatusWebhook)
    assert webhook.uuid == "aaaaaaaabbbbccccdddd0123456789ab"
    assert webhook.sub_state == "beep_start"


def test_a_completed_call_tells_seconds_and_prices() -> None:
    webhook = recognise(payload("own-completed"))

    assert isinstance(webhook, StatusWebhook)
    assert webhook.duration == 214
    assert webhook.price == "0.01391000"
    assert webhook.disconnected_by == "user"
    assert webhook.sip_code == 200


def test_a_fallback_reads_the_webhook_that_failed() -> None:
    webhook = recognise(payload("own-fallback-input"))

    assert isinstance(webhook, FallbackWebhook)
    assert webhook.reason == "Invalid NCCO."
    assert webhook.original_url == "https://ivr.example.net/webhooks/input/1"
    assert webhook.original_type == "event"
    assert isinstance(webhook.original, InputWebhook)
    assert webhook.original.digits == "3"


def test_a_fallback_of_an_answer_reads_the_answer() -> None:
    webhook = recognise(payload("own-fallback-answer"))

    assert isinstance(webhook, FallbackWebhook)
    assert isinstance(webhook.original, AnswerWebhook)
    assert webhook.original.to == "442079460000"


def test_a_fallback_with_an_unreadable_request_is_still_a_fallback() -> None:
    webhook = recognise({"reason": "Invalid NCCO.", "original_request": ["?"]})

    assert isinstance(webhook, FallbackWebhook)
    assert webhook.original_url is None
    assert isinstance(webhook.original, UnknownWebhook)


def test_the_payload_of_a_get_notify_is_decoded() -> None:
    webhook = recognise(payload("own-notify-get"))

    assert isinstance(webhook, NotifyWebhook)
    assert webhook.payload == {"step": "after-greeting"}


def test_nested_text_that_is_no_json_stays_as_it_came() -> None:
    webhook = recognise({"payload": "{broken"})

    assert isinstance(webhook, NotifyWebhook)
    assert webhook.payload == "{broken"


def test_nested_text_of_any_depth_stays_as_it_came() -> None:
    webhook = recognise({"payload": "[" * 100_000})

    assert isinstance(webhook, NotifyWebhook)
    assert webhook.payload == "[" * 100_000


def test_numbers_come_as_numbers_or_as_text() -> None:
    webhook = recognise(payload("23-record"))

    assert isinstance(webhook, RecordWebhook)
    assert webhook.size == 18990


def test_a_number_where_text_is_due_becomes_text() -> None:
    webhook = recognise({"from": 447700900123, "to": 442079460000.0})

    assert isinstance(webhook, AnswerWebhook)
    assert webhook.from_ == "447700900123"
    assert webhook.to == "442079460000.0"


def test_unknown_fields_are_kept() -> None:
    webhook = recognise({"status": "ringing", "client_reference": "F906"})

    assert webhook.extras == {"client_reference": "F906"}


def test_a_wrong_value_becomes_none_is_named_and_kept() -> None:
    webhook = recognise({"status": "completed", "duration": ["7"], "sip_code": True, "from": {}, "to": "1"})

    assert isinstance(webhook, StatusWebhook)
    assert webhook.problems == ("from", "sip_code", "duration")
    assert (webhook.duration, webhook.sip_code, webhook.from_, webhook.to) == (None, None, None, "1")
    assert webhook.extras == {"duration": ["7"], "sip_code": True, "from": {}}


def test_a_blank_number_is_no_problem() -> None:
    webhook = recognise({"status": "completed", "duration": ""})

    assert isinstance(webhook, StatusWebhook)
    assert webhook.duration is None
    assert webhook.problems == ()


def test_a_number_of_more_digits_than_python_prints_is_a_problem() -> None:
    webhook = recognise({"from": 10**5000, "to": "1"})

    assert webhook.problems == ("from",)


def test_fields_named_like_attributes_of_the_class_do_no_harm() -> None:
    webhook = recognise(
        {"status": "ringing", "from_": "x", "kind": "y", "read": "z", "model_config": 1, "_problems": 2}
    )

    assert isinstance(webhook, LegWebhook)
    assert webhook.kind == "event"
    assert webhook.from_ is None
    assert webhook.problems == ()


def test_a_status_that_cannot_be_read_makes_the_webhook_unknown() -> None:
    assert isinstance(recognise({"status": ["ringing"], "timestamp": "t"}), UnknownWebhook)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), VALUES, max_size=8))
def test_recognise_never_raises(fields: dict[str, object]) -> None:
    webhook = recognise(fields)

    assert isinstance(webhook, Webhook)
    assert webhook_type(webhook)


LEG = {"uuid": "aa01", "conversation_uuid": "CON-1", "from": "447700900123", "to": "442071838750"}


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        ("event-completed", LEG | {"status": "completed", "recording_url": None}),
        ("event-completed", LEG | {"status": "completed", "transcription_url": None, "payload": None}),
        ("event-answered", LEG | {"status": "answered", "dtmf": None, "speech": None}),
        ("event-failed", LEG | {"status": "failed", "original_request": None, "conversation_uuid_from": None}),
        ("answer", LEG | {"status": None, "reason": None}),
        ("input-dtmf", LEG | {"dtmf": None}),
        ("input-speech", LEG | {"dtmf": None, "speech": {"results": []}}),
        ("notify", {"payload": None, "conversation_uuid": "CON-1"}),
        ("fallback", LEG | {"original_request": None, "reason": "Socket timeout."}),
        ("unknown", {"reason": None, "conversation_uuid": "CON-1"}),
    ],
    ids=str,
)
def test_what_is_null_tells_only_when_nothing_else_does(expected: str, fields: dict[str, Any]) -> None:
    assert expected == webhook_type(recognise(fields))


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_machine_event_names_its_leg_also_beside_an_empty_uuid(nothing: str | None) -> None:
    webhook = recognise(LEG | {"status": "machine", "call_uuid": "aa02", "uuid": nothing})

    assert isinstance(webhook, StatusWebhook)
    assert webhook.uuid == "aa02"


def test_a_failed_transcription_is_no_event_of_a_leg() -> None:
    fields = {"type": "record", "status": "failed", "recording_uuid": "r-1", "conversation_uuid": "CON-1"}

    assert webhook_type(recognise(fields)) == "transcription"
    assert webhook_type(recognise(fields | {"recording_url": "https://api.nexmo.com/v1/files/1"})) == "record"


def test_json_text_of_null_is_no_key_that_was_pressed() -> None:
    webhook = recognise(LEG | {"dtmf": "null", "speech": '{"results":[{"text":"yes","confidence":"0.9"}]}'})

    assert isinstance(webhook, InputWebhook)
    assert webhook.digits is None
    assert webhook.is_speech
