"""conversation, connect, notify, transfer: what the reference allows up to its limits, and what lies outside."""

from __future__ import annotations

from typing import Any

import pytest

from app.ncco import check

URL = "https://example.com/events"
APP = [{"type": "app", "user": "alice"}]
SHAKEN = (
    "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.MEUCIQCrfKeMtvn9I6zX"
    ';info=<https://stir-provider.example.net/cert.cer>;alg=ES256;ppt="shaken"'
)


def errors(document: object) -> list[str]:
    return [issue.code for issue in check(document) if issue.is_error]


ALLOWED: list[dict[str, Any]] = [
    {"action": "conversation", "name": "reception"},
    {"action": "conversation", "name": "reception", "musicOnHoldUrl": "https://example.com/hold.mp3"},
    {"action": "conversation", "name": "reception", "musicOnHoldUrl": ["https://example.com/hold.mp3"]},
    {"action": "conversation", "name": "reception", "startOnEnter": False, "endOnExit": True, "record": False},
    {"action": "conversation", "name": "reception", "startOnEnter": "false", "endOnExit": "True"},
    {"action": "conversation", "name": "reception", "record": True, "eventUrl": [URL], "eventMethod": "POST"},
    {"action": "conversation", "name": "reception", "record": "true", "transcription": {}},
    {"action": "conversation", "name": "reception", "canSpeak": [], "canHear": []},
    {"action": "conversation", "name": "reception", "canSpeak": ["0bd1a1e9fb1c4a0b"], "mute": False},
    {"action": "conversation", "name": "reception", "mute": True},
    {"action": "connect", "endpoint": APP},
    {"action": "connect", "endpoint": APP, "from": "447700900000"},
    {"action": "connect", "endpoint": APP, "from": "+447700900000"},
    {"action": "connect", "endpoint": APP, "from": 447700900000},
    {"action": "connect", "endpoint": APP, "from": "1234567"},
    {"action": "connect", "endpoint": APP, "from": "123456789012345"},
    {"action": "connect", "endpoint": APP, "from": "447700900000", "randomFromNumber": False},
    {"action": "connect", "endpoint": APP, "randomFromNumber": True},
    {"action": "connect", "endpoint": APP, "from": None, "randomFromNumber": True},
    {"action": "connect", "endpoint": APP, "eventType": "synchronous", "eventUrl": [URL], "eventMethod": "post"},
    {"action": "connect", "endpoint": APP, "eventType": "asynchronous"},
    {"action": "connect", "endpoint": APP, "timeout": 1},
    {"action": "connect", "endpoint": APP, "timeout": "45"},
    {"action": "connect", "endpoint": APP, "timeout": 120.0},
    {"action": "connect", "endpoint": APP, "limit": 1},
    {"action": "connect", "endpoint": APP, "limit": 7200},
    {"action": "connect", "endpoint": APP, "limit": 0},
    {"action": "connect", "endpoint": APP, "machineDetection": "continue"},
    {"action": "connect", "endpoint": APP, "machineDetection": "hangup", "advancedMachineDetection": {}},
    {
        "action": "connect",
        "endpoint": APP,
        "advancedMachineDetection": {"behavior": "hangup", "mode": "detect_beep", "beep_timeout": 45},
    },
    {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"mode": "default", "beepTimeout": 120}},
    {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"beep_timeout": 30}},
    {"action": "connect", "endpoint": APP, "ringbackTone": "http://example.com/ringbackTone.wav"},
    {"action": "connect", "endpoint": APP, "ringbackTone": ["http://example.com/ringbackTone.wav"]},
    {"action": "connect", "endpoint": APP, "shaken": SHAKEN},
    {"action": "notify", "payload": {"foo": {"bar": [1, None, True]}}, "eventUrl": [URL], "eventMethod": "POST"},
    {"action": "notify", "payload": {}, "eventUrl": [URL]},
    {"action": "notify", "payload": {"foo": "bar"}, "eventUrl": [URL], "language": "en-US", "style": 0},
    {"action": "transfer", "conversationId": "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"},
    {"action": "transfer", "conversation_id": "CON-f972836a-550f-45fa-956c-12a2ab5b7d22", "canHear": []},
    {"action": "transfer", "conversationId": "CON-1", "canHear": ["a"], "canSpeak": ["b"]},
    {"action": "transfer", "conversationId": "CON-1", "mute": True},
]


@pytest.mark.parametrize("action", ALLOWED, ids=str)
def test_the_reference_allows(action: dict[str, Any]) -> None:
    assert errors([action]) == []


