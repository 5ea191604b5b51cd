"""One fault found in flow files: what, where, and how to cure it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.flow.nodes import Place
from app.ncco.issue import Fix

Severity = Literal["error", "warning"]


__all__ = ["Fix", "FlowIssue", "Severity", "add_entry", "by_place", "did_you_mean"]


def did_you_mean(*words: str) -> Fix:
    """The fix of a misspelt word: the first of the words that may be meant."""
    return Fix(f"did you mean {' or '.join(map(_quoted, words))}?", "word", words[0])


def _quoted(word: str) -> str:
    return f'"{word}"'


def add_entry(text: str) -> Fix:
    """The fix of a missing entry, which is written as `text`."""
    return Fix(f"add `{text}`", "add", text)


@dataclass(frozen=True, slots=True)
class FlowIssue:
    """One fault.

    Attributes:
        message: what is wrong, in plain sentences.
        cure: what to write instead.
        ncco_rule: the rule of `app.ncco` that is broken, e.g. N108; "" for a rule of the flow language alone.
        names: the variables, lookups and template files whose name a text says literally, where their value was meant.
        fix: the cure as a change of the file; None if it is not that plain.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    cure: str
    ncco_rule: str = ""
    names: frozenset[str] = field(default=frozenset(), compare=False)
    fix: Fix | None = field(default=None, compare=False)

    @property
    def is_error(self) -> bool:
        """Whether the flow cannot be used because of it."""
        return self.severity == "error"


def by_place(issue: FlowIssue) -> tuple[str, int, int, str, str]:
    """The order in which issues are shown: file, line, column, code, message."""
    return (issue.place.file, issue.place.line, issue.place.column, issue.code, issue.message)
