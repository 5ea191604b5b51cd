"""`ncco validate`: checks an NCCO against every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from ncco_server.desk import options
from ncco_server.desk.output import CANNOT_RUN, FINE, ISSUES, print_json, print_result, read_text
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.flow.report import Format, report
from ncco_server.flow.source.source_file import SourceFile
from ncco_server.ncco import Issue
from ncco_server.ncco.json_text import NOT_JSON, check_text
from ncco_server.wording import counted


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
    text = read_text(file)
    faults, document = faults_of(name, text)
    if form == "json":
        errors = sum(fault.issue.is_error for fault in faults)
        rows = [fault.as_json() for fault in faults]
        print_json({"errors": errors, "warnings": len(faults) - errors, "issues": rows})
    elif form == "text" and not faults:
        click.echo(f"no issues: {counted(len(document), 'action')}")
    else:
        shown = report([fault.as_issue() for fault in faults], {name: text}, form, colour=True)
        print_result(shown)
    if any(fault.issue.code == NOT_JSON for fault in faults):
        return CANNOT_RUN
    return ISSUES if any(fault.issue.is_error for fault in faults) else FINE


@dataclass(frozen=True, slots=True)
class PlacedIssue:
    """An issue of an NCCO, and its place in the text."""

    issue: Issue
    place: Place

    def as_json(self) -> dict[str, object]:
        issue = self.issue
        fields = {"code": issue.code, "severity": issue.severity, "path": issue.path}
        return {**self.place._asdict(), **fields, "message": issue.message, "fix": issue.fix}

    def as_issue(self) -> FlowIssue:
        issue = self.issue
        message = f"{issue.path}: {issue.message}" if issue.path else issue.message
        return FlowIssue(issue.code, issue.severity, self.place, message, issue.fix)


def faults_of(name: str, text: str) -> tuple[Sequence[PlacedIssue], Any]:
    """Sorted by place; only J100 and None if the text is not JSON."""
    source = SourceFile(name, text)
    issues, document = check_text(text)
    found = [PlacedIssue(issue, Place(name, *source.position(start), end - start)) for (start, end), issue in issues]
    return found, document
