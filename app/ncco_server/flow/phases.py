"""Selects a project's issues to show: those that no other mistake may have caused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

from ncco_server.flow.issues import MOST_REPORTED, PHASES, RULES, FlowIssue, by_place
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Place
from ncco_server.flow.source import Gap
from ncco_server.flow.unknown import OF_STEPS, Unknown, phase_of

_WORD: Final = re.compile(r"\w+")
_HYPHENATED: Final = re.compile(r"(?<!\w)\w++(?:-++\w++)+")

_MORE: Final = f"the file has more issues, but only {MOST_REPORTED} are reported"


class ReadFile(NamedTuple):
    """A flow file or a template. `node` is None if it could not be parsed."""

    text: str
    node: Node | None = None
    gaps: Sequence[Gap] = ()


def first_faults(
    issues: Collection[FlowIssue], files: Mapping[str, ReadFile], unread: Set[str], callers: Set[str]
) -> list[FlowIssue]:
    """At most `MOST_REPORTED` issues of a file, and an undeclared name only once.

    `unread` has names that files with a syntax error, or of unknown kind, may declare. `callers` has files of flows
    that run one with an error.
    """
    errors: dict[str, list[FlowIssue]] = {issue.place.file: [] for issue in issues}
    for issue in issues:
        if issue.is_error:
            errors[issue.place.file].append(issue)
    faulty = {file for file, found in errors.items() if found}
    unknown = {file: Unknown(*files.get(file, ReadFile("")), found) for file, found in errors.items()}
    declared = {file: each.declared for file, each in unknown.items() if file in faulty}
    for file, each in unknown.items():
        for other in declared.keys() - {file}:
            each.add_declared(declared[other])
    codes: dict[str, set[str]] = {}
    for issue in issues:
        codes.setdefault(issue.place.file, set()).add(issue.code)
    once = _Once(_Words(files))
    for issue in sorted(issues, key=by_place):
        file = issue.place.file
        rule = RULES[issue.code]
        if (
            unknown[file].hides(issue)
            or (rule.waits_for == "all_files" and faulty - ({file} if issue.is_error else set()))
            or (rule.waits_for == "called_flows" and file in callers)
            or not codes[file].isdisjoint(rule.gives_way_to)
            or (rule.declared_by == "any_file" and once.words.at(issue.place) in unread)
        ):
            continue
        once.add(issue)
    return _first_of_each_file(once.issues)


_MOST_PLACES: Final = 10
"""Our choice."""


class _Once:
    """The issues to show: of those about one missing declaration, the first, which names the places of the others."""

    def __init__(self, words: _Words) -> None:
        self.words = words
        self._kept: list[FlowIssue] = []
        self._first: dict[tuple[str, str], int] = {}
        """The index of the first issue about a name or something else, by file, and by "" for all files."""
        self._repeated: dict[int, list[Place]] = {}

    def add(self, issue: FlowIssue) -> None:
        """Issues are added in order of their places."""
        file = issue.place.file
        once_for = RULES[issue.code].once_for
        is_shared = once_for == "shared_name"
        is_name = is_shared or once_for == "name"
        what = (
            self.words.at(issue.place) if is_name else {"file": issue.code, "message": issue.message}.get(once_for, "")
        )
        if issue.code == OF_STEPS:  # a step and something else may have one name
            what = f"step {what}"
        first = self._first.get((file, what), self._first.get(("", what))) if what else None
        if first is None and is_shared:
            first = next((at for (_, known), at in self._first.items() if known == what), None)
        if first is not None:
            self._repeated.setdefault(first, []).extend([issue.place] if is_name else [])
            return
        if what and (not is_name or self.words.lack(issue)):
            self._first[file, what] = len(self._kept)
            if is_shared:
                self._first["", what] = len(self._kept)
        self._kept.append(issue)

    @property
    def issues(self) -> list[FlowIssue]:
        return [self._with_places(issue, self._repeated.get(at, ())) for at, issue in enumerate(self._kept)]

    def _with_places(self, issue: FlowIssue, more: Iterable[Place]) -> FlowIssue:
        shown = [str(each.line) if each.file == issue.place.file else f"{each.file}:{each.line}" for each in more]
        other = [each for each in dict.fromkeys(shown) if each != str(issue.place.line)]
        if not other:
            return issue
        dots = ", ..." if len(other) > _MOST_PLACES else ""
        noun = "at" if any(":" in each for each in other) else "on line" if len(other) == 1 else "on lines"
        return replace(issue, message=f"{issue.message}; also {noun} {', '.join(other[:_MOST_PLACES])}{dots}")


def _first_of_each_file(issues: Iterable[FlowIssue]) -> list[FlowIssue]:
    """Keep errors before warnings; the last issue says that there are more."""
    by_file: dict[str, list[FlowIssue]] = {}
    for issue in issues:
        by_file.setdefault(issue.place.file, []).append(issue)
    kept: list[FlowIssue] = []
    for found in by_file.values():
        if len(found) > MOST_REPORTED:
            found.sort(key=lambda issue: not issue.is_error)
            found[MOST_REPORTED:] = []
            found.sort(key=by_place)
            found[-1] = replace(found[-1], message=f"{found[-1].message}; {_MORE}")
        kept += found
    return kept


def up_to_first_fault(issues: Collection[FlowIssue], path: str) -> list[FlowIssue]:
    """The issues of the flow in `path`, up to the first phase with an error in another file.

    Its templates may lack what an error in the flow hides, so their issues end with any error's phase.
    """
    last = min((phase_of(issue) for issue in issues if issue.is_error), default=len(PHASES))
    outside = (phase_of(issue) for issue in issues if issue.is_error and issue.place.file != path)
    last_own = min(outside, default=len(PHASES))
    return [issue for issue in issues if phase_of(issue) <= (last_own if issue.place.file == path else last)]


@dataclass
class _Words:
    """Finds the names in some files, each searched only once."""

    files: Mapping[str, ReadFile]
    _lines: dict[str, list[str]] = field(default_factory=dict)
    _counts: dict[str, Counter[str]] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """Return "" outside the file."""
        if place.file not in self._lines:
            text = self.files.get(place.file, ReadFile("")).text.removeprefix("\ufeff")
            self._lines[place.file] = LINE_BREAK.split(text)
        lines = self._lines[place.file]
        return lines[place.line - 1][place.column - 1 :][: place.length] if place.line <= len(lines) else ""

    def lack(self, issue: FlowIssue) -> bool:
        """Whether no declared name is similar to that of an issue, or only one that is probably misspelt itself."""
        near = issue.quick_fix
        if near is None or near.kind != "word":
            return True
        return sum(self._count(file)[near.text] for file in {issue.place.file, *self._shared}) <= 1

    def _count(self, file: str) -> Counter[str]:
        if file not in self._counts:
            text = self.files.get(file, ReadFile("")).text
            self._counts[file] = Counter((*_WORD.findall(text), *_HYPHENATED.findall(text)))
        return self._counts[file]

    @cached_property
    def _shared(self) -> frozenset[str]:
        nodes = ((path, read.node) for path, read in self.files.items())
        return frozenset(path for path, node in nodes if isinstance(node, Map) and node.get("shared") is not None)
