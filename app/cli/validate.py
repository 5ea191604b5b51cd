"""`ncco validate`: one NCCO document against every rule."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import click

from app.cli import options
from app.cli.output import CANNOT_RUN, FINE, ISSUES, CannotRun, counted, shows_colours
from app.flow import issues as flow_issues
from app.flow.nodes import Place
from app.flow.report import Format, report
from app.ncco import Issue, Rule, check
from app.ncco.issue import RuleBook

RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, Path(__file__).with_name("rules.yaml"))
"""What can be wrong with the text itself, by code."""
NOT_JSON: Final = "J100"
REPEATED_NAME: Final = "J101"
UNKNOWN_OPTION: Final = "N105"
"""The rule that concerns a name, not its value."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@click.command(
    "validate",
    epilog="""\b
Examples:
  ncco validate answer.json
  curl -s https://example.com/webhooks/answer | ncco validate -
  ncco validate answer.json --format json

Exit codes: 0 no errors (there may be warnings), 1 errors, 2 the file is missing or is not JSON.""",
)
@click.argument("file", type=click.Path(allow_dash=True))
@options.output("text", "json", "github")
def command(file: str, form: Format) -> int:
    """Check the NCCO in FILE (JSON; - reads standard input) against every rule of the platform."""
    name = "<stdin>" if file == "-" else file
    text = _read(file, name)
    faults, document = faults_of(name, text)
    if form == "json":
        errors = sum(fault.issue.is_error for fault in faults)
        rows = [fault.as_json() for fault in faults]
        click.echo(json.dumps({"errors": errors, "warnings": len(faults) - errors, "issues": rows}, indent=2))
    elif form == "text" and not faults:
        click.echo(f"no issues: {counted(len(document), 'action')}")
    else:
        shown = report([fault.as_issue() for fault in faults], {name: text}, form, shows_colours())
        click.echo(shown, nl=False, color=shows_colours())
    if any(fault.issue.code == NOT_JSON for fault in faults):
        return CANNOT_RUN
    return ISSUES if any(fault.issue.is_error for fault in faults) else FINE


def _read(file: str, name: str) -> str:
    """The text of a file or of standard input. Raises CannotRun."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}", "name a file that can be read, or - for standard input") from error
    except UnicodeDecodeError as error:
        message = f"{name}: byte {error.start + 1} is not UTF-8"
        raise CannotRun(message, "save the file as UTF-8, the only encoding of JSON") from error


@dataclass(frozen=True, slots=True)
class PlacedIssue:
    """An issue of an NCCO, and its place in the text."""

    issue: Issue
    place: Place

    def as_json(self) -> dict[str, object]:
        """The fields that an issue of `ncco check` has, and the JSON Pointer."""
        place = self.place
        where = {"file": place.file, "line": place.line, "column": place.column, "length": place.length}
        issue = self.issue
        fields = {"code": issue.code, "severity": issue.severity, "path": issue.path}
        return {**where, **fields, "message": issue.message, "cure": issue.cure}

    def as_issue(self) -> flow_issues.Issue:
        """For a report."""
        issue = self.issue
        message = f"{issue.path}: {issue.message}" if issue.path else issue.message
        return flow_issues.Issue(issue.code, issue.severity, self.place, message, issue.cure)


def faults_of(name: str, text: str) -> tuple[Sequence[PlacedIssue], Any]:
    """Every fault of the text of an NCCO by place, and its value; J100 alone and None when it is not JSON."""

    def place(span: TextSpan) -> Place:
        line, start = text.count("\n", 0, span.start) + 1, text.rfind("\n", 0, span.start)
        return Place(name, line, span.start - start, span.end - span.start)

    try:
        document = read_json(text)
    except NotJsonError as error:
        message = f"not JSON: {error.message}" if text.strip() else "the text is empty"
        issue = RULES[NOT_JSON].at("", message, error.cure)
        return [PlacedIssue(issue, place(TextSpan(error.offset, error.offset + 1)))], None
    faults = []
    for pointer, span in document.repeated:
        message = f"{text[span.start : span.end]} is written twice; only the last one counts"
        faults.append(PlacedIssue(RULES[REPEATED_NAME].at(pointer, message), place(span)))
    for issue in check(document.value):
        spans = document.names if issue.code == UNKNOWN_OPTION else document.values
        faults.append(PlacedIssue(issue, place(spans.get(issue.path, TextSpan(0, 1)))))
    return sorted(faults, key=lambda fault: (fault.place, fault.issue.code)), document.value


class TextSpan(NamedTuple):
    """Characters of a text from `start`, which counts from 0, to the one before `end`."""

    start: int
    end: int


class NotJsonError(ValueError):
    """The text is not JSON. Reading stopped at `offset`; a `cure` of None is that of the rule."""

    def __init__(self, message: str, offset: int, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.cure = cure


@dataclass(slots=True)
class JsonText:
    """A JSON text that was read.

    Attributes:
        value: of repeated names the last one counts.
        values: JSON Pointer → the characters of a value; of an object or a list its opening bracket.
        names: JSON Pointer → the characters of a name, with its quotes.
        repeated: each name that occurred before in its object: its JSON Pointer and its characters.
    """

    value: Any
    values: dict[str, TextSpan] = field(default_factory=dict)
    names: dict[str, TextSpan] = field(default_factory=dict)
    repeated: list[tuple[str, TextSpan]] = field(default_factory=list)


def read_json(text: str) -> JsonText:
    """Read a JSON text with the places of its values.

    Raises NotJsonError, also for NaN, Infinity, and nesting or numbers that Python cannot read.
    """
    found = JsonText(_value(text))
    open_: list[_Container] = []
    for token in _TOKEN.finditer(text):
        piece, span = token.group(), TextSpan(*token.span())
        inside = open_[-1] if open_ else None
        if piece in "}]":
            open_.pop()
        elif piece == "," and inside is not None:
            inside.key = None if inside.is_object else str(int(inside.key or 0) + 1)
        elif inside is not None and inside.key is None:
            inside.key = json.loads(piece)
            if inside.pointer_of_member in found.names:
                found.repeated.append((inside.pointer_of_member, span))
            found.names[inside.pointer_of_member] = span
        elif piece != ":":
            pointer = inside.pointer_of_member if inside is not None else ""
            found.values[pointer] = span
            if piece in "{[":
                open_.append(_Container(pointer, is_object=piece == "{", key=None if piece == "{" else "0"))
    return found


@dataclass(slots=True)
class _Container:
    """An object or a list while it is read; `key` is None in front of the next name of an object."""

    pointer: str
    is_object: bool
    key: str | None

    @property
    def pointer_of_member(self) -> str:
        return f"{self.pointer}/{(self.key or '').replace('~', '~0').replace('/', '~1')}"


def _value(text: str) -> Any:
    def refuse(word: str) -> NoReturn:
        offset = next(token.start() for token in _TOKEN.finditer(text) if token.group() == word)
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
        raise NotJsonError("a number has more digits than can be read", longest.start()) from error


def _explained(text: str, error: json.JSONDecodeError) -> NotJsonError:
    """The same fault on every version of Python: only newer ones recognise a trailing comma."""
    before = text[: error.pos].rstrip()
    if error.msg.startswith("Illegal trailing comma"):
        return NotJsonError("nothing follows this comma", error.pos, "delete the comma")
    if before.endswith(",") and text[error.pos : error.pos + 1] in ("]", "}"):
        return NotJsonError("nothing follows this comma", len(before) - 1, "delete the comma")
    return NotJsonError(error.msg, error.pos)
