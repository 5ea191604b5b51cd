"""Loads one small flow, for tests of its content."""

from __future__ import annotations

from textwrap import dedent, indent

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow


def flow_of(steps: str, head: str = "") -> Flow:
    """The flow, which starts at the step `hello` and must have no issue; `head` comes before its steps."""
    top = f"flow: test\ndefault: true\nstart: hello\n{dedent(head)}"
    project = load({"flows/test.yaml": f"{top}steps:\n{indent(dedent(steps).strip(), '  ')}\n"})
    assert not project.issues, project.issues
    return project.flows["test"]
