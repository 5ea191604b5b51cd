"""The fix of an issue as a change of the JSON text of an NCCO."""

from __future__ import annotations

import json
import re
from typing import Final

from app.ncco.issue import Issue
from app.ncco.json_text import JsonText, TextSpan

_DECODER: Final = json.JSONDecoder()
_COMMA_BEHIND: Final = re.compile(r"\s*,\s*")
_COMMA_BEFORE: Final = re.compile(r",\s*\Z")


def change_of(issue: Issue, document: JsonText) -> tuple[TextSpan, str] | None:
    """The characters that are replaced, and by what; None if the issue has no fix."""
    fix, text = issue.fix, document.text
    if fix is None or issue.path not in document.values:
        return None
    start, end = document.span_of(issue)
    match fix.kind:
        case "word":
            return TextSpan(start, end), json.dumps(fix.text, ensure_ascii=False)
        case "name":
            return document.names[issue.path], json.dumps(fix.text)
        case "characters":
            return _whole(document, issue.path), fix.text
        case "wrap":
            whole = _whole(document, issue.path)
            return whole, f"[{text[whole.start : whole.end]}]"
        case "delete":
            return _without(document, issue.path), ""
        case "delete_item":
            return _without(document, issue.path.rpartition("/")[0]), ""
        case "add" if text[start] == "{":
            is_empty = text[start + 1 :].lstrip().startswith("}")
            return TextSpan(start + 1, start + 1), fix.text if is_empty else f"{fix.text}, "
    return None


def _whole(document: JsonText, path: str) -> TextSpan:
    """All characters of a value."""
    start = document.values[path].start
    return TextSpan(start, _DECODER.raw_decode(document.text, start)[1])


def _without(document: JsonText, path: str) -> TextSpan:
    """A member or an item with the comma behind it, or else the one in front of it."""
    start, end = _whole(document, path)
    if path in document.names:
        start = document.names[path].start
    if behind := _COMMA_BEHIND.match(document.text, end):
        return TextSpan(start, behind.end())
    before = _COMMA_BEFORE.search(document.text[:start])
    return TextSpan(before.start() if before else start, end)
