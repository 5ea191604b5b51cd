"""What of a flow file its owner can change in a form: prompts, opening hours with exceptions, and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

import yaml

from app.flow.hours.holidays import countries
from app.flow.hours.weekly import days_of, meant_hours, shown_days
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.source.edit import NoSuchValue, Path, YamlText, quoted, written
from app.service.phone_numbers import readable

FieldKind: TypeAlias = Literal["prompt", "hours", "number", "date", "name", "country", "template"]
"""The value of a `template` is the name of a file, which the form shows and does not change."""
NOT_SAVED: Final = "Correct what is marked below. Nothing is saved yet, and nothing that you wrote is lost."
MOST_CHARACTERS: Final = 20_000
"""Characters of one value of the form."""
_NUMBER: Final = re.compile(r"\+?[\d ()/.-]{3,}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.\.\d{4}-\d{2}-\d{2})?")
_DATE_NOTATIONS: Final = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y")
_DAYS: Final = {
    day[:3].lower(): day for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
}
_DAY_SIGNS: Final = ((re.compile(r"\s*(?:\u2013|\bto\b)\s*"), "-"), (re.compile(r"\s*(?:&|\band\b)\s*"), ","))
"""The words between days, and what flows write instead."""
_LINE: Final = "Numbers of this line"


class FormField(NamedTuple):
    """One value that can be changed.

    Attributes:
        path: of the value in its file.
        group: the heading above it, such as "menu" or "Opening hours: office".
        label: what it is, within its group.
        value: the text now; numbers and dates as people write them.
        key_at, start, end: line and column where its key begins, if it has one, where it does, and behind it.
        removes: the path of what "remove" removes; None when it has to stay.
    """

    kind: FieldKind
    path: Path
    group: str
    label: str
    value: str
    key_at: tuple[int, int]
    start: tuple[int, int]
    end: tuple[int, int]
    removes: Path | None = None

    @property
    def name(self) -> str:
        """The name of its input: the path as a JSON Pointer."""
        return pointer(self.path)


class NewLine(NamedTuple):
    """A place where a line can be added: a number, a day of the week, or a date."""

    path: Path
    group: str

    @property
    def name(self) -> str:
        """The beginning of the names of its inputs."""
        return pointer(self.path)

    @property
    def part(self) -> NewPart:
        """What is asked for."""
        return NEW_PARTS[self.path[-1]]


class NewPart(NamedTuple):
    """What a new line is, with examples of its key ("" when it has none) and value, and what they have to be."""

    label: str
    key: str
    value: str
    wanted_key: str = ""
    wanted_value: str = ""


_HOURS: Final = ("09:00-12:00 or closed", "the hours, such as 09:00-12:00, or closed")
NEW_PARTS: Final = {
    "numbers": NewPart("Another number", "", "+44 20 7946 0000"),
    "week": NewPart("Another day", "Saturday", _HOURS[0], "a day, such as Sunday or Monday to Friday", _HOURS[1]),
    "override": NewPart(
        "Other hours on a date", "24 December 2026", _HOURS[0], "a date, such as 24 December 2026", _HOURS[1]
    ),
    "holidays": NewPart(
        "Another holiday",
        "27 December 2026",
        "Founders' Day",
        "a date, such as 27 December 2026",
        "its name, such as Founders' Day",
    ),
}
"""What can be added, by the key under which it is written; all but numbers in a calendar."""


def pointer(path: Path) -> str:
    """A path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)


def path_of(name: str) -> Path:
    """The path that a JSON Pointer means."""
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in name.split("/")[1:])


# The fields of a file


def fields_in(root: Node | None) -> Iterator[FormField]:
    """The values of a file that its owner may change: numbers, opening hours and prompts, in this order."""
    if not isinstance(root, Map):
        return
    if isinstance(numbers := root.get("numbers"), Seq):
        for place, number in _items(numbers, ("numbers",)):
            yield from _text(number, place, "number", _LINE, "Calls to", removes=place)
    for calendar in _entries(root.get("hours")):
        for part in _entries(calendar.value):
            path = ("hours", calendar.key.value, part.key.value)
            yield from _of_calendar(part, path, f"Opening hours: {calendar.key.value}")
    for step in _entries(root.get("steps")):
        yield from _of_step(step.value, ("steps", step.key.value), step.key.value)
    yield from _of_step(root.get("defaults"), ("defaults",), "Everywhere")


