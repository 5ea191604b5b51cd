"""What `python -m tests.system.promises hostile` finds in the NCCOs of calls with hostile values."""

from __future__ import annotations

from tests.system.server.security.hostile import PROJECTS, open_sample

FORBIDDEN = (
    ({"action": "connect", "endpoint": [{"type": "phone", "number": "19005550123"}], "from": "1"}, "is dialled"),
    ({"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@evil.example.com"}]}, "is dialled"),
    ({"action": "stream", "streamUrl": ["https://evil.example.com/a.mp3"]}, "host evil.example.com"),
    ({"action": "talk", "text": "<speak>a <audio src='x'/></speak>"}, "the tags"),
    ({"action": "talk", "text": "a <speak>b</speak>"}, "a tag of its own"),
    ({"action": "transfer", "conversationId": "CON-1"}, "the action transfer"),
    ({"action": "say"}, "say"),
)


async def test_forbidden_output_is_noticed() -> None:
    sample = await open_sample(PROJECTS[0], seed=1)
    for action, fault in FORBIDDEN:
        sample.faults.clear()
        sample.judge([action])
        assert any(fault in found for found in sample.faults), fault
