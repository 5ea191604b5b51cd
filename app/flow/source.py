"""YAML text → nodes with positions, and every trap that YAML sets in this domain.

PyYAML's usual reading breaks telephony (`on` becomes True, `17:30` 1050, `0044` 36, a doubled step wins silently),
so only its event API is used: every scalar stays the text that its author wrote.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from app.flow.issues import Issue, by_place
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.page import Page
from app.flow.rules import RULES
from app.flow.scalars import spell

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(file: str, text: str) -> tuple[Node | None, list[Issue]]:
    """The first document of `text` as nodes (None when there is none or it cannot be read), and its faults.

    `file` is the path to show in places. Never raises, whatever the text. Reading goes on behind a fault where its
    meaning is clear, so a node may come with errors: use it to find more of them, never to run a call.
    """
    page = Page(file, text)
    try:
        events = list(yaml.parse(page.masked, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = page.place(mark.index) if mark else Place(file, 1, 1)
        return None, [RULES["E101"].at(place, str(error.problem))]
    builder = Builder(page, iter(events))
    node = builder.document()
    return node, sorted(builder.issues, key=by_place)


class Builder:
    """Makes nodes of the parser's events."""

    def __init__(self, page: Page, events: Iterator[yaml.Event]) -> None:
        self.page = page
        self.events = events
        self.issues: list[Issue] = []

    def document(self) -> Node | None:
        """The first document's node."""
        next(self.events)
        event = next(self.events)
        if not isinstance(event, yaml.DocumentStartEvent):
            self.issues.append(RULES["E120"].at(self.page.place(0), "the file is empty"))
            return None
        return self.node(next(self.events))

    def node(self, event: yaml.Event) -> Node:
        """The node that begins with `event`."""
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event)
        return self.sequence(event)

    def mapping(self, start: yaml.Event) -> Map:
        """Key, value, key, value."""
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key, value = self.node(event), self.node(next(self.events))
            if isinstance(key, Text):
                if key.value in entries:
                    self.issues.append(RULES["E102"].at(key.place, f'"{key.value}" is written twice'))
                    continue
                entries[key.value] = Entry(key, value)
        return Map(tuple(entries.values()), self.page.place(start.start_mark.index))

    def sequence(self, start: yaml.Event) -> Seq:
        """Items."""
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event))
        return Seq(tuple(items), self.page.place(start.start_mark.index))

    def scalar(self, event: yaml.ScalarEvent) -> Text:
        """One text."""
        start, end = event.start_mark.index, event.end_mark.index
        style, value = event.style, event.value
        place = self.page.place(start, end)
        quoted = style in ("'", '"')
        inner = self.page.text[start + quoted : end - quoted]
        if inner == value and style not in ("|", ">"):
            return Text(value, place, quoted)
        pieces = spell(self.page.text, start, end, style, value)
        origins = tuple(self.page.position(index) for _, index in pieces)
        return Text(value, place, quoted, origins)
