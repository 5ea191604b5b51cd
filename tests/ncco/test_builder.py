"""The builder, as the article on action flows uses it."""

from __future__ import annotations

from typing import Any, assert_type

import pytest
from pydantic import ValidationError

from app.ncco import (
    Action,
    AppEndpoint,
    Connect,
    DtmfSettings,
    Endpoint,
    Input,
    Ncco,
    NccoModel,
    OnAnswer,
    PhoneEndpoint,
    SipEndpoint,
    SpeechSettings,
    Talk,
    Transfer,
    VbcEndpoint,
    Wait,
    WebSocketEndpoint,
)

MUSIC = "https://nexmo-community.github.io/ncco-examples/assets/voice_api_audio_streaming.mp3"
SALES = "Press 1 for maybe and 2 for not sure followed by the hash key"


def test_the_article_gives_its_json() -> None:
    talk = Ncco.Talk(text="Please wait while we connect you.")
    connect = Ncco.Connect(endpoint={"type": "phone", "number": "123456789"}, from_="12345678", timeout="20")
    ncco = Ncco.build_ncco(talk, connect)

    assert ncco == [
        {"action": "talk", "text": "Please wait while we connect you."},
        {
            "action": "connect",
            "endpoint": [{"type": "phone", "number": "123456789"}],
            "from": "12345678",
            "timeout": 20,
        },
    ]


ROWS: list[tuple[NccoModel, dict[str, Any]]] = [
    (Ncco.Record(eventUrl=["https://example.com"]), {"action": "record", "eventUrl": ["https://example.com"]}),
    (Ncco.Conversation(name="Audio demo"), {"action": "conversation", "name": "Audio demo"}),
    (
        Ncco.Connect(endpoint={"type": "phone", "number": "123456789"}),
        {"action": "connect", "endpoint": [{"type": "phone", "number": "123456789"}]},
    ),
    (Ncco.Talk(text=SALES, language="en-GB"), {"action": "talk", "text": SALES, "language": "en-GB"}),
    (Ncco.Stream(streamUrl=MUSIC), {"action": "stream", "streamUrl": [MUSIC]}),
    (
        Ncco.Input(type=["dtmf", "speech"], dtmf={"maxDigits": "1"}),
        {"action": "input", "type": ["dtmf", "speech"], "dtmf": {"maxDigits": 1}},
    ),
    (
        Ncco.Notify(payload={"foo": "bar"}, eventUrl="https://example.com/webhooks/event"),
        {"action": "notify", "payload": {"foo": "bar"}, "eventUrl": ["https://example.com/webhooks/event"]},
    ),
    (Ncco.Wait(timeout=0.5), {"action": "wait", "timeout": 0.5}),
    (Ncco.Wait(timeout=2), {"action": "wait", "timeout": 2}),
    (Ncco.Transfer(conversation_id="CON-1"), {"action": "transfer", "conversationId": "CON-1"}),
    (
        Ncco.Transfer(conversationId="CON-1", mute="true"),
        {"action": "transfer", "conversationId": "CON-1", "mute": True},
    ),
]


@pytest.mark.parametrize(("action", "expected"), ROWS, ids=str)
def test_each_action_of_the_article_is_built(action: NccoModel, expected: dict[str, Any]) -> None:
    assert expected == action.to_ncco()


def test_the_typing_error_of_the_article_is_refused_with_the_cure() -> None:
    with pytest.raises(ValidationError) as refusal:
        Ncco.Input(type=["dtmf", "speech"], dtfm={"maxDigits": "1"})

    assert 'input has no option "dtfm". Did you mean "dtmf"?' in str(refusal.value)


def test_every_fault_is_told_at_once_with_its_place_and_cure() -> None:
    with pytest.raises(ValidationError) as refusal:
        Ncco.Connect(
            endpoint={"type": "phone", "number": "x", "onAnswer": {"url": "answer"}},
            from_="1",
            timeout="200",
            randomFromNumber=True,
            ring_back="x",
        )

    assert [(error["loc"], error["type"]) for error in refusal.value.errors()] == [
        (("endpoint", 0, "number"), "N113"),
        (("endpoint", 0, "onAnswer", "url"), "N112"),
        (("from",), "N113"),
        (("timeout",), "N108"),
        (("ring_back",), "N105"),
        (("randomFromNumber",), "N202"),
    ]
    assert "200 is not between 1 and 120. Write a whole number of seconds from 1 to 120." in str(refusal.value)


def test_a_missing_option_is_told() -> None:
    with pytest.raises(ValidationError, match=r"stream needs streamUrl\."):
        Ncco.Stream()


def test_a_word_where_a_number_is_due_is_told() -> None:
    with pytest.raises(ValidationError, match='"soon" is not a number'):
        Ncco.Wait(timeout="soon")


def test_a_message_may_hold_braces() -> None:
    with pytest.raises(ValidationError, match=r'"\{name\}" is not one|"\{name\}" is not "mp3"'):
        Ncco.Record(format="{name}")


@pytest.mark.parametrize("wrong", [3, "phone", None, [3]])
def test_an_endpoint_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Ncco.Connect(endpoint=wrong)


def test_another_action_than_the_class_is_refused() -> None:
    with pytest.raises(ValidationError, match="action"):
        Ncco.Talk(text="Hello", action="stream")


def test_one_option_in_two_spellings_is_refused() -> None:
    with pytest.raises(ValidationError, match="event_url"):
        Ncco.Record(eventUrl="https://example.com/a", event_url="https://example.com/b")
    with pytest.raises(ValidationError, match="event_url"):
        Ncco.Record(event_url="https://example.com/b", eventUrl="https://example.com/a")


