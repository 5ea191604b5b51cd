"""Selects the issues of a project to show: for each file, those up to the end of its first phase with an error.

The phases are those of `app.flow.issues`. Issues that are left out are reported by the next check, if they still exist.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Final

from app.flow.issues import MOST_REPORTED, PHASES, RULES, FlowIssue, by_place
from app.flow.nodes import LINE_BREAK, Map, Node, Place, walk
from app.suggest import nearest

_WORD: Final = re.compile(r"\w+")
_HYPHENATED: Final = re.compile(r"(?<!\w)\w++(?:-++\w++)+")

_MORE: Final = f"the file has more issues, but only {MOST_REPORTED} are reported"


def first_faults(
    issues: Collection[FlowIssue],
    nodes: Mapping[str, Node],
    texts: Mapping[str, str],
    unread: Set[str],
    callers: Set[str],
) -> list[FlowIssue]:
    """The issues of each file up to the end of its first phase with an error; an undeclared name is reported once.

    At most `MOST_REPORTED` of a file.

    Args:
        issues: all issues of the project.
        nodes: the root node of each flow file that could be parsed, by path.
        texts: the text of each flow file and each template, by path.
        unread: the names that may be declared by shared files with a syntax error, and by files that are neither flows
            nor shared.
        callers: the files of flows that run a flow with an error.
    """
    last = _last_phases(issues)
    codes: dict[str, set[str]] = {}
    for issue in issues:
        codes.setdefault(issue.place.file, set()).add(issue.code)
    words = _Words(nodes, texts)
    kept: list[FlowIssue] = []
    seen: set[tuple[str, str]] = set()
    for issue in sorted(issues, key=by_place):
        file = issue.place.file
        rule = RULES[issue.code]
        if (
            _phase_of(issue) > last.get(file, len(PHASES))
            or (rule.waits_for == "all_files" and last.keys() - ({file} if issue.is_error else set()))
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
    """At most `MOST_REPORTED` issues of each file, errors first; the last one says that there are more."""
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


def up_to_first_fault(issues: Collection[FlowIssue]) -> list[FlowIssue]:
    """The issues of one flow, in whatever file, up to the end of the first phase with an error."""
    last = min((_phase_of(issue) for issue in issues if issue.is_error), default=len(PHASES))
    return [issue for issue in issues if _phase_of(issue) <= last]


def _last_phases(issues: Iterable[FlowIssue]) -> dict[str, int]:
    """For each file with errors, the index of its first phase with an error."""
    last: dict[str, int] = {}
    for issue in issues:
        if issue.is_error:
            last[issue.place.file] = min(_phase_of(issue), last.get(issue.place.file, len(PHASES)))
    return last


def _phase_of(issue: FlowIssue) -> int:
    return PHASES.index(RULES[issue.code].found_in)


@dataclass
class _Words:
    """Finds the names in some files. Each file is searched only once.

    Attributes:
        nodes, texts: as in `first_faults`.
    """

    nodes: Mapping[str, Node]
    texts: Mapping[str, str]
    _lines: dict[str, list[str]] = field(default_factory=dict)
    _keys: dict[str, frozenset[str]] = field(default_factory=dict)
    _counts: dict[str, Counter[str]] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """The characters at a place; "" outside its file."""
        if place.file not in self._lines:
            text = self.texts.get(place.file, "").removeprefix("\ufeff")
            self._lines[place.file] = LINE_BREAK.split(text)
        lines = self._lines[place.file]
        return lines[place.line - 1][place.column - 1 :][: place.length] if place.line <= len(lines) else ""

    def lack_declaration(self, file: str, name: str) -> bool:
        """Whether a name has no similar key in its file, or the similar key occurs only once in the file.

        In the second case, the key is probably the misspelt one of the two.
        """
        if file not in self._keys:
            node = self.nodes.get(file)
            maps = (inner for inner in walk(node) if isinstance(inner, Map)) if node is not None else ()
            self._keys[file] = frozenset(key.value for each in maps for key, _ in each.entries)
            text = self.texts.get(file, "")
            self._counts[file] = Counter((*_WORD.findall(text), *_HYPHENATED.findall(text)))
        near = nearest(name, (key for key in self._keys[file] if key != name))
        return near is None or self._counts[file][near] == 1
