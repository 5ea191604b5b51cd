"""Reads a calendar's `holidays:` and its `override:`.

A date is `2026-12-24`; a range, `2026-12-24..2027-01-01`, includes both dates. Public holidays come from the `holidays`
library, imported only when a flow uses them.
"""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

from ncco_server.flow.grammar.forms import TEXT, Notation, listed
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import HINTS, Reader
from ncco_server.flow.hours.calendar import Spans, SpecialHours
from ncco_server.flow.hours.weekly import looks_like_hours, read_spans
from ncco_server.flow.issues import Fix, did_you_mean
from ncco_server.flow.nodes import Entry, Map, Node, Seq, Text, is_missing
from ncco_server.ncco.value_types.foreign_words import country_of
from ncco_server.suggest import ALIKE_NAMES, nearest

FIRST_YEAR: Final = 2024
LAST_YEAR: Final = 2040
"""Our choice. Later public holidays are not known."""

_EXAMPLE: Final = "write `holidays: {country: GB}`, or a list of dates: `holidays: [2026-12-24]`"
_BRITISH: Final = ("britain", "england", "great britain", "northern ireland", "scotland", "wales")
_NAMED_AFTER_A_PART: Final = dict.fromkeys(_BRITISH, "GB") | {"america": "US", "holland": "NL"}
"""People's other names for a country → its two-letter code."""
_LETTERS_OF_CODE: Final = 3
_LABELS: Final = ("observed_label", "estimated_label", "observed_estimated_label")


MAX_DAYS: Final = 366
MIN_YEAR, MAX_YEAR = 2000, 2100
"""Limits of a range in days and of a date; our choice, to detect typing errors."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DOTS = re.compile(r"\.{2,}")
_MANY_DOTS = re.compile(r"([^.]+)\.{3,}([^.]+)")
_WRITTEN_RANGE: Final = re.compile(rf"({_DATE.pattern}) *(?:-|\u2013|/|to|until|bis) *({_DATE.pattern})")
_OTHER_DATE: Final = re.compile(r"(?=.*[0-9]{4})([0-9]{1,4})[-./] ?([0-9]{1,2})[-./] ?([0-9]{1,4})")


class Region(MapForm):
    """A country or a part of it, with its public holidays."""

    hints: ClassVar = HINTS["region"]
    cures: ClassVar = {"country": Fix("write `country: GB`", "add", "country: GB")}
    is_named: ClassVar = True

    country: str
    """The country's two-letter code, such as GB."""
    subdivision: str = ""
    """A part of the country, such as ENG."""
    language: str = ""
    """The language of the holidays' names."""

    @property
    def path(self) -> str:
        """Such as `calendars/GB-ENG.json`."""
        key = "-".join(filter(None, (self.country, self.subdivision)))
        key = f"{key}.{self.language}" if self.language else key
        return f"calendars/{re.sub(r'[^A-Za-z0-9_.-]', '_', key)}.json"


@dataclass(frozen=True, slots=True)
class Holidays:
    """Single dates with their names ("" for none), and regions."""

    own: dict[date, str] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)


def read_holidays(node: Node, what: str, reader: Reader) -> Holidays:
    holidays = Holidays()
    if isinstance(node, Text):
        _report_text(node, what, reader)
        return holidays
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Seq):
            reader.report("E201", item.place, f"an entry of {what} is a list", _EXAMPLE)
        elif isinstance(item, Text) and (code := meant_country(item.value)):
            written = f"{{country: {code}}}"
            message = f'{what}: "{item.value}" is not a date'
            reader.report("E506", item.place, message, Fix(f"write `{written}`", "characters", written))
        elif isinstance(item, Text):
            _read_own(item, "", holidays, what, reader)
        elif not any(entry.key.value[:1].isdigit() for entry in item.entries) or item.get("country") is not None:
            swapped = [
                f"{value.value}: {key.value}"
                for key, value in item.entries
                if isinstance(value, Text) and _DATE.fullmatch(value.value)
            ]
            if swapped and len(swapped) == len(item.entries):
                name = item.entries[0].key
                reader.report("E506", name.place, f'{what}: "{name.value}" is not a date', f"write `{swapped[0]}`")
                continue
            _read_region(item, holidays, what, reader)
        else:
            for entry in item.entries:
                _read_named(entry, holidays, what, reader)
    return holidays


