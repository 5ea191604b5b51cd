"""Rules between the options of one action, where they only warn, and where other faults are in their way."""

from __future__ import annotations

from typing import Any

import pytest

from app.ncco import Ncco, check, is_plain_text

APP = {"type": "app", "user": "alice"}
PHONE = {"type": "phone", "number": "447700900001"}
ROOM = {"action": "conversation", "name": "reception"}
INPUT = {"action": "input", "type": ["dtmf"]}
SSML = "<speak>Hello</speak>"
L16 = "audio/l16;rate=8000"
WEBSOCKET = {"type": "websocket", "uri": "wss://example.com", "content-type": L16}
MP3 = "https://example.com/a.mp3"
NOTIFY = {"action": "notify", "payload": {}, "eventUrl": ["https://a.example"]}


def connect(endpoint: object, **options: object) -> dict[str, Any]:
    return {"action": "connect", "from": "447700900000", "endpoint": [endpoint], **options}


CASES: list[tuple[list[str], dict[str, Any]]] = [
    (["N105"], ROOM | {"Record": True, "transcription": {}}),
    (["N105", "N201"], ROOM | {"canspeak": [], "mute": True}),
    (["N105", "N201"], ROOM | {"canSpeak": [], "Mute": True}),
    (["N105"], {"action": "connect", "endpoint": [PHONE], "from_": "447700900000"}),
    (["N105", "N202"], connect(PHONE, random_from_number=True)),
    (["N105"], {"action": "record", "Split": "conversation", "channels": 2, "endOnKey": "#"}),
    (["N105", "N203"], {"action": "record", "Channels": 2, "endOnKey": "#"}),
    (["N105"], connect({"type": "websocket", "uri": "wss://example.com", "contentType": L16})),
    (["N105"], connect({"type": "sip", "URI": "sip:a@example.com"})),
    (["N105"], connect({"type": "sip", "user": "a", "host": "example"})),
    (["N105", "N105"], connect({"type": "sip", "Uri": "sip:a@example.com", "URI": "sip:a@example.com"})),
    (["N105"], connect(PHONE, From="447700900000")),
    (["N958"], INPUT | {"mode": "asynchronous", "dtmf": {"maxDigits": None}}),
    (["N207", "N958"], INPUT | {"mode": "asynchronous", "dtmf": {"maxDigits": None, "timeOut": 3}}),
    (["N909"], ROOM | {"canSpeak": ["a"], "mute": False}),
    (["N909", "N952"], ROOM | {"canSpeak": ["a"], "mute": "false"}),
    (["N107"], ROOM | {"canSpeak": ["a"], "mute": "maybe"}),
    (["N958"], ROOM | {"canSpeak": None, "mute": True}),
    (["N107", "N204"], ROOM | {"record": "maybe", "transcription": {}}),
    (["N107"], {"action": "record", "channels": "two", "split": "conversation", "endOnKey": "#"}),
    (["N107", "N203"], {"action": "record", "channels": "two", "endOnKey": "#"}),
    (["N902"], {"action": "connect", "endpoint": [PHONE]}),
    ([], {"action": "connect", "endpoint": [APP]}),
    (["N110", "N902"], {"action": "connect", "endpoint": PHONE}),
    (["N107"], {"action": "connect", "endpoint": 5}),
    (["N107"], {"action": "connect", "endpoint": [5]}),
    ([], connect(PHONE, randomFromNumber=False)),
    (["N107"], connect(PHONE, randomFromNumber="maybe")),
    (["N903"], connect(PHONE, ringbackTone="https://example.com/a.mp3")),
    ([], connect(APP, ringbackTone="https://example.com/a.mp3")),
    (["N112", "N964"], connect(APP, ringbackTone=["a.mp3"])),
    (
        ["N956"],
        connect(
            PHONE
            | {
                "onAnswer": {
                    "url": "https://a.example",
                    "ringback": "https://b.example",
                    "ringbackTone": "https://c.example",
                }
            }
        ),
    ),
    (["N107", "N205"], connect({"type": "sip", "uri": 5, "user": "a", "domain": "b"})),
    (["N962"], connect({"type": "sip", "domain": "example"})),
    (["N962"], connect({"type": "sip", "user": "a", "domain": "sip:example.com"})),
    (["N962"], connect({"type": "sip", "user": "a@example.com", "domain": "trunk"})),
    ([], connect({"type": "sip", "user": "+44.a_b-c", "domain": "my_trunk.example.com"})),
    (["N107"], connect({"type": "sip", "user": 5, "domain": "trunk"})),
    (["N920"], connect({"type": "sip", "uri": "sip:a@b.example", "headers": {"room number": "7"}})),
    (["N920"], connect({"type": "sip", "uri": "sip:a@b.example", "headers": {"": "7"}})),
    (["N920"], connect({"type": "sip", "uri": "sip:a@b.example", "headers": {"room": "7\r\nVia: x"}})),
    ([], connect({"type": "sip", "uri": "sip:a@b.example", "headers": {"Room_7": "Zürich, 2nd floor"}})),
    (["N107"], connect({"type": "sip", "uri": "sip:a@b.example", "headers": "x"})),
    (["N962"], connect({"type": "sip", "uri": "sips:a@example.com"})),
    (
        ["N960", "N960"],
        connect(
            {
                "type": "sip",
                "uri": "sip:a@example.com",
                "standardHeaders": {"User-to-User": "a"},
                "standard_headers": {"User-to-User": "b"},
            }
        ),
    ),
    (["N919"], connect({"type": "websocket", "uri": "wss://a.example", "authorization": {"type": "vonage"}})),
    (["N107", "N919"], connect({"type": "websocket", "uri": "wss://a.example", "authorization": "custom"})),
    (
        ["N125"],
        connect({"type": "websocket", "uri": "wss://a.example", "content-type": L16, "headers": {1: 2}}),
    ),
    ([], {"action": "talk", "text": "Hello", "style": 23}),
    (["N907"], {"action": "talk", "text": "Hello", "style": 24}),
    (["N907"], {"action": "talk", "text": "Hello", "style": -1}),
    (["N907"], {"action": "talk", "text": "Hello", "style": 10**5000}),
    (["N951", "N907"], {"action": "talk", "text": "Hello", "language": "fr-fr", "style": "77"}),
    ([], {"action": "talk", "text": "Hello", "language": "de-AT", "style": 77}),
    ([], {"action": "talk", "text": "Hello", "language": "gu-IN"}),
    ([], {"action": "talk", "text": SSML, "language": "gu-IN", "style": 1}),
    (["N908"], {"action": "talk", "text": SSML, "language": "eu-ES"}),
    (["N905"], {"action": "talk", "text": SSML, "language": "tlh", "style": 3}),
    (["N107"], {"action": "talk", "text": 5, "style": 1}),
    (["N107"], {"action": "talk", "text": "Hello", "language": 5, "style": 99}),
    (["N107"], {"action": "talk", "text": "Hello", "style": "x"}),
    (["N914"], {"action": "talk", "text": " \n"}),
    (["N914"], {"action": "talk", "text": " " * 1501}),
    (["N125"], {"action": "talk", "text": "<speak>\ud800</speak>"}),
    (["N401", "N907"], {"action": "talk", "text": "a" * 1501, "style": 99}),
    (["N916"], {"action": "talk", "text": "<speak><audio src='a'/><w>b</w><audio src='c'/></speak>"}),
    (["N917"], {"action": "stream", "streamUrl": ["https://example.com/a.OGG"]}),
    (["N110", "N917"], {"action": "stream", "streamUrl": "https://example.com/a.m4a"}),
    (["N107"], {"action": "stream", "streamUrl": [5]}),
    (["N111"], {"action": "stream", "streamUrl": []}),
    (["N909"], INPUT | {"speech": {"context": ["a"]}}),
    ([], INPUT | {"speech": {}}),
    (["N909"], {"action": "input", "type": ["speech"], "mode": "asynchronous"}),
    (["N110"], {"action": "input", "type": "dtmf", "dtmf": {"maxDigits": 1}}),
    (["N106"], {"action": "input", "dtmf": {"maxDigits": 1}, "mode": "asynchronous", "speech": {}} | {"dtmf": {}}),
    (["N107"], INPUT | {"mode": "asynchronous", "dtmf": 5}),
    (["N960"], {"action": "transfer", "conversationId": "CON-1", "conversation_id": "CON-2"}),
    (["N909"], {"action": "talk", "text": "Hello", "eventMethod": "POST"}),
    (
        ["N909", "N909"],
        NOTIFY | {"language": "x", "style": 0},
    ),
    (["N959"], INPUT | {"eventUrl": []}),
    (["N959"], ROOM | {"musicOnHoldUrl": ["https://a.example/a.mp3", "https://a.example/b.mp3"]}),
]


