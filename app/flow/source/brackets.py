"""Syntax faults between brackets and braces, and template braces without quotes."""

from __future__ import annotations

import re

import yaml

from app.flow.issues import Issue
from app.flow.rules import RULES
from app.flow.source.fault import CLOSERS, SyntaxFault, enclosing
from app.flow.source.source_file import FILLER, Line, SourceFile, quote

_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{\{|\{%")
_BRACED_KEY = re.compile(r"(\{\{.*?\}\})[ \t]*:(?=[ \t]|$)")
_VALUE_START = re.compile(r"(?:^|[:,\[{-])\s*$")
_COMMENT = re.compile(r"\s+#.*[\]}]")
_YAML_SYNTAX = re.compile(r"[\[\]{},\"']")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_KEY = re.compile(r"[{,]\s*([A-Za-z_][\w-]*)\s*$")
_EQUALS = re.compile(r"[{,][ \t]*([A-Za-z_][\w-]*)[ \t]*(=)(?!=)")
_NEXT_KEY = re.compile(r"([a-z0-9]\S*)\s+([A-Za-z_][\w-]*)$")


def find_braces(fault: SyntaxFault) -> Issue | None:
    """A text that begins with `{{` or `{%`, or holds them between brackets, without quotes."""
    line = fault.line
    for found in _BRACES.finditer(line.bare):
        before = line.bare[: found.start()]
        if line.start + found.start() <= fault.at and (fault.in_flow or _VALUE_START.search(before)):
            return braces(fault.source, line, line.start + found.start(), in_flow=fault.in_flow)
    return None


def braces(source: SourceFile, line: Line, start: int, *, in_flow: bool) -> Issue:
    """The issue that braces at `start` are not in quotes."""
    key = None if in_flow or start != line.content else _BRACED_KEY.match(line.bare, start - line.start)
    if key:
        return RULES["E124"].at(
            source.place(start, line.start + key.end(1)), "a key cannot be computed", "write the word itself"
        )
    bare = _BRACES.sub(lambda found: FILLER * len(found[0]), line.bare)
    begin, end = enclosing(line, bare, start, in_flow=in_flow)
    message = "without quotes, YAML does not read these braces as a value to fill in"
    cure = f"put quotes around the whole text: {quote(source.text[begin:end].rstrip())}"
    return RULES["E107"].at(source.place(start, start + 2), message, cure)


def find_equals(fault: SyntaxFault) -> Issue | None:
    """`{topic = sales}`."""
    line = fault.line
    found = _EQUALS.search(line.bare, 0, fault.at - line.start + 1)
    if not fault.in_flow or not found:
        return None
    at = line.start + found.start(2)
    return fault.issue("E101", at, at + 1, "= is not YAML's colon", f"write {found[1]}: ...")


def find_hash(fault: SyntaxFault) -> Issue | None:
    """A `#` between brackets, which made a comment of the closing bracket."""
    for number in range(fault.first_line.number, fault.line.number + 1) if fault.in_flow else ():
        line = Line(fault.source, number)
        found = _COMMENT.match(line.text, line.content_end - line.start)
        if found:
            at = line.text.index("#", found.start())
            is_alone = bool(_VALUE_START.search(line.text[:at]))
            message = "YAML takes # and the rest of the line for a comment, the closing bracket too"
            begin, end = enclosing(line, line.text, line.start + at, in_flow=True)
            cure = f"write {quote(fault.source.text[begin:end].rstrip())}"
            return fault.issue("E108" if is_alone else "E104", line.start + at, line.start + at + 1, message, cure)
    return None


def find_list_in_text(fault: SyntaxFault) -> Issue | None:
    """`{check: a in [1, 2]}`: an expression between brackets that has brackets itself."""
    source, line = fault.source, fault.line
    colon = source.parsed.rfind(": ", line.start, fault.at)
    if not fault.in_flow or not fault.mentions("',' or") or fault.char != "[" or colon < 0:
        return None
    before_bracket = source.parsed[colon + 1 : fault.at].strip()
    start = fault.at - len(source.parsed[colon + 1 : fault.at].lstrip())
    end = start + len(_value(source.parsed[start : line.end]))
    if not before_bracket or _YAML_SYNTAX.search(before_bracket) or end == start:
        return None
    cure = f"put quotes around it: {quote(source.text[start:end])}"
    return fault.issue("E114", start, end, "a text with brackets needs quotes here", cure)


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


def find_mismatch(fault: SyntaxFault) -> Issue | None:
    """A list closed with `}` or a map closed with `]`, or what closes a bracket further out."""
    opener, char, line = fault.opener, fault.char, fault.line
    if not fault.mentions("',' or") or char not in ("]", "}"):
        return None
    outer = "{" if char == "}" else "["
    before = line.bare[: fault.context_start - line.start]
    if before.count(outer) > before.count(char):
        return _unclosed(fault, CLOSERS[opener])
    message, cure = f"{opener} is closed with {char}", f"write {CLOSERS[opener]}"
    if char == "]" and "}" in line.bare[fault.at - line.start :]:
        message, cure = "no [ is open for this ]", "write [ where the list begins, or delete the ]"
    return fault.issue("E114", fault.at, fault.at + 1, message, cure)


def find_missing_colon(fault: SyntaxFault) -> Issue | None:
    """`{speech [sales, buy], goto: x}`: a key between braces and, without a colon, its list or its map."""
    if not fault.mentions("',' or") or fault.char not in CLOSERS or fault.opener != "{":
        return None
    found = _KEY.search(fault.source.parsed[fault.context_start : fault.at])
    start = fault.context_start + found.start(1) if found else 0
    is_whole = start >= fault.line.start and bool(_value(fault.source.parsed[start : fault.line.end]))
    return fault.missing_colon(start, found[1], fault.char) if found and is_whole else None


def find_missing_comma(fault: SyntaxFault) -> Issue | None:
    """Two entries between brackets without a comma: on one line, since an open bracket explains the rest."""
    source, at = fault.source, fault.at
    if not fault.mentions("',' or") or fault.first_line.number != fault.line.number:
        return None
    if fault.char != ":":
        is_apart = at > fault.context_start and source.parsed[at - 1] == " "
        message, cure = "a comma is missing before this", "write a comma between the two"
        return fault.issue("E114", at, at + 1, message, cure) if is_apart else None
    found = _NEXT_KEY.fullmatch(_entry_before(fault).rpartition(": ")[2].lstrip())
    if not found:
        return None
    value, key = found.groups()
    start = at - len(key)
    if value.endswith(";"):
        wrong = source.parsed.rindex(";", fault.context_start, start)
        return fault.issue("E114", wrong, wrong + 1, "; is no comma", "write , instead")
    return fault.issue("E114", start, at, f'a comma is missing before "{key}"', f"write {value}, {key}: ...")


def _entry_before(fault: SyntaxFault) -> str:
    """What is written between the last comma or opening bracket and the place."""
    begin = max(fault.source.parsed.rfind(char, fault.context_start, fault.at) for char in ",[{") + 1
    return fault.source.text[begin : fault.at]


def find_second_colon(fault: SyntaxFault) -> Issue | None:
    """`{talk: Hello: press 1}`."""
    if not fault.in_flow or fault.char != ":" or fault.context_start < fault.line.start:
        return None
    head, _, tail = _entry_before(fault).partition(":")
    if not tail.strip():
        return None
    rest = re.match(r"[^,\[\]{}]*", fault.source.text[fault.at : fault.line.end])
    text = tail.strip() + (rest[0].rstrip() if rest else "")
    cure = f"put quotes around the text: {quote(text)}"
    if re.match(r"[ \t]*[A-Za-z_][\w-]*:[ \t]", fault.source.text[fault.at + 1 : fault.line.end]):
        cure = "write a comma in place of this colon"
    return fault.issue("E112", fault.at, fault.at + 1, f'a second colon under "{head.strip()}"', cure)


def find_unclosed(fault: SyntaxFault) -> Issue | None:
    """A bracket that is open where the next line's key, or the end of the file, shows that it was forgotten."""
    problems = ("',' or", "node content", "end of stream", "expected ':'")
    if not fault.in_flow or not fault.mentions(*problems) or fault.opener not in CLOSERS or fault.char == ",":
        return None
    return _unclosed(fault, CLOSERS[fault.opener])


def _unclosed(fault: SyntaxFault, closer: str) -> Issue:
    text = fault.first_line.text.rstrip()
    is_round = text.endswith(")") and "(" not in text
    cure = f"write {closer} instead of the )" if is_round else f"write {closer} at its end"
    return fault.issue("E114", fault.context_start, fault.context_start + 1, f"this {fault.opener} is not closed", cure)


def find_stray(fault: SyntaxFault) -> Issue | None:
    """A closing bracket or a comma too many."""
    at, char = fault.at, fault.char
    if char not in ("]", "}", ","):
        return None
    if char == "," and fault.in_flow:
        return fault.issue("E103", at, at + 1, "there is nothing before this comma", "delete the comma")
    cure = f"delete the {char}"
    if at == fault.line.value:
        cure = f"delete it; if it is a text, write {quote(fault.source.text[at : fault.line.content_end])}"
    opener = {",": "bracket", "]": "[", "}": "{"}[char]
    return fault.issue("E114", at, at + 1, f"no {opener} is open for this {char}", cure)


def find_text_after_bracket(fault: SyntaxFault) -> Issue | None:
    """Something after a closing bracket on its line."""
    before = fault.source.parsed[fault.line.start : fault.at].rstrip()
    if not isinstance(fault.last, yaml.CollectionEndEvent) or not before.endswith(("]", "}")):
        return None
    cure = "delete it, or put quotes around the whole value if it is one text"
    return fault.issue("E109", fault.at, fault.line.content_end, "there is text after the closing bracket", cure)