def region_dates(region: Region, computed: Mapping[str, str], reader: Reader) -> tuple[Mapping[date, str], str] | None:
    """The dates, and their text for a flow's sources.

    They are read from `computed` (path → text) if it has them. None if the library does not know the country (E508),
    the subdivision (E509) or the language (E510).
    """
    text = computed.get(region.path, "")
    found = dates_from_json(text)
    if found is not None:
        return found, text
    known = country_class(region.country)
    if known is None:
        place = region.written.values["country"].place
        message = f'{region.written.what}: "{region.country}" is not a country whose holidays are known'
        code = meant_country(region.country)
        cure = Fix(f"write {code}, or another country's two letters", "word", code) if code else None
        reader.report("E508", place, message, cure)
        return None
    subdivisions = (known.subdivisions, known.subdivisions_aliases)
    is_subdivision = _check_known("E509", "subdivision", region, subdivisions, reader)
    if not _check_known("E510", "language", region, (known.supported_languages, {}), reader) or not is_subdivision:
        return None
    found = library_dates(region.country, region.subdivision, region.language)
    return found, dates_to_json(found)


@lru_cache(maxsize=256)
def library_dates(country: str, subdivision: str = "", language: str = "") -> Mapping[date, str]:
    known = country_class(country)
    with warnings.catch_warnings(action="ignore"):  # the library warns if it covers fewer years for a country
        found = known(
            subdiv=subdivision,
            years=range(FIRST_YEAR, LAST_YEAR + 1),
            language=language or known.default_language,
        )
    labels = [str(found.tr(getattr(found, label))) for label in _LABELS if getattr(found, label, None)]
    endings = [label.removeprefix("%s") for label in labels]  # such as " (observed)"
    return {day: _spoken_name(found[day], endings) for day in sorted(found)}


def country_class(code: str) -> Any:
    return getattr(importlib.import_module("holidays"), code) if code in countries().values() else None


def regions_of(country: str) -> Mapping[str, str]:
    """The names of a country's parts by their codes; a part without a name has its code."""
    known = country_class(country)
    if known is None:
        return {}
    names = {code: name for name, code in known.subdivisions_aliases.items()}
    return {code: names.get(code, code) for code in known.subdivisions}


def meant_country(written: str) -> str:
    """Return "" unless it is a country's code or name, or the beginning of only one name: `GER` for Germany."""
    name = written.strip().lower()
    known = countries()
    code = known.get(name) or country_of(name)
    if not code and len(name) > _LETTERS_OF_CODE:
        code = known.get(nearest(name, known, ALIKE_NAMES) or "", "")
    if not code and len(name) == _LETTERS_OF_CODE:
        begun = {code for each, code in known.items() if each.startswith(name)}
        code = next(iter(begun)) if len(begun) == 1 else ""
    return code if code in known.values() else ""


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    """Codes by name (`united kingdom`) and code (`gb`, `gbr`, `uk`)."""
    registry = importlib.import_module("holidays.registry").COUNTRIES
    names = {name.replace("_", " "): codes[1] for name, codes in registry.items()}
    return names | _NAMED_AFTER_A_PART | {code.lower(): codes[1] for codes in registry.values() for code in codes[1:]}


@lru_cache(maxsize=1)
def country_names() -> Mapping[str, str]:
    """English names by code, sorted by name."""
    known = importlib.import_module("babel").Locale("en").territories
    return dict(sorted(((code, known.get(code, code)) for code in {*countries().values()}), key=lambda each: each[1]))


