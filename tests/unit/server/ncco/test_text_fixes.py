"""What a fix changes in the text of an NCCO. test_rules.py shows that each fix removes its issue."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from ncco_server.ncco.json_text import TextIssue, check_text
from tests.support.cases import each_case

FIXES: Final[dict[str, list[list[str]]]] = yaml.load(
    Path(__file__).with_name("text_fixes.yaml").read_bytes(), yaml.CSafeLoader
)


def fixed(text: str, found: TextIssue) -> str | None:
    if found.change is None:
        return None
    (start, end), written = found.change
    return text[:start] + written + text[end:]


@each_case(("text", "expected"), FIXES["applied"])
def test_a_fix_changes_nothing_else(text: str, expected: str) -> None:
    (found,) = check_text(text)[0]

    assert expected == fixed(text, found)


@each_case(("text", "expected"), FIXES["in words"])
def test_only_the_author_can_fix_the_others(text: str, expected: str) -> None:
    (found,) = check_text(text)[0]

    assert (None, expected) == (found.change, found.issue.fix)
