"""The endpoints: what the reference allows up to its limits, and what lies just outside."""

from __future__ import annotations

from typing import Any

import pytest

from app.ncco import check

URL = "https://example.com/events"
SHAKEN = (
    "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.MEUCIQCrfKeMtvn9I6zX"
    ';info=<https://stir-provider.example.net/cert.cer>;alg=ES256;ppt="shaken"'
)


def errors(document: object) -> list[str]:
    return [issue.code for issue in check(document) if issue.is_error]


ALLOWED: list[dict[str, Any]] = [
    {"type": "phone", "number": "447700900001"},
    {"type": "phone", "number": "+447700900001"},
    {"type": "phone", "number": "447700900001", "dtmfAnswer": "1p2p3p#**903#"},
    {"type": "phone", "number": "447700900001", "dtmfAnswer": 12},
    {"type": "phone", "number": "447700900001", "dtmfAnswer": ""},
    {"type": "phone", "number": "447700900001", "onAnswer": {"url": URL}},
    {"type": "phone", "number": "447700900001", "onAnswer": {"url": URL, "ringbackTone": "http://example.com/r.wav"}},
    {"type": "phone", "number": "447700900001", "onAnswer": {"url": URL, "ringback": "http://example.com/r.wav"}},
    {"type": "phone", "number": "447700900001", "shaken": SHAKEN},
    {"type": "app", "user": "Me"},
    {"type": "websocket", "uri": "wss://example.com/socket", "content-type": "audio/l16;rate=16000"},
    {"type": "websocket", "uri": "ws://example.com:8080/socket?x=1", "content-type": "audio/l16;rate=8000"},
    {"type": "websocket", "uri": "wss://example.com", "content-type": "audio/l16;rate=24000", "headers": {}},
    {"type": "websocket", "uri": "wss://example.com/socket"},
    {"type": "websocket", "uri": "wss://example.com/s", "headers": {"age": 40, "address": {"line": [1]}}},
    {"type": "websocket", "uri": "wss://example.com/s", "authorization": {"type": "vonage"}},
    {"type": "websocket", "uri": "wss://example.com/s", "authorization": {"type": "custom", "value": "Bearer x"}},
    {"type": "sip", "uri": "sip:rebekka@sip.example.com"},
    {"type": "sip", "uri": "sip:rebekka@sip.example.com;transport=tls;media=srtp"},
    {"type": "sip", "uri": "sip:+15551234567@10.0.0.1:5061;transport=tls"},
    {"type": "sip", "uri": "sips:rebekka@sip.example.com"},
    {"type": "sip", "uri": "sip:sip.example.com"},
    {"type": "sip", "user": "example_user", "domain": "example"},
    {"type": "sip", "domain": "example"},
    {"type": "sip", "uri": "sip:a@example.com", "headers": {"location": "New York City"}},
    {"type": "sip", "uri": "sip:a@example.com", "headers": {"purchases": 19}},
    {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": "a" * 256}},
    {"type": "sip", "uri": "sip:a@example.com", "standard_headers": {"User-to-User": "342342ef34;encoding=hex"}},
    {"type": "vbc", "extension": "111"},
    {"type": "vbc", "extension": 4567},
]


@pytest.mark.parametrize("endpoint", ALLOWED, ids=str)
def test_the_reference_allows(endpoint: dict[str, Any]) -> None:
    assert errors([{"action": "connect", "endpoint": [endpoint]}]) == []


FORBIDDEN: list[tuple[str, dict[str, Any]]] = [
    ("N120", {"number": "447700900001"}),
    ("N120", {"type": None, "number": "447700900001"}),
    ("N121", {"type": "carrier_pigeon"}),
    ("N121", {"type": "Phone", "number": "447700900001"}),
    ("N121", {"type": ["phone"], "number": "447700900001"}),
    ("N106", {"type": "phone"}),
    ("N113", {"type": "phone", "number": "07700900001"}),
    ("N113", {"type": "phone", "number": "+44 7700 900001"}),
    ("N113", {"type": "phone", "number": "PHONE_NUMBER"}),
    ("N107", {"type": "phone", "number": ["447700900001"]}),
    ("N115", {"type": "phone", "number": "447700900001", "dtmfAnswer": "1w2"}),
    ("N115", {"type": "phone", "number": "447700900001", "dtmfAnswer": "auto"}),
    ("N107", {"type": "phone", "number": "447700900001", "onAnswer": URL}),
    ("N106", {"type": "phone", "number": "447700900001", "onAnswer": {}}),
    ("N112", {"type": "phone", "number": "447700900001", "onAnswer": {"url": "not-a-valid-url"}}),
    ("N112", {"type": "phone", "number": "447700900001", "onAnswer": {"url": URL, "ringbackTone": "ring"}}),
    ("N112", {"type": "phone", "number": "447700900001", "onAnswer": {"url": URL, "ringback": "ring"}}),
    ("N105", {"type": "phone", "number": "447700900001", "user": "alice"}),
    ("N123", {"type": "phone", "number": "447700900001", "shaken": "x"}),
    ("N106", {"type": "app"}),
    ("N107", {"type": "app", "user": 5}),
    ("N122", {"type": "app", "user": ""}),
    ("N106", {"type": "websocket"}),
    ("N112", {"type": "websocket", "uri": "https://example.com/socket"}),
    ("N112", {"type": "websocket", "uri": "example.com/socket"}),
    ("N109", {"type": "websocket", "uri": "wss://example.com", "content-type": "audio/l16;rate=44100"}),
    ("N109", {"type": "websocket", "uri": "wss://example.com", "content-type": "audio/mpeg"}),
    ("N105", {"type": "websocket", "uri": "wss://example.com", "contentType": "audio/l16;rate=16000"}),
    ("N107", {"type": "websocket", "uri": "wss://example.com", "headers": "x"}),
    ("N107", {"type": "websocket", "uri": "wss://example.com", "headers": ["x"]}),
    ("N208", {"type": "websocket", "uri": "wss://example.com", "authorization": {"type": "custom"}}),
    ("N106", {"type": "websocket", "uri": "wss://example.com", "authorization": {"value": "Bearer x"}}),
    ("N109", {"type": "websocket", "uri": "wss://example.com", "authorization": {"type": "basic"}}),
    ("N206", {"type": "sip"}),
    ("N206", {"type": "sip", "user": "my_user"}),
    ("N205", {"type": "sip", "uri": "sip:a@example.com", "user": "a"}),
    ("N205", {"type": "sip", "uri": "sip:a@example.com", "domain": "example"}),
    ("N205", {"type": "sip", "uri": "sip:a@example.com", "user": "a", "domain": "example"}),
    ("N114", {"type": "sip", "uri": "rebekka@sip.example.com"}),
    ("N114", {"type": "sip", "uri": "https://sip.example.com"}),
    ("N114", {"type": "sip", "uri": "sip:"}),
    ("N107", {"type": "sip", "uri": 5}),
    ("N107", {"type": "sip", "uri": "sip:a@example.com", "headers": "x"}),
    ("N124", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {}}),
    ("N124", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": "a" * 257}}),
    ("N124", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": "é"}}),
    ("N124", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": 5}}),
    ("N124", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": {"User-to-User": "a", "Via": "b"}}),
    ("N107", {"type": "sip", "uri": "sip:a@example.com", "standardHeaders": "x"}),
    ("N106", {"type": "vbc"}),
    ("N107", {"type": "vbc", "extension": True}),
]


@pytest.mark.parametrize(("code", "endpoint"), FORBIDDEN, ids=str)
def test_the_reference_forbids(code: str, endpoint: dict[str, Any]) -> None:
    assert code in errors([{"action": "connect", "endpoint": [endpoint]}])
