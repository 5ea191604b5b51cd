"""`ncco validate`: reads a JSON text, checks it, and shows each fault where it stands in the text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.json_text import Document, NotJsonError, Span, line_and_column, read
from app.cli.terminal import takes_colour
from app.cli.work import CANNOT_RUN, FINE, ISSUES, CannotRun
from app.flow import issues as flow_issues
from app.flow.nodes import Place
from app.flow.report import report
from app.ncco import Issue, Rule, check
from app.ncco.issue import RuleBook

Format = Literal["text", "json", "github"]

RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, Path(__file__).parents[1] / "rules.yaml")
"""What can be wrong with the text itself, by code."""

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
    """Print the faults of the NCCO in `file`.

    FINE when none is an error, CANNOT_RUN when it is not JSON. Raises CannotRun when it cannot be read.
    """
    name = "<stdin>" if file == "-" else file
    text = _decoded(name, _bytes(file))
    try:
        document = read(text)
    except NotJsonError as error:
        _show([_not_json(name, text, error)], name, text, form)
        return CANNOT_RUN
    faults = sorted(_faults(name, text, document), key=lambda fault: (fault.place, fault.issue.code))
    _show(faults, name, text, form)
    if form == "text" and not faults:
        click.echo(f"no issues: {counted(len(document.value), 'action')}")
    return ISSUES if any(fault.issue.is_error for fault in faults) else FINE


def _show(faults: Sequence[_Fault], name: str, text: str, form: Format) -> None:
    if form == "json":
        click.echo(_as_json(faults))
    else:
        shown = report([fault.as_line() for fault in faults], {name: text}, form, takes_colour())
        click.echo(shown, nl=False, color=takes_colour())


def _not_json(name: str, text: str, error: NotJsonError) -> _Fault:
    message = f"not JSON: {error.message}" if text.strip() else "the text is empty"
    return _Fault(RULES["J100"].at("", message, error.cure), _place(name, text, Span(error.offset, error.offset + 1)))


def _as_json(faults: Sequence[_Fault]) -> str:
    errors = sum(fault.issue.is_error for fault in faults)
    rows = [fault.as_row() for fault in faults]
    return json.dumps({"errors": errors, "warnings": len(faults) - errors, "issues": rows}, indent=2)


def faults_of(name: str, text: str) -> list[flow_issues.Issue]:
    """Every fault of an NCCO's text, at its place in it; the one fault that it is not JSON."""
    try:
        document = read(text)
    except NotJsonError as error:
        return [_not_json(name, text, error).as_line()]
    return [fault.as_line() for fault in _faults(name, text, document)]


def _faults(name: str, text: str, document: Document) -> Iterator[_Fault]:
    for doubled in document.doubled:
        key = text[doubled.span.start : doubled.span.end]
        issue = RULES["J101"].at(doubled.pointer, f"{key} is written twice; only the last one counts")
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
