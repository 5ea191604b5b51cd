"""Formats issues as text for people, JSON for programs, or annotations for GitHub."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, groupby
from typing import Final, Literal, TypeAlias

from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import LINE_BREAK
from ncco_server.terminal import printable
from ncco_server.wording import counted

Format = Literal["text", "json", "github"]

_WIDEST = 110
"""In columns; a longer line is cut around the error."""
_LEAD = 50
"""Columns to keep before the error."""
_NEAR = 4 * _WIDEST
_TAB = "    "
NO_PAGES: Final[Mapping[str, str]] = {}
_COLOURS = {"error": "31", "warning": "33", "place": "1", "cure": "36", "heading": "1;4"}


def report(
    issues: Iterable[FlowIssue],
    sources: Mapping[str, str],
    format: Format = "text",
    colour: bool = False,
    pages: Mapping[str, str] = NO_PAGES,
) -> str:
    """Sort by place. Ends with a line break, but is "" as text without issues.

    Files missing in `sources` (display path → text) have no excerpt. `colour` adds terminal colours to text; escape
    sequences in a file are never printed. `pages` are the addresses of codes, which link to them in a terminal.
    """
    ordered = sorted(issues, key=by_place)
    if format == "json":
        return _json(ordered)
    if format == "github":
        return "".join(map(_annotation, ordered))
    colours = _coloured if colour else lambda text, colour: text
    return _text(ordered, sources, lambda text, colour: _linked(colours(text, colour), pages.get(text, "")))


Colouring: TypeAlias = Callable[[str, str], str]


def _coloured(text: str, colour: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _linked(text: str, page: str) -> str:
    """Source: OSC 8, "Hyperlinks in terminal emulators"."""
    return f"\x1b]8;;{page}\x1b\\{text}\x1b]8;;\x1b\\" if page else text


def _text(issues: Sequence[FlowIssue], sources: Mapping[str, str], colours: Colouring) -> str:
    if not issues:
        return ""
    files = {issue.place.file for issue in issues}
    lines = {file: LINE_BREAK.split(sources[file].removeprefix("\ufeff")) for file in files if file in sources}
    blocks: list[str] = []
    for file, group in groupby(issues, key=lambda issue: issue.place.file):
        found = tuple(group)
        if len(files) > 1:
            blocks.append(colours(f"{printable(file)}: {_counts(found)}", "heading") + "\n")
        blocks += [_block(issue, lines.get(file, ()), colours) for issue in found]
    return "\n".join([*blocks, f"{_counts(issues)} in {counted(len(files), 'file')}\n"])


def _counts(issues: Sequence[FlowIssue]) -> str:
    errors = sum(issue.is_error for issue in issues)
    counts = [(errors, "error"), (len(issues) - errors, "warning")]
    return ", ".join(counted(number, noun) for number, noun in counts if number)


def _block(issue: FlowIssue, lines: Sequence[str], colours: Colouring) -> str:
    where = colours(printable(str(issue.place)), "place")
    head = f"{where}  {colours(issue.code, issue.severity)}  {printable(issue.message)}\n"
    cure = colours(printable(issue.cure), "cure")
    line = issue.place.line
    if not 1 <= line <= len(lines):
        return f"{head}     | {cure}\n"
    excerpt, before, width = _excerpt(lines[line - 1], issue.place.column, issue.place.length)
    number = str(line).rjust(4)
    caret = colours("^" * width, issue.severity)
    return f"{head}{number} | {excerpt}\n{' ' * len(number)} | {' ' * before}{caret} {cure}\n"


def _excerpt(line: str, column: int, length: int) -> tuple[str, int, int]:
    start = min(column - 1, len(line))
    begin = max(0, start - _NEAR)
    line = line[begin : start + _NEAR]
    start -= begin
    cells = [_TAB if char == "\t" else printable(char) for char in line]
    before = _width(cells[:start])
    width = max(1, _width(cells[start : start + length]))
    front = ""
    if _width(cells) > _WIDEST and before > _LEAD:
        index = _cells_to_fill(cells, before - _LEAD)
        front = "..."
        before = before - _width(cells[:index]) + 3
        cells = cells[index:]
    shown = cells[: _cells_to_fill(cells, _WIDEST + 1) - 1] if _width(cells) > _WIDEST else cells
    cut = "..." if len(shown) < len(cells) else ""
    return front + "".join(shown) + cut, before, min(width, max(1, _WIDEST - before))


def _cells_to_fill(cells: Sequence[str], columns: int) -> int:
    filled = accumulate((_width([cell]) for cell in cells), initial=0)
    return next(index for index, width in enumerate(filled) if width >= columns)


def _width(cells: Sequence[str]) -> int:
    """Two columns for wide East Asian letters and emoji, none for combining marks."""
    return sum(_columns(char) for cell in cells for char in cell)


def _columns(char: str) -> int:
    if char < "\x7f":
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _json(issues: Sequence[FlowIssue]) -> str:
    errors = sum(issue.is_error for issue in issues)
    document = {"errors": errors, "warnings": len(issues) - errors, "issues": [_fields(issue) for issue in issues]}
    return json.dumps(document, indent=2) + "\n"


def _fields(issue: FlowIssue) -> dict[str, object]:
    return {
        **issue.place._asdict(),
        "severity": issue.severity,
        "code": issue.code,
        "message": issue.message,
        "fix": issue.cure,
    }


def _annotation(issue: FlowIssue) -> str:
    place = issue.place
    text = f"{issue.message}: {issue.cure}"
    columns = {"col": place.column, "endColumn": place.column + place.length}
    return annotation(issue.severity, text, file=place.file, line=place.line, **columns, title=issue.code)


def annotation(level: str, text: str, **values: object) -> str:
    """A GitHub workflow command. Source: GitHub's workflow commands, how values are escaped."""
    written = (
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in values.items()
    )
    return f"::{level} {','.join(written)}::{_escaped(text)}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
