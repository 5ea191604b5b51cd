"""YAML text → nodes with positions, and every trap that YAML sets in this domain.

PyYAML's usual reading breaks telephony (`on` becomes True, `17:30` 1050, `0044` 36, a doubled step wins silently),
so only its event API is used: every scalar stays the text that its author wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from app.flow.characters import check_characters
from app.flow.faults import Fault, diagnose
from app.flow.faults.fault import offset
from app.flow.issues import Issue, by_place
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.page import FILLER, Page
from app.flow.rules import RULES
from app.flow.scalars import spell
from app.flow.traps import check_empty, check_key, check_scalar, mask_foreign

MAX_CHARACTERS = 524_288
MAX_DEPTH = 64
MAX_FAULTS = 20
"""A larger or deeper text is refused; after so many syntax faults the rest of the file is left for the next time."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(file: str, text: str) -> tuple[Node | None, list[Issue]]:
    """The first document of `text` as nodes, and its faults sorted by place.

    `file` is the path to show in places. Never raises, whatever the text. The node is None when there is none, or when
    a fault leaves open what its author meant. A node may come with errors all the same, so that more of them are
    found; a `Text` that is not quoted and has the value "" is such a fault, reported already.
    """
    page = Page(file, text)
    if len(page.text) > MAX_CHARACTERS:
        message = f"the file has {len(page.text)} characters; at most {MAX_CHARACTERS} are read"
        return None, [RULES["E119"].at(page.place(0), message)]
    reading = _Reading(page, check_characters(page))
    node = reading.node()
    return node, sorted(reading.issues, key=by_place)


@dataclass(slots=True)
class _Reading:
    """One file being read, again and again, until no fault keeps the parser from its end."""

    page: Page
    issues: list[Issue]
    keeps_meaning: bool = True

    def node(self) -> Node | None:
        for _ in range(MAX_FAULTS):
            masked = self.page.masked
            events = self._events()
            if events is not None and self.page.masked == masked:
                return self._built(events) if self.keeps_meaning else None
            if self.page.masked == masked:
                return None
        return None

    def _events(self) -> list[yaml.Event] | None:
        """The parser's events; None when it stopped. What is reported is masked."""
        events: list[yaml.Event] = []
        depth = 0
        try:
            for event in yaml.parse(self.page.masked, Loader=_LOADER):
                events.append(event)
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH:
                    place = self.page.place(offset(event.start_mark))
                    self.issues.append(RULES["E119"].at(place, f"more than {MAX_DEPTH} levels, one inside the other"))
                    return None
        except yaml.MarkedYAMLError as error:
            self._diagnose(error, events)
            return None
        self.issues += mask_foreign(self.page, events)
        return events

    def _diagnose(self, error: yaml.MarkedYAMLError, events: list[yaml.Event]) -> None:
        at = offset(error.problem_mark)
        began = offset(error.context_mark) if error.context_mark else at
        in_flow = "flow" in str(error.context) or _ends_in_flow(events)
        finding = diagnose(Fault(self.page, str(error.problem), at, began, events[-1], in_flow))
        if finding.keeps_meaning or not self._has_tabs:
            self.issues.append(finding.issue)
        self.keeps_meaning &= finding.keeps_meaning

    @property
    def _has_tabs(self) -> bool:
        """Whether tabs have made all indentation unsure."""
        return any(issue.code == "E110" for issue in self.issues) and not self.keeps_meaning

    def _built(self, events: list[yaml.Event]) -> Node | None:
        builder = _Builder(self.page, iter(events), self.issues)
        return builder.document()


def _ends_in_flow(events: list[yaml.Event]) -> bool:
    """Whether a bracket is open behind the last event."""
    is_open: list[bool] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            is_open.append(bool(event.flow_style))
        elif isinstance(event, yaml.CollectionEndEvent):
            is_open.pop()
    return bool(is_open) and is_open[-1]


@dataclass(slots=True)
class _Builder:
    """Makes nodes of the parser's events, and reports what only shows then.

    `key` is the key under which a value stands, None for a list item; `name` is the nearest key's name for both.
    """

    page: Page
    events: Iterator[yaml.Event]
    issues: list[Issue]

    def document(self) -> Node | None:
        """The first document's node; more of them are an issue."""
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            self.issues.append(RULES["E120"].at(self.page.place(0), "the file says nothing"))
            return None
        node = self._node(next(self.events), None, "")
        next(self.events)
        more = next(self.events)
        if isinstance(more, yaml.DocumentStartEvent):
            start = offset(more.start_mark)
            self.issues.append(RULES["E111"].at(self.page.place(start, start + 3), "a second document begins here"))
        return node

    def _node(self, event: yaml.Event, key: Text | None, name: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._value(event, key, name)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(event)
        return self._seq(event, name)

    def _map(self, start: yaml.MappingStartEvent) -> Map:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            value = self._node(next(self.events), key, key.value if key else "")
            if key is None:
                continue
            if key.value in entries:
                self._report_twice(key, entries[key.value].key)
            else:
                entries[key.value] = Entry(key, value)
        is_block = not start.flow_style and entries
        first = next(iter(entries.values())).key.place if is_block else None
        return Map(tuple(entries.values()), first or self._extent(start, event))

    def _report_twice(self, key: Text, first: Text) -> None:
        message = f'"{key.value}" stands here a second time; the first is in line {first.place.line}'
        self.issues.append(RULES["E102"].at(key.place, message))

    def _key(self, event: yaml.Event) -> Text | None:
        if isinstance(event, yaml.ScalarEvent):
            if issue := check_key(self.page, event):
                self.issues.append(issue)
            return self._text(event)
        place = self._node(event, None, "").place
        self.issues.append(RULES["E124"].at(place, "a list or a map stands where a key is due"))
        return None

    def _seq(self, start: yaml.Event, name: str) -> Seq:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, None, name))
        is_flow = isinstance(start, yaml.SequenceStartEvent) and start.flow_style
        return Seq(tuple(items), self._extent(start, event if is_flow else start))

    def _extent(self, start: yaml.Event, end: yaml.Event) -> Place:
        return self.page.place(offset(start.start_mark), offset(end.end_mark))

    def _value(self, event: yaml.ScalarEvent, key: Text | None, name: str) -> Text:
        if empty := check_empty(self.page, event, key):
            issue, meant = empty
            self.issues.append(issue)
            return Text(meant, issue.place)
        if issue := check_scalar(self.page, event, name):
            self.issues.append(issue)
        return self._text(event)

    def _text(self, event: yaml.ScalarEvent) -> Text:
        page, style, value = self.page, event.style, event.value
        start, end = offset(event.start_mark), offset(event.end_mark)
        place = page.place(start, end)
        is_quoted = style in ("'", '"')
        begin, stop = start + is_quoted, end - is_quoted
        if style not in ("|", ">") and page.masked[begin:stop] == value:
            return Text(page.text[begin:stop], place, is_quoted)
        pieces = spell(page.masked, start, end, style, value)
        if style in ("|", ">") and not _keeps_break(page.text[start:end]):
            pieces = pieces[:-1] if value.endswith("\n") else pieces
        meant = "".join(page.text[index] if char == FILLER else char for char, index in pieces)
        return Text(meant, place, is_quoted, tuple(page.position(index) for _, index in pieces))


def _keeps_break(scalar: str) -> bool:
    """Whether a block scalar asks (`|+`) for the line breaks at its end; else its last one is not part of the text."""
    return "+" in scalar[:3]
