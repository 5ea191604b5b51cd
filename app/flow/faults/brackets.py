"""Brackets and commas that do not fit together."""

from __future__ import annotations

import re

import yaml

from app.flow.faults.fault import Fault, Finding, Line, quote
from app.flow.page import FILLER

_CLOSERS = {"[": "]", "{": "}"}
_OF_YAML = re.compile(r"[\[\]{},\"']")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_KEY = re.compile(r"[{,]\s*([A-Za-z_][\w-]*)\s*$")
_NEXT_KEY = re.compile(r"(\S+)(\s+)([A-Za-z_][\w-]*)$")


def find_list_in_text(fault: Fault) -> Finding | None:
    """`{check: a in [1, 2]}`: an expression between brackets that has brackets itself."""
    page, line = fault.page, fault.line
    if not fault.in_flow or not fault.says("',' or") or _at(fault, fault.at) != "[":
        return None
    colon = page.masked.rfind(": ", line.start, fault.at)
    begun = page.masked[colon + 1 : fault.at].strip() if colon >= 0 else ""
    if not begun or _OF_YAML.search(begun):
        return None
    start = page.masked.index(begun[0], colon + 1)
    end = start + len(_value(page.masked[start : line.end]))
    if end == start:
        return None
    cure = f"put quotes around it: {quote(page.text[start:end])}"
    page.mask(start, end)
    return fault.found("E114", start, end, "a text with brackets needs quotes here", cure, keeps_meaning=False)


def _value(rest: str) -> str:
    """The beginning of a line's rest up to the comma or the bracket that ends the value, with its own brackets.

    "" when it goes on beyond the line.
    """
    depth = 0
    for index, char in enumerate(_QUOTED.sub(lambda found: FILLER * len(found[0]), rest)):
        depth += (char in "[{") - (char in "]}")
        if depth < 0 or (depth == 0 and char == ","):
            return rest[:index].rstrip()
    return ""


def find_mismatch(fault: Fault) -> Finding | None:
    """A list closed with `}` or a map closed with `]`."""
    opener, char = _at(fault, fault.began), _at(fault, fault.at)
    if not fault.says("',' or") or char not in ("]", "}"):
        return None
    right = _CLOSERS[opener]
    outer = "{" if char == "}" else "["
    before = fault.line.bare[: fault.began - fault.line.start]
    if before.count(outer) > before.count(char):
        fault.page.mask(fault.began, fault.at)
        cure = f"write {right} at its end"
        return fault.found(
            "E114", fault.began, fault.began + 1, f"this {opener} is not closed", cure, keeps_meaning=False
        )
    if char == "]" and "}" in fault.line.bare[fault.at - fault.line.start :]:
        return _never_opened(fault)
    fault.page.mask(fault.at, fault.at + 1, right)
    return fault.found("E114", fault.at, fault.at + 1, f"{opener} is closed with {char}", f"write {right}")


def _never_opened(fault: Fault) -> Finding:
    """`{speech: sales, buy], goto: x}`: all that stands behind the key's colon was to be a list."""
    page, at = fault.page, fault.at
    colon = page.masked.rfind(": ", fault.began, at)
    page.mask(max(colon + 2, fault.began + 1), at + 1)
    cure = "write [ where the list begins, or delete the ]"
    return fault.found("E114", at, at + 1, "no [ is open for this ]", cure, keeps_meaning=False)


def find_lost_colon(fault: Fault) -> Finding | None:
    """`{speech [sales, buy], goto: x}`: a key between braces and, without a colon, its list or its map."""
    page, at, opener = fault.page, fault.at, _at(fault, fault.at)
    if not fault.says("',' or") or opener not in _CLOSERS or _at(fault, fault.began) != "{":
        return None
    found = _KEY.search(page.masked[fault.began : at])
    start = fault.began + found.start(1) if found else at
    end = start + len(_value(page.masked[start : fault.line.end])) if start >= fault.line.start else start
    if found is None or end == start:
        return None
    page.mask(start, end + (_at(fault, end) == ","), " ")
    message, cure = f"a colon is missing behind {found[1]}", f"write {found[1]}: {opener}...{_CLOSERS[opener]}"
    return fault.found("E101", start, start + len(found[1]), message, cure, keeps_meaning=False)


