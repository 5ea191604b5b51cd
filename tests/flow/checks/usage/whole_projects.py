"""Loads whole projects, for the tests of what shows only when every step is known."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

from app.flow.loader import Extent, load

CUSTOMER = """\
lookups:
  customer:
    get: "https://crm.example.com/callers/{{ call.from }}"
    returns: {name: text, tier: [gold, standard], visits: int, vip: bool, tags: list}
    default: {name: "", tier: standard}
"""


def flow_text(steps: str, head: str = "", name: str = "test") -> str:
    """A flow that starts at the step `hello`; `head` stands in front of its steps."""
    top = f"flow: {name}\ndefault: true\nstart: hello\n" if name == "test" else f"flow: {name}\nstart: hello\n"
    return f"{top}{dedent(head)}steps:\n{indent(dedent(steps).strip(), '  ')}\n"


def told(texts: Mapping[str, str], extent: Extent = "project") -> list[str]:
    """Place, code and message of every issue, in order."""
    issues = load(texts, extent=extent).issues
    return [f"{issue.place} {issue.code} {issue.message}" for issue in issues]


def faults(steps: str, head: str = "", **others: str) -> list[str]:
    """The same for a flow of these steps; `others` are further flows by name. Places are within the flow."""
    texts = {"flows/test.yaml": flow_text(steps, head)}
    texts |= {f"flows/{name}.yaml": text for name, text in others.items()}
    return [fault.removeprefix("flows/test.yaml:") for fault in told(texts)]


def codes(steps: str, head: str = "", **others: str) -> list[str]:
    """The code of every issue, in order."""
    return [fault.split()[1] for fault in faults(steps, head, **others)]
