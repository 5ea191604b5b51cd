"""What a person did when the YAML parser stopped: its own words ("did not find expected key") help nobody."""

from __future__ import annotations

from app.flow.faults import brackets, colons, indentation, letters, quotes
from app.flow.faults.fault import Fault, Finding

__all__ = ["FINDERS", "Fault", "Finding", "diagnose"]

FINDERS = (
    letters.find_tab,
    letters.find_escape,
    quotes.find_unclosed,
    colons.find_lost_colon,
    colons.find_missing_key,
    letters.find_braces,
    letters.find_reserved,
    letters.find_hash,
    quotes.find_text_behind,
    brackets.find_list_in_text,
    brackets.find_mismatch,
    brackets.find_lost_colon,
    brackets.find_missing_comma,
    colons.find_colon_in_flow,
    brackets.find_unclosed,
    brackets.find_stray,
    brackets.find_text_behind,
    colons.find_colon_in_text,
    colons.find_missing_space,
    indentation.find_list_behind_key,
    indentation.find_second_thing,
    indentation.find_wrong_column,
)
"""In the order in which they are asked: those that look at one character first, those that look at lines last."""


def diagnose(fault: Fault) -> Finding:
    """The first finding; without one the parser's own words, where it stopped. What was found is masked."""
    for find in FINDERS:
        if found := find(fault):
            return found
    message = f"YAML cannot be read from here: {fault.problem}"
    cure = "write `key: value`, one a line, indented with spaces, and texts in quotes"
    return fault.found("E101", fault.at, fault.at + 1, message, cure, keeps_meaning=False)
