"""Gets a file past its syntax errors, to read the rest.

At each error, a line is corrected if that gets the parser further; otherwise the smallest block around it is left out.
All other lines, and so their places, stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from functools import partial
from itertools import takewhile
from typing import Final

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, NOWHERE, Place
from ncco_server.flow.source.reader import Gap, ReadAttempt, Stop, read_once
from ncco_server.flow.source.source_file import Line, SourceFile

MAX_GAPS: Final = 20
"""Our choice."""
INDENTATION: Final = frozenset({"E109", "E110", "E115"})

_MOST_ABOVE: Final = 200
"""Our choice."""
_INDENTED: Final = re.compile(r"[ \t]*(?:[^\s-][ \t]+(?=(?:- |[\w-]+:)))?")
"""A line's indentation, with a stray character in it."""
_KEY_ALONE: Final = re.compile(r"([ \t]*(?:- )?)([\w-]+)(?::([\w-]+))?[ \t]*")
"""A line with only a key, whose colon is missing or before its last letters."""
_KEY_WITH_VALUE: Final = re.compile(r"[ \t]*(?:- )?[\w-]+:(?=[ \t])")


def read_on(source: SourceFile, tried: ReadAttempt, most: int) -> tuple[ReadAttempt, list[Gap], list[FlowIssue], int]:
    """The last attempt, the gaps, their issues, and how many characters were parsed again: about `most`."""
    gaps: list[Gap] = []
    left = most
    while isinstance(tried.stopped, Stop) and tried.stopped.issue.code != "E119":
        stop = tried.stopped
        gap, source, tried, parsed = _passed(source, stop, left if len(gaps) < MAX_GAPS else 0)
        left -= parsed
        gaps.append(gap._replace(issues=()) if gaps and _is_same(gaps[-1], stop) else gap)
        if gap.last == len(source.starts):
            break
    if isinstance(tried.stopped, list) and tried.stopped:
        left_out = _left_out_for(source, tried.stopped)
        for gap in left_out:
            source = _without(source, gap)
        gaps += left_out
        tried = read_once(source)
    faults = [issue for gap in gaps for issue in gap.issues]
    if isinstance(tried.stopped, Stop) and tried.stopped.issue.code == "E119":
        faults.append(tried.stopped.issue)
    return tried, gaps, faults, most - left


def _passed(source: SourceFile, stop: Stop, left: int) -> tuple[Gap, SourceFile, ReadAttempt, int]:
    """The attempt that gets the parser furthest, and the characters parsed for it.

    Larger blocks are left out only if nothing else gets past the error. If that fails too, or takes more than `left`
    characters, the rest of the file is left out.
    """
    parsed = 0
    best: tuple[int, Gap, SourceFile, ReadAttempt] | None = None
    for changed, gap in _attempts(source, stop):
        if parsed >= left or (best is not None and gap.is_larger):
            break
        parsed += len(source.text)
        tried = read_once(changed)
        reached = tried.stopped.line if isinstance(tried.stopped, Stop) else len(source.starts) + 1
        if reached > max(gap.last, stop.line) and (best is None or reached > best[0]):
            best = reached, gap, changed, tried
    if best is not None:
        return (*best[1:], parsed)
    gap = Gap(stop.issue.place.line, len(source.starts), (stop.issue,))
    changed = _without(source, gap)
    return gap, changed, read_once(changed), parsed + len(source.text)


def _attempts(source: SourceFile, stop: Stop) -> Iterator[tuple[SourceFile, Gap]]:
    """Correct the error, then leave out blocks around it, the smallest first."""
    line = stop.issue.place.line
    for number, change in _corrections(source, stop):
        gap = Gap(min(line, number), max(line, number), (stop.issue,), is_left_out=False)
        yield source.with_lines(number, number, change), gap
    around: Gap | None = Gap(*_block(source, line), (stop.issue,))
    while around is not None:
        yield _without(source, around), around
        around = _around(source, around)


def _is_same(gap: Gap, stop: Stop) -> bool:
    """Whether an error is probably the same mistake as the gap before it."""
    before = gap.issues[-1] if gap.issues else stop.issue
    is_alike = before.code == stop.issue.code or {before.code, stop.issue.code} <= INDENTATION
    is_adjacent = is_alike and stop.issue.place.line == gap.last + 1
    return is_adjacent or (stop.issue.code == before.code == "E115" and before.message == stop.issue.message)


