"""What is wrong where the YAML parser stopped, in clearer words than its own ("did not find expected key").

Each `find_*` looks for one kind of fault, and returns None when it is not that one.
"""

from __future__ import annotations

import re

import yaml

from app.flow.issues import Issue
from app.flow.source import brackets
from app.flow.source.fault import SyntaxFault, find_reserved
from app.flow.source.source_file import (
    COMMON_KEYS,
    EXPRESSION_KEYS,
    LIST_KEYS,
    MAP_KEYS,
    OPTION_KEYS,
    Line,
    SourceFile,
    is_quoted,
    marks,
    quote,
)

_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_PARENTHESISED_MAP = re.compile(r"\([a-z]\w*: ")
_PAIRS = re.compile(r"[a-z]\w*: [^,]+, *[a-z]\w*:(?: |$)|run: |return: ")
_MISSING_COLON = re.compile(r"[ \t]*(?:- +)*([A-Za-z_][\w-]*)[ \t]+([\[{])")
_KEY = re.compile(r"([A-Za-z_][\w-]*):(?:[ \t]|$)")
_WORD = re.compile(r"[a-z][A-Za-z_]{1,30}")
_GLUED_DASH = re.compile(r"-\S")
_GLUED_KEY = re.compile(r"([A-Za-z_][\w-]*)(:|\uff1a)(?!//)(\S.*)$|([A-Za-z_][\w-]*)(\uff1a)(.*)$")
_EQUALS = re.compile(r"([A-Za-z_][\w-]*)[ \t]*=>?[ \t]*(.*)$")
_PAIR = re.compile(r"([a-z_]\w*)(?:\s+(\S+))?$")
_CONDITION = re.compile(rf"({'|'.join(sorted(EXPRESSION_KEYS))}|else) +(\S.*)")
_INDENT_FURTHER = "if it continues the text above, indent it further than the key there"


def find_conflict(fault: SyntaxFault) -> Issue | None:
    """What Git writes into a file that it could not merge."""
    found = _CONFLICT.search(fault.source.parsed)
    if found is None:
        return None
    cure = "keep one of the two versions, and delete the lines with <<<<<<<, ======= and >>>>>>>"
    return fault.issue("E101", found.start(), found.end(), "a Git conflict marker", cure)


def find_tab(fault: SyntaxFault) -> Issue | None:
    """A tab in the indentation or before a value."""
    found = fault.line.text.find("\t", 0, fault.line.indent)
    at = fault.at if found < 0 else fault.line.start + found
    if fault.source.parsed[at : at + 1] != "\t":
        return None
    cure = "indent with spaces, two for each level" if found >= 0 else "type a space instead"
    return fault.issue("E110", at, at + 1, "there is a tab here, which YAML does not take for spaces", cure)


def find_escape(fault: SyntaxFault) -> Issue | None:
    """A backslash in double quotes that YAML does not know."""
    at = fault.source.parsed.rfind("\\", fault.context_start, fault.at + 1)
    if at < 0 or not fault.mentions("escape", "hexdecimal", "hexadecimal"):
        return None
    message = f"{fault.source.text[at : at + 2]} means nothing between double quotes"
    return fault.issue("E125", at, at + 2, message, "write \\\\ for a backslash, or put the text in single quotes")


def find_unclosed_quote(fault: SyntaxFault) -> Issue | None:
    """A quote that is not closed before the end of the file, or swallowed the lines up to the next quote."""
    start = fault.context_start
    if not fault.mentions("unexpected end of stream", "unexpected document"):
        if not is_quoted(fault.last):
            return None
        first, end = marks(fault.last)
        if not first.line < end.line == fault.line.number - 1:
            return None
        start = first.index
    mark = fault.source.text[start]
    return fault.issue(
        "E113", start, start + 1, f"this {mark} is not closed", f"write {mark} at the end of the text as well"
    )


def find_key_without_colon(fault: SyntaxFault) -> Issue | None:
    """`talk {text: Hello}`."""
    found = None if fault.in_flow else _MISSING_COLON.match(fault.line.text)
    return fault.missing_colon(fault.line.start + found.start(1), found[1], found[2]) if found else None


def find_missing_key(fault: SyntaxFault) -> Issue | None:
    """`: menu` and `{: menu}`."""
    before = fault.source.parsed[fault.line.start : fault.at].rstrip()
    begins = fault.at == fault.line.content or (fault.in_flow and before.endswith(("{", ",")))
    if fault.char != ":" or not begins:
        return None
    return fault.issue("E124", fault.at, fault.at + 1, "there is no key before this colon", "write a key before it")


