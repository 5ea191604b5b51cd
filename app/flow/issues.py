"""Issues in flow files: what is wrong, where, and how to fix it; and the rules that they break.

A rule is one entry of a YAML file in rules/:

    E214:
      severity: error
      phase: resolve
      title: a target names a step that does not exist
      cure: name a step of this flow, or end
      about: Why the rule is there.
      bad: a project that breaks this rule and no other
      good: the same project without the error

An example is one flow file, or several files after lines `#=== path`; `#=== path -> target` is a symbolic link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from app.flow.nodes import Place
from app.issue import Fix, RuleBook, parts_of
from app.suggest import nearest

Severity = Literal["error", "warning"]

MOST_LISTED: Final = 60
"""Known words that a cure lists."""
LONGEST_TEXT: Final = 1_000
"""Characters of a message or a cure."""

PHASES: Final = ("parse", "shape", "resolve", "analyse")
"""How a file is checked: its YAML, the form of its values, the names in them, and what the flow does as a whole.

A file with an error in one phase has no issues of later phases.
"""

__all__ = [
    "PROMPT_RULES",
    "RULES",
    "RUNNING_RULES",
    "Fix",
    "FlowIssue",
    "FlowRule",
    "Severity",
    "by_place",
    "did_you_mean",
    "meant_word",
    "write_one_of",
]


@dataclass(frozen=True, slots=True)
class FlowIssue:
    """One issue.

    Attributes:
        message: the problem in plain sentences.
        cure: what to write instead.
        ncco_rule: the broken rule of `app.ncco`, e.g. N108; "" for a rule of the flow language.
        names: the variables, lookups and template files that a text names literally, although their value was intended.
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
    """The order of issues: file, line, column, code, message."""
    return (issue.place.file, issue.place.line, issue.place.column, issue.code, issue.message)


def did_you_mean(*words: str) -> Fix:
    """The fix of a misspelt word: the first of the words that may be meant."""
    quoted = (f'"{word}"' for word in words)
    return Fix(f"did you mean {' or '.join(quoted)}?", "word", words[0])


def write_one_of(words: Sequence[str]) -> str:
    """The cure that lists the known words; of very many only the first."""
    return f"write one of: {', '.join(words[:MOST_LISTED])}{', ...' if len(words) > MOST_LISTED else ''}"


def meant_word(word: str, known: Iterable[str], otherwise: str) -> Fix | str:
    """The cure of an unknown word: the nearest known one; without one, what to do `otherwise`."""
    near = nearest(word, known)
    return did_you_mean(near) if near else otherwise


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One rule.

    Attributes:
        title: the problem in general.
        cure: how it is fixed in general.
        about: why the rule is there.
        bad: a project that breaks this rule and no other; bytes where it is not UTF-8.
        good: the same project without the error.
        phase: as the entry has it; `found_in` is "resolve" for an error without one, and "analyse" for a warning.
        fix: how an issue is fixed that says nothing else: the further fields of a `Fix`.
        once_for: an issue points at an undeclared `name`, which is reported once in a file; or the rule itself is
            broken once in a `file`.
        declared_by: `any_file` may declare the name at which an issue points, also one that cannot be read.
        waits_for: an error in one of these may be the cause, so that they come first.
        gives_way_to: rules that say more about the same error, if they are broken in the same file.
    """

    code: str
    severity: Severity
    title: str
    cure: str
    about: str = ""
    bad: str | bytes = ""
    good: str | bytes = ""
    phase: str = ""
    fix: Mapping[str, Any] | None = None
    once_for: Literal["", "name", "file"] = ""
    declared_by: Literal["", "any_file"] = ""
    waits_for: Literal["", "all_files", "called_flows"] = ""
    gives_way_to: Sequence[str] = ()

    @property
    def found_in(self) -> str:
        """The phase that finds it."""
        return self.phase or ("resolve" if self.severity == "error" else "analyse")

    def at(self, place: Place, message: str, cure: str | Fix | None = None, names: Iterable[str] = ()) -> FlowIssue:
        """An issue: this rule is broken at `place`. Without a `cure`, the issue has the rule's own."""
        words, fix = parts_of(cure, self.cure, self.fix)
        texts = _shortened(message), _shortened(words)
        return FlowIssue(self.code, self.severity, place, *texts, names=frozenset(names), fix=fix)


def _shortened(text: str) -> str:
    """A message without the middle of a very long quote."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2]} ... {text[-LONGEST_TEXT // 4 :]}"


def _book(*names: str) -> Mapping[str, FlowRule]:
    folder = Path(__file__).with_name("rules")
    return RuleBook(FlowRule, *(folder / f"{name}.yaml" for name in names))


RULES: Final = _book(
    *("text", "structure", "expressions", "ncco", "locales", "prompts", "hours", "lookups", "hooks", "usage"),
)
"""By code. E1xx: YAML text. E2xx: structure. E3xx: expressions, templates, types. E4xx: NCCO rules. W: warnings."""

PROMPT_RULES: Final = _book("prompts")
"""The rules about what prompts say, by code."""

RUNNING_RULES: Final = _book("running")
"""Rules that only a running call can break, by code. `ncco check` never reports them."""
