"""What a rule of the flow language is."""

from __future__ import annotations

from dataclasses import dataclass

from app.flow.issues import Issue, Severity
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `title` states what is wrong in general, `cure` how it is mended in general."""

    code: str
    severity: Severity
    title: str
    cure: str

    def at(self, place: Place, message: str, cure: str | None = None) -> Issue:
        """The issue that this rule is broken at `place`; `cure` is the rule's own unless a better one is known."""
        return Issue(self.code, self.severity, place, message, self.cure if cure is None else cure)
