"""Lines that begin in the wrong column, and lists that begin behind a key."""

from __future__ import annotations

from app.flow.faults.fault import OF_KEYS, Fault, Finding, Line, quote


def find_list_behind_key(fault: Fault) -> Finding | None:
    """`do: - talk: Hello`."""
    if not fault.says("sequence entries are not allowed"):
        return None
    line, at = fault.line, fault.at
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
    while not head.key and head.content == head.first and (higher := fault.above_of(head)):
        head = higher
    name = head.key or fault.page.text[head.content : head.content_end]
    if head.key and head.key.startswith("-"):
        return _glued_dash(fault, head)
    message = f'"{name}" in line {head.number} has its value already; this line is indented below it'
    cure = f'{_indent_by(head.content - head.start)}, like "{name}", or delete that value'
    if not head.key:
        message = f'the list item "{name}" in line {head.number} is a text; this line is indented below it'
        cure = f'write "{name}: ..." there, or {_indent_by(head.indent)}, like its dash'
    fault.blank(line)
    return fault.found("E109", start, end, message, cure, keeps_meaning=False)


def _glued_dash(fault: Fault, head: Line) -> Finding:
    """`-if: a == b` with a line below it that is indented as for `- if`."""
    cure = f"write - {head.key[1:]}: ..."
    fault.page.mask(head.first + 1, head.end, " ")
    message = "a space is missing behind the dash"
    return fault.found("E116", head.first, head.first + 1, message, cure, keeps_meaning=False)


def find_wrong_column(fault: Fault) -> Finding | None:
    """A line that begins where no block does."""
    line = fault.line
    if fault.at != line.first or not fault.says("did not find expected", "expected <block end>", "<document start>"):
        return None
    columns = _open_columns(fault)
    indent = line.indent
    if fault.above and indent > fault.above.content - fault.above.start and fault.above.value < fault.above.content_end:
        return _second_thing(fault)
    fitting = sorted(columns, key=lambda column: (abs(column - indent), column))[:2]
    if indent in columns:
        return _wrong_kind(fault, line)
    places = " or ".join(f"{_indent_by(column)} (like line {columns[column]})" for column in sorted(fitting))
    fault.blank(line)
    message = f"this line begins in column {indent + 1}, where no block does"
    cure = places if indent else "begin the lines above at the left edge as well"
    return fault.found("E115", line.first, line.content_end, message, cure, keeps_meaning=False)


def _wrong_kind(fault: Fault, line: Line) -> Finding:
    """A key among list items, or a list item among keys."""
    if dash := _stray_dash(fault):
        return dash
    if line.content > line.first:
        message, cure = "a list item stands among keys", _cure_of_item(fault)
    else:
        message, cure = "a key stands among list items", _cure_of_key(fault)
    fault.blank(line)
    return fault.found("E115", line.first, line.content_end, message, cure, keeps_meaning=False)


def _stray_dash(fault: Fault) -> Finding | None:
    """The one dash that makes a list item of what should be a key: of this line, or of the one above it."""
    line, above = fault.line, fault.above
    alike = [line]
    while above is not None and above.indent >= line.indent:
        if above.indent == line.indent:
            alike.append(above)
        above = fault.above_of(above)
    dashes = [other for other in alike if other.content > other.first and other.key]
    if above is None or above.key not in OF_KEYS or len(dashes) != 1 or (dashes[0] is not line and len(alike) > 2):
        return None
    dash = dashes[0]
    fault.blank(dash)
    cure = f'delete the dash and the space behind it: under "{above.key}" stand keys'
    message = "this dash makes a list item of a key"
    return fault.found("E115", dash.first, dash.first + 1, message, cure, keeps_meaning=False)


def _cure_of_item(fault: Fault) -> str:
    for number in range(fault.line.number - 1, 0, -1):
        line = Line(fault.page, number)
        if line.content > line.first:
            return f"{_indent_by(line.indent)}, like the list item in line {number}"
    return "indent it below the key whose list it belongs to, or write - in front of the keys above it as well"


def _cure_of_key(fault: Fault) -> str:
    indent = fault.line.indent
    if fault.line.key in ("if", "else"):
        return "write a dash and a space in front of it: it is a line of the list"
    outer = {column: number for column, number in _open_columns(fault).items() if column < indent}
    cure = f"{_indent_by(indent + 2)} if it belongs to the item above"
    if not outer:
        return cure
    return f"{cure}, or {_indent_by(max(outer))} (like line {outer[max(outer)]})"


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


def _indent_by(spaces: int) -> str:
    named = {0: "begin it at the left edge", 1: "indent it by 1 space"}
    return named.get(spaces, f"indent it by {spaces} spaces")
