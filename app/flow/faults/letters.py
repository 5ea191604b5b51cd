"""Characters that YAML keeps for itself: tabs, braces of a template, `*`, `#`, `@` and the like, backslashes."""

from __future__ import annotations

import re

from app.flow.faults.fault import Fault, Finding, Line, quote
from app.flow.page import FILLER, Page

_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{\{|\{%")
_BRACED_KEY = re.compile(r"(\{\{.*?\}\})[ \t]*:(?=[ \t]|$)")
_VALUE_START = re.compile(r"(?:^|[:,\[{-])\s*$|[\[{]\s*$")
_INDENT_TABS = re.compile(r"(?:^|(?<=[\r\n])) *\t[ \t]*")
_CLOSERS = re.compile(r"[\]}]")


def find_tab(fault: Fault) -> Finding | None:
    """A tab in the indentation or in front of a value."""
    page, line = fault.page, fault.line
    at = line.start + line.text.find("\t", 0, line.indent)
    if at < line.start and page.masked.startswith("\t", fault.at):
        page.mask(fault.at, fault.at + 1, " ")
        return fault.found("E110", fault.at, fault.at + 1, "a tab stands here", "type a space instead")
    if at < line.start:
        return None
    more = len(_INDENT_TABS.findall(page.masked)) - 1
    page.masked = _INDENT_TABS.sub(lambda found: " " * len(found[0]), page.masked)
    message = "this line is indented with a tab" + ("" if more < 1 else ", and others are too")
    cure = "indent with spaces, two for each level"
    return fault.found("E110", at, at + 1, message, cure, keeps_meaning=False)


def find_braces(fault: Fault) -> Finding | None:
    """A text that begins with `{{` or `{%`, or holds them between brackets, without quotes."""
    line = fault.line
    for found in _BRACES.finditer(line.bare):
        before = line.bare[: found.start()]
        if line.start + found.start() <= fault.at and (fault.in_flow or _VALUE_START.search(before)):
            return braces(fault.page, line, line.start + found.start(), fault.in_flow)
    return None


def braces(page: Page, line: Line, start: int, in_flow: bool) -> Finding:
    """The finding that braces stand without quotes at `start`; all braces of the line are masked."""
    if not in_flow and (found := _BRACED_KEY.match(line.bare, start - line.start)) and start == line.content:
        return _braced_key(page, line, start, line.start + found.end(1))
    bare = _BRACES.sub(lambda found: FILLER * len(found[0]), line.bare)
    begin, end = _extent(line, bare, start, in_flow)
    for found in _BRACES.finditer(line.bare, start - line.start):
        page.mask(line.start + found.start(), line.start + found.end())
    page.mask(start, end)
    fault = Fault(page, "", start, start, None, in_flow)
    message = "without quotes, YAML does not read these braces as a value to fill in"
    cure = f"put quotes around the whole text: {quote(page.text[begin:end].rstrip())}"
    return fault.found("E107", start, start + 2, message, cure)


def _braced_key(page: Page, line: Line, start: int, end: int) -> Finding:
    page.mask(start, end)
    fault = Fault(page, "", start, start, None, in_flow=False)
    return fault.found("E124", start, end, "a key cannot be computed", "write the word itself", keeps_meaning=False)


def _extent(line: Line, bare: str, start: int, in_flow: bool) -> tuple[int, int]:
    """Where the text around `start` begins and ends, as its author meant it."""
    if not in_flow:
        return start, line.content_end
    at = start - line.start
    begin = max(bare.rfind(char, 0, at) for char in "[{,:") + 1
    begin += len(bare[begin:]) - len(bare[begin:].lstrip())
    stop = re.compile(r"[,\[\]{}]|\s#|$").search(bare, at)
    return line.start + min(begin, at), line.start + (stop.start() if stop else len(bare))


def find_reserved(fault: Fault) -> Finding | None:
    """A text that begins with a character of YAML's own."""
    if fault.page.masked.startswith(("*", "&", "!", "|", ">"), fault.began):
        return _reserved(fault, fault.began)
    if fault.says("cannot start any token", "mapping keys are not allowed"):
        return _reserved(fault, fault.at)
    return None


def _reserved(fault: Fault, at: int) -> Finding:
    page, line = fault.page, Line(fault.page, fault.page.position(at)[0])
    end = _extent(line, line.bare, at, fault.in_flow)[1]
    whole = page.text[at:end].rstrip() or page.text[at]
    page.mask(at, at + 1)
    message = f"a text cannot begin with {page.text[at]} unless it stands in quotes"
    return fault.found("E108", at, at + 1, message, f"write {quote(whole)}")


def find_hash(fault: Fault) -> Finding | None:
    """A `#` between brackets, which made a comment of the closing bracket."""
    if not fault.in_flow:
        return None
    for number in range(fault.page.position(fault.began)[0], fault.line.number + 1):
        line = Line(fault.page, number)
        comment = line.content_end - line.start
        found = re.compile(r"\s+#(.*)").match(line.text, comment)
        if found and _CLOSERS.search(found[1]):
            return _hash(fault, line, line.start + found.start(1) - 1)
    return None


def _hash(fault: Fault, line: Line, at: int) -> Finding:
    fault.page.mask(at, at + 1)
    is_alone = bool(_VALUE_START.search(line.text[: at - line.start]))
    message = "YAML takes # and the rest of the line for a comment, the closing bracket too"
    begin, end = _extent(line, line.text, at, in_flow=True)
    cure = f"write {quote(fault.page.text[begin:end].rstrip())}"
    return fault.found("E108" if is_alone else "E104", at, at + 1, message, cure)


def find_escape(fault: Fault) -> Finding | None:
    """A backslash in double quotes that YAML does not know."""
    at = fault.page.masked.rfind("\\", fault.began, fault.at + 1)
    if at < 0 or not fault.says("escape", "hexdecimal", "hexadecimal"):
        return None
    fault.page.mask(at, at + 1)
    shown = fault.page.text[at : at + 2]
    cure = "write \\\\ for a backslash, or put the text in single quotes"
    return fault.found("E125", at, at + 2, f"{shown} means nothing between double quotes", cure)
