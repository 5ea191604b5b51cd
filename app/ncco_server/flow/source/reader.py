"""Reads one document's YAML into nodes, up to its first syntax error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple, Self

import yaml

from ncco_server.flow.issues import MOST_REPORTED, RULES, Fix, FlowIssue
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, is_missing
from ncco_server.flow.source.pitfalls import (
    check_empty,
    check_key,
    check_missing_space,
    check_scalar,
    check_unsupported,
)
from ncco_server.flow.source.source_file import FILLER, OPTION_KEYS, SourceFile, is_quoted, marks
from ncco_server.flow.source.syntax import diagnose

MAX_CHARACTERS = 524_288
MAX_VALUES = 100_000
"""Keys, texts, lists and maps, in a file and in a whole project."""
MAX_DEPTH = 64
"""A larger or more deeply nested file is refused (E119)."""

MAX_PARSED = 4 * MAX_CHARACTERS
"""Characters parsed again after syntax errors, in a whole project."""


class Stop(NamedTuple):
    """A syntax error, and the line where it stopped the parser."""

    issue: FlowIssue
    line: int


class Gap(NamedTuple):
    """Lines (first and last, from 1) not read as written because of syntax errors.

    Attributes:
        issues: none if it is the same mistake as the gap before.
        is_left_out: the lines were left out; otherwise the first or last was corrected.
    """

    first: int
    last: int
    issues: tuple[FlowIssue, ...]
    is_left_out: bool = True
    is_larger: bool = False


class ReadAttempt(NamedTuple):
    """The root node, its issues, and what prevents reading; [] if nothing does."""

    node: Node | None
    issues: list[FlowIssue]
    stopped: Stop | list[FlowIssue]


_STEPS: Final = ("steps", "*")
_TYPED: Final = re.compile(r"\b(?:columns|params|returns): *$")
"""Before a map of names with their types."""


def read_once(source: SourceFile, *, is_late: bool = False, nullable: str = "") -> ReadAttempt:
    """With `is_late`, the nodes of each step are built when they are first used. `nullable` is as in `read_yaml`."""
    events, stopped = _parse(source)
    if stopped is not None:
        return ReadAttempt(None, [], stopped)
    if unsupported := [*islice(check_unsupported(source, events), MOST_REPORTED + 1)]:
        return ReadAttempt(None, [], unsupported)
    builder = _Builder(source, iter(events), [], nullable)
    node = builder.document(_STEPS if is_late else ())
    return ReadAttempt(node, builder.issues, [])


def _parse(source: SourceFile) -> tuple[list[yaml.Event], Stop | None]:
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
                return events, Stop(RULES["E119"].at(source.extent(event), message, cure), marks(event)[0].line + 1)
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} nested levels"
                return events, Stop(RULES["E119"].at(source.extent(event), message), marks(event)[0].line + 1)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else 1
        return events, Stop(diagnose(source, error, events), at)
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
        """None without a document, or with two: the second may have what the first lacks.

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
            self.issues.append(RULES["E111"].at(self.source.extent(more), "a second document begins here"))
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
        nested: list[Entry] = []
        head: Text | None = None
        earlier = len(self.issues)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            after = next(self.events)
            if start.flow_style and self._is_split(key, after):
                continue
            value = self._value_of(key, after, late)
            if key is None:
                continue
            if head is None and not start.flow_style and key.value in entries:
                head = self._head_of_rest(key.value, entries)
                nested = [entries.pop(name) for name in [*entries][[*entries].index(head.value) + 1 :]] if head else []
            if head is not None:
                nested.append(Entry(key, value))
            elif first := entries.get(key.value):
                message = f'"{key.value}" appears a second time here; the first is on line {first.key.place.line}'
                is_spare = isinstance(value, Text) or _contents(first.value) == _contents(value)
                fix = Fix(RULES["E102"].cure, "delete") if is_spare else None
                self.issues.append(RULES["E102"].at(key.place, message, fix))
                if is_missing(first.value):
                    entries[key.value] = Entry(first.key, value)
            else:
                entries[key.value] = Entry(key, value)
        if head is not None:
            entries[head.value] = Entry(head, Map(tuple(nested), nested[0].key.place))
        is_block = not start.flow_style and entries
        place = next(iter(entries.values())).key.place if is_block else self._extent(start, event)
        is_flow = start.flow_style and entries
        written = self.source.text[marks(start)[0].index : marks(event)[1].index] if is_flow else ""
        if is_flow and ":" not in written and "{" not in written[1:]:
            self.issues[earlier:] = [
                RULES["E103"].at(
                    place,
                    "these braces contain names without values",
                    _meant_by([*entries], self.source.text[: marks(start)[0].index]),
                )
            ]
        return Map(tuple(entries.values()), place)

    def _value_of(self, key: Text | None, start: yaml.Event, late: Sequence[str]) -> Node:
        if late and key and late[0] in ("*", key.value) and isinstance(start, yaml.MappingStartEvent):
            return self.map(start, late[1:]) if late[1:] else LateMap.of(self, start, key.place)
        before = self.may_be_null
        self.may_be_null = before or (key is not None and key.value == self.nullable)
        node = self.node(start, key, key.value if key else "")
        self.may_be_null = before
        return node

    def _head_of_rest(self, repeated: str, entries: Mapping[str, Entry]) -> Text | None:
        """A name without a value, such as a step's, to which the lines below belong: it is indented too far."""
        names = [*entries]
        after = names[names.index(repeated) + 1 :]
        empty = [name for name in after if name not in OPTION_KEYS and is_missing(entries[name].value)]
        if repeated not in OPTION_KEYS or not empty:
            return None
        head = entries[empty[-1]].key
        self.issues[:] = [each for each in self.issues if each.code != "E103" or each.place.line != head.place.line]
        return head

    def _is_split(self, key: Text | None, value: yaml.Event) -> bool:
        """Whether YAML split text in typographic quotes, or a list without brackets, at a comma."""
        is_empty = isinstance(value, yaml.ScalarEvent) and not value.value and not value.style
        if not is_empty or not self.issues or key is None:
            return False
        last = self.issues[-1]
        fixed = last.quick_fix.place if last.code == "E103" and last.quick_fix is not None else None
        is_fixed = fixed is not None and Place(*fixed).covers(key.place.line, key.place.column)
        return last.code == "E118" or is_fixed

    def _key(self, event: yaml.Event) -> Text | None:
        if isinstance(event, yaml.ScalarEvent):
            if issue := check_key(self.source, event):
                self.issues.append(issue)
            return self._text(event)
        place = self.node(event, None, "").place
        self.issues.append(RULES["E124"].at(place, "a list or a map cannot be a key"))
        return None

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


def _contents(node: Node) -> object:
    match node:
        case Text():
            return node.value
        case Map():
            return {entry.key.value: _contents(entry.value) for entry in node.entries}
    return [_contents(item) for item in node.items]


def _meant_by(names: Sequence[str], before: str) -> Fix | str:
    """By names in braces without values."""
    shown = ", ".join(names)
    if _TYPED.search(before):
        written = f"{{{', '.join(f'{name}: text' for name in names)}}}"
        return Fix(f"write each with its type: {written}", "characters", written)
    if len(names) > 1:
        return Fix(f"write a list: [{shown}]", "characters", f"[{shown}]")
    return f'write what it is, `{{{shown}: ..}}`, a list, `[{shown}]`, or its value, `"{{{{ {shown} }}}}"`'
