"""Issues in flow files (what is wrong, where, and how to fix it), and the rules that they break.

A rule is one entry of a YAML file in rules/:

    E214:
      severity: error
      phase: resolve
      title: a target names a step that does not exist
      cure: name a step of this flow, or end
      about: Why the rule is there.
      bad: a project that breaks this rule and no other
      good: the same project without the error

A project is one flow file, or several files, each after a line `#=== path`; `#=== path -> target` is a symbolic link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ncco_server.flow.nodes import Place
from ncco_server.issue import RuleBook, Severity
from ncco_server.suggest import nearest

MOST_LISTED: Final = 60
MOST_REPORTED: Final = 100
"""Our choice. Nobody reads more before correcting some."""
LONGEST_TEXT: Final = 1_000
"""Characters of a message or a fix."""

PHASES: Final = ("parse", "shape", "resolve", "analyse")
"""A file shows no later phase than its first one with an error."""


@dataclass(frozen=True, slots=True)
class FlowIssue:
    """An issue found in the files of a project.

    Attributes:
        names: the declarations that it is about, besides those named on its line.
        ncco_code: of the issue in the NCCO; "" if it is about the file.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    cure: str
    names: frozenset[str] = field(default=frozenset(), compare=False)
    ncco_code: str = field(default="", compare=False)

    @property
    def is_error(self) -> bool:
        return self.severity == "error"


def by_place(issue: FlowIssue) -> tuple[str, int, int, str, str, int]:
    place = issue.place
    return (place.file, place.line, place.column, issue.code, issue.message, place.length)


def did_you_mean(*words: str) -> str:
    """Ask about all `words`."""
    quoted = (f'"{word}"' for word in words)
    return f"did you mean {' or '.join(quoted)}?"


def write_one_of(words: Sequence[str]) -> str:
    """Of a long list, only the first words are listed."""
    return f"write one of: {', '.join(words[:MOST_LISTED])}{', ...' if len(words) > MOST_LISTED else ''}"


def meant_word(word: str, known: Iterable[str], otherwise: str) -> str:
    """Write the nearest known word, or else `otherwise`."""
    near = nearest(word, known)
    return did_you_mean(near) if near else otherwise


@dataclass(frozen=True, slots=True)
class FlowRule:
    """A rule that the files of a project must follow.

    Attributes:
        phase: "" for the default phase (see `found_in`).
        declared_by: `any_file` for issues about names that any file, even an unreadable one, may declare.
        waits_for: `all_files` for issues that are not reported while another file has an error.
    """

    code: str
    severity: Severity
    title: str
    cure: str
    about: str = ""
    bad: str | bytes = ""
    good: str | bytes = ""
    phase: str = ""
    declared_by: Literal["", "any_file"] = ""
    waits_for: Literal["", "all_files"] = ""

    @property
    def found_in(self) -> str:
        """By default, "resolve" finds errors and "analyse" finds warnings."""
        return self.phase or ("resolve" if self.severity == "error" else "analyse")

    def at(self, place: Place, message: str, cure: str | None = None, names: Iterable[str] = ()) -> FlowIssue:
        """Without a `cure`, the rule's own cure is used. It may be in YAML for a handler's file, too."""
        words = self.cure if cure is None else cure
        texts = _shortened(message), _shortened(words)
        return FlowIssue(self.code, self.severity, place, *texts, names=frozenset(names))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2]} ... {text[-LONGEST_TEXT // 4 :]}"


def _book(*names: str) -> Mapping[str, FlowRule]:
    folder = Path(__file__).with_name("rules")
    return RuleBook(FlowRule, *(folder / f"{name}.yaml" for name in names))


RULES: Final = _book(
    *("text", "structure", "expressions", "ncco", "locales", "prompts"),
    *("hours", "lookups", "tables", "hooks", "usage", "handlers"),
)
"""E1xx: YAML text. E2xx: structure. E3xx: expressions, templates, types. E4xx: NCCO rules.

E7xx: handlers in Python. Wxxx: warnings.
"""

RUNNING_RULES: Final = _book("running")
"""Only a running call can break them."""


def unset_variable(place: Place, name: str, known: Iterable[str] = ()) -> FlowIssue:
    bare = name.removeprefix("FLOW_")
    setting = f"set FLOW_{name} in .env, or in the server's environment"
    near = nearest(name, known)
    cure = did_you_mean(near or bare) if near or bare != name else setting
    if bare == name and near:
        cure = f"{cure} Otherwise, {setting}"
    return RULES["W302"].at(place, f"FLOW_{name} is not set", cure)
