"""Writes the hours of days and the public holidays of a form into a calendar."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from ncco_server.flow.hours.holidays import country_class, meant_country, regions_of
from ncco_server.flow.hours.weekly import CLOSED, days_of, meant_spans, shown_days, shown_spans
from ncco_studio.editing.yaml_text import NoSuchValue, Path, YamlText, written


def write_hours(text: YamlText, path: Path, hours: str) -> None:
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


def write_week(text: YamlText, path: Path, wanted: Mapping[int, str]) -> None:
    """Change the hours of some days. A line is split only if some of its days keep their hours. Raises NoSuchValue."""
    try:
        lines = {key.value: value for key, value in text.node(path).value}
    except NoSuchValue:  # the calendar has no week
        lines = {}
    left = dict(wanted)
    for key in lines:
        days = days_of(key) or []
        changed = [day for day in days if day in left]
        stay = [day for day in days if day not in left]
        if changed and not stay:  # the line gets the hours of its first day
            hours = left[days[0]]
            stay = [day for day in days if left[day] == hours]
            write_hours(text, (*path, key), hours)
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
    try:
        week = text.node(path)
    except NoSuchValue:
        text.add(path[:-1], path[-1], f"{{{written(shown_days(days))}: {written(hours)}}}")
        return
    for key, value in week.value:
        if isinstance(value, yaml.ScalarNode) and (spans := meant_spans(value.value)) and shown_spans(spans) == hours:
            text.rename((*path, key.value), shown_days({*(days_of(key.value) or ()), *days}))
            return
    text.add(path, shown_days(days), written(hours))


def write_region(text: YamlText, path: Path, country: str, part: str) -> None:
    """Change a country and its part. What the new country does not have is removed. Raises NoSuchValue."""
    before = {key.value: value.value for key, value in text.node(path).value}
    wanted = {"country": country, "subdivision": part}
    if before["country"] != country and "language" in before:
        known = country_class(country)
        wanted["language"] = before["language"] if known and before["language"] in known.supported_languages else ""
    for word, value in wanted.items():
        if value and word in before:
            text.set((*path, word), value)
        elif value:
            text.add(path, word, written(value))
        elif word in before:
            text.remove((*path, word))


def part_code(country: str, words: str) -> str:
    """The code of a part of a country by its name or code. Raises KeyError."""
    regions = regions_of(country)
    return {each.lower(): code for code, name in regions.items() for each in (code, name)}[words.lower()]


def meant_region(words: str) -> tuple[str, str]:
    """Return the codes of a country and of its part, if the words name one: `Wales`. ("", "") for other words."""
    country = meant_country(words)
    try:
        return country, part_code(country, words.strip())
    except KeyError:
        return country, ""


def add_region(text: YamlText, path: Path, words: str) -> None:
    """`path` leads to the calendar's holidays, if it has any. Raises NoSuchValue."""
    country, part = meant_region(words)
    region = f"{{country: {country}{f', subdivision: {part}' if part else ''}}}"
    try:
        holidays = text.node(path)
    except NoSuchValue:
        text.add(path[:-1], path[-1], region)
        return
    if isinstance(holidays, yaml.MappingNode):
        text.put_into_list(path)
    text.add(path, "", region)
