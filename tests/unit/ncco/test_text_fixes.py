"""What a fix changes in the text of an NCCO. test_rules.py shows that each fix removes its issue."""

from __future__ import annotations

from ncco_server.ncco.json_text import TextIssue, check_text
from tests.support.cases import each_case


def fixed(text: str, found: TextIssue) -> str | None:
    if found.change is None:
        return None
    (start, end), written = found.change
    return text[:start] + written + text[end:]


@each_case(
    ("text", "expected"),
    [
        ('[{"action": "tlk", "text": "Hi"}]', '[{"action": "talk", "text": "Hi"}]'),
        ('[{"action": "talk", "txet": "Hi"}]', '[{"action": "talk", "text": "Hi"}]'),
        ('[{"action": "talk", "text": "Hi", "language": null}]', '[{"action": "talk", "text": "Hi"}]'),
        ('[{"action": "talk", "language": null, "text": "Hi"}]', '[{"action": "talk", "text": "Hi"}]'),
        (
            '[{"action": "talk", "text": "\U0001f600", "loop": "2"}]',
            '[{"action": "talk", "text": "\U0001f600", "loop": 2}]',
        ),
        ('{"action": "talk", "text": "Hi"}', '[{"action": "talk", "text": "Hi"}]'),
        (
            '[{"action": "stream", "streamUrl": "https://example.com/a.mp3" }]',
            '[{"action": "stream", "streamUrl": ["https://example.com/a.mp3"] }]',
        ),
        ('[{"text": "Hi", "bargeIn": false}]', '[{"action": "talk", "text": "Hi", "bargeIn": false}]'),
        ('[{"action": "talk", "text": "Hi"},]', '[{"action": "talk", "text": "Hi"}]'),
        ('[{"action": "talk", "text": "Hi"', '[{"action": "talk", "text": "Hi"}]'),
        ('[{"action": "talk" "text": "Hi"}]', '[{"action": "talk", "text": "Hi"}]'),
        ("[{action: 1}]", '[{"action": 1}]'),
        ("[{'action': 'talk'}]", "[{\"action\": 'talk'}]"),
        (
            '[{"action": "conversation", "name": "x", "mute": True}]',
            '[{"action": "conversation", "name": "x", "mute": true}]',
        ),
    ],
)
def test_a_fix_changes_nothing_else(text: str, expected: str) -> None:
    (found,) = check_text(text)[0]

    assert expected == fixed(text, found)
