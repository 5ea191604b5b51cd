"""Loads one small flow, for tests of its content."""

from __future__ import annotations

from textwrap import dedent, indent

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project

PATH = "flows/test.yaml"
HEAD = "flow: test\ndefault: true\nstart: hello\n"


def text_of(steps: str, head: str = "") -> str:
    """A flow file that starts at the step `hello`; `head` comes before its steps."""
    return f"{HEAD}{dedent(head)}steps:\n{indent(dedent(steps).strip(), '  ')}\n"


def project_of(steps: str, head: str = "") -> Project:
    """The project of one flow file."""
    return load({PATH: text_of(steps, head)})


def flow_of(steps: str, head: str = "") -> Flow:
    """The flow, which must have no issue."""
    project = project_of(steps, head)
    assert not project.issues, project.issues
    return project.flows["test"]


def faults_of(steps: str, head: str = "") -> list[str]:
    """Code, message and cure of every issue, in order."""
    return [f"{issue.code} {issue.message} → {issue.cure}" for issue in project_of(steps, head).issues]


def codes_of(steps: str, head: str = "") -> list[str]:
    """The code of every issue, in order."""
    return [issue.code for issue in project_of(steps, head).issues]