@pytest.mark.parametrize(("codes", "action"), CASES, ids=range(len(CASES)))
def test_what_is_said_of_an_action(codes: list[str], action: dict[str, Any]) -> None:
    assert sorted(codes) == sorted(issue.code for issue in check([action]))


def test_hold_music_is_built_as_it_is_written() -> None:
    alone = Ncco.Conversation(name="a", music_on_hold_url="https://a.example/a.mp3")
    listed = Ncco.Conversation(name="a", music_on_hold_url=["https://a.example/a.mp3"])

    assert alone.to_ncco()["musicOnHoldUrl"] == "https://a.example/a.mp3"
    assert listed.to_ncco()["musicOnHoldUrl"] == ["https://a.example/a.mp3"]


def test_unusual_values_are_built_in_the_reference_s_manner() -> None:
    connect = Ncco.Connect(
        endpoint=APP,
        from_=447700900000,
        event_method="post",
        ringback_tone=["https://a.example/a.mp3"],
        random_from_number="false",
        limit=60.0,
    )

    assert connect.to_ncco() == {
        "action": "connect",
        "endpoint": [APP],
        "from": "447700900000",
        "eventMethod": "POST",
        "ringbackTone": "https://a.example/a.mp3",
        "randomFromNumber": False,
        "limit": 60,
    }
    assert Ncco.Record(end_on_key=9).to_ncco() == {"action": "record", "endOnKey": "9"}


