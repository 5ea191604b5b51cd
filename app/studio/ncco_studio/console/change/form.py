"""Applies a form's changes to a flow file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import yaml

from ncco_server.flow.hours.holidays import countries
from ncco_server.flow.hours.weekly import days_of, is_hours, meant_hours, shown_days
from ncco_server.flow.source.edit import NoSuchValue, Path, YamlText, quoted, written
from ncco_server.ncco.value_types import read_number
from ncco_studio.console.change.fields import NEW_PARTS, FieldKind, FormField, path_of, pointer
from ncco_studio.console.change.notation import date_key, day_key, days_in_words, is_date

NOT_SAVED: Final = "Fix the marked fields below. Nothing is saved yet, and nothing that you wrote is lost."
_NOON: Final = re.compile(r"\b(?:noon|midday)\b", re.IGNORECASE)
_KEYS: Final = re.compile(r"[0-9*#]+")
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


def changed(text: str, fields: Iterable[FormField], form: Mapping[str, str], line: str = "") -> str:
    """Apply a form's changes to the text of a file. Raises CannotChange.

    `form` has each field's new value under its name, `remove:NAME` for removed lines, and `key:NAME` and `value:NAME`
    for added lines. National numbers are read as in the country of `line`, a number of the project.
    """
    known = [field for field in fields if field.kind != "template"]
    yaml_text = YamlText(text)
    faults: dict[str, str] = {}
    try:
        for field in known:
            value = tidied(form.get(field.name, field.value))
            if value != tidied(field.value):
                try:
                    yaml_text.set(field.path, _checked(value, field.kind, line))
                except CannotChange as error:
                    faults[field.name] = str(error)
        added = [name.removeprefix("value:") for name in form if name.startswith("value:")]
        _add_all(yaml_text, [name for name in added if path_of(name) == ("numbers",)], form, faults, line)
        gone = [field.removes for field in known if field.removes is not None and is_removed(field, form)]
        for path in reversed(gone):
            yaml_text.remove(path)
        _add_all(yaml_text, [name for name in added if path_of(name) != ("numbers",)], form, faults, line)
    except (NoSuchValue, yaml.YAMLError) as error:
        raise CannotChange(
            "the form cannot change this file because of the way it is written; use the editor"
        ) from error
    if faults:
        raise CannotChange(NOT_SAVED, faults, yaml_text.text)
    return yaml_text.text


def is_removed(field: FormField, form: Mapping[str, str]) -> bool:
    return field.removes is not None and f"remove:{field.name}" in form


def tidied(value: str) -> str:
    """The form in which values are compared and written."""
    return value.replace("\r\n", "\n").strip()


def _checked(value: str, kind: FieldKind, line: str = "") -> str:
    if not value:
        raise CannotChange("write something, or remove its line")
    if len(value) > MOST_CHARACTERS:
        raise CannotChange(f"write at most {MOST_CHARACTERS} characters")
    if kind == "country":
        return countries().get(value.lower(), value)
    if kind == "hours":
        hours = meant_hours(_NOON.sub("12:00", value))
        if not is_hours(hours):
            raise CannotChange(f"{value}: write opening and closing times, such as 9am to 5:30pm, or closed")
        return hours
    if kind == "key" and not _KEYS.fullmatch(value):
        raise CannotChange(f"{value}: write what callers press: digits, * or #")
    if kind == "date":
        return date_key(value)
    return _number(value, line) if kind == "number" else value


def _number(value: str, line: str) -> str:
    try:
        return read_number(value, line)
    except ValueError as error:
        raise CannotChange(f"{value}: {error}") from error


def _add_all(text: YamlText, names: Iterable[str], form: Mapping[str, str], faults: dict[str, str], line: str) -> None:
    """Lines with empty inputs are left out. Raises CannotChange, NoSuchValue."""
    for name in names:
        path = path_of(name)
        key = form.get(f"key:{name}", "").strip()
        value = form[f"value:{name}"].strip()
        if path != ("numbers",) and (len(path) != 3 or path[0] != "hours" or path[-1] not in NEW_PARTS):
            raise CannotChange("the form can only add numbers, days and dates")
        try:
            if key or value:
                _add(text, path, key, value, line)
        except CannotChange as error:
            faults |= error.faults or {f"value:{name}": str(error)}


def _add(text: YamlText, path: Path, key: str, value: str, line: str) -> None:
    """Raises CannotChange, NoSuchValue."""
    *calendar, part = path
    if part == "numbers":
        text.add(path, "", quoted(_number(value, line)))
        return
    wanted = key
    key = (day_key if part == "week" else date_key)(key)
    if not (key if part == "week" else is_date(key)):
        problem = f"{wanted or 'nothing'} is not {NEW_PARTS[part].wanted_key}"
        raise CannotChange(problem, {f"key:{pointer(path)}": problem})
    if not value:
        raise CannotChange(f"{wanted}: write {NEW_PARTS[part].wanted_value}")
    value = _checked(value, "name" if part == "holidays" else "hours")
    try:
        holder = text.node(path)
    except NoSuchValue:  # the calendar lacks this part
        text.add(tuple(calendar), part, f"{{{written(key)}: {written(value)}}}")
        return
    keys = [name.value for name, _ in holder.value] if isinstance(holder, yaml.MappingNode) else []
    if part == "week":
        _take_out(text, path, keys, key)
    elif key in keys:
        problem = f"{days_in_words(key)} already has a line: change that one"
        raise CannotChange(problem, {f"key:{pointer(path)}": problem})
    if "country" in keys:
        text.put_into_list(path)
    if part == "holidays" and not (keys and "country" not in keys):
        text.add(path, "", f"{{{written(key)}: {written(value)}}}")
    else:
        text.add(path, key, written(value))


def _take_out(text: YamlText, week: Path, keys: Iterable[str], added: str) -> None:
    """Remove the days of a new line from existing lines: with a new `wed`, `mon-fri` becomes `mon,tue,thu,fri`.

    Raises CannotChange if a line has no other days.
    """
    days = set(days_of(added) or ())
    for key in keys:
        own = set(days_of(key) or ())
        if own and own <= days:
            problem = f"{days_in_words(key)} already has a line: change its hours there, or remove it"
            raise CannotChange(problem, {f"key:{pointer(week)}": problem})
        if own & days:
            text.rename((*week, key), shown_days(own - days))
