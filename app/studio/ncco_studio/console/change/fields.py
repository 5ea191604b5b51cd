"""The parts of a flow file that owners can change: prompts, opening hours, holidays and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.flow.hours.public_holidays import country_names, regions_of
from ncco_server.flow.hours.weekly import CLOSED, DAYS, days_of
from ncco_server.flow.nodes import Entry, Map, Node, Seq, Text, text_of
from ncco_server.issue import pointer
from ncco_server.service.phone_numbers import is_number, readable
from ncco_studio.console.change.notation import DAY_NAMES, date_in_words, date_key, hours_in_words, is_date
from ncco_studio.console.change.placeholders import in_brackets
from ncco_studio.editor.yaml_text import Path

FieldKind: TypeAlias = Literal["prompt", "hours", "number", "date", "name", "country", "region"]
"""A `region` is a part of the country before it."""
_LINE: Final = "Numbers of this line"
_HOURS_OF: Final = "Opening hours: "
_COUNTRY: Final = "Public holidays of"
SECTIONS: Final = ("What callers hear", "Opening hours", "Who is called", _LINE)
"""The sections of the form, by the effect of a change on callers."""


class FormField(NamedTuple):
    """A value in a flow file that owners can change.

    Attributes:
        path: the path to the value in its file.
        group: the heading above it, such as "menu" or "Opening hours: office".
        label: its name within its group.
        value: the current text; numbers and dates in readable form.
        start: line and column of the value; (0, 0) if it is not written.
        removes: the path to delete from the file if the owner removes the value; None if that is not possible.
        sources: what the names in brackets stand for in a prompt; None if it can only be changed in the editor.
    """

    kind: FieldKind
    path: Path
    group: str
    label: str
    value: str = ""
    start: tuple[int, int] = (0, 0)
    removes: Path | None = None
    sources: Mapping[str, str] | None = MappingProxyType({})

    @property
    def name(self) -> str:
        """The name of the field's input: the path as a JSON Pointer."""
        return pointer(*self.path)

    @property
    def section(self) -> str:
        if self.path[0] in ("hours", "numbers"):
            return _section_of(self.path)
        return "Who is called" if self.kind == "number" else SECTIONS[0]

    @property
    def day(self) -> int | None:
        """The day of the week, where Monday is 0."""
        is_day = self.kind == "hours" and self.path[2] == "week" and self.path[3] in DAYS
        return DAYS.index(self.path[3]) if is_day else None

    @property
    def date(self) -> str:
        """The date (ISO 8601) of an exception or a holiday, or the range; "" for other fields."""
        dates = (*self.path[3:], date_key(self.value)) if self.path[0] == "hours" else ()
        return next(filter(is_date, dates), "")


def _section_of(path: Path) -> str:
    return _LINE if path[0] == "numbers" else "Opening hours"


class NewLine(NamedTuple):
    """A place for a new line: a number, or a date."""

    path: Path
    group: str

    @property
    def name(self) -> str:
        """The prefix of the names of a new line's inputs."""
        return pointer(*self.path)

    @property
    def inputs(self) -> tuple[str, str]:
        return f"key:{self.name}", f"value:{self.name}"

    @property
    def part(self) -> NewPart:
        return NEW_PARTS[self.path[-1]]

    @property
    def section(self) -> str:
        return _section_of(self.path)


class NewPart(NamedTuple):
    """A kind of line to add: an example of its value, and what is wanted beside a date."""

    label: str
    value: str
    wanted: str = ""


NEW_PARTS: Final = {
    "numbers": NewPart("Another number", "+44 20 7946 0000"),
    "override": NewPart("Other hours on a date", "9am to 12:30pm", "the hours, such as 9am to 12:30pm, or closed"),
    "holidays": NewPart("Another holiday", "Founders' Day", "its name, such as Founders' Day"),
}
"""All except numbers belong to a calendar."""


def fields_in(root: Node | None, line: str = "") -> Iterator[FormField]:
    """Yield numbers, opening hours and prompts, in this order.

    `line` is a number of the project; others in its country have the national form. Values in prompts are names in
    brackets.
    """
    for field in _fields_in(root) if isinstance(root, Map) else ():
        if field.kind == "prompt":
            shown, sources = in_brackets(field.value)
            yield field._replace(value=shown, sources=sources)
        else:
            shown = readable(field.value, line) if field.kind == "number" else field.value
            yield field._replace(value=date_in_words(shown) if field.kind == "date" else shown)


def _fields_in(root: Map) -> Iterator[FormField]:
    if isinstance(numbers := root.get("numbers"), Seq):
        for place, number in _items(numbers, ("numbers",)):
            yield from _text(number, place, "number", _LINE, "Calls to", removes=place)
    for calendar in _entries(root.get("hours")):
        if isinstance(calendar.value, Map):
            name = calendar.key.value
            yield from _of_calendar(calendar.value, ("hours", name), f"{_HOURS_OF}{name}")
    for step in _entries(root.get("steps")):
        yield from _of_step(step.value, ("steps", step.key.value), step.key.value)
    yield from _of_step(root.get("defaults"), ("defaults",), "Everywhere")


def new_lines_in(root: Node | None) -> Iterator[NewLine]:
    if isinstance(root, Map):
        if isinstance(root.get("numbers"), Seq):
            yield NewLine(("numbers",), _LINE)
        for calendar in _entries(root.get("hours")):
            for part in ("override", "holidays"):
                yield NewLine(("hours", calendar.key.value, part), f"{_HOURS_OF}{calendar.key.value}")


