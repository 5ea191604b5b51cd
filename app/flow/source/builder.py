"""The parser's events → nodes, with the issues that only show when a whole map or text is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from app.flow.issues import Issue
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.rules import RULES
from app.flow.source.page import FILLER, Page, marks
from app.flow.source.pitfalls import check_empty, check_glued, check_key, check_scalar
from app.flow.source.scalars import spell


@dataclass(slots=True)
class Builder:
    """Builds nodes from the parser's events, and reports the issues that show then.

    `key` is the key of a value, None for a list item; `name` is the name of the nearest key for both.
    """

    page: Page
    events: Iterator[yaml.Event]
    issues: list[Issue]

    def document(self) -> Node | None:
        """The document's node; None when there is none, or another one, which may hold what this one lacks."""
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            self.issues.append(RULES["E120"].at(self.page.place(0), "the file is empty"))
            return None
        node = self._node(next(self.events), None, "")
        next(self.events)
        more = next(self.events)
        if isinstance(more, yaml.DocumentStartEvent):
            self.issues.append(RULES["E111"].at(self.page.extent(more), "a second document begins here"))
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
        message = f'"{key.value}" is here for the second time; the first is in line {first.place.line}'
        self.issues.append(RULES["E102"].at(key.place, message))

    def _key(self, event: yaml.Event) -> Text | None:
        if isinstance(event, yaml.ScalarEvent):
            if issue := check_key(self.page, event):
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
        return self.page.place(marks(start)[0].index, marks(end)[1].index)

    def _value(self, event: yaml.ScalarEvent, key: Text | None, name: str) -> Text:
        if empty := check_empty(self.page, event, key):
            issue, meant = empty
            self.issues.append(issue)
            return Text(meant, issue.place)
        if found := check_scalar(self.page, event, name) or check_glued(self.page, event):
            self.issues.append(found)
        return self._text(event)

    def _text(self, event: yaml.ScalarEvent) -> Text:
        page, style, value = self.page, event.style, event.value
        first, last = marks(event)
        start, end = first.index, last.index
        place = page.extent(event)
        is_quoted = style in ("'", '"')
        begin, stop = start + is_quoted, end - is_quoted
        if style not in ("|", ">") and page.parsed[begin:stop] == value:
            return Text(page.text[begin:stop], place, is_quoted)
        pieces = spell(page.parsed, start, end, style, value)
        if style in ("|", ">") and not _keeps_break(page.text[start:end]):
            pieces = pieces[:-1] if value.endswith("\n") else pieces
        meant = "".join(page.text[index] if char == FILLER else char for char, index in pieces)
        return Text(meant, place, is_quoted, tuple(page.position(index) for _, index in pieces))


def _keeps_break(scalar: str) -> bool:
    """Whether a block scalar asks (`|+`) for the line breaks at its end; else its last one is not part of the text."""
    return "+" in scalar[:3]
