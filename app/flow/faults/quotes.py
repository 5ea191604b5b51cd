"""Quotes that are not closed, closed too early, or followed by more text."""

from __future__ import annotations

import re

import yaml

from app.flow.faults.fault import EXPRESSIONS, Fault, Finding, Line, quote
from app.flow.page import marks


def find_unclosed(fault: Fault) -> Finding | None:
    """A quote that is not closed before the end of the file, or swallowed the lines up to the next quote."""
    if fault.says("unexpected end of stream", "unexpected document"):
        return _unclosed(fault, fault.began)
    if fault.last is None or not _is_quoted(fault.last):
        return None
    start, end = marks(fault.last)
    return _unclosed(fault, start.index) if start.line < end.line == fault.line.number - 1 else None


def _is_quoted(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"')


def _unclosed(fault: Fault, start: int) -> Finding:
    page = fault.page
    line = Line(page, page.position(start)[0])
    mark = page.text[start]
    bracket = re.search(r"[\[{]", line.bare[: start - line.start])
    is_text = not bracket and start != line.content
    page.mask(line.start + bracket.start() if bracket else start, line.end)
    cure = f"write {mark} at the end of the text as well"
    return fault.found("E113", start, start + 1, f"this {mark} is not closed", cure, keeps_meaning=is_text)


def find_text_behind(fault: Fault) -> Finding | None:
    """Text behind a closing quote: an apostrophe, a quote inside quotes, or two texts in a row."""
    last, line = fault.last, fault.line
    if last is None or not _is_quoted(last) or not line.start < fault.at < line.end:
        return None
    start, end = (mark.index for mark in marks(last))
    between, char = fault.page.masked[end : fault.at], fault.page.masked[fault.at]
    is_next_item = fault.in_flow and bool(between) and char in "'\""
    if between.strip(" ") or char in ":]}" or is_next_item:
        return None
    stop = _stop(fault, fault.page.text[start])
    rest = fault.page.text[end:stop]
    is_expression = line.key in EXPRESSIONS
    whole = fault.page.text[start:stop] if is_expression else _joined(fault.page.text[start:end], rest)
    fault.page.mask(start, stop)
    cure = "delete the comma" if rest.strip() == "," else f"write {quote(whole)}"
    return fault.found("E113", fault.at, stop, "this stands behind the closing quote", cure)


def _stop(fault: Fault, mark: str) -> int:
    """Where the author meant the text to end: at the last quote that could close it, or where the value ends."""
    rest = fault.page.text[fault.at : fault.line.end]
    closing = re.search(rf"{mark}[ \t]*(?=[,\]}}])" if fault.in_flow else rf".*{mark}(?=[ \t]*$|[ \t]+\#)", rest)
    if closing:
        return fault.at + len(closing[0].rstrip()) + (closing.start() if fault.in_flow else 0)
    end = re.search(r"[ \t]*(?:[,\[\]{}]|$)" if fault.in_flow else r"[ \t]*(?:[ \t]\#|$)", rest)
    return fault.at + (end.start() if end else len(rest))


def _joined(quoted: str, rest: str) -> str:
    """The text without the outer quotes; without any of them when two texts stand side by side."""
    mark = quoted[0]
    if rest[:1] in " \t":
        return (quoted[1:-1] + rest).replace(mark, "")
    return quoted[1:] + rest.removesuffix(mark)
