"""Thousands of hostile values for every sample; `python -m tests.system.promises hostile` sends a hundred thousand."""

from __future__ import annotations

from pathlib import Path

from tests.support.cases import each_case
from tests.system.server.security.hostile import PROJECTS, open_sample, play_call

CALLS = 20


@each_case("folder", PROJECTS, ids=lambda folder: folder.name)
async def test_no_input_of_a_caller_or_an_agent_becomes_a_number_a_host_a_tag_or_an_action(folder: Path) -> None:
    sample = await open_sample(folder, seed=1)
    for number in range(CALLS):
        await play_call(sample, number)

    assert [] == sorted(set(sample.faults))[:20]
    assert sample.replies >= CALLS
    assert sample.handed > 0 or sample.outcomes == ("done",)


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
