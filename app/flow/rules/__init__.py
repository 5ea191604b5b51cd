"""The rules of the flow language: every code that a check or a running call can report.

A rule is one entry of a YAML file in this folder:

    E214:
      severity: error
      title: a target names a step that does not exist
      cure: name a step of this flow, or end
      about: Why the rule is there.
      bad: a project that breaks this rule and no other
      good: the same project without the fault

An example is one flow file, or several files after lines `#=== path`; `#=== path -> target` is a symbolic link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.flow.issues import Fix, FlowIssue, Severity
from app.flow.nodes import Place
from app.ncco.issue import RuleBook, parts_of

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One rule.

    Attributes:
        title: what is wrong in general.
        cure: how it is fixed in general.
        about: why the rule is there.
        bad: a project that breaks this rule and no other; bytes where it is not UTF-8.
        good: the same project without the fault.
        fix: how an issue is fixed that says nothing else: the further fields of a `Fix`.
    """

    code: str
    severity: Severity
    title: str
    cure: str
    about: str = ""
    bad: str | bytes = ""
    good: str | bytes = ""
    fix: Mapping[str, Any] | None = None

    def at(self, place: Place, message: str, cure: str | Fix | None = None, names: Iterable[str] = ()) -> FlowIssue:
        """An issue: this rule is broken at `place`. Without a `cure`, the issue has the rule's own."""
        words, fix = parts_of(cure, self.cure, self.fix)
        return FlowIssue(self.code, self.severity, place, message, words, names=frozenset(names), fix=fix)


def _book(*names: str) -> Mapping[str, FlowRule]:
    return RuleBook(FlowRule, *(FOLDER / f"{name}.yaml" for name in names))


RULES = _book(
    *("text", "structure", "expressions", "ncco", "locales", "prompts", "hours", "lookups", "hooks", "usage"),
)
"""By code. E1xx: YAML text. E2xx: structure. E3xx: expressions, templates, types. E4xx: NCCO rules. W: warnings."""

PROMPT_RULES = _book("prompts")
"""The rules about what prompts say, by code."""

RUNNING_RULES = _book("running")
"""Rules that only a running call can break, by code. `ncco check` never reports them."""