def group_title(group: str) -> str:
    return group.removeprefix(_HOURS_OF).replace("_", " ").capitalize()


def _entries(node: Node | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _items(node: Node | None, path: Path) -> list[tuple[Path, Node]]:
    """Return any node other than a list as the only item."""
    if isinstance(node, Seq):
        return [((*path, str(number)), item) for number, item in enumerate(node.items)]
    return [(path, node)] if node is not None else []


def _of_calendar(calendar: Map, path: Path, group: str) -> Iterator[FormField]:
    week = _entries(calendar.get("week"))
    for number, name in enumerate(DAY_NAMES):
        line = next((each for each in week if number in (days_of(each.key.value) or ())), None)
        yield _hours(line, (*path, "week", DAYS[number]), group, name)
    for line in week:
        if days_of(line.key.value) is None:
            place = (*path, "week", line.key.value)
            yield _hours(line, place, group, line.key.value, removes=place)
    for day in _entries(calendar.get("override")):
        place = (*path, "override", day.key.value)
        label = date_in_words(day.key.value)
        if isinstance(day.value, Map):
            name = text_of(day.value.get("name"))
            label = f"{label}, {name}" if name else label
            yield _hours(day.value.entry("hours"), (*place, "hours"), group, label, removes=place)
        else:
            yield _hours(day, place, group, label, removes=place)
    found = [
        field
        for place, holiday in _items(calendar.get("holidays"), (*path, "holidays"))
        for field in _of_holiday(holiday, place, group)
    ]
    yield from found
    if not any(field.kind == "country" for field in found):
        yield FormField("country", (*path, "holidays", "country"), group, _COUNTRY)


def _hours(entry: Entry | None, path: Path, group: str, label: str, *, removes: Path | None = None) -> FormField:
    """A day without a line is closed."""
    texts = [each for _, each in _items(entry.value, path) if isinstance(each, Text)] if entry else []
    if entry is None or not texts:
        return FormField("hours", path, group, label, "" if entry else CLOSED, removes=removes)
    first = next(_text(texts[0], path, "hours", group, label, removes=removes))
    return first._replace(value=hours_in_words(", ".join(each.value for each in texts)))


def _of_holiday(node: Node, path: Path, group: str) -> Iterator[FormField]:
    if isinstance(node, Text):
        yield from _text(node, path, "date", group, "Holiday", removes=path)
        return
    country = text_of(node.get("country")) if isinstance(node, Map) else ""
    for entry in _entries(node):
        word = entry.key.value
        place = (*path, word)
        if word == "country":
            for field in _text(entry.value, place, "country", group, _COUNTRY, removes=path):
                yield field._replace(value=country_names().get(country, country))
        elif word not in ("subdivision", "language"):
            label = f"Holiday on {date_in_words(word)}"
            yield from _text(entry.value, place, "name", group, label, removes=place)
    if isinstance(node, Map) and (regions := regions_of(country)):
        part = node.entry("subdivision")
        field = FormField("region", (*path, "subdivision"), group, "Part of the country")
        written = _text(part.value, field.path, "region", group, field.label) if part else ()
        field = next(iter(written), field)
        yield field._replace(value=regions.get(field.value, field.value))


def _of_step(step: Node | None, path: Path, group: str) -> Iterator[FormField]:
    if not isinstance(step, Map):
        return
    for place, part in _items(step.get("do"), (*path, "do")):
        for entry in _entries(part):
            if entry.key.value == "talk":
                yield from _prompts(entry, (*place, "talk"), group, "says")
            elif entry.key.value == "connect":
                yield from _dialled(entry, (*place, "connect"), group)
    for entry in _entries(step.get("retry")):
        label = {"noinput": "after silence", "nomatch": "after a wrong answer"}.get(entry.key.value)
        if label:
            yield from _prompts(entry, (*path, "retry", entry.key.value), group, label)


def _dialled(connect: Entry, path: Path, group: str) -> Iterator[FormField]:
    """Other addresses and computed numbers must be changed in the editor."""
    for place, target in _items(connect.value, path):
        number = target.get("number") if isinstance(target, Map) else target
        where = (*place, "number") if isinstance(target, Map) else place
        if isinstance(number, Text) and is_number(number.value):
            yield from _text(number, where, "number", group, "connects to")


def _prompts(entry: Entry, path: Path, group: str, label: str) -> Iterator[FormField]:
    """A text, a list of texts or a text per locale. Audio files and templates are changed in the editor."""
    items = _items(entry.value, path)
    for number, (place, item) in enumerate(items, 1):
        name = label if len(items) == 1 else f"{label}, {number}"
        if isinstance(item, Text):
            yield from _text(item, place, "prompt", group, name)
        for inner in _entries(item):
            word = inner.key.value
            if word not in ("stream", "style", "name", "premium", "language", "template"):
                what = name if word in ("hours", "text") else f"{name} ({word})"
                yield from _prompts(inner, (*place, word), group, what)


def _text(
    node: Node, path: Path, kind: FieldKind, group: str, label: str, *, removes: Path | None = None
) -> Iterator[FormField]:
    """Yield nothing for a node other than a text."""
    if isinstance(node, Text):
        yield FormField(kind, path, group, label, node.value, (node.place.line, node.place.column), removes)
