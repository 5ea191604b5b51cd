"""YAML text → nodes with positions, with checks for the pitfalls of YAML in flow files.

PyYAML's loader changes values (`on` becomes True, `17:30` 1050, `0044` 36), so only its event API is used: every scalar
is the text that its author wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final, Self

import yaml

from ncco_server.flow.issues import MOST_REPORTED, RULES, FlowIssue, by_place
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.source.source_file import FILLER, SourceFile, is_quoted, marks
from ncco_server.flow.source.syntax import check_missing, check_text, check_unsupported, diagnose

MAX_CHARACTERS = 524_288
MAX_VALUES = 100_000
"""Keys, texts, lists and maps, in a file and in a whole project."""
MAX_DEPTH = 64
"""A larger or more deeply nested file is refused (E119)."""

_STEPS: Final = ("steps", "*")
_FLOW_NAME: Final = re.compile(r"^[ \t]*(?:- |\{[ \t]*)?[\"']?flow[\"']?:[ \t]*[\"']?([\w-]+)", re.MULTILINE)


def read_yaml(
    file: str, text: str, *, nullable: str = "", is_late: bool = False
) -> tuple[Node | None, list[FlowIssue]]:
    """The only document of `text` as nodes, and its issues sorted by place. Never raises.

    The node is None without a document and after a syntax error, of which only the first is reported. In a node with
    other errors, an unquoted `Text` with the value "" is a missing value, already reported, or a null below the key
    `nullable`. With `is_late`, for a text that had no errors before, the nodes of each step are built when they are
    first used.
    """
    source = SourceFile(file, text)
    if len(source.text) > MAX_CHARACTERS:
        message = f"the file has {len(source.text)} characters; at most {MAX_CHARACTERS} are read"
        return None, [RULES["E119"].at(source.place(0), message)]
    invalid = source.replace_invalid_characters()
    events, stop = _parse(source)
    stops = [stop] if stop is not None else [*islice(check_unsupported(source, events), MOST_REPORTED + 1)]
    if stops:
        return None, sorted([*invalid, *stops], key=by_place)
    builder = _Builder(source, iter(events), [], nullable)
    node = builder.document(_STEPS if is_late else ())
    return node, sorted([*invalid, *builder.issues], key=by_place)


def flow_name_in(text: str) -> str:
    """For a file with a syntax error: the flow's name, or ""."""
    found = _FLOW_NAME.search(text)
    return found[1] if found else ""


def _parse(source: SourceFile) -> tuple[list[yaml.Event], FlowIssue | None]:
    events: list[yaml.Event] = []
    depth = 0
    values = 0
    try:
        for event in yaml.parse(source.parsed, Loader=yaml.CSafeLoader):
            events.append(event)
            if not isinstance(event, yaml.NodeEvent):
                depth -= isinstance(event, yaml.CollectionEndEvent)
                continue
            values += 1
            if values > MAX_VALUES:
                message = f"more than {MAX_VALUES:,} keys and values"
                cure = "shorten it: a project may not have more"
                return events, RULES["E119"].at(source.extent(event), message, cure)
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} nested levels"
                return events, RULES["E119"].at(source.extent(event), message)
    except yaml.MarkedYAMLError as error:
        return events, diagnose(source, error, events)
    return events, None


_HEADER = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_ESCAPE = re.compile(r"\\(?:(?P<fold>(?:\r\n|\r|\n)[ \t]*)|x.{2}|u.{4}|U.{8}|.)")


