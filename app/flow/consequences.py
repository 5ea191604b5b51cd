"""Leaves out issues that only follow from another one, so that one mistake is reported once.

What is left out is reported by the next check, if it is still there once the cause is fixed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Final

from app.flow.issues import PROMPT_RULES, FlowIssue, by_place
from app.flow.nodes import Map, Node, Place, walk
from app.suggest import nearest

_UNDECLARED_NAMES: Final = frozenset({"E225", "E303", "E304", "E533", "E537", "E561", "E580"})
"""Rules about an undeclared name; their issues point at the name."""

_DECLARED_ELSEWHERE: Final = (_UNDECLARED_NAMES | {"E272"}) - {"E225", "E533"}
"""Rules about names that another file may declare."""

_NO_LOCALES: Final = "E562"

_CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "E216": ("E225", "E272", "E30", "E313"),
    "E275": ("E273",),
    "W213": ("E272", "E402"),
    "W215": ("E260", "E275", "E276", "W268"),
    "W287": ("E103", "E4"),
    "W289": ("E630", "W646"),
}
"""A rule → prefixes of the codes that cause it. If an issue with such a code is in the same file, the rule is not
reported."""

_ACROSS_FILES: Final = frozenset({"E275", "W213"})
"""Rules whose cause may be in any file."""

_RETURN_VALUES: Final = frozenset({"W639", "W646"})
"""Rules about values that a sub-flow may return."""


def without_text_consequences(
    found: Iterable[FlowIssue], path: str, faults: Iterable[FlowIssue]
) -> Iterator[FlowIssue]:
    """The issues of a file without those that follow from a fault in its YAML text, such as a missing value.

    After such a fault the choices of a menu may be incomplete, so issues about prompts are left out too.
    """
    faulty = {(fault.place.line, fault.place.column) for fault in faults if fault.is_error}
    for issue in found:
        if not (faulty and (issue.code in PROMPT_RULES or _points_at(issue.place, path, faulty))):
            yield issue


def _points_at(place: Place, path: str, faulty: Set[tuple[int, int]]) -> bool:
    if place.file != path:
        return False
    return any(line == place.line and 0 <= column - place.column < place.length for line, column in faulty)


def without_consequences(
    issues: Collection[FlowIssue],
    nodes: Mapping[str, Node],
    texts: Mapping[str, str],
    unread: Set[str],
    callers: Set[str],
) -> list[FlowIssue]:
    """The issues of a project without those that follow from others.

    Args:
        issues: all of them.
        nodes: the root node of each flow file that could be read, by path.
        texts: the text of each flow file, by path.
        unread: the names that files with a syntax error may declare.
        callers: the files of flows that run a flow with an error.
    """
    codes: dict[str, set[str]] = {}
    for issue in issues:
        codes.setdefault(issue.place.file, set()).add(issue.code)
    seen: set[tuple[str, str]] = set()
    kept: list[FlowIssue] = []
    for issue in sorted(issues, key=by_place):
        file = issue.place.file
        broken = codes if issue.code in _ACROSS_FILES else {file: codes[file]}
        if any(
            code.startswith(_CAUSES.get(issue.code, ())) for each in broken.values() for code in each - {issue.code}
        ):
            continue
        if issue.code in _RETURN_VALUES and file in callers:
            continue
        name = _name_at(issue.place, texts) if issue.code in _UNDECLARED_NAMES | _DECLARED_ELSEWHERE else ""
        if issue.code in _DECLARED_ELSEWHERE and file in nodes and name in unread:
            continue
        reported_as = name if issue.code in _UNDECLARED_NAMES else _NO_LOCALES if issue.code == _NO_LOCALES else ""
        if reported_as and (file, reported_as) in seen:
            continue
        if reported_as == _NO_LOCALES or (
            reported_as and _lacks_declaration(reported_as, nodes.get(file), texts.get(file, ""))
        ):
            seen.add((file, reported_as))
        kept.append(issue)
    return kept


def _name_at(place: Place, texts: Mapping[str, str]) -> str:
    lines = texts.get(place.file, "").splitlines()
    return lines[place.line - 1][place.column - 1 :][: place.length] if place.line <= len(lines) else ""


def _lacks_declaration(name: str, node: Node | None, text: str) -> bool:
    """Whether no key is similar to the name, or the similar key is used nowhere else, so one of the two is misspelt."""
    maps = (inner for inner in walk(node) if isinstance(inner, Map)) if node is not None else ()
    near = nearest(name, {key.value for each in maps for key, _ in each.entries} - {name})
    return near is None or len(re.findall(rf"\b{re.escape(near)}\b", text)) == 1