def find_text_after_quote(fault: SyntaxFault) -> Issue | None:
    """Text after a closing quote: an apostrophe, a quote inside quotes, or two texts in a row."""
    line, at = fault.line, fault.at
    if not is_quoted(fault.last) or not line.start < at < line.end:
        return None
    start, end = (mark.index for mark in marks(fault.last))
    between = fault.source.parsed[end:at]
    is_next_item = fault.in_flow and between and fault.char in "'\""
    if between.strip(" ") or fault.char in ":]}" or is_next_item:
        return None
    if fault.in_flow and (key := _KEY.match(fault.source.parsed, at)):
        return fault.issue("E114", at, key.end(1), f'a comma is missing before "{key[1]}"', "write a comma before it")
    text, mark = fault.source.text, fault.source.text[start]
    stop = _text_end(fault, mark)
    rest = text[end:stop]
    whole = text[start:stop]
    if line.key not in EXPRESSION_KEYS:
        quoted = text[start:end]
        two = rest[:1] in " \t"
        whole = (quoted[1:-1] + rest).replace(mark, "") if two else quoted[1:] + rest.removesuffix(mark)
    cure = "delete the comma" if rest.strip() == "," else f"write {quote(whole)}"
    return fault.issue("E113", at, stop, "there is text after the closing quote", cure)


def _text_end(fault: SyntaxFault, mark: str) -> int:
    """Where the author meant the text to end: at the last quote that could close it, or where the value ends."""
    rest = fault.source.text[fault.at : fault.line.end]
    patterns = (rf".*{mark}(?=[ \t]*$|[ \t]+\#)", r".*?(?=[ \t]*(?:[ \t]\#|$))")
    if fault.in_flow:
        patterns = (rf".*?{mark}(?=[ \t]*[,\]}}])", r".*?(?=[ \t]*(?:[,\[\]{}]|$))")
    found = next((found for pattern in patterns if (found := re.match(pattern, rest))), None)
    return fault.at + (found.end() if found else len(rest))


def find_colon_in_text(fault: SyntaxFault) -> Issue | None:
    """`talk: Hello: press 1`."""
    line, at = fault.line, fault.at
    if not fault.mentions("mapping values are not allowed") or not line.key or line.colon == at:
        return None
    start, end = line.value, line.content_end
    text = fault.source.text[start:end]
    word = next(reversed(fault.source.text[start:at].split()), "")
    if at == end - 1 and word in COMMON_KEYS:
        message = f'"{word}" follows "{line.key}" on the same line'
        cure = f'write "{word}:" on the next line, indented by two more spaces than "{line.key}"'
        return fault.issue("E112", at - len(word), at, message, cure)
    if at == end - 1 and line.key in EXPRESSION_KEYS:
        return fault.issue("E112", at, end, "a colon at the end of a condition", "delete it")
    if _PARENTHESISED_MAP.match(text):
        return fault.issue("E114", start, start + 1, "( does not begin a map", "write { and } around the keys")
    cure = f"put quotes around the text: {quote(text)}"
    if _PAIRS.match(text):
        cure = f"put braces around it: {{{text}}}"
    elif _WORD.fullmatch(word):
        cure += f'; if "{word}" is a key, write it on a line of its own'
    return fault.issue("E112", at, at + 1, "a second colon in this line: YAML takes it for a key", cure)


def find_missing_space(fault: SyntaxFault) -> Issue | None:
    """`goto:menu`, `-talk: x`, `goto menu`, `goto = menu`: a line that YAML takes for plain text."""
    line = _unkeyed(fault)
    if line is None:
        return None
    start, text = line.content, fault.source.text[line.content : line.content_end]
    if _GLUED_DASH.match(text):
        return fault.issue("E116", start, start + 1, "a space is missing after the dash", f"write - {text[1:]}")
    if glued := _GLUED_KEY.match(text):
        key, colon, value = (group for group in glued.groups() if group is not None)
        at = start + len(key)
        message = "a space is missing after the colon" if colon == ":" else f"{colon} is not YAML's colon"
        return fault.issue("E116", at, at + 1, message, f"write {key}: {value.strip()}")
    cure = f"write a key and a colon before it; {_INDENT_FURTHER}"
    if equals := _EQUALS.match(text):
        cure = f"write {equals[1]}: {equals[2]}"
    elif pair := _PAIR.match(text):
        cure = f"write {pair[1]}: {pair[2] or '..'}" + ("" if pair[1] in COMMON_KEYS else f"; {_INDENT_FURTHER}")
    elif text.startswith("//"):
        cure = "begin a comment with #"
    message = "this line has no colon: it is neither a key with a value nor the rest of a text above"
    return fault.issue("E101", start, start + len(text), message, cure)


