"""Makes five typos in a project, and compares the report with the report of each typo alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load

SLIPS = 5
_TYPED = "abcdefghijklmnopqrstuvwxyz:,[]{}'\""


class Slip(NamedTuple):
    """A changed line (counted from 0), and the issues that it causes if it is the only mistake."""

    file: str
    line: int
    text: str
    alone: frozenset[FlowIssue]


class Outcome(NamedTuple):
    """The typos in one project, and how the report of all of them compares with the reports of each.

    Attributes:
        missed: the typos that are not reported.
        follow_ups: the issues that no typo alone has.
    """

    slips: list[Slip]
    missed: list[Slip]
    follow_ups: list[FlowIssue]


def projects() -> list[dict[str, str]]:
    """The flows and the templates of the repository, and of each example that has flow files."""
    folders = [Path(), *sorted({file.parents[1] for file in Path("examples").glob("*/flows/*.yaml")})]
    return [dict(_files_in(folder)) for folder in folders]


def outcomes(number: int, seed: int) -> Iterator[Outcome]:
    """`number` projects with five typos each; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    known = projects()
    for _ in range(number):
        texts = chance.choice(known)
        usual = _issues(texts)
        slips = _slips(texts, usual, chance)
        together = _issues(_with(texts, slips)) - usual
        expected = {key for slip in slips for issue in slip.alone for key in _keys(issue)}
        found = {key for issue in together for key in _keys(issue)}
        missed = [slip for slip in slips if found.isdisjoint(key for issue in slip.alone for key in _keys(issue))]
        yield Outcome(slips, missed, [issue for issue in together if expected.isdisjoint(_keys(issue))])


def _files_in(folder: Path) -> Iterator[tuple[str, str]]:
    for part in ("flows", "templates"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_text("utf-8")


def _slips(texts: Mapping[str, str], usual: frozenset[FlowIssue], chance: random.Random) -> list[Slip]:
    """Five changed lines, each of which is an error by itself."""
    slips: list[Slip] = []
    files = [path for path in texts if path.startswith("flows/") and path.endswith(".yaml")]
    while len(slips) < SLIPS:
        file = chance.choice(files)
        lines = texts[file].split("\n")
        line = chance.randrange(len(lines))
        if not lines[line].strip() or lines[line].lstrip().startswith("#"):
            continue
        if any((slip.file, slip.line) == (file, line) for slip in slips):
            continue
        slip = Slip(file, line, _mistyped(lines[line], chance), frozenset())
        alone = _issues(_with(texts, [slip])) - usual
        if any(issue.is_error for issue in alone):
            slips.append(slip._replace(alone=alone))
    return slips


def _mistyped(line: str, chance: random.Random) -> str:
    """The line with a character left out, typed twice, swapped with the next, or inserted."""
    at = chance.randrange(len(line))
    kinds = [
        line[:at] + line[at + 1 :],
        line[:at] + line[at] + line[at:],
        line[:at] + line[at + 1 : at + 2] + line[at] + line[at + 2 :],
        line[:at] + chance.choice(_TYPED) + line[at:],
    ]
    return chance.choice(kinds)


def _with(texts: Mapping[str, str], slips: list[Slip]) -> dict[str, str]:
    changed = {path: text.split("\n") for path, text in texts.items()}
    for slip in slips:
        changed[slip.file][slip.line] = slip.text
    return {path: "\n".join(lines) for path, lines in changed.items()}


def _issues(texts: Mapping[str, str]) -> frozenset[FlowIssue]:
    return frozenset(load(texts, {}, extent="project").issues)


def _keys(issue: FlowIssue) -> set[tuple[str, str, object]]:
    """What makes two issues the same: an undeclared name may be reported where it is used first, on another line."""
    return {(issue.place.file, issue.code, issue.place.line), (issue.place.file, issue.code, issue.message)}