def test_a_model_is_made_of_a_model_or_of_nothing_else() -> None:
    talk = Talk(text="Hello")

    assert Talk.model_validate(talk) == talk
    with pytest.raises(ValidationError):
        Talk.model_validate("Hello")


def test_both_spellings_make_the_same_action() -> None:
    python = Ncco.Input(type="dtmf", dtmf=DtmfSettings(max_digits=1, time_out=3), event_url="https://example.com")
    ncco = Ncco.Input(type=["dtmf"], dtmf={"maxDigits": 1, "timeOut": 3}, eventUrl=["https://example.com"])
    mixed = Ncco.Input(type=["dtmf"], dtmf={"max_digits": "1", "timeOut": "3"}, eventUrl="https://example.com")

    assert python == ncco == mixed


TYPED: list[tuple[Endpoint, dict[str, Any]]] = [
    (
        PhoneEndpoint(number="+447700900001", dtmf_answer="1p2", on_answer=OnAnswer(url="https://example.com")),
        {
            "type": "phone",
            "number": "447700900001",
            "dtmfAnswer": "1p2",
            "onAnswer": {"url": "https://example.com"},
        },
    ),
    (AppEndpoint(user="alice"), {"type": "app", "user": "alice"}),
    (
        WebSocketEndpoint(uri="wss://example.com", content_type="audio/l16;rate=8000", headers={"a": None}),
        {
            "type": "websocket",
            "uri": "wss://example.com",
            "content-type": "audio/l16;rate=8000",
            "headers": {"a": None},
        },
    ),
    (
        SipEndpoint(uri="sip:a@example.com", standard_headers={"User-to-User": "x"}),
        {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": "x"}},
    ),
    (VbcEndpoint(extension=111), {"type": "vbc", "extension": "111"}),
]


@pytest.mark.parametrize(("endpoint", "expected"), TYPED, ids=str)
def test_typed_endpoints_and_dicts_make_the_same_action(endpoint: Endpoint, expected: dict[str, Any]) -> None:
    assert expected == endpoint.to_ncco()
    assert Ncco.Connect(endpoint=endpoint) == Ncco.Connect(endpoint=[expected])


def test_content_type_is_taken_in_every_spelling() -> None:
    dashed = WebSocketEndpoint.from_ncco({"uri": "wss://example.com", "content-type": "audio/l16;rate=8000"})

    assert dashed == WebSocketEndpoint(uri="wss://example.com", content_type="audio/l16;rate=8000")


def test_actions_come_one_by_one_or_in_lists() -> None:
    talk = Ncco.Talk(text="Hello")

    assert Ncco.build_ncco(talk, [talk, talk]) == [{"action": "talk", "text": "Hello"}] * 3
    assert Ncco.build_ncco() == []


def test_rules_between_actions_hold_when_they_are_joined() -> None:
    with pytest.raises(ValidationError) as refusal:
        Ncco.build_ncco(Ncco.Talk(text="Hello", barge_in=True), Ncco.Transfer(conversation_id="CON-1"), Ncco.Wait())

    assert [error["type"] for error in refusal.value.errors()] == ["N301", "N302"]
    assert [error["loc"] for error in refusal.value.errors()] == [(0, "bargeIn"), (2,)]


def test_an_ncco_is_read_as_actions() -> None:
    document: list[dict[str, Any]] = [
        {"action": "talk", "text": "Hello", "level": "0.5", "eventUrl": ["https://example.com"], "language": None},
        {"action": "transfer", "conversation_id": "CON-1"},
    ]

    assert Ncco.read_ncco(document) == [Talk(text="Hello", level=0.5), Transfer(conversation_id="CON-1")]


def test_a_wrong_ncco_is_not_read() -> None:
    with pytest.raises(ValidationError, match=r'There is no action "say"\.'):
        Ncco.read_ncco([{"action": "say"}])


def test_actions_cannot_be_changed() -> None:
    talk = Ncco.Talk(text="Hello")

    with pytest.raises(ValidationError):
        talk.text = "Goodbye"  # type: ignore[misc]  # the point of the test


def test_types_are_seen_by_a_type_checker() -> None:
    talk = Ncco.Talk(text="Hello", barge_in=False)
    connect = Ncco.Connect(endpoint=[PhoneEndpoint(number="447700900001")])

    assert_type(talk, Talk)
    assert_type(talk.text, str)
    assert_type(talk.barge_in, bool | None)
    assert_type(connect, Connect)
    assert_type(connect.endpoint, list[Endpoint])
    assert_type(connect.timeout, int | None)
    assert_type(Ncco.Wait().timeout, int | float | None)
    assert_type(Ncco.Input(type="speech").speech, SpeechSettings | None)
    assert_type(Ncco.build_ncco(talk, connect), list[dict[str, Any]])
    assert_type(Ncco.read_ncco([]), list[Action])
    assert (Ncco.Input, Ncco.Wait) == (Input, Wait)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"action": "talk", "text": "Hello"}, "dict"),
        ([{"action": "talk", "text": "Hello"}], "dict"),
        ("talk", "str"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_action_is_not_joined(given: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"takes actions, not a {name}: .* Ncco.read_ncco"):
        Ncco.build_ncco(given)


def test_actions_may_come_from_a_generator() -> None:
    assert [{"action": "talk", "text": "a"}] == Ncco.build_ncco(Ncco.Talk(text=text) for text in "a")