def _unkeyed(fault: SyntaxFault) -> Line | None:
    """The line without a key on which the parser stopped."""
    if fault.mentions("could not find expected ':'", "expected ':'"):
        return fault.first_line
    if not fault.mentions("mapping values are not allowed", "did not find expected", "<block end>"):
        return None
    line, above = fault.line, fault.above
    if fault.at == line.first and fault.char == "-":
        return line if fault.source.parsed[fault.at + 1 : fault.at + 2].strip() else None
    if line.colon != fault.at or above is None or above.key or above.content >= above.end:
        return None
    head = fault.above_of(above)
    text = fault.source.text[above.content : above.content_end]
    is_deeper = head is not None and head.has_value and bool(head.key) and head.indent < above.indent
    if is_deeper and not _GLUED_KEY.match(text):
        return None  # it continues the text of the line above
    return above if above.content == above.first or line.indent < above.content - above.start else None


def find_list_after_key(fault: SyntaxFault) -> Issue | None:
    """`do: - talk: Hello`."""
    if not fault.mentions("sequence entries are not allowed"):
        return None
    rest = fault.source.text[fault.at : fault.line.content_end]
    cure = f"begin the list on the next line, two spaces deeper; for a text, put it in quotes: {quote(rest)}"
    message = f'a list cannot begin on the line of "{fault.line.key or "the key"}"'
    return fault.issue("E115", fault.at, fault.at + 1, message, cure)


def find_second_value(fault: SyntaxFault) -> Issue | None:
    """A map or list, indented below a key that has its value already."""
    is_key = fault.mentions("mapping values are not allowed") and fault.line.colon == fault.at
    return _second_value(fault) if is_key else None


def _second_value(fault: SyntaxFault) -> Issue | None:
    line, head = fault.line, fault.above
    while head and not head.key and head.content == head.first and (higher := fault.above_of(head)):
        head = higher
    if head is None:
        return None
    if head.key.startswith("-"):
        cure = f"write - {head.key[1:]}: ..."
        return fault.issue("E116", head.first, head.first + 1, "a space is missing after the dash", cure)
    higher = fault.above_of(head)
    if head.key in OPTION_KEYS and higher and higher.content - higher.start == line.indent > head.content - head.start:
        message = "this line begins further left than the lines around it, which belong to what is above it"
        return fault.issue("E115", head.first, head.content_end, message, _indent_by(line.indent))
    name = head.key or fault.source.text[head.content : head.content_end]
    message = f'"{name}" in line {head.number} has its value already; this line is indented below it'
    cure = f'{_indent_by(head.content - head.start)}, like "{name}", or delete that value'
    if found := _CONDITION.fullmatch(name):
        cure = f"write {found[1]}: {found[2]}"
        return fault.issue("E116", head.content, head.content_end, f"a colon is missing after {found[1]}", cure)
    if not head.key:
        message = f'the list item "{name}" in line {head.number} is a text; this line is indented below it'
        cure = f'write "{name}: ..." there, or {_indent_by(head.indent)}, like its dash'
    return fault.issue("E109", line.first, line.content_end, message, cure)


def find_wrong_column(fault: SyntaxFault) -> Issue | None:
    """A line with an indentation that no block has."""
    line, above = fault.line, fault.above
    if fault.at != line.first or not fault.mentions(
        "did not find expected", "expected <block end>", "<document start>"
    ):
        return None
    columns, indent = _open_columns(fault), line.indent
    if above and indent > above.content - above.start and above.has_value:
        return _second_value(fault)
    if indent in columns:
        return _wrong_kind(fault, columns)
    nearest = sorted(columns, key=lambda column: (abs(column - indent), column))[:2]
    places = " or ".join(f"{_indent_by(column)} (like line {columns[column]})" for column in sorted(nearest))
    message = f"this line begins in column {indent + 1}, where no block does"
    cure = places if indent else "begin the lines above at the left edge as well"
    return fault.issue("E115", line.first, line.content_end, message, cure)


