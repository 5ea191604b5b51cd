"""YAML text → nodes with positions, with checks for the pitfalls of YAML in flow files.

PyYAML's loader changes values (`on` becomes True, `17:30` 1050, `0044` 36), so only its event API is used: every scalar
is the text that its author wrote.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ncco_server.flow.issues import RULES, Fix, FlowIssue, by_place
from ncco_server.flow.nodes import Node
from ncco_server.flow.source.gaps import read_on
from ncco_server.flow.source.reader import MAX_CHARACTERS as MAX_CHARACTERS
from ncco_server.flow.source.reader import MAX_DEPTH as MAX_DEPTH
from ncco_server.flow.source.reader import MAX_PARSED as MAX_PARSED
from ncco_server.flow.source.reader import MAX_VALUES as MAX_VALUES
from ncco_server.flow.source.reader import Gap as Gap
from ncco_server.flow.source.reader import LateMap as LateMap
from ncco_server.flow.source.reader import read_once
from ncco_server.flow.source.source_file import SourceFile

_NAME = re.compile(r"(?:^[ \t]*(?:- +)*|[{,][ \t]*)[\"']?([A-Za-z_][\w-]*)[\"']?[ \t]*(?::|$)", re.MULTILINE)
_MARKER = re.compile(r"(?:^|(?<=[\r\n]))(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_CONTENT = re.compile(r"(?:^|[\r\n])[ \t]*[^\s#%.-]")
_FILE_START = re.compile(r"[\r\n](?:flow|shared):")
_FLOW_NAME = re.compile(r"^[ \t]*(?:- |\{[ \t]*)?flow:[ \t]*[\"']?([\w-]+)", re.MULTILINE)


def read_yaml(file: str, text: str, *, nullable: str = "") -> tuple[Node | None, list[FlowIssue]]:
    """The first document of `text` as nodes, and its issues sorted by place. Never raises.

    The node is None without a document and after a syntax error, of which only the first is reported. In a node with
    other errors, an unquoted `Text` with the value "" is a missing value, already reported, or a null below the key
    `nullable`.
    """
    source = SourceFile(file, text)
    if problem := _too_long(source):
        return None, [problem]
    invalid = source.replace_invalid_characters()
    node, issues, stopped = read_once(source, nullable=nullable)
    stops = stopped if isinstance(stopped, list) else [stopped.issue]
    return None if stops else node, sorted([*invalid, *issues, *stops], key=by_place)


class Reading(NamedTuple):
    """What could be read of a file.

    Attributes:
        node: without omitted lines; None if nothing could be read.
        parsed: the number of characters that were parsed again after syntax errors.
    """

    node: Node | None
    issues: list[FlowIssue]
    gaps: tuple[Gap, ...] = ()
    parsed: int = 0


def read_past_errors(file: str, text: str, most: int = MAX_PARSED, *, is_late: bool = False) -> Reading:
    """Like `read_yaml`, but reading continues after a syntax error: see `ncco_server.flow.source.gaps`.

    After about `most` characters parsed again, what follows the next error is left out. With `is_late`, for a text that
    had no errors before, the nodes of each step are built when they are first used.
    """
    source = SourceFile(file, text)
    if problem := _too_long(source):
        return Reading(None, [problem])
    invalid = source.replace_invalid_characters()
    source, marker = _in_one_document(source)
    tried = read_once(source, is_late=is_late)
    gaps = [] if marker is None else [marker]
    faults = [] if marker is None else [*marker.issues]
    parsed = 0
    if tried.stopped:
        tried, more, found, parsed = read_on(source, tried, most)
        gaps += more
        faults += found
    own = [] if gaps and tried.node is None else tried.issues  # nothing is left, not even a document
    issues = sorted([*invalid, *own, *faults], key=by_place)
    node = None if tried.stopped else tried.node
    return Reading(node, issues, tuple(sorted(gaps, key=lambda gap: gap.first)), parsed)


def _in_one_document(source: SourceFile) -> tuple[SourceFile, Gap | None]:
    """Leave out lines that end a document within the file (E111), and a second flow that begins there."""
    markers = [source.position(found.start())[0] for found in _MARKER.finditer(source.parsed)]
    is_content = _CONTENT.search
    lines = [source.parsed[source.starts[number - 1] : source.line_end(number)] for number in markers]
    inside = [
        (number, line)
        for number, line in zip(markers, lines, strict=True)
        if is_content(source.parsed, 0, source.starts[number - 1])
        and (line.startswith("---") or is_content(source.parsed, source.line_end(number)))
    ]
    if not inside:
        return source, None
    first, line = inside[0]
    start = source.starts[first - 1]
    if _FILE_START.search(source.parsed, start):
        last = len(source.starts)
        issue = RULES["E111"].at(source.place(start, start + 3), "a second document begins here")
        return source.with_lines(first, last, lambda line: ""), Gap(first, last, (issue,))
    for number, _ in inside:
        source = source.with_lines(number, number, lambda line: "")
    message = f"{line[:3]} ends the document here, but the file goes on"
    issue = RULES["E111"].at(source.place(start, start + 3), message, Fix(f"delete the {line[:3]}", "characters"))
    return source, Gap(first, first, (issue,), is_left_out=False)


def _too_long(source: SourceFile) -> FlowIssue | None:
    message = f"the file has {len(source.text)} characters; at most {MAX_CHARACTERS} are read"
    return RULES["E119"].at(source.place(0), message) if len(source.text) > MAX_CHARACTERS else None


def names_written_in(text: str) -> tuple[str, frozenset[str]]:
    """For a file with a syntax error: the flow's name, or "", and every word that may be a key.

    A line with a single word counts, since its colon may be missing.
    """
    found = _FLOW_NAME.search(text)
    return found[1] if found else "", frozenset(_NAME.findall(text))