def dates_to_json(dates: Mapping[date, str]) -> str:
    """One date per line, always in the same order."""
    by_day = {day.isoformat(): name for day, name in sorted(dates.items())}
    written = {"from": FIRST_YEAR, "to": LAST_YEAR, "dates": by_day}
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"


def dates_from_json(text: str) -> Mapping[date, str] | None:
    """Return None if the text is damaged."""
    try:
        by_day = json.loads(text)["dates"].items()
        return {date.fromisoformat(day): str(name) for day, name in by_day}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _report_text(node: Text, what: str, reader: Reader) -> None:
    country, _, part = node.value.partition("-")
    code = meant_country(country)
    written = f"{{country: {code}{f', subdivision: {part}' if part else ''}}}"
    cure = Fix(f"write `holidays: {written}`", "characters", written) if code else _EXAMPLE
    reader.report("E201", node.place, f"{what} is a text", cure)


def _read_own(text: Text, name: str, holidays: Holidays, what: str, reader: Reader) -> None:
    days = read_dates(text, what, reader)
    holidays.own.update(dict.fromkeys(new_dates(days, holidays.own, text, what, reader), name))


def _read_named(entry: Entry, holidays: Holidays, what: str, reader: Reader) -> None:
    name = reader.text(entry.value, f"the name of {entry.key.value} in {what}")
    if name is not None and looks_like_hours(name.value):
        message = f'{what}: "{name.value}" is not the name of a holiday'
        cure = f"write the hours of a date under `override`: {{{entry.key.value}: {name.value}}}"
        reader.report("E513", name.place, message, cure)
        name = None
    _read_own(entry.key, name.value.strip() if name else "", holidays, what, reader)


def _read_region(node: Map, holidays: Holidays, what: str, reader: Reader) -> None:
    keys = node.keys()
    hints = {key: "write a list: `[{country: GB}, 2026-12-24]`" for key in keys if key[:1].isdigit()}
    words = Region.read_words(node, what, reader, hints=hints)
    region = Region.build(words, reader)
    if region is not None and not any(map(is_missing, words.values.values())):
        holidays.regions.append(region)


def _check_known(
    code: str, word: str, region: Region, known: tuple[tuple[str, ...], Mapping[str, str]], reader: Reader
) -> bool:
    value = getattr(region, word)
    names, aliases = known
    if not value or value in names or value in aliases:
        return True
    bare = value.upper().removeprefix(f"{region.country}-")
    alike = next((name for name in names if name.startswith(f"{value}_")), None)
    near = bare if bare in names else alike or nearest(value, (*names, *aliases))
    cure = did_you_mean(aliases.get(near, near)) if near else f"write one of: {', '.join(names)}"
    message = f'{region.written.what}: {region.country} has no {word} "{value}"'
    reader.report(code, region.written.values[word].place, message, cure if names else f"delete `{word}`")
    return False


def _spoken_name(found: str, endings: list[str]) -> str:
    """Remove endings such as "(observed)"; a comma joins two names."""
    names: list[str] = []
    for name in found.split("; "):
        for ending in endings:
            name = name.removesuffix(ending)  # noqa: PLW2901 - the endings are removed one after another
        names.append(name)
    return ", ".join(dict.fromkeys(names))


def read_dates(text: Text, what: str, reader: Reader) -> tuple[date, ...]:
    """Each date of a range; () if the text cannot be read.

    E506: not a date, or not in the years 2000 to 2100. E511: a range that ends before it starts, or is longer than 366
    days.
    """
    begin, dots, end = text.value.partition("..")
    meant = _date_cure(_DOTS.sub(".", text.value)) if dots else None
    between = (_MANY_DOTS if dots else _WRITTEN_RANGE).fullmatch(text.value)
    if meant or end.startswith(".") or ".." in end or between:
        fix = meant or (did_you_mean("..".join(between.groups())) if between else None)
        reader.report("E506", text.place, f'{what}: "{text.value}" is not a date', fix)
        return ()
    first = _read_date(begin, 0, text, what, reader)
    last = _read_date(end, len(begin) + 2, text, what, reader) if dots else first
    if first is None or last is None:
        return ()
    days = (last - first).days + 1
    if days < 1:
        fix = Fix(f"write {last}..{first}", "word", f"{last}..{first}")
        reader.report("E511", text.place, f"{what}: {text.value} ends before it begins", fix)
        return ()
    if days > MAX_DAYS:
        message = f"{what}: {text.value} has {days} days, more than {MAX_DAYS}"
        reader.report("E511", text.place, message, "for longer changes, edit `week`")
        return ()
    return tuple(first + timedelta(days=day) for day in range(days))


