"""Gets a file past its syntax errors, to read the rest.

At each error, a line is corrected if that gets the parser further; otherwise the smallest block around it is left out.
All other lines, and so their places, stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from functools import partial
from typing import Final

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, NOWHERE, Place
from ncco_server.flow.source.reader import LOADER, Gap, ReadAttempt, Stop, read_once
from ncco_server.flow.source.source_file import SourceFile

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
        tried = read_once(source, LOADER)
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
        tried = read_once(changed, LOADER)
        reached = tried.stopped.line if isinstance(tried.stopped, Stop) else len(source.starts) + 1
        if reached > max(gap.last, stop.line) and (best is None or reached > best[0]):
            best = reached, gap, changed, tried
    if best is not None:
        return (*best[1:], parsed)
    gap = Gap(stop.issue.place.line, len(source.starts), (stop.issue,))
    changed = _without(source, gap)
    return gap, changed, read_once(changed, LOADER), parsed + len(source.text)


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
    line = stop.issue.place.line
    fix = stop.issue.quick_fix
    place = Place(*(fix.place or stop.issue.place)) if fix is not None and fix.kind == "characters" else NOWHERE
    if fix is not None and place.line == line and not LINE_BREAK.search(fix.text):
        start, end = place.column - 1, place.column - 1 + place.length
        if end <= len(_line(source, line)):
            yield line, lambda text: text[:start] + fix.text + text[end:]
    if key := _KEY_ALONE.fullmatch(_line(source, line)):
        yield line, lambda text: f"{key[1]}{key[2]}{key[3] or ''}:"
    if stop.issue.code in INDENTATION:
        indent = _indent(source, line)
        above = [*_lines_above(source, line)]
        for number in above:
            end = _end_of_indentation(source, number)
            if abs(end - indent) == 1 or end > _indent(source, number):
                yield from _indented(source, number, _columns(source, number) | {indent, end - 1})
                break
        yield from _indented(source, line, _columns(source, line))
        head = next((number for number in above if _indent(source, number) < indent), 0)
        if head and (found := _KEY_WITH_VALUE.match(_line(source, head))):
            yield head, lambda text: found[0]


def _indented(source: SourceFile, line: int, columns: Set[int]) -> Iterator[tuple[int, Callable[[str], str]]]:
    """A tab may stand for any number of columns."""
    end = _end_of_indentation(source, line)
    has_tab = "\t" in _line(source, line)[:end]
    for column in sorted(columns, key=lambda column: (abs(column - end), -column))[:3]:
        if (has_tab or abs(column - end) <= 1) and (column != end or end != _indent(source, line)):
            yield line, partial(_starting_in, column, end)


def _starting_in(column: int, end: int, text: str) -> str:
    return " " * column + text[end:]


def _end_of_indentation(source: SourceFile, line: int) -> int:
    found = _INDENTED.match(_line(source, line))
    return found.end() if found else 0


def _columns(source: SourceFile, line: int) -> set[int]:
    found: set[int] = set()
    for number in _lines_above(source, line):
        indent = _indent(source, number)
        if not found or indent < min(found):
            found.add(indent)
            if _line(source, number).startswith("- ", indent):
                found.add(indent + 2)
        if not indent:
            break
    return found


def _lines_above(source: SourceFile, line: int) -> Iterator[int]:
    """Skip blank lines and comments, from bottom to top."""
    return (number for number in range(line - 1, max(0, line - _MOST_ABOVE), -1) if _is_content(source, number))


def _around(source: SourceFile, gap: Gap) -> Gap | None:
    indent = _indent(source, gap.first)
    parent = next((number for number in _lines_above(source, gap.first) if _indent(source, number) < indent), 0)
    if not parent:
        return None
    first, last = _block(source, parent)
    return gap._replace(first=first, last=max(gap.last, last), is_larger=True)


def _block(source: SourceFile, first: int) -> tuple[int, int]:
    indent = _indent(source, first)
    if _line(source, first).startswith("<<<<<<<"):  # a conflict in Git is one error
        lines = range(first, len(source.starts) + 1)
        return first, next((number for number in lines if _line(source, number).startswith(">>>>>>>")), first)
    if _line(source, first).startswith("```"):  # so is the fence around a whole file
        return first, len(source.starts)
    ends = ("]", "}") if _line(source, first).lstrip().startswith("-") else ("]", "}", "- ")
    last = first
    for number in range(first + 1, len(source.starts) + 1):
        if not _is_content(source, number):
            continue
        own = _indent(source, number)
        if own < indent or (own == indent and not _line(source, number).lstrip().startswith(ends)):
            break
        last = number
    return first, last


def _line(source: SourceFile, number: int) -> str:
    return source.parsed[source.starts[number - 1] : source.line_end(number)]


def _indent(source: SourceFile, number: int) -> int:
    line = _line(source, number)
    return len(line) - len(line.lstrip(" \t"))


def _is_content(source: SourceFile, number: int) -> bool:
    return _line(source, number).lstrip(" \t")[:1] not in ("", "#")
