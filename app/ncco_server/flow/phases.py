"""Selects a project's issues to show: those that no other mistake may have caused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ncco_server.flow.issues import MOST_REPORTED, PHASES, RULES, FlowIssue, by_place
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Place, walk
from ncco_server.flow.source import Gap
from ncco_server.flow.unknown import Unknown, phase_of
from ncco_server.suggest import nearest

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
    codes: dict[str, set[str]] = {}
    for issue in issues:
        codes.setdefault(issue.place.file, set()).add(issue.code)
    words = _Words(files)
    kept: list[FlowIssue] = []
    seen: set[tuple[str, str]] = set()
    for issue in sorted(issues, key=by_place):
        file = issue.place.file
        rule = RULES[issue.code]
        if (
            unknown[file].hides(issue)
            or (rule.waits_for == "all_files" and faulty - ({file} if issue.is_error else set()))
            or (rule.waits_for == "called_flows" and file in callers)
            or not codes[file].isdisjoint(rule.gives_way_to)
        ):
            continue
        is_name = rule.once_for == "name" or rule.declared_by == "any_file"
        name = words.at(issue.place) if is_name else ""
        if rule.declared_by == "any_file" and name in unread:
            continue
        once_for = {"name": name, "file": issue.code, "message": issue.message}.get(rule.once_for, "")
        if once_for and (file, once_for) in seen:
            continue
        if once_for and (rule.once_for != "name" or words.lack_declaration(file, name)):
            seen.add((file, once_for))
        kept.append(issue)
    return _first_of_each_file(kept)


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
    _keys: dict[str, frozenset[str]] = field(default_factory=dict)
    _counts: dict[str, Counter[str]] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """Return "" outside the file."""
        if place.file not in self._lines:
            text = self.files.get(place.file, ReadFile("")).text.removeprefix("\ufeff")
            self._lines[place.file] = LINE_BREAK.split(text)
        lines = self._lines[place.file]
        return lines[place.line - 1][place.column - 1 :][: place.length] if place.line <= len(lines) else ""

    def lack_declaration(self, file: str, name: str) -> bool:
        """Whether no key in its file is similar to a name, or only one that is probably misspelt."""
        if file not in self._keys:
            text, node, _ = self.files.get(file, ReadFile(""))
            maps = (inner for inner in walk(node) if isinstance(inner, Map)) if node is not None else ()
            self._keys[file] = frozenset(key.value for each in maps for key, _ in each.entries)
            self._counts[file] = Counter((*_WORD.findall(text), *_HYPHENATED.findall(text)))
        near = nearest(name, (key for key in self._keys[file] if key != name))
        return near is None or self._counts[file][near] == 1
