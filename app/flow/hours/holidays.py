"""`holidays:` of a calendar: those of a country, or own dates, or a list of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.flow.hours.dates import read_dates, unseen
from app.flow.hours.library import Region, countries, country_class, library_dates, read_written, written_dates
from app.flow.hours.literal import is_literal, is_missing
from app.flow.hours.times import looks_like_hours
from app.flow.language.reader import Reader, read_fields
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.ncco.suggest import nearest

WORDS = ("country", "subdivision", "language")
_ALIASES = {
    **dict.fromkeys(("subdiv", "state", "province", "region", "prov", "county", "canton"), "subdivision"),
    **dict.fromkeys(("lang", "locale", "names"), "language"),
    "code": "country",
}
_KINGDOM = {"england": "ENG", "scotland": "SCT", "wales": "WLS", "northern ireland": "NIR"}
_EXAMPLE = "write `holidays: {country: GB}`, or a list of dates: `holidays: [2026-12-24]`"


@dataclass(slots=True)
class Holidays:
    """The holidays that have been read so far: date → name, and the sources of the computed ones."""

    own: dict[date, str] = field(default_factory=dict)
    computed: dict[date, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def by_date(self) -> Mapping[date, str]:
        """All of them; the name of an own date wins."""
        return self.computed | {day: name or self.computed.get(day, "") for day, name in self.own.items()}


def read_holidays(node: Node, what: str, reader: Reader, dates: Mapping[str, str]) -> Holidays:
    """The value of `holidays`. `dates`: path → text of dates that were computed before; they are not computed again."""
    holidays = Holidays()
    what = f"`holidays` of {what}"
    if isinstance(node, Text):
        _report_text(node, what, reader)
        return holidays
    for item in node.items if isinstance(node, Seq) else (node,):
        _read_item(item, holidays, what, reader, dates)
    return holidays


def _report_text(node: Text, what: str, reader: Reader) -> None:
    if is_missing(node):
        return
    code = countries().get(node.value.lower())
    cure = f"write `holidays: {{country: {code}}}`" if code else _EXAMPLE
    if node.value.lower() in ("no", "none", "null", "false", "~"):
        cure = "delete `holidays` when there are none"
    if node.value[:1].isdigit():
        cure = f"write `holidays: [{node.value}]`"
    reader.report("E201", node.place, f"{what} is a text", cure)


def _read_item(node: Node, holidays: Holidays, what: str, reader: Reader, dates: Mapping[str, str]) -> None:
    if isinstance(node, Seq):
        reader.report("E201", node.place, f"an entry of {what} is a list", _EXAMPLE)
    elif isinstance(node, Text):
        _read_date(node, "", holidays, what, reader)
    elif _is_region(node):
        _read_region(node, holidays, what, reader, dates)
    else:
        for entry in node.entries:
            _read_named(entry, holidays, what, reader)


def _is_region(node: Map) -> bool:
    keys = node.keys()
    return any(key in WORDS for key in keys) or not any(key[:1].isdigit() for key in keys)


def _read_date(text: Text, name: str, holidays: Holidays, what: str, reader: Reader) -> None:
    days = read_dates(text, what, reader)
    for day in unseen(days, holidays.own, text, what, reader):
        holidays.own[day] = name


def _read_named(entry: Entry, holidays: Holidays, what: str, reader: Reader) -> None:
    name = reader.text(entry.value, f"the name of {entry.key.value} in {what}")
    if name is not None and looks_like_hours(name.value):
        message = f'{what}: "{name.value}" is no name of a holiday'
        cure = f"hours of a date stand under `override`: {{{entry.key.value}: {name.value}}}"
        reader.report("E513", name.place, message, cure)
        name = None
    if name is not None:
        is_literal(name, what, reader)
    _read_date(entry.key, name.value.strip() if name else "", holidays, what, reader)


def _read_region(node: Map, holidays: Holidays, what: str, reader: Reader, dates: Mapping[str, str]) -> None:
    stray_dates = [key for key in node.keys() if key[:1].isdigit()]  # noqa: SIM118 - a node is no dict
    hints = dict.fromkeys(stray_dates, "write a list: `[{country: GB}, 2026-12-24]`")
    fields = read_fields(node, WORDS, what, reader, hints=hints, aliases=_ALIASES)
    fields.need("country", "write `country: GB`", reader)
    texts: dict[str, Text] = {}
    for word in WORDS:
        value = fields.get(word)
        text = reader.text(value, f"`{word}` of {what}") if value is not None else None
        if text is not None and is_literal(text, f"`{word}` of {what}", reader):
            texts[word] = text
    if len(texts) < len(fields.values) or "country" not in texts or any(map(is_missing, texts.values())):
        return
    region = Region(*(texts[word].value if word in texts else "" for word in WORDS))
    found = read_written(dates[region.path]) if region.path in dates else None
    if found is not None:
        holidays.sources[region.path] = dates[region.path]
    elif _check_region(texts, what, reader):
        found = library_dates(region)
        holidays.sources[region.path] = written_dates(found)
    for day, name in (found or {}).items():
        holidays.computed.setdefault(day, name)


def _check_region(texts: Mapping[str, Text], what: str, reader: Reader) -> bool:
    """Whether the library knows it; E508, E509 and E510 otherwise."""
    country = texts["country"]
    known = country_class(country.value)
    if known is None:
        message = f'{what}: "{country.value}" is no country whose holidays are known'
        reader.report("E508", country.place, message, _country_cure(country.value))
        return False
    faults = 0
    for code, word, words, aliases in (
        ("E509", "subdivision", known.subdivisions, known.subdivisions_aliases),
        ("E510", "language", known.supported_languages, {}),
    ):
        text = texts.get(word)
        if text is not None and text.value not in (*words, *aliases):
            message = f'{what}: {country.value} has no {word} "{text.value}"'
            reader.report(code, text.place, message, _word_cure(word, text.value, country.value, words, aliases))
            faults += 1
    return not faults


def _country_cure(word: str) -> str:
    name = word.strip().lower().replace("_", " ")
    if name in _KINGDOM:
        return f"write `country: GB, subdivision: {_KINGDOM[name]}`"
    country, _, rest = word.upper().partition("-")
    by_name = countries()
    if rest and country in by_name.values():
        return f"write `country: {country}, subdivision: {rest}`"
    near = name if name in by_name else nearest(name, [known for known in by_name if len(known) > 3])
    return f'did you mean "{by_name[near]}"?' if near else "write the two letters of ISO 3166, such as GB, DE or US"


def _word_cure(word: str, value: str, country: str, known: tuple[str, ...], aliases: Mapping[str, str]) -> str:
    if not known:
        return f"delete `{word}`: {country} has only one"
    bare = value.upper().removeprefix(f"{country}-")
    alike = next((name for name in known if name.startswith(f"{value}_")), None)
    near = bare if bare in known else alike or nearest(value, (*known, *aliases))
    return f'did you mean "{aliases.get(near, near)}"?' if near else f"known are: {', '.join(known)}"
