"""Lines that begin in the wrong column, and lists that begin behind a key."""

from __future__ import annotations

from app.flow.faults.fault import Fault, Finding, Line, quote


def find_list_behind_key(fault: Fault) -> Finding | None:
    """`do: - talk: Hello`."""
    if not fault.says("sequence entries are not allowed"):
        return None
    line, at = fault.line, fault.at
    if at == line.first:
        return _second_thing(fault)
    rest = fault.page.text[at : line.content_end]
    fault.blank(line)
    key = line.key or "the key"
    cure = f"begin the list on the next line, two spaces deeper; for a text, put it in quotes: {quote(rest)}"
    return fault.found("E115", at, at + 1, f'a list cannot begin on the line of "{key}"', cure, keeps_meaning=False)


def find_second_thing(fault: Fault) -> Finding | None:
    """A map or list, indented below a key that has its value already."""
    if fault.says("mapping values are not allowed") and fault.line.colon == fault.at:
        return _second_thing(fault)
    return None


def _second_thing(fault: Fault) -> Finding | None:
    line, above = fault.line, fault.above
    if above is None:
        return None
    start, end = line.first, line.content_end
    head = above
    while not head.key and (higher := Fault(fault.page, "", head.start, head.start, None, False).above):
        head = higher
    spaces = head.content - head.start
    message = f'"{head.key}" in line {head.number} has its value already; this line is indented below it'
    fault.blank(line)
    cure = f'indent this line by {spaces} spaces, like "{head.key}", or delete that value'
    return fault.found("E109", start, end, message, cure, keeps_meaning=False)


def find_wrong_column(fault: Fault) -> Finding | None:
    """A line that begins where no block does."""
    line = fault.line
    if fault.at != line.first or not fault.says("did not find expected", "expected <block end>", "<document start>"):
        return None
    columns = _open_columns(fault)
    indent = line.indent
    fitting = sorted(columns, key=lambda column: (abs(column - indent), column))[:2]
    if indent in columns:
        return _wrong_kind(fault, line)
    places = " or ".join(f"by {_spaces(column)} (like line {columns[column]})" for column in sorted(fitting))
    fault.blank(line)
    message = f"this line is indented by {_spaces(indent)}, where no block begins"
    cure = f"indent it {places}" if columns else "begin the lines above at the left edge as well"
    return fault.found("E115", line.first, line.content_end, message, cure, keeps_meaning=False)


def _wrong_kind(fault: Fault, line: Line) -> Finding:
    """A key among list items, or a list item among keys."""
    is_item = line.content > line.first
    fault.blank(line)
    if is_item:
        message, cure = "a list item stands among keys", "indent it below the key whose list it belongs to"
    else:
        message, cure = (
            "a key stands among list items",
            'write "- " in front of it, or indent it like the key it follows',
        )
    return fault.found("E115", line.first, line.content_end, message, cure, keeps_meaning=False)


def _open_columns(fault: Fault) -> dict[int, int]:
    """How far blocks above are indented → the last line that shows it."""
    columns: dict[int, int] = {}
    for number in range(1, fault.line.number):
        line = Line(fault.page, number)
        if line.is_blank:
            continue
        columns = {column: shown for column, shown in columns.items() if column < line.indent}
        columns[line.indent] = number
        columns[line.content - line.start] = number
    return columns


def _spaces(number: int) -> str:
    return {0: "no space", 1: "1 space"}.get(number, f"{number} spaces")
