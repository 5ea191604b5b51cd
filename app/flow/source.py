"""YAML text → nodes with positions, and every trap that YAML sets in this domain.

PyYAML's usual reading breaks telephony (`on` becomes True, `17:30` 1050, `0044` 36, a doubled step wins silently),
so only its event API is used: every scalar stays the text that its author wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from app.flow.builder import Builder
from app.flow.characters import check_characters
from app.flow.faults import Fault, diagnose
from app.flow.issues import Issue, by_place
from app.flow.nodes import Node
from app.flow.page import Page, marks
from app.flow.rules import RULES
from app.flow.traps import mask_foreign

MAX_CHARACTERS = 524_288
MAX_DEPTH = 64
MAX_FAULTS = 20
"""A larger or deeper text is refused; after so many syntax faults the rest of the file is left for the next time."""

_DEPTHS = {
    yaml.MappingStartEvent: 1,
    yaml.SequenceStartEvent: 1,
    yaml.MappingEndEvent: -1,
    yaml.SequenceEndEvent: -1,
}
_MASKING_MAKES = ("E103", "E120")
"""What is empty may be so only because what stood there is masked."""

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C; the one in Python where PyYAML was built without it."""


def read_yaml(file: str, text: str, *, loader: type[Any] = LOADER) -> tuple[Node | None, list[Issue]]:
    """The first document of `text` as nodes, and its faults sorted by place.

    `file` is the path to show in places. Never raises, whatever the text. The node is None when there is none, or when
    a fault leaves open what its author meant. A node may come with errors all the same, so that more of them are
    found; a `Text` that is not quoted and has the value "" is such a fault, reported already.
    """
    page = Page(file, text)
    if len(page.text) > MAX_CHARACTERS:
        message = f"the file has {len(page.text)} characters; at most {MAX_CHARACTERS} are read"
        return None, [RULES["E119"].at(page.place(0), message)]
    reading = _Reading(page, loader, check_characters(page))
    node = reading.node()
    return node, sorted(reading.issues, key=by_place)


def read_remains(file: str, text: str, *, loader: type[Any] = LOADER) -> Node | None:
    """What is left of a text of which `read_yaml` gives no node: lines that could not be understood are missing.

    Whatever lacks in it may be among those lines. None when nothing is left, or when tabs make all indentation unsure.
    """
    page = Page(file, text)
    if len(page.text) > MAX_CHARACTERS:
        return None
    reading = _Reading(page, loader, check_characters(page), takes_remains=True)
    node = reading.node()
    return None if reading.has_tabs else node


@dataclass(slots=True)
class _Reading:
    """One file being read, again and again, until no fault keeps the parser from its end."""

    page: Page
    loader: type[Any]
    issues: list[Issue]
    keeps_meaning: bool = True
    takes_remains: bool = False

    def node(self) -> Node | None:
        for _ in range(MAX_FAULTS):
            masked = self.page.masked
            events = self._events()
            if events is not None and self.page.masked == masked:
                return self._built(events)
            if self.page.masked == masked:
                return None
        return None

    def _events(self) -> list[yaml.Event] | None:
        """The parser's events; None when it stopped. What is reported is masked."""
        events: list[yaml.Event] = []
        depth = 0
        try:
            for event in yaml.parse(self.page.masked, Loader=self.loader):
                events.append(event)
                depth += _DEPTHS.get(type(event), 0)
                if depth > MAX_DEPTH:
                    place = self.page.extent(event)
                    self.issues.append(RULES["E119"].at(place, f"more than {MAX_DEPTH} levels, one inside the other"))
                    return None
        except yaml.MarkedYAMLError as error:
            self._diagnose(error, events)
            return None
        self.issues += mask_foreign(self.page, events)
        return events

    def _diagnose(self, error: yaml.MarkedYAMLError, events: list[yaml.Event]) -> None:
        at = error.problem_mark.index if error.problem_mark else 0
        began = error.context_mark.index if error.context_mark else at
        bracket = _open_bracket(events)
        if bracket is not None and str(error.context).startswith("while parsing a flow"):
            began = bracket
        finding = diagnose(Fault(self.page, str(error.problem), at, began, events[-1], bracket is not None))
        if finding.keeps_meaning or not self.has_tabs:
            self.issues.append(finding.issue)
        self.keeps_meaning &= finding.keeps_meaning

    @property
    def has_tabs(self) -> bool:
        """Whether tabs have made all indentation unsure."""
        return any(issue.code == "E110" for issue in self.issues) and not self.keeps_meaning

    def _built(self, events: list[yaml.Event]) -> Node | None:
        builder = Builder(self.page, iter(events), [])
        node = builder.document()
        self.issues += [issue for issue in builder.issues if self.keeps_meaning or self._is_written(issue)]
        return node if self.keeps_meaning or self.takes_remains else None

    def _is_written(self, issue: Issue) -> bool:
        """Whether a fault is one without the masks too: what is empty has nothing masked, and no fault, below it."""
        if issue.code not in _MASKING_MAKES:
            return True
        below = self._below(issue.place.line, issue.place.column - 1)
        faulty = {fault.place.line for fault in self.issues}
        is_masked = any(self.page.line(number) != self.page.line(number, masked=True) for number in below)
        return bool(self.page.line(issue.place.line).strip()) and not is_masked and faulty.isdisjoint(below)

    def _below(self, line: int, indent: int) -> range:
        """A line and those below it that are indented as deep or deeper, or by tabs, blank ones among them."""
        end = line + 1
        while end <= len(self.page.starts):
            text = self.page.line(end)
            bare = text.lstrip(" ")
            if bare.strip() and not bare.startswith("\t") and len(text) - len(bare) < indent:
                break
            end += 1
        return range(line, end)


def _open_bracket(events: list[yaml.Event]) -> int | None:
    """The offset of the innermost `[` or `{` that is open behind the last event; None outside brackets."""
    is_open: list[yaml.CollectionStartEvent] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            is_open.append(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            is_open.pop()
    return marks(is_open[-1])[0].index if is_open and is_open[-1].flow_style else None
