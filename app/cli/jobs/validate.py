"""`ncco validate`: reads a JSON text, checks it, and shows each fault where it stands in the text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import click

from app.cli.jobs.json_text import Document, NotJsonError, Span, line_and_column, read
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow import issues as flow_issues
from app.flow.nodes import Place
from app.flow.report import report
from app.ncco import Issue, check

Format = Literal["text", "json", "github"]

DOUBLED: Final = "J101"
"""The one fault of JSON itself that still leaves a document to check."""

UNKNOWN_OPTION: Final = "N105"
"""The rule whose fault is a name, not its value."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """An issue and where it stands in the text."""

    issue: Issue
    place: Place

    def as_row(self) -> dict[str, object]:
        """Its fields in JSON, those of `ncco check` and the JSON Pointer."""
        issue, place = self.issue, self.place
        where = {"file": place.file, "line": place.line, "column": place.column, "length": place.length}
        return {**where, **asdict(issue)}

    def as_line(self) -> flow_issues.Issue:
        issue = self.issue
        message = f"{issue.path}: {issue.message}" if issue.path else issue.message
        return flow_issues.Issue(issue.code, issue.severity, self.place, message, issue.cure)


def run(file: str, form: Format) -> int:
    """Print the faults of the NCCO in `file`; FINE when none is an error. Raises CannotRun when it is not JSON."""
    name = "<stdin>" if file == "-" else file
    text = _decoded(name, _bytes(file))
    document = _document(name, text)
    faults = sorted(_faults(name, text, document), key=lambda fault: (fault.place, fault.issue.code))
    if form == "json":
        click.echo(_as_json(faults))
    else:
        shown = report([fault.as_line() for fault in faults], {name: text}, form, takes_colour())
        click.echo(shown or _nothing_found(document), nl=False, color=takes_colour())
    return ISSUES if any(fault.issue.is_error for fault in faults) else FINE


def _as_json(faults: Sequence[_Fault]) -> str:
    errors = sum(fault.issue.is_error for fault in faults)
    rows = [fault.as_row() for fault in faults]
    return json.dumps({"errors": errors, "warnings": len(faults) - errors, "issues": rows}, indent=2)


def _nothing_found(document: Document) -> str:
    count = len(document.value)
    return f"no issues: {count} {'action' if count == 1 else 'actions'}\n"


def _faults(name: str, text: str, document: Document) -> Iterator[_Fault]:
    for doubled in document.doubled:
        key = text[doubled.span.start : doubled.span.end]
        issue = Issue(DOUBLED, "error", doubled.pointer, f"{key} stands twice; only the last one counts", "keep one")
        yield _Fault(issue, _place(name, text, doubled.span))
    for issue in check(document.value):
        spans = document.names if issue.code == UNKNOWN_OPTION else document.spans
        yield _Fault(issue, _place(name, text, spans.get(issue.path, Span(0, 1))))


def _place(name: str, text: str, span: Span) -> Place:
    line, column = line_and_column(text, span.start)
    return Place(name, line, column, span.end - span.start)


def _bytes(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}", "name a file that can be read, or - for standard input") from error


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name}: byte {error.start + 1} is not UTF-8"
        raise CannotRun(message, "save the file as UTF-8, the only encoding of JSON") from error


def _document(name: str, text: str) -> Document:
    try:
        return read(text)
    except NotJsonError as error:
        if not text.strip():
            raise CannotRun(f"{name}: it is empty", "an NCCO is a list of actions, at least []") from error
        raise CannotRun(_syntax_error(name, text, error), "mend the JSON; a list of actions is due") from error


def _syntax_error(name: str, text: str, error: NotJsonError) -> str:
    """The fault with line, column and caret."""
    line, column = line_and_column(text, error.offset)
    shown = (text.splitlines() or [""])[min(line, len(text.splitlines())) - 1]
    start = max(column - 60, 0)
    gutter = " " * len(str(line))
    caret = " " * (min(column, len(shown) + 1) - 1 - start)
    return (
        f"{name}:{line}:{column}: not JSON: {error.message}\n"
        f"  {line} | {shown[start : start + 100]}\n"
        f"  {gutter} | {caret}^"
    )
