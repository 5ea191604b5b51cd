"""Syntax faults between lines and entries: brackets, commas and indentation."""

from __future__ import annotations

import re

import yaml

from app.flow.issues import Issue
from app.flow.source.lines import OF_KEYS, Line, SyntaxFault, quote
from app.flow.source.page import FILLER

_CLOSERS = {"[": "]", "{": "}"}
_OF_YAML = re.compile(r"[\[\]{},\"']")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_KEY = re.compile(r"[{,]\s*([A-Za-z_][\w-]*)\s*$")
_NEXT_KEY = re.compile(r"(\S+)(\s+)([A-Za-z_][\w-]*)$")


def find_list_in_text(fault: SyntaxFault) -> Issue | None:
    """`{check: a in [1, 2]}`: an expression between brackets that has brackets itself."""
    page, line = fault.page, fault.line
    if not fault.in_flow or not fault.mentions("',' or") or _at(fault, fault.at) != "[":
        return None
    colon = page.parsed.rfind(": ", line.start, fault.at)
    begun = page.parsed[colon + 1 : fault.at].strip() if colon >= 0 else ""
    if not begun or _OF_YAML.search(begun):
        return None
    start = page.parsed.index(begun[0], colon + 1)
    end = start + len(_value(page.parsed[start : line.end]))
    if end == start:
        return None
    cure = f"put quotes around it: {quote(page.text[start:end])}"
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
    """A list closed with `}` or a map closed with `]`."""
    opener, char = _at(fault, fault.began), _at(fault, fault.at)
    if not fault.mentions("',' or") or char not in ("]", "}"):
        return None
    right = _CLOSERS[opener]
    outer = "{" if char == "}" else "["
    before = fault.line.bare[: fault.began - fault.line.start]
    if before.count(outer) > before.count(char):
        cure = f"write {right} at its end"
        return fault.issue("E114", fault.began, fault.began + 1, f"this {opener} is not closed", cure)
    if char == "]" and "}" in fault.line.bare[fault.at - fault.line.start :]:
        return _never_opened(fault)
    return fault.issue("E114", fault.at, fault.at + 1, f"{opener} is closed with {char}", f"write {right}")


def _never_opened(fault: SyntaxFault) -> Issue:
    """`{speech: sales, buy], goto: x}`: all that stands behind the key's colon was to be a list."""
    at = fault.at
    cure = "write [ where the list begins, or delete the ]"
    return fault.issue("E114", at, at + 1, "no [ is open for this ]", cure)


def find_missing_colon(fault: SyntaxFault) -> Issue | None:
    """`{speech [sales, buy], goto: x}`: a key between braces and, without a colon, its list or its map."""
    page, at, opener = fault.page, fault.at, _at(fault, fault.at)
    if not fault.mentions("',' or") or opener not in _CLOSERS or _at(fault, fault.began) != "{":
        return None
    found = _KEY.search(page.parsed[fault.began : at])
    start = fault.began + found.start(1) if found else at
    end = start + len(_value(page.parsed[start : fault.line.end])) if start >= fault.line.start else start
    if found is None or end == start:
        return None
    message, cure = f"a colon is missing after {found[1]}", f"write {found[1]}: {opener}...{_CLOSERS[opener]}"
    return fault.issue("E101", start, start + len(found[1]), message, cure)


def find_missing_comma(fault: SyntaxFault) -> Issue | None:
    """Two entries between brackets without a comma: on one line, since an open bracket explains the rest."""
    page, at = fault.page, fault.at
    if not fault.mentions("',' or") or Line(page, page.position(fault.began)[0]).number != fault.line.number:
        return None
    if _at(fault, at) == ":":
        return _before_key(fault)
    if at <= fault.began or page.parsed[at - 1] != " ":
        return None
    return fault.issue("E114", at, at + 1, "a comma is missing before this", "write a comma between the two")


