"""Selects a project's issues to show: of each file, those up to its first phase with an error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from dataclasses import replace
from itertools import groupby
from typing import Final

from ncco_server.flow.issues import MOST_REPORTED, PHASES, RULES, FlowIssue, by_place

_MORE: Final = f"the file has more issues, but only {MOST_REPORTED} are reported"


def shown(issues: Collection[FlowIssue], undeclared: Set[str]) -> Iterable[FlowIssue]:
    """At most `MOST_REPORTED` issues of a file, sorted by place.

    `undeclared` are faulty files that may declare and use names of others, which report nothing about names then, and
    nothing about the flow as a whole.
    """
    faulty = {issue.place.file for issue in issues if issue.is_error}
    for file, found in groupby(sorted(issues, key=by_place), key=lambda issue: issue.place.file):
        reported = []
        for issue in up_to_first_error([*found]):
            rule = RULES[issue.code]
            is_unsure = ((rule.declared_by == "any_file" or rule.found_in == PHASES[-1]) and undeclared - {file}) or (
                rule.waits_for == "all_files" and faulty - ({file} if issue.is_error else set())
            )
            if not is_unsure:
                reported.append(issue)
        most = sorted(reported, key=lambda issue: not issue.is_error)[:MOST_REPORTED]
        kept = sorted(most, key=by_place)
        if len(reported) > MOST_REPORTED:
            kept[-1] = replace(kept[-1], message=f"{kept[-1].message}; {_MORE}")
        yield from kept


def up_to_first_error(issues: Collection[FlowIssue]) -> list[FlowIssue]:
    """Leave out later phases: fix and check again."""
    last = min((phase_of(issue) for issue in issues if issue.is_error), default=len(PHASES))
    return [issue for issue in issues if phase_of(issue) <= last]


def phase_of(issue: FlowIssue) -> int:
    return PHASES.index(RULES[issue.code].found_in)
