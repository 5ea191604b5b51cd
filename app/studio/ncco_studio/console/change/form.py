"""Applies a form's changes to a flow file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import yaml

from ncco_server.flow.hours.public_holidays import known_country, regions_of
from ncco_server.flow.hours.weekly import CLOSED, days_of, shown_days, shown_spans
from ncco_server.issue import keys_of, pointer
from ncco_server.ncco.value_types import read_number
from ncco_studio.console.change.fields import NEW_PARTS, FieldKind, FormField
from ncco_studio.console.change.notation import (
    country_code,
    date_in_words,
    date_key,
    is_date,
    meant_spans,
    spans_in_words,
)
from ncco_studio.console.change.placeholders import put_back
from ncco_studio.editor.yaml_text import NoSuchValue, Path, YamlText, quoted, written

NOT_SAVED: Final = "Fix what is marked below. Nothing is saved yet, and nothing that you wrote is lost."
SAVED_MEANWHILE: Final = "the file has changed on disk since you opened the form; check your changes again"
MOST_CHARACTERS: Final = 20_000
"""In a value of the form."""


class CannotChange(Exception):
    """The changes cannot be made; the message gives the reason and the fix.

    Attributes:
        faults: the errors by the name of their input; empty if the error concerns the whole file.
        text: the file's text with all the other changes; "" if the error concerns the whole file.
    """

    def __init__(self, problem: str, faults: Mapping[str, str] | None = None, text: str = "") -> None:
        super().__init__(problem)
        self.faults = dict(faults or {})
        self.text = text


def name_as_written(written: str) -> str:
    """A valid name of a flow: `Café Müller` becomes `cafe_muller`. Raises ValueError."""
    letters = (each for each in unicodedata.normalize("NFKD", written.casefold()) if not unicodedata.combining(each))
    name = re.sub(r"\W+", "_", "".join(letters), flags=re.ASCII).strip("_")
    if not re.match("[a-z]", name):
        raise ValueError("write a name that begins with a letter from A to Z")
    return name


def changed(text: str, fields: Iterable[FormField], form: Mapping[str, str], line: str = "") -> str:
    """Apply a form's changes to the text of a file. Raises CannotChange.

    `form` has each field's new value under its name, `remove:NAME` for removed lines, and `key:NAME` and `value:NAME`
    for added lines. National numbers are read as in the country of `line`, a number of the project.
    """
    fields = [*fields]
    kept = [field for field in fields if field.sources is not None and not is_removed(field, form)]
    values = {field.name: tidied(form.get(field.name, field.value), field.kind) for field in kept}
    yaml_text = YamlText(text)
    faults: dict[str, str] = {}
    try:
        _set_all(yaml_text, kept, values, faults, line)
        added = [name.removeprefix("value:") for name in form if name.startswith("value:")]
        _add_all(yaml_text, [name for name in added if keys_of(name) == ("numbers",)], form, faults, line)
        for field in reversed(fields):
            if field.removes is not None and is_removed(field, form):
                yaml_text.remove(field.removes)
        for field in kept:
            if field.kind == "country" and field.removes is None and values[field.name] and field.name not in faults:
                _add_region(yaml_text, field.path[:-1], values[field.name])
        _add_all(yaml_text, [name for name in added if keys_of(name) != ("numbers",)], form, faults, line)
    except (NoSuchValue, yaml.YAMLError) as error:
        problem = "the form cannot change this file because of the way it is written; use the editor"
        raise CannotChange(problem) from error
    if faults:
        raise CannotChange(NOT_SAVED, faults, yaml_text.text)
    return yaml_text.text


def merged(
    form: Mapping[str, str], before: Iterable[FormField], now: Iterable[FormField]
) -> tuple[dict[str, str], frozenset[str]]:
    """Apply what somebody else has saved since the form was opened to its values.

    The second value names the fields that both have changed, which keep the form's value or its removal.
    """
    known = {field.name: field for field in before}
    found = dict(form)
    both = set()
    for field in (each for each in now if each.name in known):
        old, new = tidied(known[field.name].value), tidied(field.value)
        own = tidied(form.get(field.name, old), field.kind)
        if own == old:
            found[field.name] = field.value
        if new != old and (own not in (old, new) or f"remove:{field.name}" in form):
            both.add(field.name)
    return found, frozenset(both)


def _set_all(
    text: YamlText, fields: Iterable[FormField], values: Mapping[str, str], faults: dict[str, str], line: str
) -> None:
    """Raises NoSuchValue."""
    weeks: dict[Path, dict[int, str]] = {}
    for field in fields:
        value = values[field.name]
        try:
            if field.kind == "country":
                _change_region(text, field, fields, values)
            elif field.kind != "region" and value != tidied(field.value):
                checked = _checked(value, field.kind, line)
                if field.kind == "prompt":
                    checked = _with_values(checked, field)
                if field.day is not None:
                    weeks.setdefault(field.path[:-1], {})[field.day] = checked
                else:
                    (_write_hours if field.kind == "hours" else YamlText.set)(text, field.path, checked)
        except CannotChange as error:
            faults |= error.faults or {field.name: str(error)}
    for path, days in weeks.items():
        _write_week(text, path, days)


def _with_values(typed: str, field: FormField) -> str:
    try:
        return put_back(typed, field.value, field.sources or {})
    except ValueError as error:
        raise CannotChange(str(error)) from error


def is_removed(field: FormField, form: Mapping[str, str]) -> bool:
    is_emptied = field.kind == "country" and not form.get(field.name, field.value).strip()
    return field.removes is not None and (is_emptied or f"remove:{field.name}" in form)


def tidied(value: str, kind: FieldKind = "prompt") -> str:
    """The form in which values are compared and written."""
    spans = meant_spans(value) if kind == "hours" else None
    return value.replace("\r\n", "\n").strip() if spans is None else spans_in_words(spans)


def _checked(value: str, kind: FieldKind, line: str = "") -> str:
    if not value:
        cure = "write when you open, or tick Closed" if kind == "hours" else "write something, or remove its line"
        raise CannotChange(cure)
    if len(value) > MOST_CHARACTERS:
        raise CannotChange(f"write at most {MOST_CHARACTERS} characters")
    if kind == "hours":
        spans = meant_spans(value)
        if spans is None:
            raise CannotChange(f"{value}: write opening and closing times, such as 9am to 5:30pm, or closed")
        return shown_spans(spans)
    if kind == "date":
        return date_key(value)
    return _number(value, line) if kind == "number" else value


def _change_region(text: YamlText, field: FormField, known: Iterable[FormField], values: Mapping[str, str]) -> None:
    """Change a country and its part. Raises CannotChange, NoSuchValue."""
    *holder, _ = field.path
    words = values[field.name]
    part = next((each for each in known if each.path == (*holder, "subdivision")), None)
    wanted = values[part.name] if part else ""
    if words == field.value and (part is None or wanted == part.value):
        return
    code, named = _meant_region(words)
    if not code:
        raise CannotChange(f"{words}: write a country, such as Germany")
    if field.removes is None:
        return  # it is added after the others
    try:
        wanted = named or (_part_code(code, wanted) if wanted else "")
    except KeyError:
        if part is not None and wanted != part.value:
            problem = f"{wanted}: write one of {', '.join(regions_of(code).values())}"
            raise CannotChange(problem, {part.name: problem}) from None
        wanted = ""  # it belongs to the former country
    _write_region(text, tuple(holder), code, wanted)


def _number(value: str, line: str) -> str:
    try:
        return read_number(value, line)
    except ValueError as error:
        raise CannotChange(f"{value}: {error}") from error


def _add_all(text: YamlText, names: Iterable[str], form: Mapping[str, str], faults: dict[str, str], line: str) -> None:
    """Lines with empty inputs are left out. Raises CannotChange, NoSuchValue."""
    for name in names:
        path = keys_of(name)
        key = form.get(f"key:{name}", "").strip()
        value = form[f"value:{name}"].strip()
        if path != ("numbers",) and (len(path) != 3 or path[0] != "hours" or path[-1] not in NEW_PARTS):
            raise CannotChange("the form can only add numbers and dates")
        try:
            if key or value:
                _add(text, path, key, value, line, name=form.get(f"name:{name}", "").strip())
        except CannotChange as error:
            faults |= error.faults or {f"value:{name}": str(error)}


def _add(text: YamlText, path: Path, key: str, value: str, line: str, *, name: str) -> None:
    """Only the hours of a date have a `name`. Raises CannotChange, NoSuchValue."""
    part = path[-1]
    if part == "numbers":
        text.add(path, "", quoted(_number(value, line)))
        return
    wanted = key
    key = date_key(key)
    if not is_date(key):
        date = "a date with the month as a word and the year, such as 24 December 2026"
        problem = "choose the first day, too" if key.startswith("..") else f"{wanted or 'nothing'} is not {date}"
        raise CannotChange(problem, {f"key:{pointer(*path)}": problem})
    if not value:
        raise CannotChange(f"{wanted}: write {NEW_PARTS[part].wanted}")
    value = written(_checked(value, "name" if part == "holidays" else "hours"))
    if name:
        value = f"{{hours: {value}, name: {written(_checked(name, 'name'))}}}"
    keys = _keys_of(text, path)
    if key in keys:
        problem = f"{date_in_words(key)} already has a line: change that one"
        raise CannotChange(problem, {f"key:{pointer(*path)}": problem})
    if "country" in keys:
        text.put_into_list(path)
    if part == "holidays" and not (keys and "country" not in keys):
        text.add(path, "", f"{{{written(key)}: {value}}}")
    else:
        text.add(path, key, value)


def _keys_of(text: YamlText, path: Path) -> list[str]:
    """Return [] if the value is missing, or no map."""
    node = text.get(path)
    return [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []


def _write_hours(text: YamlText, path: Path, hours: str) -> None:
    """Keep a list a list. Raises NoSuchValue."""
    node = text.node(path)
    if not isinstance(node, yaml.SequenceNode):
        text.set(path, hours)
        return
    spans = hours.split(", ")
    for number in reversed(range(len(spans), len(node.value))):
        text.remove((*path, str(number)))
    for number, span in enumerate(spans):
        if number < len(node.value):
            text.set((*path, str(number)), span)
        else:
            text.add(path, "", written(span))


def _write_week(text: YamlText, path: Path, wanted: Mapping[int, str]) -> None:
    """Change the hours of some days. A line is split only if some of its days keep their hours. Raises NoSuchValue."""
    left = dict(wanted)
    for key in _keys_of(text, path):
        days = days_of(key) or []
        changed = [day for day in days if day in left]
        stay = [day for day in days if day not in left]
        if changed and not stay:  # the line gets the hours of its first day
            hours = left[days[0]]
            stay = [day for day in days if left[day] == hours]
            _write_hours(text, (*path, key), hours)
        if changed and len(stay) < len(days):
            text.rename((*path, key), shown_days(stay))
        for day in changed:
            if day in stay:
                del left[day]
    for each in dict.fromkeys(left.values()):
        if each != CLOSED:
            _add_days(text, path, {day for day, hours in left.items() if hours == each}, each)


def _add_days(text: YamlText, path: Path, days: set[int], hours: str) -> None:
    """Raises NoSuchValue."""
    for key in _keys_of(text, path):
        node = text.node((*path, key))
        if isinstance(node, yaml.ScalarNode) and (spans := meant_spans(node.value)) and shown_spans(spans) == hours:
            text.rename((*path, key), shown_days({*(days_of(key) or ()), *days}))
            return
    text.add(path, shown_days(days), written(hours))


def _write_region(text: YamlText, path: Path, country: str, part: str) -> None:
    """Change a country and its part. What the new country does not have is removed. Raises NoSuchValue."""
    before = {key.value: value.value for key, value in text.node(path).value}
    wanted = {"country": country, "subdivision": part}
    if before["country"] != country and "language" in before:
        known = known_country(country)
        wanted["language"] = before["language"] if known and before["language"] in known.supported_languages else ""
    for word, value in wanted.items():
        if value and word in before:
            text.set((*path, word), value)
        elif value:
            text.add(path, word, written(value))
        elif word in before:
            text.remove((*path, word))


def _part_code(country: str, words: str) -> str:
    """The code of a part of a country by its name or code. Raises KeyError."""
    regions = regions_of(country)
    return {each.lower(): code for code, name in regions.items() for each in (code, name)}[words.lower()]


def _meant_region(words: str) -> tuple[str, str]:
    """Return the codes of a country and of its part, if the words name one. ("", "") for other words."""
    country = country_code(words)
    try:
        return country, _part_code(country, words.strip())
    except KeyError:
        return country, ""


def _add_region(text: YamlText, path: Path, words: str) -> None:
    """`path` leads to the calendar's holidays, if it has any. Raises NoSuchValue."""
    country, part = _meant_region(words)
    region = f"{{country: {country}{f', subdivision: {part}' if part else ''}}}"
    if isinstance(text.get(path), yaml.MappingNode):
        text.put_into_list(path)
    text.add(path, "", region)
