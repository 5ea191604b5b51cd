"""An NCCO as JSON text, with places and issues."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from ncco_server.issue import Issue, Rule, RuleBook, pointer
from ncco_server.ncco.checker import check
from ncco_server.ncco.model import UNKNOWN_OPTION

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|[^\s{}\[\],:"]+')
_SINGLE_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'((?:[^\'\\]|\\.)*)\'')
"""Or in double quotes, without the group."""
_CHARACTER: Final = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
"""One character of a JSON string, which may be an escape, or two for a surrogate pair."""
_TRAILING_COMMA: Final = re.compile(r",\s*[\]}]")
_COMMON_MISTAKES: Final = (
    (re.compile(r"(True|False|None)\b"), "Python, not JSON", {"True": "true", "False": "false", "None": "null"}.get),
    (re.compile(r"'([^']*)'"), "a string in single quotes", lambda text: f'"{text}"'),
    (re.compile(r"[\u201c-\u201e]([^\u201c-\u201e]*)[\u201c-\u201e]"), "a text in typographic quotes", '"{}"'.format),
    (re.compile(r"([A-Za-z_]\w*)\s*:"), "a name without quotes", '"{}"'.format),
)
"""The pattern, the mistake, and the correct JSON."""


class TextSpan(NamedTuple):
    """A range of characters, counted from 0, without the one at `end`."""

    start: int
    end: int


class NotJsonError(ValueError):
    """The text is not JSON. Parsing stopped at `offset`. If `cure` is None, the rule's cure applies."""

    def __init__(self, message: str, offset: int, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.cure = cure


@dataclass(slots=True)
class JsonText:
    """A parsed JSON text.

    Attributes:
        value: if an object repeats a name, the last one counts.
        values: where each value is, by JSON Pointer; of an object or a list, the opening bracket.
        names: where each name is, with its quotes, by JSON Pointer.
        repeated: the JSON Pointers of repeated names, and where they are.
    """

    text: str
    value: Any
    values: dict[str, TextSpan] = field(default_factory=dict)
    names: dict[str, TextSpan] = field(default_factory=dict)
    repeated: list[tuple[str, TextSpan]] = field(default_factory=list)

    def span_of(self, issue: Issue) -> TextSpan:
        span = (self.names if issue.code == UNKNOWN_OPTION else self.values).get(issue.path, TextSpan(0, 1))
        if issue.span is None:
            return span
        start, length = issue.span
        characters = _CHARACTER.findall(self.text, span.start + 1, span.end - 1)
        first = span.start + 1 + len("".join(characters[:start]))
        return TextSpan(first, first + len("".join(characters[start : start + length])))


def read_json(text: str) -> JsonText:
    """Raises NotJsonError also for NaN, Infinity, and nesting or numbers that Python cannot read."""
    found = JsonText(text, _value(text))
    open_ = [_Container("", is_object=False, member="")]
    for token in _TOKEN.finditer(text):
        piece = token.group()
        span = TextSpan(*token.span())
        inside = open_[-1]
        if piece in "}]":
            open_.pop()
        elif piece == ",":
            inside.entries += 1
            inside.member = None if inside.is_object else f"{inside.pointer}/{inside.entries}"
        elif inside.member is None:
            inside.member = inside.pointer + pointer(json.loads(piece))
            if inside.member in found.names:
                found.repeated.append((inside.member, span))
            found.names[inside.member] = span
        else:
            found.values[inside.member] = span
            if piece in "{[":
                first = None if piece == "{" else f"{inside.member}/0"
                open_.append(_Container(inside.member, is_object=piece == "{", member=first))
    return found


@dataclass(slots=True)
class _Container:
    """`member` is the JSON Pointer of the current entry; None before the next name of an object."""

    pointer: str
    is_object: bool
    member: str | None
    entries: int = 0


def _value(text: str) -> Any:
    def refuse(word: str) -> NoReturn:
        offset = next(token.start() for token in _TOKEN.finditer(text) if token.group().startswith(word))
        raise NotJsonError(f"{word} is JavaScript, not JSON", offset, "write a number, or null")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise _explained(text, error) from error
    except RecursionError as error:
        raise NotJsonError("lists and objects are nested too deeply", 0) from error
    except NotJsonError:
        raise
    except ValueError as error:
        longest = max(re.finditer(r"\d+", text), key=lambda digits: len(digits.group()))
        raise NotJsonError("a number has too many digits", longest.start()) from error


def open_closers(text: str) -> str:
    open_: list[str] = []
    for piece in _TOKEN.findall(text):
        if piece in "[{":
            open_.append("]" if piece == "[" else "}")
        elif piece in "]}" and open_:
            open_.pop()
    return "".join(reversed(open_))


def _has_single_quotes(text: str) -> bool:
    """Whether it is JSON with double quotes instead."""

    def written(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else json.dumps(found[1].replace("\\'", "'"), ensure_ascii=False)

    try:
        json.loads(_SINGLE_QUOTED.sub(written, text))
    except ValueError:
        return False
    return True


def _explained(text: str, error: json.JSONDecodeError) -> NotJsonError:
    """Give the same fix in all Python versions: newer ones stop at a trailing comma, others behind it."""
    at = error.pos
    comma = text.rfind(",", 0, at + 1)
    if (trailing := _TRAILING_COMMA.match(text, comma)) and trailing.end() > at:
        return NotJsonError("nothing follows this comma", comma, "delete the comma")
    if text.startswith(("//", "/*", "#"), at):
        return NotJsonError("JSON has no comments", at, "delete it")
    if "',' delimiter" in error.msg and text[at : at + 1] in ("{", "[", '"'):
        return NotJsonError("a comma is missing before this", at, "write a comma between the two")
    if at >= len(text.rstrip()) and (closers := open_closers(text)):
        return NotJsonError("the text ends too early", at, f"write {closers} at the end")
    if _has_single_quotes(text):
        return NotJsonError("JSON has no single quotes", at, "write double quotes around every text")
    for slip, name, written in _COMMON_MISTAKES:
        if found := slip.match(text, at):
            return NotJsonError(f"{found[1]} is {name}", at, f"write {written(found[1])}")
    return NotJsonError(error.msg, at)


TEXT_RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, Path(__file__).with_name("text_rules.yaml"))
NOT_JSON: Final = "J100"
REPEATED_NAME: Final = "J101"


class TextIssue(NamedTuple):
    """An issue in a text."""

    span: TextSpan
    issue: Issue


def check_text(text: str) -> tuple[tuple[TextIssue, ...], Any]:
    """Return issues sorted by place, and the NCCO; only J100 and None if the text is not JSON."""
    try:
        document = read_json(text)
    except NotJsonError as error:
        message = f"not JSON: {error.message}" if text.strip() else "the text is empty"
        issue = TEXT_RULES[NOT_JSON].at("", message, error.cure)
        return (TextIssue(TextSpan(error.offset, error.offset + 1), issue),), None
    issues = check(document.value)
    found = [TextIssue(document.span_of(issue), issue) for issue in issues]
    for path, span in document.repeated:
        message = f"{text[span.start : span.end]} is written twice; only the last one counts"
        found.append(TextIssue(span, TEXT_RULES[REPEATED_NAME].at(path, message)))
    return tuple(sorted(found, key=lambda each: (each.span, each.issue.code))), document.value