FORBIDDEN: list[tuple[str, dict[str, Any]]] = [
    ("N106", {"action": "conversation"}),
    ("N106", {"action": "conversation", "name": None}),
    ("N107", {"action": "conversation", "name": 5}),
    ("N122", {"action": "conversation", "name": ""}),
    ("N112", {"action": "conversation", "name": "reception", "musicOnHoldUrl": "hold.mp3"}),
    ("N112", {"action": "conversation", "name": "reception", "musicOnHoldUrl": ["hold.mp3"]}),
    ("N107", {"action": "conversation", "name": "reception", "musicOnHoldUrl": 5}),
    ("N107", {"action": "conversation", "name": "reception", "startOnEnter": "asdf"}),
    ("N107", {"action": "conversation", "name": "reception", "endOnExit": 0}),
    ("N110", {"action": "conversation", "name": "reception", "canHear": "0bd1a1e9"}),
    ("N107", {"action": "conversation", "name": "reception", "canSpeak": [1]}),
    ("N201", {"action": "conversation", "name": "reception", "canSpeak": ["a"], "mute": True}),
    ("N201", {"action": "conversation", "name": "reception", "canSpeak": [], "mute": "true"}),
    ("N204", {"action": "conversation", "name": "reception", "transcription": {}}),
    ("N204", {"action": "conversation", "name": "reception", "transcription": {}, "record": False}),
    ("N106", {"action": "connect"}),
    ("N110", {"action": "connect", "endpoint": APP[0]}),
    ("N107", {"action": "connect", "endpoint": 7}),
    ("N107", {"action": "connect", "endpoint": ["447700900000"]}),
    ("N111", {"action": "connect", "endpoint": []}),
    ("N111", {"action": "connect", "endpoint": APP + APP}),
    ("N113", {"action": "connect", "endpoint": APP, "from": 1234}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "123456"}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "1234567890123456"}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "0447700900000"}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "44 7700 900000"}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "447700900000\n"}),
    ("N113", {"action": "connect", "endpoint": APP, "from": "٤٤٧٧٠٠٩٠٠٠٠٠"}),
    ("N107", {"action": "connect", "endpoint": APP, "from": True}),
    ("N107", {"action": "connect", "endpoint": APP, "from": {"type": "phone", "number": "447700900000"}}),
    ("N202", {"action": "connect", "endpoint": APP, "from": "447700900000", "randomFromNumber": True}),
    ("N202", {"action": "connect", "endpoint": APP, "from": "447700900000", "randomFromNumber": "true"}),
    ("N109", {"action": "connect", "endpoint": APP, "eventType": "sync"}),
    ("N108", {"action": "connect", "endpoint": APP, "timeout": 0}),
    ("N108", {"action": "connect", "endpoint": APP, "timeout": 121}),
    ("N118", {"action": "connect", "endpoint": APP, "timeout": 20.5}),
    ("N108", {"action": "connect", "endpoint": APP, "timeout": "121"}),
    ("N107", {"action": "connect", "endpoint": APP, "timeout": [20]}),
    ("N107", {"action": "connect", "endpoint": APP, "timeout": True}),
    ("N108", {"action": "connect", "endpoint": APP, "limit": 7201}),
    ("N108", {"action": "connect", "endpoint": APP, "limit": -1}),
    ("N109", {"action": "connect", "endpoint": APP, "machineDetection": "do_nothing"}),
    ("N109", {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"behavior": "do_nothing"}}),
    ("N109", {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"mode": "detect_nothing"}}),
    ("N108", {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"beep_timeout": 29}}),
    ("N108", {"action": "connect", "endpoint": APP, "advancedMachineDetection": {"beep_timeout": 121}}),
    ("N107", {"action": "connect", "endpoint": APP, "advancedMachineDetection": "continue"}),
    ("N112", {"action": "connect", "endpoint": APP, "ringbackTone": "ring.wav"}),
    ("N107", {"action": "connect", "endpoint": APP, "ringbackTone": []}),
    ("N123", {"action": "connect", "endpoint": APP, "shaken": "eyJhbGciOiJFUzI1NiJ9"}),
    ("N123", {"action": "connect", "endpoint": APP, "shaken": SHAKEN.replace("shaken", "rph")}),
    ("N123", {"action": "connect", "endpoint": APP, "shaken": SHAKEN.replace("alg", "al")}),
    ("N107", {"action": "connect", "endpoint": APP, "shaken": True}),
    ("N106", {"action": "notify", "eventUrl": [URL]}),
    ("N106", {"action": "notify", "payload": {"foo": "bar"}}),
    ("N111", {"action": "notify", "payload": {"foo": "bar"}, "eventUrl": []}),
    ("N110", {"action": "notify", "payload": {"foo": "bar"}, "eventUrl": URL}),
    ("N107", {"action": "notify", "payload": "foo", "eventUrl": [URL]}),
    ("N125", {"action": "notify", "payload": {"foo": float("inf")}, "eventUrl": [URL]}),
    ("N106", {"action": "transfer"}),
    ("N122", {"action": "transfer", "conversationId": "   "}),
    ("N107", {"action": "transfer", "conversation_id": 5}),
    ("N201", {"action": "transfer", "conversationId": "CON-1", "canSpeak": ["a"], "mute": True}),
    ("N107", {"action": "transfer", "conversationId": "CON-1", "mute": "maybe"}),
    ("N105", {"action": "transfer", "conversationId": "CON-1", "name": "reception"}),
]


@pytest.mark.parametrize(("code", "action"), FORBIDDEN, ids=str)
def test_the_reference_forbids(code: str, action: dict[str, Any]) -> None:
    assert code in errors([action])
