"""YAML text → nodes with positions, with checks for the pitfalls of YAML in flow files.

PyYAML's loader changes values (`on` becomes True, `17:30` 1050, `0044` 36), so only its event API is used: every scalar
is the text that its author wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import yaml

from ncco_server.flow.issues import MOST_REPORTED, RULES, Fix, FlowIssue, by_place
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, is_missing
from ncco_server.flow.source.gaps import MAX_GAPS, Gap, Stop, attempts, is_same, left_out_for, without
from ncco_server.flow.source.pitfalls import (
    check_empty,
    check_key,
    check_missing_space,
    check_scalar,
    check_unsupported,
)
from ncco_server.flow.source.source_file import FILLER, SourceFile, is_quoted, marks

__all__ = [
    "LOADER",
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "MAX_PARSED",
    "MAX_VALUES",
    "Gap",
    "Reading",
    "names_written_in",
    "read_past_errors",
    "read_yaml",
]

MAX_CHARACTERS = 524_288
MAX_VALUES = 100_000
"""Keys, texts, lists and maps, in a file and in all files of a project together."""
MAX_DEPTH = 64
"""A larger or more deeply nested file is refused (E119)."""

MAX_PARSED = 4 * MAX_CHARACTERS
"""Characters that are parsed again after syntax errors, in all files of a project together."""

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NAME = re.compile(r"(?:^[ \t]*(?:- +)*|[{,][ \t]*)[\"']?([A-Za-z_][\w-]*)[\"']?[ \t]*(?::|$)", re.MULTILINE)
_FLOW_NAME = re.compile(r"^flow:[ \t]*[\"']?([\w-]+)", re.MULTILINE)


def read_yaml(file: str, text: str, *, loader: type[Any] = LOADER) -> tuple[Node | None, list[FlowIssue]]:
    """The first document of `text` as nodes, and its issues sorted by place. Never raises.

    The node is None without a document and after a syntax error, of which only the first is reported. Besides errors of
    other kinds there may be a node: in it, an unquoted `Text` with the value "" is a missing value, already reported.
    """
    source = SourceFile(file, text)
    if problem := _too_long(source):
        return None, [problem]
    invalid = source.replace_invalid_characters()
    node, issues, stopped = _read(source, loader)
    stops = stopped if isinstance(stopped, list) else [stopped.issue]
    return None if stops else node, sorted([*invalid, *issues, *stops], key=by_place)


class Reading(NamedTuple):
    """What could be read of a file.

    Attributes:
        node: the root node, without the lines that were left out; None if nothing could be read.
        gaps: the lines that were not read as written because of syntax errors, from top to bottom.
        parsed: the number of characters that were parsed again after syntax errors.
    """

    node: Node | None
    issues: list[FlowIssue]
    gaps: tuple[Gap, ...] = ()
    parsed: int = 0


def read_past_errors(file: str, text: str, most: int = MAX_PARSED) -> Reading:
    """Like `read_yaml`, but reading continues after a syntax error: see `ncco_server.flow.source.gaps`.

    Once about `most` characters have been parsed again, what follows the next error is left out.
    """
    source = SourceFile(file, text)
    if problem := _too_long(source):
        return Reading(None, [problem])
    invalid = source.replace_invalid_characters()
    gaps: list[Gap] = []
    left = most
    tried = _read(source, LOADER)
    while isinstance(tried.stopped, Stop) and tried.stopped.issue.code != "E119":
        stop = tried.stopped
        gap, source, tried, parsed = _passed(source, stop, left if len(gaps) < MAX_GAPS else 0)
        left -= parsed
        gaps.append(gap._replace(issues=()) if gaps and is_same(gaps[-1], stop) else gap)
        if gap.last == len(source.starts):
            break
    if isinstance(tried.stopped, list) and tried.stopped:
        left_out = left_out_for(source, tried.stopped)
        for gap in left_out:
            source = without(source, gap)
        gaps += left_out
        tried = _read(source, LOADER)
    faults = [issue for gap in gaps for issue in gap.issues]
    if isinstance(tried.stopped, Stop) and tried.stopped.issue.code == "E119":
        faults.append(tried.stopped.issue)
    own = [] if gaps and tried.node is None else tried.issues  # nothing is left, not even a document
    issues = sorted([*invalid, *own, *faults], key=by_place)
    node = None if tried.stopped else tried.node
    return Reading(node, issues, tuple(sorted(gaps, key=lambda gap: gap.first)), most - left)


class _Attempt(NamedTuple):
    """The root node, its issues, and what keeps the file from being read; [] if nothing does."""

    node: Node | None
    issues: list[FlowIssue]
    stopped: Stop | list[FlowIssue]


def _passed(source: SourceFile, stop: Stop, left: int) -> tuple[Gap, SourceFile, _Attempt, int]:
    """The attempt that gets the parser furthest, and the number of characters that were parsed for it.

    Larger blocks are left out only if nothing else gets the parser past the error. If that fails too, or would take
    more than `left` characters, the rest of the file is left out.
    """
    parsed = 0
    best: tuple[int, Gap, SourceFile, _Attempt] | None = None
    for changed, gap in attempts(source, stop):
        if parsed >= left or (best is not None and gap.is_larger):
            break
        parsed += len(source.text)
        tried = _read(changed, LOADER)
        reached = tried.stopped.line if isinstance(tried.stopped, Stop) else len(source.starts) + 1
        if reached > max(gap.last, stop.line) and (best is None or reached > best[0]):
            best = reached, gap, changed, tried
    if best is not None:
        return (*best[1:], parsed)
    gap = Gap(stop.issue.place.line, len(source.starts), (stop.issue,))
    changed = without(source, gap)
    return gap, changed, _read(changed, LOADER), parsed + len(source.text)


def _too_long(source: SourceFile) -> FlowIssue | None:
    message = f"the file has {len(source.text)} characters; at most {MAX_CHARACTERS} are read"
    return RULES["E119"].at(source.place(0), message) if len(source.text) > MAX_CHARACTERS else None


def _read(source: SourceFile, loader: type[Any]) -> _Attempt:
    events, stopped = _parse(source, loader)
    if stopped is not None:
        return _Attempt(None, [], stopped)
    if unsupported := [*islice(check_unsupported(source, events), MOST_REPORTED + 1)]:
        return _Attempt(None, [], unsupported)
    builder = _Builder(source, iter(events), [])
    node = builder.document()
    return _Attempt(node, builder.issues, [])


def names_written_in(text: str) -> tuple[str, frozenset[str]]:
    """For a file with a syntax error: the flow's name, or "", and every word that may be a key.

    A line with a single word counts, since its colon may be missing.
    """
    found = _FLOW_NAME.search(text)
    return found[1] if found else "", frozenset(_NAME.findall(text))


def _parse(source: SourceFile, loader: type[Any]) -> tuple[list[yaml.Event], Stop | None]:
    events: list[yaml.Event] = []
    depth = 0
    values = 0
    try:
        for event in yaml.parse(source.parsed, Loader=loader):
            events.append(event)
            if not isinstance(event, yaml.NodeEvent):
                depth -= isinstance(event, yaml.CollectionEndEvent)
                continue
            values += 1
            if values > MAX_VALUES:
                message = f"more than {MAX_VALUES:,} keys and values"
                cure = "shorten it: a project may not have more"
                return events, Stop(RULES["E119"].at(source.extent(event), message, cure), marks(event)[0].line + 1)
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} nested levels"
                return events, Stop(RULES["E119"].at(source.extent(event), message), marks(event)[0].line + 1)
    except yaml.MarkedYAMLError as error:
        from ncco_server.flow.source.syntax import diagnose  # noqa: PLC0415 - a server's files usually have no such error

        at = error.problem_mark.line + 1 if error.problem_mark else 1
        return events, Stop(diagnose(source, error, events), at)
    return events, None


_HEADER = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_ESCAPE = re.compile(r"\\(?:(?P<fold>(?:\r\n|\r|\n)[ \t]*)|x.{2}|u.{4}|U.{8}|.)")


@dataclass(slots=True)
class _Builder:
    """Builds nodes from the parser's events, and reports issues as it goes.

    In its methods, `key` is the key of a value (None for a list item), and `name` is the nearest key around it.
    """

    source: SourceFile
    events: Iterator[yaml.Event]
    issues: list[FlowIssue]

    def document(self) -> Node | None:
        """None without a document, or with two: the second may contain what is missing in the first."""
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            self.issues.append(RULES["E120"].at(self.source.place(0), "the file is empty"))
            return None
        node = self._node(next(self.events), None, "")
        next(self.events)
        more = next(self.events)
        if isinstance(more, yaml.DocumentStartEvent):
            self.issues.append(RULES["E111"].at(self.source.extent(more), "a second document begins here"))
            return None
        return node

    def _node(self, event: yaml.Event, key: Text | None, name: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._value(event, key, name)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(event)
        return self._seq(event, name)

    def _map(self, start: yaml.MappingStartEvent) -> Map:
        entries: dict[str, Entry] = {}
        earlier = len(self.issues)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            after = next(self.events)
            if start.flow_style and self._is_split_text(after):
                continue
            value = self._node(after, key, key.value if key else "")
            if key is None:
                continue
            if first := entries.get(key.value):
                message = f'"{key.value}" appears a second time here; the first is on line {first.key.place.line}'
                is_spare = isinstance(value, Text) or _contents(first.value) == _contents(value)
                fix = Fix(RULES["E102"].cure, "delete") if is_spare else None
                self.issues.append(RULES["E102"].at(key.place, message, fix))
                if is_missing(first.value):
                    entries[key.value] = Entry(first.key, value)
            else:
                entries[key.value] = Entry(key, value)
        is_block = not start.flow_style and entries
        place = next(iter(entries.values())).key.place if is_block else self._extent(start, event)
        is_flow = start.flow_style and entries
        written = self.source.text[marks(start)[0].index : marks(event)[1].index] if is_flow else ""
        if is_flow and ":" not in written and "{" not in written[1:]:
            fix = Fix(f"write a list: [{', '.join(entries)}]", "characters", f"[{', '.join(entries)}]")
            self.issues[earlier:] = [RULES["E103"].at(place, "these braces contain names without values", fix)]
        return Map(tuple(entries.values()), place)

    def _is_split_text(self, value: yaml.Event) -> bool:
        """Whether a key without a value is the rest of text in typographic quotes that YAML split at a comma."""
        is_empty = isinstance(value, yaml.ScalarEvent) and not value.value and not value.style
        return is_empty and bool(self.issues) and self.issues[-1].code == "E118"

    def _key(self, event: yaml.Event) -> Text | None:
        if isinstance(event, yaml.ScalarEvent):
            if issue := check_key(self.source, event):
                self.issues.append(issue)
            return self._text(event)
        place = self._node(event, None, "").place
        self.issues.append(RULES["E124"].at(place, "a list or a map cannot be a key"))
        return None

    def _seq(self, start: yaml.Event, name: str) -> Seq:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, None, name))
        is_flow = isinstance(start, yaml.SequenceStartEvent) and start.flow_style
        return Seq(tuple(items), self._extent(start, event if is_flow else start))

    def _extent(self, start: yaml.Event, end: yaml.Event) -> Place:
        return self.source.place(marks(start)[0].index, marks(end)[1].index)

    def _value(self, event: yaml.ScalarEvent, key: Text | None, name: str) -> Text:
        if empty := check_empty(self.source, event, key):
            issue, meant = empty
            self.issues.append(issue)
            return Text(meant, issue.place)
        if found := check_scalar(self.source, event, name) or check_missing_space(self.source, event):
            self.issues.append(found)
        return self._text(event)

    def _text(self, event: yaml.ScalarEvent) -> Text:
        source = self.source
        value = event.value
        first, last = marks(event)
        start, end = first.index, last.index
        quotes = is_quoted(event)
        is_block = event.style in ("|", ">")
        if not is_block and source.parsed[start + quotes : end - quotes] == value:
            return Text(source.text[start + quotes : end - quotes], source.extent(event), quotes)
        offsets = _character_offsets(source.parsed, start, end, event)
        if is_block and value.endswith("\n") and "+" not in source.text[start : start + 3]:
            offsets.pop()  # the last line break is not part of the text, except with `|+` or `>+`
        meant = "".join(
            source.text[at] if source.parsed.startswith(FILLER, at) else char
            for char, at in zip(value, offsets, strict=False)
        )
        return Text(meant, source.extent(event), quotes, tuple(map(source.position, offsets)))


def _character_offsets(text: str, at: int, end: int, event: yaml.ScalarEvent) -> list[int]:
    """The offset of each character of a scalar from `at` to `end`.

    Between two characters there may be indentation, the rest of an escape, or a folded line break.
    """
    if event.style in ("|", ">"):
        header = _HEADER.match(text, at, end)
        at = header.end() if header else end
    offsets: list[int] = []
    for char in event.value:
        length = 1
        while at < end:
            escape = _ESCAPE.match(text, at) if event.style == '"' else None
            if escape and not escape["fold"]:
                length = len(escape[0])
                break
            if not escape and (text[at] == char or (char in " \n" and text[at] in "\r\n")):
                length = 2 if text.startswith("\r\n", at) else 1
                break
            at += len(escape[0]) if escape else 1
        offsets.append(min(at, end))
        at += length
    return offsets


def _contents(node: Node) -> object:
    """The texts of a node without their places, to compare two nodes."""
    match node:
        case Text():
            return node.value
        case Map():
            return {entry.key.value: _contents(entry.value) for entry in node.entries}
    return [_contents(item) for item in node.items]
