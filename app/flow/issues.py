"""One fault found in flow files: what, where, and how to cure it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.flow.nodes import Place

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault.

    Attributes:
        message: what is wrong, in a plain sentence.
        cure: what to write instead, in a plain sentence.
        names: the variables, lookups and template files that a text says as they are, where their value is meant.
        undeclared: the name that nothing declares, when the issue is about one; else "".
        rule: the NCCO rule that is broken, when the issue is about an NCCO; else "".
    """

    code: str
    severity: Severity
    place: Place
    message: str
    cure: str
    names: frozenset[str] = field(default=frozenset(), compare=False)
    undeclared: str = ""
    rule: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the flow cannot be used because of it."""
        return self.severity == "error"


def by_place(issue: Issue) -> tuple[str, int, int, str, str]:
    """The order in which issues are shown: file, line, column, code, message."""
    return (issue.place.file, issue.place.line, issue.place.column, issue.code, issue.message)
