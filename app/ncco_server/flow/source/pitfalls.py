"""Finds text that YAML accepts but reads differently than its author."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TypeGuard

import yaml

from ncco_server.flow.issues import RULES, Fix, FlowIssue
from ncco_server.flow.nodes import Text
from ncco_server.flow.source.source_file import (
    COMMON_KEYS,
    EXPRESSION_KEYS,
    LIST_KEYS,
    MAP_KEYS,
    SourceFile,
    in_quotes,
    is_quoted,
    marks,
    quote,
)
from ncco_server.flow.source.syntax import unquoted_braces

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*)+")
_SCHEMES = r"(?!(?:https?|wss?|sips?|tel|mailto|urn):)"
_CONTINUED_KEY = re.compile(rf"{_SCHEMES}([A-Za-z_][\w-]*):(\S*)")
_GLUED_KEY = re.compile(rf"{_SCHEMES}([A-Za-z_][\w-]*):(?![^\s@]+@[^\s@]+$)(\S.*)")
_SPOKEN_KEYS = frozenset({"talk", "text", "speech", "noinput", "nomatch"})
_GLUED = re.compile(r"([A-Za-z_][\w-]*):(\S.*)")
_LATE_QUOTE = re.compile(r"(\w)([\"'])(\w.*)\2")
_LATE_COLON = re.compile(rf"({'|'.join(sorted(EXPRESSION_KEYS | COMMON_KEYS))}) +(\S.*)")
_GLUED_DASH = re.compile(r"-[^\W\d]")
_BLANKS = (" ", "\t")
_KEYPRESS_KEYS = frozenset({"dtmf", "endOnKey"})
_OPEN = re.compile(r"[\[{]")
_OWN_LINE = re.compile(r"(?:- +)*[\w-]+:(?:[ \t]|$)|- ")
_UNSUPPORTED = re.compile(r"(?:^|[\s\[{,])[&!*]|(?:^|[\r\n:\-\[,{])[ \t]*\{\{")
"""A quick test: without a match, there is no tag, anchor, alias or unquoted braces."""
_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"([ \t]*)#([^\r\n]*)")
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a\u201b"
"""Double, angle and single; opening and closing, low and high."""
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


def check_unsupported(source: SourceFile, events: Sequence[yaml.Event]) -> Iterator[FlowIssue]:
    if not _UNSUPPORTED.search(source.parsed):
        return
    lines_with_braces = set[int]()
    for before, event, following in zip(chain((None,), events), events, islice(events, 1, None), strict=False):
        if isinstance(event, yaml.AliasEvent):
            yield _merge(source, before) if _is_merge(before) else _alias(source, event)
        elif isinstance(event, yaml.NodeEvent) and (event.anchor or getattr(event, "tag", None)):
            yield _tag_or_anchor(source, event)
        elif isinstance(event, yaml.MappingStartEvent) and isinstance(following, yaml.MappingStartEvent):
            start = marks(event)[0].index
            line = source.line_at(start)
            if source.parsed.startswith("{{", start) and line.number not in lines_with_braces:
                in_brackets = bool(_OPEN.search(line.bare[: start - line.start]))
                yield unquoted_braces(source, line, start, in_brackets=in_brackets)
                lines_with_braces.add(line.number)


def _is_merge(event: yaml.Event | None) -> TypeGuard[yaml.ScalarEvent]:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and not event.style


def _merge(source: SourceFile, key: yaml.ScalarEvent) -> FlowIssue:
    return RULES["E106"].at(source.extent(key), "<< merges maps in YAML, which flow files do not support")


def _alias(source: SourceFile, event: yaml.Event) -> FlowIssue:
    start, end = (mark.index for mark in marks(event))
    name = source.text[start:end]
    cure = f"write the value itself here; if it is text, write {quote(name)}"
    return RULES["E106"].at(source.extent(event), f"{name} refers to a value elsewhere (an alias)", cure)


def _tag_or_anchor(source: SourceFile, event: yaml.Event) -> FlowIssue:
    start, stop = (mark.index for mark in marks(event))
    found = _PROPERTIES.match(source.parsed, start)
    name = found[0].rstrip() if found else source.text[start]
    whole = source.text[start : max(start + len(name), stop)]
    is_text = isinstance(event, yaml.ScalarEvent) and not event.style
    cure = f"delete it; if it is text, write {quote(whole)}" if is_text else "delete it"
    if source.line_at(start).key in EXPRESSION_KEYS:
        cure = f"write not {whole.removeprefix('!').lstrip()}"
    code, what = ("E105", "a YAML tag") if name.startswith("!") else ("E106", "a YAML anchor")
    message = f"{name} is {what}, which flow files do not support"
    return RULES[code].at(source.place(start, start + len(name)), message, cure)


def check_scalar(source: SourceFile, event: yaml.ScalarEvent, key: str) -> FlowIssue | None:
    start, end = marks(event)
    if is_quoted(event):
        return _late_closing_quote(source, start, end) if end.line > start.line else None
    if event.style or not event.value:
        return None
    if event.value[0] in _TYPOGRAPHIC_QUOTES:
        return _typographic_quotes(source, start.index, end.index)
    if end.line > start.line and (issue := _continued(source, start, end)):
        return issue
    if key in _SPOKEN_KEYS and (found := _LATE_QUOTE.fullmatch(event.value)):
        place = source.place(start.index + found.start(2))
        message = "this quote is inside the text: YAML ignores it, and the voice reads it aloud"
        text = found[1] + found[3]
        return RULES["W127"].at(
            place, message, source.rewritten(start.index, end.index, in_quotes(text), f"write {quote(text)}")
        )
    return _cut_by_comment(source, event, key) if source.parsed[end.index : end.index + 1] in _BLANKS else None


def check_missing_space(source: SourceFile, event: yaml.ScalarEvent) -> FlowIssue | None:
    """Unquoted text on its own line that looks like a key: `- talk:Hello`."""
    found = None if event.style else _GLUED_KEY.match(event.value)
    start = marks(event)[0]
    if not found or source.parsed[source.starts[start.line] : start.index].strip(" -"):
        return None
    at = start.index + found.end(1)
    cure = f"write {found[1]}: {found[2]}; if it is all one text, put quotes around it"
    return RULES["E116"].at(
        source.place(at), "a space is missing after the colon", source.rewritten(at, at + 1, ": ", cure)
    )


def _typographic_quotes(source: SourceFile, start: int, end: int) -> FlowIssue | None:
    text = source.text[start:end]
    if text[-1] not in _TYPOGRAPHIC_QUOTES and any(char in _TYPOGRAPHIC_QUOTES for char in text[1:]):
        return None
    message = f"{text[0]} is a typographic quote, which YAML reads as part of the text"
    inner = text.strip(_TYPOGRAPHIC_QUOTES)
    fix = source.rewritten(start, end, in_quotes(inner), f"write {quote(inner)}")
    return RULES["E118"].at(source.place(start, start + 1), message, fix if text[-1] in _TYPOGRAPHIC_QUOTES else None)


def _continued(source: SourceFile, start: yaml.Mark, end: yaml.Mark) -> FlowIssue | None:
    """A line meant as a key or a list item, but read as the rest of the text above."""
    first = start.line + 1
    for number in range(first + 1, end.line + 2):
        line = source.line(number)
        text = source.text[line.first : line.content_end]
        place = source.place(line.first, line.content_end)
        if found := _CONTINUED_KEY.match(text):
            message = f"this line is read as the rest of the text on line {first}: there is no space after the colon"
            cure = f"write {found[1]}: {found[2]}, indented like its neighbours; text over several lines needs quotes"
            return RULES["E116"].at(place, message, cure)
        if re.match(r"-[ A-Za-z]", text):
            message = f"this line is read as the rest of the text on line {first}, not as a list item"
            cure = "delete that text or indent this line like its neighbours; text over several lines needs quotes"
            return RULES["E115"].at(place, message, cure)
    return None


def _late_closing_quote(source: SourceFile, start: yaml.Mark, end: yaml.Mark) -> FlowIssue | None:
    """An unclosed quote, so that the text continues to the next quote below."""
    above = source.line(start.line + 1)
    lines = [source.line(number) for number in range(above.number + 1, end.line + 2)]
    if not any(_OWN_LINE.match(line.text, line.indent) for line in lines if line.indent <= above.indent):
        return None
    mark = source.text[start.index]
    message = f"this {mark} is not closed until line {lines[-1].number}: everything in between is read as one text"
    cure = f"write {mark} at the end of the text as well; if it is all one text, indent its lines further"
    return RULES["E113"].at(source.place(start.index), message, cure)


def _cut_by_comment(source: SourceFile, event: yaml.ScalarEvent, key: str) -> FlowIssue | None:
    """A `#` that starts a comment although value and comment look like one text."""
    start, end = (mark.index for mark in marks(event))
    found = _COMMENT.match(source.parsed, end)
    if not found or not _looks_like_one_text(event.value, found[1], found[2], key):
        return None
    stop = end + len(found[0].rstrip())
    cure = f"if it belongs to the text, write {quote(source.text[start:stop])}; else put two spaces before #"
    fix = source.rewritten(start, stop, in_quotes(source.text[start:stop]), cure)
    return RULES["E104"].at(source.place(found.start(2) - 1, stop), "the text is cut off here: # begins a comment", fix)


def _looks_like_one_text(value: str, space: str, comment: str, key: str) -> bool:
    """Two spaces, one word or an expression suggest that `value # comment` is not one text."""
    if not comment.strip() or comment[0].isdigit():
        return True
    if space != " " or key in EXPRESSION_KEYS or not any(char.isalpha() for char in value):
        return False
    return key in _SPOKEN_KEYS or " " in value


def check_key(source: SourceFile, event: yaml.ScalarEvent) -> FlowIssue | None:
    if event.style:
        return None
    if _is_merge(event):
        return _merge(source, event)
    if not event.value:
        return RULES["E124"].at(source.extent(event), "there is no key before this colon")
    if _GLUED_DASH.match(event.value):
        cure = f"write - {event.value[1:]}: ..."
        at = marks(event)[0].index
        return RULES["E116"].at(
            source.place(at), "a space is missing after the dash", source.rewritten(at, at + 1, "- ", cure)
        )
    return check_scalar(source, event, "")


_DECIMAL_COMMA = re.compile(r"\d+(,)$")
_AROUND = 500
"""How far in characters a list may reach: a line may have thousands of texts without a colon."""
_SEVERAL = re.compile(r"([\w-]+): *([^][{}\"',:]+(?:,[^][{}\"',:]+)+)(?=,[^,:]*:|\})")


def check_empty(source: SourceFile, event: yaml.ScalarEvent, key: Text | None) -> tuple[FlowIssue, str] | None:
    """The issue of a missing required value (or YAML's null), and the text that was probably meant."""
    if is_quoted(event) or event.value not in _NULL:
        return None
    start = marks(event)[0].index
    if event.value:
        message = f"{event.value} means an empty value in YAML"
        cure = f'write a value: "{event.value}" in quotes if it is a word, "" for empty text'
        return RULES["E103"].at(source.extent(event), message, Fix(cure, "characters", f'"{event.value}"')), ""
    found = _COMMENT.match(source.parsed, start)
    if found and (not found[2].strip() or (key is not None and key.value in _KEYPRESS_KEYS)):
        place = source.place(found.start(2) - 1)
        at = found.start(2) - 1
        fix = 'write "#"' if found[2].strip() else source.rewritten(at, at + 1, '"#"', 'write "#"')
        return RULES["E108"].at(place, "for YAML, # begins a comment", fix), "#"
    return _missing_value(source, start, key), ""


def _missing_value(source: SourceFile, start: int, key: Text | None) -> FlowIssue:
    cure: str | Fix = "write it after the dash, or delete the dash"
    if key is None:
        return RULES["E103"].at(source.place(start), "this list item is empty", cure)
    bare = "" if key.quoted else key.value
    if found := _GLUED.fullmatch(bare):
        place = key.at(len(found[1]))
        fix = Fix(f"write {found[1]}: {found[2]}", "characters", ": ")
        return RULES["E116"].at(place, "a space is missing after the colon", fix)
    end = source.starts[key.place.line - 1] + key.place.column - 1 + key.place.length
    has_colon = _COLON.match(source.parsed, end)
    if has_colon and (found := _LATE_COLON.fullmatch(bare)):
        message = f"the colon is at the end of the line instead of after {found[1]}"
        return RULES["E116"].at(key.place, message, f"write {found[1]}: {found[2]}")
    cure = 'write a value after its colon, or indented below it; "" is empty text, {} an empty map'
    before = source.parsed[source.starts[key.place.line - 1] : end - key.place.length]
    if not has_colon and bare.isdigit() and (comma := _DECIMAL_COMMA.search(before)):
        at = source.starts[key.place.line - 1] + comma.start(1)
        fix = source.rewritten(at, end - len(bare), ".", f"write a decimal point: {comma[0].partition(',')[0]}.{bare}")
        return RULES["E103"].at(key.place, f'"{key.value}" has no value', fix)
    if not has_colon:
        cure = _of_several(source, key.place.line, end - len(bare))
    elif key.value == "else":
        cure = "write the step after its colon, without `goto`: `- else: step`"
    elif below := _sibling_block(source, key):
        cure = f'indent line {below} and the lines that belong to it by two more spaces, or delete "{key.value}:"'
    return RULES["E103"].at(key.place, f'"{key.value}" has no value', cure)


def _of_several(source: SourceFile, line: int, index: int) -> str | Fix:
    """The cure of a text without a colon, which may be one of a list without brackets: `{speech: red, shiraz}`."""
    cure = "write a colon and a value after it; if it is part of some text, put quotes around all of it"
    begin, end = max(source.starts[line - 1], index - _AROUND), min(source.line_end(line), index + _AROUND)
    for found in _SEVERAL.finditer(source.parsed, begin, end):
        if found.start(2) <= index < found.end(2):
            written = f"[{', '.join(each.strip() for each in found[2].split(','))}]"
            cure = f"{cure}; if it is one of several, write a list: {found[1]}: {written}"
            return source.rewritten(*found.span(2), written, cure)
    return cure


def _sibling_block(source: SourceFile, key: Text) -> int:
    """Return the number of the line, or 0."""
    if key.place.line == len(source.starts):
        return 0
    below = source.line(key.place.line + 1)
    if below.content - below.start != key.place.column - 1 or not below.key:
        return 0
    is_block = not below.has_value and (key.value in MAP_KEYS | LIST_KEYS or below.key == "do")
    return below.number if is_block or (key.value in MAP_KEYS and below.key not in COMMON_KEYS) else 0