def _left_out_for(source: SourceFile, issues: Iterable[FlowIssue]) -> list[Gap]:
    """These errors do not stop the parser, such as an alias. Several may have one gap."""
    found: list[Gap] = []
    for issue in issues:
        if found and found[-1].first <= issue.place.line <= found[-1].last:
            found[-1] = found[-1]._replace(issues=(*found[-1].issues, issue))
        else:
            found.append(Gap(*_block(source, issue.place.line), (issue,)))
    return found


def _without(source: SourceFile, gap: Gap) -> SourceFile:
    return source.with_lines(gap.first, gap.last, lambda line: "")


def _corrections(source: SourceFile, stop: Stop) -> Iterator[tuple[int, Callable[[str], str]]]:
    line = source.line(stop.issue.place.line)
    fix = stop.issue.quick_fix
    place = Place(*(fix.place or stop.issue.place)) if fix is not None and fix.kind == "characters" else NOWHERE
    if fix is not None and place.line == line.number and not LINE_BREAK.search(fix.text):
        start, end = place.column - 1, place.column - 1 + place.length
        if end <= len(line.text):
            yield line.number, lambda text: text[:start] + fix.text + text[end:]
    if key := _KEY_ALONE.fullmatch(line.text):
        yield line.number, lambda text: f"{key[1]}{key[2]}{key[3] or ''}:"
    if stop.issue.code in INDENTATION:
        above = [*_lines_above(line)]
        for each in above:
            end = _end_of_indentation(each)
            if abs(end - line.indent) == 1 or end > each.indent:
                yield from _indented(each, _columns(each) | {line.indent, end - 1})
                break
        yield from _indented(line, _columns(line))
        head = next((each for each in above if each.indent < line.indent), None)
        if head is not None and (found := _KEY_WITH_VALUE.match(head.text)):
            yield head.number, lambda text: found[0]


def _indented(line: Line, columns: Set[int]) -> Iterator[tuple[int, Callable[[str], str]]]:
    """A tab may stand for any number of columns."""
    end = _end_of_indentation(line)
    has_tab = "\t" in line.text[:end]
    for column in sorted(columns, key=lambda column: (abs(column - end), -column))[:3]:
        if (has_tab or abs(column - end) <= 1) and (column != end or end != line.indent):
            yield line.number, partial(_starting_in, column, end)


def _starting_in(column: int, end: int, text: str) -> str:
    return " " * column + text[end:]


def _end_of_indentation(line: Line) -> int:
    found = _INDENTED.match(line.text)
    return found.end() if found else 0


def _columns(line: Line) -> set[int]:
    found: set[int] = set()
    for each in _lines_above(line):
        if not found or each.indent < min(found):
            found.add(each.indent)
            if each.text.startswith("- ", each.indent):
                found.add(each.indent + 2)
        if not each.indent:
            break
    return found


def _lines_above(line: Line) -> Iterator[Line]:
    return takewhile(lambda above: above.number > line.number - _MOST_ABOVE, line.lines_above())


def _around(source: SourceFile, gap: Gap) -> Gap | None:
    line = source.line(gap.first)
    parent = next((each for each in _lines_above(line) if each.indent < line.indent), None)
    if parent is None:
        return None
    first, last = _block(source, parent.number)
    return gap._replace(first=first, last=max(gap.last, last), is_larger=True)


def _block(source: SourceFile, first: int) -> tuple[int, int]:
    head = source.line(first)
    below = (source.line(number) for number in range(first + 1, len(source.starts) + 1))
    if head.text.startswith("<<<<<<<"):  # a conflict in Git is one error
        return first, next((line.number for line in below if line.text.startswith(">>>>>>>")), first)
    if head.text.startswith("```"):  # so is the fence around a whole file
        return first, len(source.starts)
    ends = ("]", "}") if head.text.lstrip().startswith("-") else ("]", "}", "- ")
    last = first
    for line in (line for line in below if line.is_content):
        if line.indent < head.indent or (line.indent == head.indent and not line.text.lstrip().startswith(ends)):
            break
        last = line.number
    return first, last
