"""Quotes that are not closed, closed too early, or followed by more text."""

from __future__ import annotations

import re

import yaml

from app.flow.faults.fault import Fault, Finding, Line, quote


def find_unclosed(fault: Fault) -> Finding | None:
    """A quote that is not closed before the end of the file, or swallowed the lines up to the next quote."""
    if fault.says("unexpected end of stream", "unexpected document"):
        return _unclosed(fault, fault.began)
    last = fault.last
    if _is_quoted(last) and last.start_mark.line < last.end_mark.line == fault.line.number - 1:
        return _unclosed(fault, last.start_mark.index)
    return None


def _is_quoted(event: yaml.Event | None) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"')


def _unclosed(fault: Fault, start: int) -> Finding:
    page = fault.page
    line = Line(page, page.position(start)[0])
    mark = page.text[start]
    is_flow = bool(re.search(r"[\[{]", line.bare[: start - line.start]))
    page.mask(start, line.end)
    cure = f"write {mark} at the end of the text as well"
    return fault.found("E113", start, start + 1, f"this {mark} is not closed", cure, keeps_meaning=not is_flow)


def find_text_behind(fault: Fault) -> Finding | None:
    """Text behind a closing quote: an apostrophe, a quote inside quotes, or two texts in a row."""
    last, line = fault.last, fault.line
    if not isinstance(last, yaml.ScalarEvent) or not _is_quoted(last) or not line.start < fault.at < line.end:
        return None
    start, end = last.start_mark.index, last.end_mark.index
    if fault.page.masked[end : fault.at].strip(" ") or fault.page.masked[fault.at] in ":]}":
        return None
    stop = _stop(fault, fault.page.text[start])
    whole = _joined(fault.page.text[start:end], fault.page.text[end:stop])
    fault.page.mask(start, stop)
    return fault.found("E113", fault.at, stop, "this stands behind the closing quote", f"write {quote(whole)}")


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