@dataclass(slots=True)
class _Builder:
    """Builds nodes from the parser's events, and reports issues as it goes.

    In its methods, `key` is a value's key (None for a list item), and `name` the nearest key around it.
    """

    source: SourceFile
    events: Iterator[yaml.Event]
    issues: list[FlowIssue]
    nullable: str = ""
    may_be_null: bool = False

    def document(self, late: Sequence[str] = ()) -> Node | None:
        """None without a document, or with two.

        `late` is the path to the maps that are built later; `*` stands for any key.
        """
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            self.issues.append(RULES["E120"].at(self.source.place(0), "the file is empty"))
            return None
        root = next(self.events)
        node = self.map(root, late) if isinstance(root, yaml.MappingStartEvent) else self.node(root, None, "")
        next(self.events)
        more = next(self.events)
        if isinstance(more, yaml.DocumentStartEvent):
            cure = "put it into a file of its own"
            self.issues.append(RULES["E101"].at(self.source.extent(more), "a second document begins here", cure))
            return None
        return node

    def node(self, event: yaml.Event, key: Text | None, name: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._value(event, key, name)
        if isinstance(event, yaml.MappingStartEvent):
            return self.map(event)
        return self._seq(event, name)

    def map(self, start: yaml.MappingStartEvent, late: Sequence[str] = ()) -> Map:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            value = self._value_of(key, next(self.events), late)
            if key is not None and (first := entries.setdefault(key.value, Entry(key, value))).key is not key:
                message = f'"{key.value}" appears a second time here; the first is on line {first.key.place.line}'
                self.issues.append(RULES["E102"].at(key.place, message))
        is_block = not start.flow_style and entries
        place = next(iter(entries.values())).key.place if is_block else self._extent(start, event)
        return Map(tuple(entries.values()), place)

    def _value_of(self, key: Text | None, start: yaml.Event, late: Sequence[str]) -> Node:
        if late and key and late[0] in ("*", key.value) and isinstance(start, yaml.MappingStartEvent):
            return self.map(start, late[1:]) if late[1:] else LateMap.of(self, start, key.place)
        before = self.may_be_null
        self.may_be_null = before or (key is not None and key.value == self.nullable)
        node = self.node(start, key, key.value if key else "")
        self.may_be_null = before
        return node

    def _key(self, event: yaml.Event) -> Text | None:
        if isinstance(event, yaml.ScalarEvent):
            if issue := self._key_issue(event):
                self.issues.append(issue)
            return self._text(event)
        place = self.node(event, None, "").place
        self.issues.append(RULES["E101"].at(place, "a list or a map cannot be a key", "write a name"))
        return None

    def _key_issue(self, event: yaml.ScalarEvent) -> FlowIssue | None:
        if not event.value and not event.style:
            return RULES["E101"].at(self.source.extent(event), "there is no key before this colon", "write a name")
        return check_text(self.source, event, "")

    def _seq(self, start: yaml.Event, name: str) -> Seq:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, None, name))
        is_flow = isinstance(start, yaml.SequenceStartEvent) and start.flow_style
        return Seq(tuple(items), self._extent(start, event if is_flow else start))

    def _extent(self, start: yaml.Event, end: yaml.Event) -> Place:
        return self.source.place(marks(start)[0].index, marks(end)[1].index)

    def _value(self, event: yaml.ScalarEvent, key: Text | None, name: str) -> Text:
        if self.may_be_null and event.value == "null" and not event.style:
            return Text("", self.source.extent(event))
        if missing := check_missing(self.source, event, key):
            self.issues.append(missing)
            return Text("", missing.place)
        if found := check_text(self.source, event, name):
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


class LateMap(Map):
    """A map whose nodes are built when they are first used, in a text that was read before without errors."""

    _file: SourceFile
    _start: yaml.MappingStartEvent
    _events: list[yaml.Event]
    _values: dict[str, slice]

    @classmethod
    def of(cls, builder: _Builder, start: yaml.MappingStartEvent, place: Place) -> Self:
        """Take the map's events from the builder's."""
        late = cls((), place)
        events: list[yaml.Event] = []
        values: dict[str, slice] = {}
        late._file = builder.source
        late._start = start
        late._events = events
        late._values = values
        key: str | None = None
        first = 0
        depth = 1
        for event in builder.events:
            events.append(event)
            if isinstance(event, yaml.CollectionStartEvent):
                first = len(events) - 1 if depth == 1 else first
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
                if depth == 0:
                    break
                if depth == 1:
                    values.setdefault(str(key), slice(first, len(events)))
                    key = None
            elif depth == 1 and key is not None:
                values.setdefault(key, slice(len(events) - 1, len(events)))
                key = None
            elif depth == 1 and isinstance(event, yaml.ScalarEvent):
                key = event.value
        return late

    def built(self, issues: list[FlowIssue]) -> Map:
        """Return the map; its errors are added to `issues`."""
        return _Builder(self._file, iter(self._events), issues).map(self._start)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return self.built([]).entries

    def get(self, key: str) -> Node | None:
        if key not in self._values:
            return None
        events = iter(self._events[self._values[key]])
        return _Builder(self._file, events, []).node(next(events), None, key)

    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def may_hold(self, texts: Iterable[str]) -> bool:
        return not {event.value for event in self._events if isinstance(event, yaml.ScalarEvent)}.isdisjoint(texts)


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