@pytest.mark.parametrize(
    ("is_plain", "text"),
    [
        (True, "Fish & chips"),
        (True, "日本語"),
        (True, "a" * 1500),
        (False, "a" * 1501),
        (False, SSML),
        (False, ""),
        (False, " \n"),
        (False, "half a pair: \ud800"),
        (False, 7),
    ],
)
def test_plain_text_is_told_from_what_needs_a_closer_look(is_plain: bool, text: object) -> None:
    assert is_plain == is_plain_text(text)


def test_a_rule_that_a_misspelt_option_breaks_is_told_at_its_key() -> None:
    issues = check([ROOM | {"canSpeak": [], "MUTE": True}])

    assert [("N105", "/0/MUTE"), ("N201", "/0/MUTE")] == [(issue.code, issue.path) for issue in issues]


def test_styles_are_named_in_spans() -> None:
    (issue,) = check([{"action": "talk", "text": "Hello", "language": "en-GB", "style": 8}])

    assert issue.cure == "Write 0 to 7 or 9."


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("The value of the authorization holds a character that headers do not.", "Bearer a\r\nX-Other: b"),
        ("The value of the authorization holds a character that headers do not.", "Bearer schlüssel"),
        ("The value of the authorization has 8192 characters; 8191 is the most.", "a" * 8192),
    ],
    ids=["two lines", "not ASCII", "too long"],
)
def test_a_header_that_cannot_be_sent(message: str, value: str) -> None:
    authorization = {"type": "custom", "value": value}
    (issue,) = check([connect(WEBSOCKET | {"authorization": authorization})])

    assert ("N920", "/0/endpoint/0/authorization", message) == (issue.code, issue.path, issue.message)


@pytest.mark.parametrize("action", [{"action": "talk", "text": "a"}, {"action": "stream", "streamUrl": [MP3]}])
def test_a_prompt_reports_no_completion(action: dict[str, Any]) -> None:
    assert ["N909"] == [issue.code for issue in check([action | {"eventOnCompletion": True}])]