def _wrong_kind(fault: SyntaxFault, columns: dict[int, int]) -> Issue:
    """A key among list items, or a list item among keys."""
    line = fault.line
    if dash := _stray_dash(fault):
        message, cure = (
            "this dash turns a key into a list item",
            "delete the dash and the space after it: here are keys",
        )
        return fault.issue("E115", dash.first, dash.first + 1, message, cure)
    if line.content > line.first:
        beside = [each for each in fault.lines_above(line) if each.indent <= line.indent]
        first = next((at for at, each in enumerate(beside) if each.indent < line.indent), len(beside)) - 1
        if 0 <= first < len(beside) - 1 and beside[first + 1].key in LIST_KEYS:
            key = beside[first]
            cure = "write a dash and a space before it: it is an item of the list"
            return fault.issue("E115", key.first, key.content_end, f'"{key.key}" has no dash', cure)
        message = "a list item is among keys"
        items = (each for each in fault.lines_above(line) if each.content > each.first)
        item = next(items, None)
        cure = "indent it below the key whose list it belongs to"
        cure = f"{_indent_by(item.indent)}, like the list item in line {item.number}" if item else cure
    else:
        message = "a key is among list items"
        cure = f"{_indent_by(line.indent + 2)} if it belongs to the item above"
        if line.key in ("if", "else"):
            cure = "write a dash and a space before it: it is a line of the list"
        elif outer := [column for column in columns if column < line.indent]:
            cure += f", or {_indent_by(max(outer))} (like line {columns[max(outer)]})"
    return fault.issue("E115", line.first, line.content_end, message, cure)


def _stray_dash(fault: SyntaxFault) -> Line | None:
    """The one dash that makes a list item of what should be a key: of this line, or of the one above it."""
    line, above = fault.line, None
    alike = [line]
    for above in fault.lines_above(line):
        if above.indent < line.indent:
            break
        if above.indent == line.indent:
            alike.append(above)
    dashes = [other for other in alike if other.content > other.first and other.key]
    is_map = above is not None and above.indent < line.indent and above.key in MAP_KEYS
    return dashes[0] if is_map and len(dashes) == 1 and (dashes[0] is line or len(alike) <= 2) else None


def _open_columns(fault: SyntaxFault) -> dict[int, int]:
    """How far blocks above are indented → the last line that shows it."""
    columns: dict[int, int] = {}
    for line in reversed([*fault.lines_above(fault.line)]):
        columns = {column: shown for column, shown in columns.items() if column < line.indent}
        columns[line.indent] = columns[line.content - line.start] = line.number
    return columns


def _indent_by(spaces: int) -> str:
    named = {0: "begin it at the left edge", 1: "indent it by 1 space"}
    return named.get(spaces, f"indent it by {spaces} spaces")


FINDERS = (
    find_conflict,
    find_tab,
    find_escape,
    find_unclosed_quote,
    find_key_without_colon,
    find_missing_key,
    brackets.find_equals,
    brackets.find_braces,
    find_reserved,
    brackets.find_hash,
    find_text_after_quote,
    brackets.find_list_in_text,
    brackets.find_mismatch,
    brackets.find_missing_colon,
    brackets.find_missing_comma,
    brackets.find_second_colon,
    brackets.find_unclosed,
    brackets.find_stray,
    brackets.find_text_after_bracket,
    find_colon_in_text,
    find_missing_space,
    find_list_after_key,
    find_second_value,
    find_wrong_column,
)
"""In the order in which they are tried: those that look at one character first, those that look at lines last."""


def diagnose(source: SourceFile, error: yaml.MarkedYAMLError, events: list[yaml.Event]) -> Issue:
    """The issue behind an error of the parser, in its own words if nothing better is found; `events` came before it."""
    at = error.problem_mark.index if error.problem_mark else 0
    context_start = error.context_mark.index if error.context_mark else at
    bracket = _open_bracket(events)
    if bracket is not None and str(error.context).startswith("while parsing a flow"):
        context_start = bracket
    fault = SyntaxFault(source, str(error.problem), at, context_start, events[-1], bracket is not None)
    found = next((issue for find in FINDERS if (issue := find(fault))), None)
    message = f"YAML cannot be read from here: {fault.problem}"
    cure = "write `key: value`, one a line, indented with spaces, and texts in quotes"
    return found or fault.issue("E101", at, at + 1, message, cure)


def _open_bracket(events: list[yaml.Event]) -> int | None:
    """The offset of the innermost `[` or `{` that is open after the last event; None outside brackets."""
    open_collections: list[yaml.CollectionStartEvent] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_collections.append(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_collections.pop()
    return marks(open_collections[-1])[0].index if open_collections and open_collections[-1].flow_style else None
