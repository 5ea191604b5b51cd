"""Colons: one too many in a text, none behind a key, or no space behind it."""

from __future__ import annotations

import re

from app.flow.faults.fault import COMMON, EXPRESSIONS, Fault, Finding, Line, quote

_GLUED_KEY = re.compile(r"([A-Za-z_][\w-]*)([:\uff1a])(?!//)(\S.*)$|([A-Za-z_][\w-]*)(\uff1a)(.*)$")
_EQUALS = re.compile(r"([A-Za-z_][\w-]*)[ \t]*=>?[ \t]*(.*)$")
_PAIRS = re.compile(r"[a-z]\w*: [^,]+, *[a-z]\w*:(?: |$)")
_LOST = re.compile(r"[ \t]*(?:- +)*([A-Za-z_][\w-]*)[ \t]+([\[{])")
_GOES_ON = "if it goes on with the text above, indent it further than the key there"
_ROUND = re.compile(r"\([a-z]\w*: ")
_WORD = re.compile(r"[a-z][A-Za-z_]{1,30}$")


def find_lost_colon(fault: Fault) -> Finding | None:
    """`talk {text: Hello}`."""
    line = fault.line
    found = None if fault.in_flow else _LOST.match(line.text)
    if not found:
        return None
    start = line.start + found.start(1)
    cure = f"write {found[1]}: {found[2]}...{'}' if found[2] == '{' else ']'}"
    fault.blank(line)
    end = start + len(found[1])
    return fault.found("E101", start, end, f"a colon is missing behind {found[1]}", cure, keeps_meaning=False)


def find_colon_in_text(fault: Fault) -> Finding | None:
    """`talk: Hello: press 1`."""
    line = fault.line
    if not fault.says("mapping values are not allowed") or not line.key or line.colon == fault.at:
        return None
    start, end = line.value, line.content_end
    text = fault.page.text[start:end]
    word = re.split(r"\s", fault.page.text[start : fault.at])[-1]
    if fault.at == end - 1 and word in COMMON:
        return _key_behind_key(fault, word)
    if fault.at == end - 1 and line.key in EXPRESSIONS:
        fault.page.mask(fault.at, end, " ")
        return fault.found("E112", fault.at, end, "a colon at the end of a condition", "delete it")
    fault.page.mask(start, end)
    if _ROUND.match(text):
        return fault.found("E114", start, start + 1, "( is no bracket of a map", "write { and } around the keys")
    cure = f"put quotes around the text: {quote(text)}"
    if _PAIRS.match(text) or text.startswith(("run: ", "return: ")):
        cure = f"put braces around it: {{{text}}}"
    elif word in COMMON:
        cure = f'write "{word}: ..." on a line of its own; if it is a text, {cure}'
    elif _WORD.match(word):
        cure += f'; if "{word}" is a key, write it on a line of its own'
    message = "a second colon in this line: YAML takes it for a key"
    return fault.found("E112", fault.at, fault.at + 1, message, cure, keeps_meaning=word not in COMMON)


def _key_behind_key(fault: Fault, word: str) -> Finding:
    """`menu: do:`."""
    message = f'"{word}" stands behind "{fault.line.key}" on its line'
    cure = f'write "{word}:" on the next line, indented by two more spaces than "{fault.line.key}"'
    fault.blank(fault.line)
    return fault.found("E112", fault.at - len(word), fault.at, message, cure, keeps_meaning=False)


def find_colon_in_flow(fault: Fault) -> Finding | None:
    """`{talk: Hello: press 1}`."""
    page, at = fault.page, fault.at
    if not fault.in_flow or page.masked[at : at + 1] != ":" or fault.began < fault.line.start:
        return None
    begin = max(page.masked.rfind(char, fault.began, at) for char in ",[{") + 1
    inside = page.text[begin:at]
    head, colon, tail = inside.partition(":")
    if not colon or not tail.strip():
        return None
    rest = re.match(r"[^,\[\]{}]*", page.text[at : fault.line.end])
    text = tail.strip() + (rest[0].rstrip() if rest else "")
    page.mask(at, at + 1)
    cure = f"put quotes around the text: {quote(text)}"
    return fault.found("E112", at, at + 1, f'a second colon under "{head.strip()}"', cure)


def find_missing_key(fault: Fault) -> Finding | None:
    """`: menu` and `{: menu}`."""
    page, line, at = fault.page, fault.line, fault.at
    if not page.masked.startswith(":", at):
        return None
    if fault.in_flow and page.masked[line.start : at].rstrip().endswith(("{", ",")):
        value = re.match(r"[^,}\r\n]*", page.masked[at:])
        page.mask(at, at + len(value[0]) if value else at, " ")
    elif at == line.content:
        fault.blank(line)
    else:
        return None
    message = "no key stands in front of this colon"
    return fault.found("E124", at, at + 1, message, "write a key in front of it", keeps_meaning=False)


def find_missing_space(fault: Fault) -> Finding | None:
    """`goto:menu`, `-talk: x`, `goto menu`, `goto = menu`: a line that YAML takes for a mere text."""
    line = _unkeyed(fault)
    return None if line is None else _not_a_pair(fault, line)


def _unkeyed(fault: Fault) -> Line | None:
    """The line without a key on which the parser came to grief."""
    if fault.says("could not find expected ':'", "expected ':'"):
        return Line(fault.page, fault.page.position(fault.began)[0])
    if not fault.says("mapping values are not allowed", "did not find expected", "<block end>"):
        return None
    if fault.at == fault.line.first and fault.page.masked[fault.at : fault.at + 1] == "-":
        return fault.line if fault.page.masked[fault.at + 1 : fault.at + 2].strip() else None
    above = fault.above
    is_own_key = fault.line.colon == fault.at
    if not is_own_key or above is None or above.key or above.content >= above.end:
        return None
    if _is_wrapped(fault, above):
        return None
    return above if above.content == above.first or fault.line.indent < above.content - above.start else None


def _is_wrapped(fault: Fault, line: Line) -> bool:
    """Whether a line without a key goes on with the text that began above it."""
    head = fault.above_of(line)
    text = fault.page.text[line.content : line.content_end]
    is_deeper = head is not None and bool(head.key) and head.value < head.content_end and head.indent < line.indent
    return is_deeper and not _GLUED_KEY.match(text)


def _not_a_pair(fault: Fault, line: Line) -> Finding:
    text = fault.page.text[line.content : line.content_end]
    start = line.content
    fault.blank(line)
    if re.match(r"-\S", text):
        cure = f"write - {text[1:]}"
        return fault.found("E116", start, start + 1, "a space is missing behind the dash", cure, keeps_meaning=False)
    if glued := _GLUED_KEY.match(text):
        key, colon, value = (group for group in glued.groups() if group is not None)
        at = start + len(key)
        message = "a space is missing behind the colon" if colon == ":" else f"{colon} is not the colon of YAML"
        return fault.found("E116", at, at + 1, message, f"write {key}: {value.strip()}", keeps_meaning=False)
    return _no_colon(fault, start, text)


def _no_colon(fault: Fault, start: int, text: str) -> Finding:
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
        cure = f"write a key and a colon in front of it; {_GOES_ON}"
    return fault.found("E101", start, end, message, cure, keeps_meaning=False)