def _before_key(fault: SyntaxFault) -> Issue | None:
    """`{dtmf: 1 speech: x}`: the last word before the second colon is a key; the text before it a value."""
    page = fault.page
    begin = max(page.parsed.rfind(char, fault.began, fault.at) for char in ",[{") + 1
    found = _NEXT_KEY.search(page.parsed[begin : fault.at].rpartition(": ")[2])
    if not found or not (found[1][0].islower() or found[1][0].isdigit()) or found.start(1) > 0:
        return None
    start = fault.at - len(found[3])
    if found[1].endswith(";"):
        wrong = start - len(found[2]) - 1
        return fault.issue("E114", wrong, wrong + 1, "; is no comma", "write , instead")
    message = f'a comma is missing before "{found[3]}"'
    return fault.issue("E114", start, fault.at, message, f"write {found[1]}, {found[3]}: ...")


def find_unclosed_bracket(fault: SyntaxFault) -> Issue | None:
    """A bracket that is open where the next line's key, or the end of the file, shows that it was forgotten."""
    if not fault.in_flow or not fault.mentions("',' or", "node content", "end of stream", "expected ':'"):
        return None
    opener = _at(fault, fault.began)
    if opener not in _CLOSERS or _is_stray(fault):
        return None
    line = Line(fault.page, fault.page.position(fault.began)[0])
    is_round = line.text.rstrip().endswith(")") and "(" not in line.text
    closer = _CLOSERS[opener]
    message = f"this {opener} is not closed"
    cure = f"write {closer} instead of the )" if is_round else f"write {closer} at its end"
    return fault.issue("E114", fault.began, fault.began + 1, message, cure)


def _is_stray(fault: SyntaxFault) -> bool:
    return _at(fault, fault.at) == ","


def find_stray(fault: SyntaxFault) -> Issue | None:
    """A closing bracket or a comma too many."""
    page, at = fault.page, fault.at
    char = _at(fault, at)
    if char not in ("]", "}", ","):
        return None
    if char == "," and fault.in_flow:
        return fault.issue("E103", at, at + 1, "there is nothing before this comma", "delete the comma")
    is_value = at == fault.line.value
    opener = {",": "bracket", "]": "[", "}": "{"}[char]
    cure = f"delete it; if it is a text, write {quote(page.text[at : fault.line.content_end])}"
    if not is_value:
        cure = f"delete the {char}"
    return fault.issue("E114", at, at + 1, f"no {opener} is open for this {char}", cure)


def find_text_after_bracket(fault: SyntaxFault) -> Issue | None:
    """Something after a closing bracket on its line."""
    is_end = isinstance(fault.last, (yaml.MappingEndEvent, yaml.SequenceEndEvent))
    before = fault.page.parsed[fault.line.start : fault.at].rstrip()
    if not is_end or not before.endswith(("]", "}")):
        return None
    end = fault.line.content_end
    cure = "delete it, or put quotes around the whole value if it is one text"
    return fault.issue("E109", fault.at, end, "there is text after the closing bracket", cure)


def _at(fault: SyntaxFault, index: int) -> str:
    return fault.page.parsed[index : index + 1]


def find_list_after_key(fault: SyntaxFault) -> Issue | None:
    """`do: - talk: Hello`."""
    if not fault.mentions("sequence entries are not allowed"):
        return None
    line, at = fault.line, fault.at
    rest = fault.page.text[at : line.content_end]
    key = line.key or "the key"
    cure = f"begin the list on the next line, two spaces deeper; for a text, put it in quotes: {quote(rest)}"
    return fault.issue("E115", at, at + 1, f'a list cannot begin on the line of "{key}"', cure)


def find_second_value(fault: SyntaxFault) -> Issue | None:
    """A map or list, indented below a key that has its value already."""
    if fault.mentions("mapping values are not allowed") and fault.line.colon == fault.at:
        return _second_value(fault)
    return None


def _second_value(fault: SyntaxFault) -> Issue | None:
    line, above = fault.line, fault.above
    if above is None:
        return None
    start, end = line.first, line.content_end
    head = above
    while not head.key and head.content == head.first and (higher := fault.above_of(head)):
        head = higher
    name = head.key or fault.page.text[head.content : head.content_end]
    if head.key and head.key.startswith("-"):
        return _glued_dash(fault, head)
    message = f'"{name}" in line {head.number} has its value already; this line is indented below it'
    cure = f'{_indent_by(head.content - head.start)}, like "{name}", or delete that value'
    if not head.key:
        message = f'the list item "{name}" in line {head.number} is a text; this line is indented below it'
        cure = f'write "{name}: ..." there, or {_indent_by(head.indent)}, like its dash'
    return fault.issue("E109", start, end, message, cure)