def new_dates(dates: tuple[date, ...], seen: Mapping[date, object], text: Text, what: str, reader: Reader) -> set[date]:
    """The dates not in `seen`; E507 reports the first repeated one."""
    repeated = [day for day in dates if day in seen]
    if repeated:
        reader.report("E507", text.place, f"{what}: {repeated[0]} is written twice", "delete one of the two")
    return {day for day in dates if day not in seen}


class SpecialDate(MapForm):
    """An entry of `override` with a name."""

    hints: ClassVar = HINTS["special_date"]
    cures: ClassVar = {"hours": Fix("write `hours: closed`, or `hours: 09:00-12:00`", "add", "hours: closed")}
    is_named: ClassVar = True

    hours: Annotated[Spans, Notation(read_spans, listed(TEXT))]
    name: str = ""


def read_override(node: Node, what: str, reader: Reader) -> Mapping[date, SpecialHours]:
    """A date or a range of dates → hours, or `{hours: closed, name: Inventory}`."""
    found = reader.map(node, what, "write `override: {2026-12-24: 09:00-12:00}`")
    override: dict[date, SpecialHours] = {}
    for entry in found.entries if found else ():
        days = read_dates(entry.key, what, reader)
        special = _read_special(entry, f"{what}, {entry.key.value}", reader)
        override |= dict.fromkeys(new_dates(days, override, entry.key, what, reader), special)
    return override


def _read_special(entry: Entry, what: str, reader: Reader) -> SpecialHours:
    """Closed if the hours cannot be read."""
    if not isinstance(entry.value, Map):
        return SpecialHours(read_spans(entry.value, what, reader), "", entry.key.place)
    words = SpecialDate.read(entry.value, what, reader, place=entry.key.place)
    return SpecialHours(words.hours, words.name.strip(), entry.key.place) if words else SpecialHours(())


def _read_date(value: str, offset: int, text: Text, what: str, reader: Reader) -> date | None:
    """`value` starts at `offset` of `text`. None after reporting E506."""
    written = value.strip()
    try:
        day = date.fromisoformat(written) if _DATE.fullmatch(written) else None
    except ValueError:  # such as the 30th of February
        day = None
    if day is not None and MIN_YEAR <= day.year <= MAX_YEAR:
        return day
    place = text.at(offset + len(value) - len(value.lstrip()), max(len(written), 1))
    cure = f"write a year from {MIN_YEAR} to {MAX_YEAR}" if day else _date_cure(written)
    if cure is None and _DATE.fullmatch(written):
        cure = "write a day that exists: this month has fewer"
    reader.report("E506", place, f'{what}: "{written}" is not a date', cure)
    return None


def _date_cure(written: str) -> str | Fix | None:
    """How to write a date in another notation (`24.12.2026`, `2026/12/24`).

    It is an automatic fix only if day and month are certain.
    """
    found = _OTHER_DATE.fullmatch(written)
    if found is None or _DATE.fullmatch(written):
        return None
    first, month, last = map(int, found.groups())
    year, day = (first, last) if first > last else (last, first)
    is_sure = first > last or max(month, day) > 12 or month == day
    month, day = (day, month) if month > 12 else (month, day)
    iso = f"{year}-{month:02}-{day:02}"
    return Fix(f"write {iso}", "characters", iso) if is_sure else f"write {iso}"
