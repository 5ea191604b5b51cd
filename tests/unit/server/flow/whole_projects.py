"""Loads whole projects, for tests of checks that need every step."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

from ncco_server.flow.loader import Extent, load


def flow_text(steps: str, head: str = "", name: str = "test") -> str:
    """A flow that starts at the step `hello`; `head` comes before its steps."""
    top = f"flow: {name}\ndefault: true\nstart: hello\n" if name == "test" else f"flow: {name}\nstart: hello\n"
    return f"{top}{dedent(head)}steps:\n{indent(dedent(steps).strip(), '  ')}\n"


def reported(texts: Mapping[str, str], extent: Extent = "project") -> list[str]:
    """Place, code and message of every issue, in order."""
    issues = load(texts, extent=extent).issues
    return [f"{issue.place} {issue.code} {issue.message}" for issue in issues]
