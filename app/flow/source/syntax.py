"""What an author did where the YAML parser stopped: its own words ("did not find expected key") help nobody."""

from __future__ import annotations

import yaml

from app.flow.issues import Issue
from app.flow.source import structure_faults, text_faults
from app.flow.source.lines import SyntaxFault
from app.flow.source.page import Page, marks

FINDERS = (
    text_faults.find_tab,
    text_faults.find_escape,
    text_faults.find_unclosed_quote,
    text_faults.find_key_without_colon,
    text_faults.find_missing_key,
    text_faults.find_braces,
    text_faults.find_reserved,
    text_faults.find_hash,
    text_faults.find_text_after_quote,
    structure_faults.find_list_in_text,
    structure_faults.find_mismatch,
    structure_faults.find_missing_colon,
    structure_faults.find_missing_comma,
    text_faults.find_colon_in_flow,
    structure_faults.find_unclosed_bracket,
    structure_faults.find_stray,
    structure_faults.find_text_after_bracket,
    text_faults.find_colon_in_text,
    text_faults.find_missing_space,
    structure_faults.find_list_after_key,
    structure_faults.find_second_value,
    structure_faults.find_wrong_column,
)
"""In the order in which they are tried: those that look at one character first, those that look at lines last."""


def diagnose(page: Page, error: yaml.MarkedYAMLError, events: list[yaml.Event]) -> Issue:
    """The issue behind an error of the parser, in its own words if nothing better is found; `events` came before it."""
    at = error.problem_mark.index if error.problem_mark else 0
    began = error.context_mark.index if error.context_mark else at
    bracket = _open_bracket(events)
    if bracket is not None and str(error.context).startswith("while parsing a flow"):
        began = bracket
    fault = SyntaxFault(page, str(error.problem), at, began, events[-1], bracket is not None)
    for find in FINDERS:
        if issue := find(fault):
            return issue
    message = f"YAML cannot be read from here: {fault.problem}"
    cure = "write `key: value`, one a line, indented with spaces, and texts in quotes"
    return fault.issue("E101", at, at + 1, message, cure)


def _open_bracket(events: list[yaml.Event]) -> int | None:
    """The offset of the innermost `[` or `{` that is open after the last event; None outside brackets."""
    is_open: list[yaml.CollectionStartEvent] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            is_open.append(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            is_open.pop()
    return marks(is_open[-1])[0].index if is_open and is_open[-1].flow_style else None
