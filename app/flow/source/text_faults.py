"""Syntax faults within a text: reserved characters, quotes and colons."""

from __future__ import annotations

import re

import yaml

from app.flow.issues import Issue
from app.flow.rules import RULES
from app.flow.source.lines import COMMON, EXPRESSIONS, Line, SyntaxFault, quote
from app.flow.source.page import FILLER, Page, marks

_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{\{|\{%")
_BRACED_KEY = re.compile(r"(\{\{.*?\}\})[ \t]*:(?=[ \t]|$)")
_VALUE_START = re.compile(r"(?:^|[:,\[{-])\s*$|[\[{]\s*$")
_INDENT_TABS = re.compile(r"(?:^|(?<=[\r\n])) *\t[ \t]*")
_CLOSERS = re.compile(r"[\]}]")
_GLUED_KEY = re.compile(r"([A-Za-z_][\w-]*)([:\uff1a])(?!//)(\S.*)$|([A-Za-z_][\w-]*)(\uff1a)(.*)$")
_EQUALS = re.compile(r"([A-Za-z_][\w-]*)[ \t]*=>?[ \t]*(.*)$")
_PAIRS = re.compile(r"[a-z]\w*: [^,]+, *[a-z]\w*:(?: |$)")
_LOST = re.compile(r"[ \t]*(?:- +)*([A-Za-z_][\w-]*)[ \t]+([\[{])")
_GOES_ON = "if it continues the text above, indent it further than the key there"
_ROUND = re.compile(r"\([a-z]\w*: ")
_WORD = re.compile(r"[a-z][A-Za-z_]{1,30}$")


def find_tab(fault: SyntaxFault) -> Issue | None:
    """A tab in the indentation or before a value."""
    page, line = fault.page, fault.line
    at = line.start + line.text.find("\t", 0, line.indent)
    if at < line.start and page.parsed.startswith("\t", fault.at):
        return fault.issue("E110", fault.at, fault.at + 1, "a tab stands here", "type a space instead")
    if at < line.start:
        return None
    more = len(_INDENT_TABS.findall(page.parsed)) - 1
    message = "this line is indented with a tab" + ("" if more < 1 else ", and others are too")
    cure = "indent with spaces, two for each level"
    return fault.issue("E110", at, at + 1, message, cure)


def find_braces(fault: SyntaxFault) -> Issue | None:
    """A text that begins with `{{` or `{%`, or holds them between brackets, without quotes."""
    line = fault.line
    for found in _BRACES.finditer(line.bare):
        before = line.bare[: found.start()]
        if line.start + found.start() <= fault.at and (fault.in_flow or _VALUE_START.search(before)):
            return braces(fault.page, line, line.start + found.start(), fault.in_flow)
    return None


def braces(page: Page, line: Line, start: int, in_flow: bool) -> Issue:
    """The issue that braces at `start` are not in quotes."""
    if not in_flow and (found := _BRACED_KEY.match(line.bare, start - line.start)) and start == line.content:
        place = page.place(start, line.start + found.end(1))
        return RULES["E124"].at(place, "a key cannot be computed", "write the word itself")
    bare = _BRACES.sub(lambda found: FILLER * len(found[0]), line.bare)
    begin, end = _extent(line, bare, start, in_flow)
    message = "without quotes, YAML does not read these braces as a value to fill in"
    cure = f"put quotes around the whole text: {quote(page.text[begin:end].rstrip())}"
    return RULES["E107"].at(page.place(start, start + 2), message, cure)


def _extent(line: Line, bare: str, start: int, in_flow: bool) -> tuple[int, int]:
    """Where the text around `start` begins and ends, as its author meant it."""
    if not in_flow:
        return start, line.content_end
    at = start - line.start
    begin = max(bare.rfind(char, 0, at) for char in "[{,:") + 1
    begin += len(bare[begin:]) - len(bare[begin:].lstrip())
    stop = re.compile(r"[,\[\]{}]|\s#|$").search(bare, at)
    return line.start + min(begin, at), line.start + (stop.start() if stop else len(bare))


def find_reserved(fault: SyntaxFault) -> Issue | None:
    """A text that begins with a character of YAML's own."""
    if fault.page.parsed.startswith(("*", "&", "!", "|", ">"), fault.began):
        return _reserved(fault, fault.began)
    if fault.mentions("cannot start any token", "mapping keys are not allowed"):
        return _reserved(fault, fault.at)
    return None


def _reserved(fault: SyntaxFault, at: int) -> Issue:
    page, line = fault.page, Line(fault.page, fault.page.position(at)[0])
    end = _extent(line, line.bare, at, fault.in_flow)[1]
    whole = page.text[at:end].rstrip() or page.text[at]
    message = f"a text cannot begin with {page.text[at]} without quotes"
    return fault.issue("E108", at, at + 1, message, f"write {quote(whole)}")


def find_hash(fault: SyntaxFault) -> Issue | None:
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


def _hash(fault: SyntaxFault, line: Line, at: int) -> Issue:
    is_alone = bool(_VALUE_START.search(line.text[: at - line.start]))
    message = "YAML takes # and the rest of the line for a comment, the closing bracket too"
    begin, end = _extent(line, line.text, at, in_flow=True)
    cure = f"write {quote(fault.page.text[begin:end].rstrip())}"
    return fault.issue("E108" if is_alone else "E104", at, at + 1, message, cure)


def find_escape(fault: SyntaxFault) -> Issue | None:
    """A backslash in double quotes that YAML does not know."""
    at = fault.page.parsed.rfind("\\", fault.began, fault.at + 1)
    if at < 0 or not fault.mentions("escape", "hexdecimal", "hexadecimal"):
        return None
    shown = fault.page.text[at : at + 2]
    cure = "write \\\\ for a backslash, or put the text in single quotes"
    return fault.issue("E125", at, at + 2, f"{shown} means nothing between double quotes", cure)


def find_unclosed_quote(fault: SyntaxFault) -> Issue | None:
    """A quote that is not closed before the end of the file, or swallowed the lines up to the next quote."""
    if fault.mentions("unexpected end of stream", "unexpected document"):
        return _unclosed(fault, fault.began)
    if fault.last is None or not _is_quoted(fault.last):
        return None
    start, end = marks(fault.last)
    return _unclosed(fault, start.index) if start.line < end.line == fault.line.number - 1 else None


def _is_quoted(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"')


def _unclosed(fault: SyntaxFault, start: int) -> Issue:
    mark = fault.page.text[start]
    cure = f"write {mark} at the end of the text as well"
    return fault.issue("E113", start, start + 1, f"this {mark} is not closed", cure)


def find_text_after_quote(fault: SyntaxFault) -> Issue | None:
    """Text after a closing quote: an apostrophe, a quote inside quotes, or two texts in a row."""
    last, line = fault.last, fault.line
    if last is None or not _is_quoted(last) or not line.start < fault.at < line.end:
        return None
    start, end = (mark.index for mark in marks(last))
    between, char = fault.page.parsed[end : fault.at], fault.page.parsed[fault.at]
    is_next_item = fault.in_flow and bool(between) and char in "'\""
    if between.strip(" ") or char in ":]}" or is_next_item:
        return None
    stop = _stop(fault, fault.page.text[start])
    rest = fault.page.text[end:stop]
    is_expression = line.key in EXPRESSIONS
    whole = fault.page.text[start:stop] if is_expression else _joined(fault.page.text[start:end], rest)
    cure = "delete the comma" if rest.strip() == "," else f"write {quote(whole)}"
    return fault.issue("E113", fault.at, stop, "there is text after the closing quote", cure)


def _stop(fault: SyntaxFault, mark: str) -> int:
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


def find_key_without_colon(fault: SyntaxFault) -> Issue | None:
    """`talk {text: Hello}`."""
    line = fault.line
    found = None if fault.in_flow else _LOST.match(line.text)
    if not found:
        return None
    start = line.start + found.start(1)
    cure = f"write {found[1]}: {found[2]}...{'}' if found[2] == '{' else ']'}"
    end = start + len(found[1])
    return fault.issue("E101", start, end, f"a colon is missing after {found[1]}", cure)


def find_colon_in_text(fault: SyntaxFault) -> Issue | None:
    """`talk: Hello: press 1`."""
    line = fault.line
    if not fault.mentions("mapping values are not allowed") or not line.key or line.colon == fault.at:
        return None
    start, end = line.value, line.content_end
    text = fault.page.text[start:end]
    word = re.split(r"\s", fault.page.text[start : fault.at])[-1]
    if fault.at == end - 1 and word in COMMON:
        return _key_after_key(fault, word)
    if fault.at == end - 1 and line.key in EXPRESSIONS:
        return fault.issue("E112", fault.at, end, "a colon at the end of a condition", "delete it")
    if _ROUND.match(text):
        return fault.issue("E114", start, start + 1, "( does not begin a map", "write { and } around the keys")
    cure = f"put quotes around the text: {quote(text)}"
    if _PAIRS.match(text) or text.startswith(("run: ", "return: ")):
        cure = f"put braces around it: {{{text}}}"
    elif word in COMMON:
        cure = f'write "{word}: ..." on a line of its own; if it is a text, {cure}'
    elif _WORD.match(word):
        cure += f'; if "{word}" is a key, write it on a line of its own'
    message = "a second colon in this line: YAML takes it for a key"
    return fault.issue("E112", fault.at, fault.at + 1, message, cure)


def _key_after_key(fault: SyntaxFault, word: str) -> Issue:
    """`menu: do:`."""
    message = f'"{word}" follows "{fault.line.key}" on the same line'
    cure = f'write "{word}:" on the next line, indented by two more spaces than "{fault.line.key}"'
    return fault.issue("E112", fault.at - len(word), fault.at, message, cure)


def find_colon_in_flow(fault: SyntaxFault) -> Issue | None:
    """`{talk: Hello: press 1}`."""
    page, at = fault.page, fault.at
    if not fault.in_flow or page.parsed[at : at + 1] != ":" or fault.began < fault.line.start:
        return None
    begin = max(page.parsed.rfind(char, fault.began, at) for char in ",[{") + 1
    inside = page.text[begin:at]
    head, colon, tail = inside.partition(":")
    if not colon or not tail.strip():
        return None
    rest = re.match(r"[^,\[\]{}]*", page.text[at : fault.line.end])
    text = tail.strip() + (rest[0].rstrip() if rest else "")
    cure = f"put quotes around the text: {quote(text)}"
    return fault.issue("E112", at, at + 1, f'a second colon under "{head.strip()}"', cure)


def find_missing_key(fault: SyntaxFault) -> Issue | None:
    """`: menu` and `{: menu}`."""
    page, line, at = fault.page, fault.line, fault.at
    if not page.parsed.startswith(":", at):
        return None
    follows_bracket = fault.in_flow and page.parsed[line.start : at].rstrip().endswith(("{", ","))
    if not follows_bracket and at != line.content:
        return None
    return fault.issue("E124", at, at + 1, "there is no key before this colon", "write a key before it")


def find_missing_space(fault: SyntaxFault) -> Issue | None:
    """`goto:menu`, `-talk: x`, `goto menu`, `goto = menu`: a line that YAML takes for plain text."""
    line = _unkeyed(fault)
    return None if line is None else _not_a_pair(fault, line)


def _unkeyed(fault: SyntaxFault) -> Line | None:
    """The line without a key on which the parser stopped."""
    if fault.mentions("could not find expected ':'", "expected ':'"):
        return Line(fault.page, fault.page.position(fault.began)[0])
    if not fault.mentions("mapping values are not allowed", "did not find expected", "<block end>"):
        return None
    if fault.at == fault.line.first and fault.page.parsed[fault.at : fault.at + 1] == "-":
        return fault.line if fault.page.parsed[fault.at + 1 : fault.at + 2].strip() else None
    above = fault.above
    is_own_key = fault.line.colon == fault.at
    if not is_own_key or above is None or above.key or above.content >= above.end:
        return None
    if _is_wrapped(fault, above):
        return None
    return above if above.content == above.first or fault.line.indent < above.content - above.start else None


def _is_wrapped(fault: SyntaxFault, line: Line) -> bool:
    """Whether a line without a key continues a text from the lines above."""
    head = fault.above_of(line)
    text = fault.page.text[line.content : line.content_end]
    is_deeper = head is not None and bool(head.key) and head.value < head.content_end and head.indent < line.indent
    return is_deeper and not _GLUED_KEY.match(text)


def _not_a_pair(fault: SyntaxFault, line: Line) -> Issue:
    text = fault.page.text[line.content : line.content_end]
    start = line.content
    if re.match(r"-\S", text):
        cure = f"write - {text[1:]}"
        return fault.issue("E116", start, start + 1, "a space is missing after the dash", cure)
    if glued := _GLUED_KEY.match(text):
        key, colon, value = (group for group in glued.groups() if group is not None)
        at = start + len(key)
        message = "a space is missing after the colon" if colon == ":" else f"{colon} is not YAML's colon"
        return fault.issue("E116", at, at + 1, message, f"write {key}: {value.strip()}")
    return _no_colon(fault, start, text)


def _no_colon(fault: SyntaxFault, start: int, text: str) -> Issue:
    end = start + len(text)
    message = "this line has no colon: it is neither a key with a value nor the rest of a text above"
    if equals := _EQUALS.match(text):
        cure = f"write {equals[1]}: {equals[2]}"
    elif pair := re.match(r"([a-z_]\w*)(?:\s+(\S+))?$", text):
        cure = f"write {pair[1]}: {pair[2] or ''}".rstrip()
        if pair[1] not in COMMON:
            cure += f"; {_GOES_ON}" if pair[2] else f" and its value; {_GOES_ON}"
    elif text.startswith("//"):
        cure = "begin a comment with #"
    else:
        cure = f"write a key and a colon before it; {_GOES_ON}"
    return fault.issue("E101", start, end, message, cure)
