"""`check_text`: every issue of an NCCO that is given as JSON text, with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.ncco.checker import check
from app.ncco.issue import Issue, Rule, RuleBook
from app.ncco.json_text import NotJsonError, TextSpan, read_json
from app.ncco.text_fixes import change_of

TEXT_RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, Path(__file__).with_name("text_rules.yaml"))
"""What can be wrong with the text itself, by code."""
NOT_JSON: Final = "J100"
REPEATED_NAME: Final = "J101"


class TextIssue(NamedTuple):
    """An issue in a text.

    Attributes:
        span: the characters that it is about.
        change: the fix: which characters are replaced, and by what; None if it has none.
    """

    span: TextSpan
    issue: Issue
    change: tuple[TextSpan, str] | None = None


def check_text(text: str) -> tuple[tuple[TextIssue, ...], Any]:
    """Every issue of the text of an NCCO by place, and its value; J100 alone and None when it is not JSON."""
    try:
        document = read_json(text)
    except NotJsonError as error:
        message = f"not JSON: {error.message}" if text.strip() else "the text is empty"
        issue = TEXT_RULES[NOT_JSON].at("", message, error.cure)
        return (TextIssue(TextSpan(error.offset, error.offset + 1), issue, error.change),), None
    issues = check(document.value)
    found = [TextIssue(document.span_of(issue), issue, change_of(issue, document)) for issue in issues]
    for pointer, span in document.repeated:
        message = f"{text[span.start : span.end]} is written twice; only the last one counts"
        found.append(TextIssue(span, TEXT_RULES[REPEATED_NAME].at(pointer, message)))
    return tuple(sorted(found, key=lambda each: (each.span, each.issue.code))), document.value