def new_lines_in(root: Node | None) -> Iterator[NewLine]:
    """Where lines can be added."""
    if isinstance(root, Map):
        if isinstance(root.get("numbers"), Seq):
            yield NewLine(("numbers",), _LINE)
        for calendar in _entries(root.get("hours")):
            for part in ("override", "holidays", "week"):
                yield NewLine(("hours", calendar.key.value, part), f"Opening hours: {calendar.key.value}")


def days_in_words(key: str) -> str:
    """`mon-fri` as "Monday to Friday", `sat,sun` as "Saturday, Sunday"; `2026-12-28` as "28 December 2026"."""
    if days_of(key) is None:
        return " to ".join(map(_date_in_words, key.split("..")))
    words = re.sub("[a-z]+", lambda day: _DAYS[day[0][:3]], key.lower())
    return re.sub(r"\s*,\s*", ", ", re.sub(r"\s*-\s*", " to ", words))


def _date_in_words(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day.day} {day:%B %Y}"


_SHOWN: Final[Mapping[str, Callable[[str], str]]] = {"number": readable, "date": days_in_words}
"""How values are written for people, by kind; others are as in the file."""


def _entries(node: Node | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _items(node: Node | None, path: Path) -> list[tuple[Path, Node]]:
    """The items of a list, or what is no list as the only one."""
    if isinstance(node, Seq):
        return [((*path, str(number)), item) for number, item in enumerate(node.items)]
    return [(path, node)] if node is not None else []


def _of_calendar(part: Entry, path: Path, group: str) -> Iterator[FormField]:
    """The hours of days and dates, and the holidays."""
    if part.key.value == "holidays":
        for place, holiday in _items(part.value, path):
            yield from _of_holiday(holiday, place, group)
    elif part.key.value in ("week", "override"):
        for day in _entries(part.value):
            place, label = (*path, day.key.value), days_in_words(day.key.value)
            yield from _texts(day, place, "hours", group, label, removes=place)


def _of_holiday(node: Node, path: Path, group: str) -> Iterator[FormField]:
    """A date, dates with their names, or the holidays of a country."""
    if isinstance(node, Text):
        yield from _text(node, path, "date", group, "Holiday", removes=path)
        return
    for entry in _entries(node):
        place, word = (*path, entry.key.value), entry.key.value
        if word == "country":
            label = "Public holidays of the country"
            yield from _text(entry.value, place, "country", group, label, removes=path, key=entry.key)
        elif word == "subdivision":
            yield from _text(entry.value, place, "name", group, "Part of the country", key=entry.key)
        elif word != "language":
            label = f"Holiday on {days_in_words(word)}"
            yield from _text(entry.value, place, "name", group, label, removes=place, key=entry.key)


def _of_step(step: Node | None, path: Path, group: str) -> Iterator[FormField]:
    """The prompts and dialled numbers of a step, or of the defaults of all steps."""
    if not isinstance(step, Map):
        return
    for place, part in _items(step.get("do"), (*path, "do")):
        for entry in _entries(part):
            if entry.key.value == "talk":
                yield from _texts(entry, (*place, "talk"), "prompt", group, "says")
            elif entry.key.value == "connect":
                yield from _dialled(entry, (*place, "connect"), group)
    for entry in _entries(step.get("retry")):
        label = {"noinput": "after silence", "nomatch": "after a wrong answer"}.get(entry.key.value)
        if label:
            yield from _texts(entry, (*path, "retry", entry.key.value), "prompt", group, label)


def _dialled(connect: Entry, path: Path, group: str) -> Iterator[FormField]:
    """The numbers of a connect; addresses of other kinds, and computed ones, are left to the editor."""
    for place, target in _items(connect.value, path):
        number = target.get("number") if isinstance(target, Map) else target
        where = (*place, "number") if isinstance(target, Map) else place
        if isinstance(number, Text) and _NUMBER.fullmatch(number.value):
            key = connect.key if place == path else None
            yield from _text(number, where, "number", group, "connects to", key=key)


def _texts(
    entry: Entry, path: Path, kind: FieldKind, group: str, label: str, *, removes: Path | None = None
) -> Iterator[FormField]:
    """The text of an entry, those of a list, or one for each locale; audio files are left to the editor."""
    items = _items(entry.value, path)
    for number, (place, item) in enumerate(items, 1):
        name = label if len(items) == 1 else f"{label}, {number}"
        if isinstance(item, Text):
            key = entry.key if place == path else None
            yield from _text(item, place, kind, group, name, removes=removes and place, key=key)
        for inner in _entries(item):
            word, where = inner.key.value, (*place, inner.key.value)
            if word == "template":
                yield from _text(inner.value, where, "template", group, name, key=inner.key)
            elif word not in ("stream", "style", "name", "premium", "language"):
                what = name if word in ("hours", "text") else f"{name} ({word})"
                yield from _texts(inner, where, kind, group, what)


def _text(
    node: Node,
    path: Path,
    kind: FieldKind,
    group: str,
    label: str,
    *,
    removes: Path | None = None,
    key: Text | None = None,
) -> Iterator[FormField]:
    """The field of a text; none for anything else."""
    if isinstance(node, Text):
        key_at = (key or node).place
        line, column = node.origins[-1] if node.origins else (node.place.line, node.place.column + node.place.length)
        at = (key_at.line, key_at.column), (node.place.line, node.place.column), (line, column + 1)
        shown = _SHOWN.get(kind, str)(node.value)
        yield FormField(kind, path, group, label, shown, *at, removes)


# What a form changes


class CannotChange(Exception):
    """The form asks for something that cannot be done; says what and how to cure it.

    Attributes:
        faults: the name of an input → what is wrong with it; empty when it is about the whole file.
        text: what the file would hold with everything else that was typed; "" when it is about the whole file.
    """

    def __init__(self, problem: str, faults: Mapping[str, str] | None = None, text: str = "") -> None:
        super().__init__(problem)
        self.faults = dict(faults or {})
        self.text = text


def changed(text: str, fields: Iterable[FormField], form: Mapping[str, str]) -> str:
    """The text of a file with what a form says. Raises CannotChange.

    `form` has the new value of each field under its name, `remove:NAME` for lines that go, and `key:NAME` and
    `value:NAME` of lines that are added.
    """
    known = [field for field in fields if field.kind != "template"]
    yaml_text = YamlText(text)
    faults: dict[str, str] = {}
    try:
        for field in known:
            value = tidied(form.get(field.name, field.value))
            if value != tidied(field.value):
                try:
                    yaml_text.set(field.path, _checked(value, field.kind))
                except CannotChange as error:
                    faults[field.name] = str(error)
        added = [name.removeprefix("value:") for name in form if name.startswith("value:")]
        _add_all(yaml_text, [name for name in added if path_of(name) == ("numbers",)], form, faults)
        gone = [field.removes for field in known if field.removes is not None and is_removed(field, form)]
        for path in reversed(gone):
            yaml_text.remove(path)
        _add_all(yaml_text, [name for name in added if path_of(name) != ("numbers",)], form, faults)
    except (NoSuchValue, yaml.YAMLError) as error:
        raise CannotChange("this file is written in a way that the form cannot change; use the editor") from error
    if faults:
        raise CannotChange(NOT_SAVED, faults, yaml_text.text)
    return yaml_text.text


def is_removed(field: FormField, form: Mapping[str, str]) -> bool:
    """Whether a form removes the line of a field."""
    return field.removes is not None and f"remove:{field.name}" in form


def tidied(value: str) -> str:
    """A value as it is compared and written."""
    return value.replace("\r\n", "\n").strip()


def _checked(value: str, kind: FieldKind) -> str:
    if not value:
        raise CannotChange("write something, or remove its line")
    if len(value) > MOST_CHARACTERS:
        raise CannotChange(f"write at most {MOST_CHARACTERS} characters")
    if kind == "country":
        return countries().get(value.lower(), value)
    if kind == "hours":
        return meant_hours(value)
    if kind == "date":
        return _date_key(value)
    return _digits(value) if kind == "number" else value


def _digits(value: str) -> str:
    """A phone number as flows write it. Raises CannotChange."""
    digits = re.sub(r"\D", "", value)
    if not _NUMBER.fullmatch(value) or digits.startswith("0"):
        raise CannotChange(f"{value}: write the number with its country code, such as +44 20 7946 0000")
    return digits


def _add_all(text: YamlText, names: Iterable[str], form: Mapping[str, str], faults: dict[str, str]) -> None:
    """Add the lines of these inputs whose inputs are not empty. Raises CannotChange, NoSuchValue."""
    for name in names:
        path, key, value = path_of(name), form.get(f"key:{name}", "").strip(), form[f"value:{name}"].strip()
        if path != ("numbers",) and (len(path) != 3 or path[0] != "hours" or path[-1] not in NEW_PARTS):
            raise CannotChange("the form adds numbers, days and dates only")
        try:
            if key or value:
                _add(text, path, key, value)
        except CannotChange as error:
            faults |= error.faults or {f"value:{name}": str(error)}


def _add(text: YamlText, path: Path, key: str, value: str) -> None:
    """Add a line. Raises CannotChange, NoSuchValue."""
    *calendar, part = path
    if part == "numbers":
        text.add(path, "", quoted(_digits(value)))
        return
    wanted, key = key, (_day_key if part == "week" else _date_key)(key)
    if not (key if part == "week" else _DATE.fullmatch(key)):
        problem = f"{wanted or 'nothing'} is not {NEW_PARTS[part].wanted_key}"
        raise CannotChange(problem, {f"key:{pointer(path)}": problem})
    if not value:
        raise CannotChange(f"{wanted}: write {NEW_PARTS[part].wanted_value}")
    value = _checked(value, "name" if part == "holidays" else "hours")
    try:
        holder = text.node(path)
    except NoSuchValue:  # the calendar has no such part yet
        text.add(tuple(calendar), part, f"{{{written(key)}: {written(value)}}}")
        return
    keys = [name.value for name, _ in holder.value] if isinstance(holder, yaml.MappingNode) else []
    if part == "week":
        _take_out(text, path, keys, key)
    elif key in keys:
        problem = f"{days_in_words(key)} has a line already: change that"
        raise CannotChange(problem, {f"key:{pointer(path)}": problem})
    if "country" in keys:
        text.put_into_list(path)
    if part == "holidays" and not (keys and "country" not in keys):
        text.add(path, "", f"{{{written(key)}: {written(value)}}}")
    else:
        text.add(path, key, written(value))


def _day_key(words: str) -> str:
    """The days of a line as flows write them: "Monday to Friday" as `mon-fri`; "" when they are no days."""
    key = words.lower().replace("days", "day")
    for sign, written_sign in _DAY_SIGNS:
        key = sign.sub(written_sign, key)
    days = days_of(key)
    return shown_days(set(days)) if days else ""


def _date_key(words: str) -> str:
    """A date, or a range with "to", as flows write it: "24 December 2026" as `2026-12-24`; what is no date stays."""
    return "..".join(map(_iso_date, re.split(r"\s*(?:\.\.|\bto\b)\s*", words)))


def _iso_date(words: str) -> str:
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", words.replace(",", " "))
    for notation in _DATE_NOTATIONS:
        with suppress(ValueError):
            return datetime.strptime(" ".join(plain.split()), notation).replace(tzinfo=UTC).date().isoformat()
    return words


def _take_out(text: YamlText, week: Path, keys: Iterable[str], added: str) -> None:
    """Take the days of a new line out of the lines that have them: beside `wed`, `mon-fri` becomes `mon,tue,thu,fri`.

    Raises CannotChange for a line that has no other days.
    """
    days = set(days_of(added) or ())
    for key in keys:
        own = set(days_of(key) or ())
        if own and own <= days:
            problem = f"{days_in_words(key)} has a line already: change its hours there, or remove it"
            raise CannotChange(problem, {f"key:{pointer(week)}": problem})
        if own & days:
            text.rename((*week, key), shown_days(own - days))