def find_missing_comma(fault: Fault) -> Finding | None:
    """Two entries between brackets without a comma: on one line, since an open bracket explains the rest."""
    page, at = fault.page, fault.at
    if not fault.says("',' or") or Line(page, page.position(fault.began)[0]).number != fault.line.number:
        return None
    if _at(fault, at) == ":":
        return _before_key(fault)
    if at <= fault.began or page.masked[at - 1] != " ":
        return None
    page.mask(at - 1, at, ",")
    return fault.found("E114", at, at + 1, "a comma is missing in front of this", "write a comma between the two")


def _before_key(fault: Fault) -> Finding | None:
    """`{dtmf: 1 speech: x}`: the last word in front of the second colon is a key; the text before it a value."""
    page = fault.page
    begin = max(page.masked.rfind(char, fault.began, fault.at) for char in ",[{") + 1
    found = _NEXT_KEY.search(page.masked[begin : fault.at].rpartition(": ")[2])
    if not found or not (found[1][0].islower() or found[1][0].isdigit()) or found.start(1) > 0:
        return None
    start = fault.at - len(found[3])
    if found[1].endswith(";"):
        wrong = start - len(found[2]) - 1
        page.mask(wrong, wrong + 1, ",")
        return fault.found("E114", wrong, wrong + 1, "; is no comma", "write , instead")
    page.mask(start - len(found[2]), start - len(found[2]) + 1, ",")
    message = f'a comma is missing in front of "{found[3]}"'
    return fault.found("E114", start, fault.at, message, f"write {found[1]}, {found[3]}: ...")


def find_unclosed(fault: Fault) -> Finding | None:
    """A bracket that is open where the next line's key, or the end of the file, shows that it was forgotten."""
    if not fault.in_flow or not fault.says("',' or", "node content", "end of stream", "expected ':'"):
        return None
    opener = _at(fault, fault.began)
    if opener not in _CLOSERS or _is_stray(fault):
        return None
    line = Line(fault.page, fault.page.position(fault.began)[0])
    is_round = line.text.rstrip().endswith(")") and "(" not in line.text
    for number in range(line.number, fault.line.number):
        below = Line(fault.page, number)
        fault.page.mask(max(fault.began, below.start), below.end, " ")
    if line.number == fault.line.number:
        fault.page.mask(fault.began, line.end, " ")
    closer = _CLOSERS[opener]
    message = f"this {opener} is not closed"
    cure = f"write {closer} instead of the )" if is_round else f"write {closer} at its end"
    return fault.found("E114", fault.began, fault.began + 1, message, cure, keeps_meaning=False)


def _is_stray(fault: Fault) -> bool:
    return _at(fault, fault.at) == ","


def find_stray(fault: Fault) -> Finding | None:
    """A closing bracket or a comma too many."""
    page, at = fault.page, fault.at
    char = _at(fault, at)
    if char not in ("]", "}", ","):
        return None
    if char == "," and fault.in_flow:
        page.mask(at, at + 1, " ")
        return fault.found("E103", at, at + 1, "nothing stands in front of this comma", "delete the comma")
    is_value = at == fault.line.value
    page.mask(at, at + 1, FILLER if is_value else " ")
    opener = {",": "bracket", "]": "[", "}": "{"}[char]
    cure = f"delete it; if it is a text, write {quote(page.text[at : fault.line.content_end])}"
    if not is_value:
        cure = f"delete the {char}"
    return fault.found("E114", at, at + 1, f"no {opener} is open for this {char}", cure)


def find_text_behind(fault: Fault) -> Finding | None:
    """Something behind a closing bracket on its line."""
    is_end = isinstance(fault.last, (yaml.MappingEndEvent, yaml.SequenceEndEvent))
    before = fault.page.masked[fault.line.start : fault.at].rstrip()
    if not is_end or not before.endswith(("]", "}")):
        return None
    end = fault.line.content_end
    fault.page.mask(fault.at, end, " ")
    cure = "delete it, or put quotes around the whole value if it is one text"
    return fault.found("E109", fault.at, end, "this stands behind the closing bracket", cure, keeps_meaning=False)


def _at(fault: Fault, index: int) -> str:
    return fault.page.masked[index : index + 1]