def _glued_dash(fault: SyntaxFault, head: Line) -> Issue:
    """`-if: a == b` with a line below it that is indented as for `- if`."""
    cure = f"write - {head.key[1:]}: ..."
    message = "a space is missing after the dash"
    return fault.issue("E116", head.first, head.first + 1, message, cure)


def find_wrong_column(fault: SyntaxFault) -> Issue | None:
    """A line that begins where no block does."""
    line = fault.line
    problems = ("did not find expected", "expected <block end>", "<document start>")
    if fault.at != line.first or not fault.mentions(*problems):
        return None
    columns = _open_columns(fault)
    indent = line.indent
    if fault.above and indent > fault.above.content - fault.above.start and fault.above.value < fault.above.content_end:
        return _second_value(fault)
    fitting = sorted(columns, key=lambda column: (abs(column - indent), column))[:2]
    if indent in columns:
        return _wrong_kind(fault, line)
    places = " or ".join(f"{_indent_by(column)} (like line {columns[column]})" for column in sorted(fitting))
    message = f"this line begins in column {indent + 1}, where no block does"
    cure = places if indent else "begin the lines above at the left edge as well"
    return fault.issue("E115", line.first, line.content_end, message, cure)


def _wrong_kind(fault: SyntaxFault, line: Line) -> Issue:
    """A key among list items, or a list item among keys."""
    if dash := _stray_dash(fault):
        return dash
    if line.content > line.first:
        message, cure = "a list item is among keys", _cure_of_item(fault)
    else:
        message, cure = "a key is among list items", _cure_of_key(fault)
    return fault.issue("E115", line.first, line.content_end, message, cure)


def _stray_dash(fault: SyntaxFault) -> Issue | None:
    """The one dash that makes a list item of what should be a key: of this line, or of the one above it."""
    line, above = fault.line, fault.above
    alike = [line]
    while above is not None and above.indent >= line.indent:
        if above.indent == line.indent:
            alike.append(above)
        above = fault.above_of(above)
    dashes = [other for other in alike if other.content > other.first and other.key]
    if above is None or above.key not in OF_KEYS or len(dashes) != 1 or (dashes[0] is not line and len(alike) > 2):
        return None
    dash = dashes[0]
    cure = f'delete the dash and the space behind it: "{above.key}" has keys, not a list'
    message = "this dash turns a key into a list item"
    return fault.issue("E115", dash.first, dash.first + 1, message, cure)


def _cure_of_item(fault: SyntaxFault) -> str:
    for number in range(fault.line.number - 1, 0, -1):
        line = Line(fault.page, number)
        if line.content > line.first:
            return f"{_indent_by(line.indent)}, like the list item in line {number}"
    return "indent it below the key whose list it belongs to, or write - before the keys above it as well"


def _cure_of_key(fault: SyntaxFault) -> str:
    indent = fault.line.indent
    if fault.line.key in ("if", "else"):
        return "write a dash and a space before it: it is a line of the list"
    outer = {column: number for column, number in _open_columns(fault).items() if column < indent}
    cure = f"{_indent_by(indent + 2)} if it belongs to the item above"
    if not outer:
        return cure
    return f"{cure}, or {_indent_by(max(outer))} (like line {outer[max(outer)]})"


def _open_columns(fault: SyntaxFault) -> dict[int, int]:
    """How far blocks above are indented → the last line that shows it."""
    columns: dict[int, int] = {}
    for number in range(1, fault.line.number):
        line = Line(fault.page, number)
        if line.is_blank:
            continue
        columns = {column: shown for column, shown in columns.items() if column < line.indent}
        columns[line.indent] = number
        columns[line.content - line.start] = number
    return columns


def _indent_by(spaces: int) -> str:
    named = {0: "begin it at the left edge", 1: "indent it by 1 space"}
    return named.get(spaces, f"indent it by {spaces} spaces")
