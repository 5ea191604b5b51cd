"""Texts that YAML reads without complaint, but not as their author meant them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import yaml

from app.flow.faults.fault import Line, offset, quote
from app.flow.faults.letters import braces
from app.flow.issues import Issue
from app.flow.nodes import Place, Text
from app.flow.page import FILLER, Page
from app.flow.rules import RULES

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*)+")
_CONTINUED_KEY = re.compile(r"([A-Za-z_][\w-]*):(?!//)(\S*)")
_PROSE = frozenset({"talk", "text", "speech", "noinput", "nomatch"})
_EXPRESSIONS = frozenset({"if", "until", "check"})
_KEYPAD = frozenset({"dtmf", "endOnKey"})
_OPEN = re.compile(r"[\[{]")
_COMMENT = re.compile(r"([ \t]+)#([^\r\n]*)")
_CURLY = "“”„‟«»‘’‚‛"
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


def mask_foreign(page: Page, events: Sequence[yaml.Event]) -> list[Issue]:
    """Report what flow files have no use for (tags, anchors, aliases, bare braces), and mask it: read again then."""
    issues = []
    for event, following in pairwise(events):
        if isinstance(event, yaml.AliasEvent):
            issues.append(_alias(page, event))
        elif isinstance(event, yaml.NodeEvent) and (event.anchor or getattr(event, "tag", None)):
            issues.append(_property(page, event))
        elif _is_braces(page, event, following):
            start = offset(event.start_mark)
            line = Line(page, page.position(start)[0])
            in_flow = bool(_OPEN.search(line.bare[: start - line.start]))
            issues.append(braces(page, line, start, in_flow).issue)
    return issues


def _alias(page: Page, event: yaml.Event) -> Issue:
    start, end = offset(event.start_mark), offset(event.end_mark)
    page.mask(start, start + 1)
    name = page.text[start:end]
    cure = f"write the value itself here; if it is a text, write {quote(name)}"
    return RULES["E106"].at(page.place(start, end), f"{name} refers to a value elsewhere (an alias)", cure)


def _property(page: Page, event: yaml.Event) -> Issue:
    start = offset(event.start_mark)
    found = _PROPERTIES.match(page.masked, start)
    end = found.end() if found else start + 1
    name = page.text[start:end].rstrip()
    is_text = isinstance(event, yaml.ScalarEvent) and not event.style or page.masked[end : end + 1] in ("", "\r", "\n")
    page.mask(start, start + len(name), FILLER if is_text else " ")
    whole = page.text[start : offset(event.end_mark)].rstrip() or name
    cure = f"delete it; if it is a text, write {quote(whole)}"
    kind = "E105" if name.startswith("!") else "E106"
    what = "a YAML tag" if kind == "E105" else "a YAML anchor"
    return RULES[kind].at(page.place(start, start + len(name)), f"{name} is {what}, which flow files do not have", cure)


def _is_braces(page: Page, event: yaml.Event, following: yaml.Event) -> bool:
    if not isinstance(event, yaml.MappingStartEvent) or not isinstance(following, yaml.MappingStartEvent):
        return False
    return page.masked.startswith("{{", offset(event.start_mark))


def check_scalar(page: Page, event: yaml.ScalarEvent, key: str) -> Issue | None:
    """What is wrong with a text without quotes under `key`: cut, continued by mistake, or in typographic quotes."""
    if event.style or not event.value:
        return None
    end = offset(event.end_mark)
    if event.value[0] in _CURLY:
        return _curly(page, event)
    if event.end_mark.line > event.start_mark.line and (issue := _continued(page, event)):
        return issue
    return _cut(page, event, key) if page.masked[end : end + 1] in (" ", "\t") else None


def _curly(page: Page, event: yaml.ScalarEvent) -> Issue | None:
    start, end = offset(event.start_mark), offset(event.end_mark)
    text = page.text[start:end]
    if text[-1] not in _CURLY and any(char in _CURLY for char in text[1:]):
        return None
    message = f"{text[0]} is a typographic quote: YAML takes it for a letter of the text"
    return RULES["E118"].at(page.place(start, start + 1), message, f"write {quote(text.strip(_CURLY))}")


def _continued(page: Page, event: yaml.ScalarEvent) -> Issue | None:
    """A line that was meant as a key or a list item, but is read as the rest of the text above it."""
    first = event.start_mark.line + 1
    for number in range(first + 1, event.end_mark.line + 2):
        line = Line(page, number)
        text = page.text[line.first : line.content_end]
        if found := _CONTINUED_KEY.match(text):
            message = f"this line is read as the rest of the text in line {first}: no space behind the colon"
            cure = f'write "{found[1]}: {found[2]}", indented like its neighbours; a text of several lines needs quotes'
            return RULES["E116"].at(page.place(line.first, line.content_end), message, cure)
        if re.match(r"-[ A-Za-z]", text):
            message = f"this line is read as the rest of the text in line {first}, not as a list item"
            cure = "delete that text or indent this line like its neighbours; a text of several lines needs quotes"
            return RULES["E115"].at(page.place(line.first, line.content_end), message, cure)
    return None


def _cut(page: Page, event: yaml.ScalarEvent, key: str) -> Issue | None:
    end = offset(event.end_mark)
    found = _COMMENT.match(page.masked, end)
    if not found or not _is_cut(event.value, found[1], found[2], key):
        return None
    stop = end + len(found[0].rstrip())
    text = page.text[offset(event.start_mark) : stop]
    cure = f"if it belongs to the text, write {quote(text)}; if it is a comment, put two spaces before the #"
    return RULES["E104"].at(page.place(found.start(2) - 1, stop), "the text is cut here: # begins a comment", cure)


def _is_cut(value: str, space: str, comment: str, key: str) -> bool:
    """Whether `value # comment` looks like one text. Two spaces, one word or an expression speak for a comment."""
    if not comment.strip() or comment[0].isdigit():
        return True
    if space != " " or key in _EXPRESSIONS or not any(char.isalpha() for char in value):
        return False
    return key in _PROSE or " " in value


def check_key(page: Page, event: yaml.ScalarEvent) -> Issue | None:
    """What is wrong with a key without quotes."""
    place = page.place(offset(event.start_mark), offset(event.end_mark))
    if event.style:
        return None
    if event.value == "<<":
        return RULES["E106"].at(place, "<< merges maps in YAML, which flow files do not have")
    if not event.value:
        return RULES["E124"].at(page.place(offset(event.start_mark)), "no key stands in front of this colon")
    if re.match(r"-[^\W\d]", event.value):
        cure = f'write "- {event.value[1:]}: ..."'
        return RULES["E116"].at(Place(place.file, place.line, place.column), "a space is missing behind the dash", cure)
    return check_scalar(page, event, "")


def check_empty(page: Page, event: yaml.ScalarEvent, key: Text | None) -> tuple[Issue, str] | None:
    """The issue that nothing (or YAML's null) stands where a value is due, and the text that was probably meant."""
    if event.style in ("'", '"') or event.value not in _NOTHING:
        return None
    start = offset(event.start_mark)
    found = _COMMENT.match(page.masked, start) or re.compile(r"()#([^\r\n]*)").match(page.masked, start)
    if not event.value and found and _is_hash(found[2], key):
        place = page.place(found.start(2) - 1)
        return RULES["E108"].at(place, "YAML takes # for the beginning of a comment", 'write "#"'), "#"
    if event.value:
        message = f"{event.value} means nothing at all in YAML"
        cure = f'write "{event.value}" in quotes if it is a word, or "" for an empty text'
        return RULES["E103"].at(page.place(start, offset(event.end_mark)), message, cure), ""
    return _nothing(page, start, key), ""


def _is_hash(comment: str, key: Text | None) -> bool:
    return not comment.strip() or (key is not None and key.value in _KEYPAD)


def _nothing(page: Page, start: int, key: Text | None) -> Issue:
    if key is None:
        return RULES["E103"].at(
            page.place(start), "this list item is empty", "write it behind the dash, or delete the dash"
        )
    if not key.quoted and (found := re.match(r"([A-Za-z_][\w-]*):(\S.*)", key.value)):
        message = "a space is missing behind the colon"
        return RULES["E116"].at(key.at(len(found[1])), message, f'write "{found[1]}: {found[2]}"')
    where = "behind its colon, or indented below it" if page.masked[start - 1 : start] == ":" else "behind a colon"
    cure = f'write a value {where}; "" is an empty text, {{}} an empty map'
    return RULES["E103"].at(key.place, f'"{key.value}" has no value', cure)
