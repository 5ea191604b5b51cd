"""Every fix of an NCCO that is offered, applied to its text, removes the issue and adds no error."""

from __future__ import annotations

import pytest

from app.issue import RULES
from app.ncco.json_text import TextIssue, check_text


def fixed(text: str, found: TextIssue) -> str | None:
    if found.change is None:
        return None
    (start, end), written = found.change
    return text[:start] + written + text[end:]


def errors_in(text: str) -> int:
    return sum(each.issue.is_error for each in check_text(text)[0])


def test_a_fix_of_a_rules_example_removes_the_issue_and_adds_no_error() -> None:
    cured: list[object] = []
    failed: list[object] = []
    for code, rule in RULES.items():
        for found in check_text(rule.bad)[0]:
            text = fixed(rule.bad, found)
            if text is not None:
                left = [each.issue.code for each in check_text(text)[0]]
                worse = errors_in(text) > errors_in(rule.bad) - found.issue.is_error
                (failed if code in left or worse else cured).append((code, text, left))
    assert [] == failed
    assert len(cured) >= 31


@pytest.mark.parametrize(
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
