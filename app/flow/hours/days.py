"""Days of the week as an author writes them: `mon`, `mon-fri`, `sat,sun`, `Monday`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.flow.hours.calendar import DAY_MINUTES, Span, Spans
from app.flow.hours.literal import is_missing
from app.flow.hours.times import looks_like_hours, read_spans, shown_time
from app.flow.language.reader import Reader
from app.flow.nodes import Entry, Node, Text
from app.ncco.suggest import nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {name: number for names in (DAYS, _FULL) for number, name in enumerate(names)}
_FOREIGN = {
    name: day
    for names in (
        ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        ("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"),
    )
    for name, day in zip(names, DAYS, strict=True)
}
_HINTS = {
    "weekday": "write mon-fri",
    "weekdays": "write mon-fri",
    "workday": "write mon-fri",
    "workdays": "write mon-fri",
    "weekend": "write sat,sun",
    "weekends": "write sat,sun",
    "daily": "write mon-sun",
    "everyday": "write mon-sun",
    "all": "write mon-sun",
    "holiday": "holidays are closed; what is open on one of them stands under `override`",
    "holidays": "holidays stand beside `week`, not in it",
    "ph": "holidays stand beside `week`, not in it",
    **dict.fromkeys(("else", "otherwise", "rest", "other"), "delete it: a day that is not named is closed"),
    "override": "`override` stands beside `week`, not in it",
}
_DATE = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}.*")
_RANGE = re.compile(r"\s*(\w+)\s*(?:\.\.+|\u2013|\u2014|/|\bto\b|\bbis\b)\s*(\w+)\s*")

Week = tuple[Spans, ...]
NEVER: Week = ((),) * 7


def read_week(node: Node, what: str, reader: Reader) -> Week:
    """The map under `week`: days → hours. A day that is not named is closed."""
    found = reader.map(node, f"`week` of {what}", "write `week: {mon-fri: 09:00-17:30}`")
    week: dict[int, Spans] = {}
    named: dict[int, Text] = {}
    for entry in found.entries if found else ():
        days = _read_days(entry, what, reader)
        hours = read_spans(entry.value, f"{what}, {entry.key.value}", reader) if days else None
        doubled = [day for day in days if day in named]
        if doubled:
            _report_doubled(entry.key, named[doubled[0]], doubled, reader)
        for day in days:
            if day not in named:
                named[day] = entry.key
                week[day] = hours or ()
    _check_nights(week, named, what, reader)
    return tuple(week.get(day, ()) for day in range(7))


def shown_days(days: Iterable[int]) -> str:
    """Days as an author writes them: `mon-fri`, `mon,wed-fri`."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(_shown_run(run) for run in runs)


def _shown_run(run: list[int]) -> str:
    separator = "-" if len(run) > 2 else ","
    return DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}{separator}{DAYS[run[-1]]}"


def _read_days(entry: Entry, what: str, reader: Reader) -> list[int]:
    """The days that a key names, Monday being 0; none when it cannot be read, which is reported (E504)."""
    days: list[int] = []
    offset = 0
    for piece in entry.key.value.split(","):
        found = _days_of(piece)
        if found is None:
            blanks = len(piece) - len(piece.lstrip())
            word = Text(piece.strip(), entry.key.at(offset + blanks, max(len(piece.strip()), 1)))
            _report_day(word, entry, what, reader)
            return []
        days += found
        offset += len(piece) + 1
    return list(dict.fromkeys(days))


def is_day(word: str) -> bool:
    """Whether it names days of the week."""
    return all(_days_of(piece) is not None for piece in word.split(","))


def _days_of(piece: str) -> list[int] | None:
    """`fri` or `fri-mon` as numbers; None when a day is not known."""
    ends = [_NUMBERS.get(name.strip().lower()) for name in piece.split("-")]
    first, last = ends[0], ends[-1]
    if first is None or last is None or len(ends) > 2:
        return None
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _report_day(word: Text, entry: Entry, what: str, reader: Reader) -> None:
    message = f'{what}: "{word.value}" is no day of the week'
    hint = _HINTS.get(word.value.lower())
    if looks_like_hours(word.value) and is_missing(entry.value):
        return  # the rest of `mon: 09:00-12:00, 13:00-17:00` in braces; that it has no value is reported already
    if _DATE.fullmatch(word.value):
        hint = f"hours of one date stand under `override`: {{{word.value}: 09:00-12:00}}"
    if found := _RANGE.fullmatch(word.value):
        hint = f"write {_named(found[1])}-{_named(found[2])}"
    if word.value.count("-") > 1 and hint is None:
        hint = "write the first and the last day of a range, such as mon-fri; or each day: mon,wed,fri"
    if hint:
        reader.report("E504", word.place, message, hint)
    else:
        meant = "-".join(_named(name) for name in word.value.split("-"))
        known = all(name in _NUMBERS for name in meant.split("-"))
        cure = f'did you mean "{meant}"?' if known and meant else f"known are: {', '.join(DAYS)}, and mon-fri"
        reader.report("E504", word.place, message, cure)


def _named(name: str) -> str:
    """The day that was probably meant, by its short name; the name itself when that cannot be told."""
    word = name.strip().lower()
    near = nearest(_FOREIGN.get(word, word), _NUMBERS)
    return DAYS[_NUMBERS[near]] if near else name


def _report_doubled(key: Text, before: Text, doubled: list[int], reader: Reader) -> None:
    message = f'{shown_days(doubled)} stands twice: here and under "{before.value}"'
    rest = shown_days(set(_days_in(before.value)) - set(doubled))
    cure = f"write {rest} instead of {before.value}" if rest else f'delete it here, or "{before.value}"'
    reader.report("E505", key.place, message, cure)


def _days_in(value: str) -> list[int]:
    return [day for piece in value.split(",") for day in _days_of(piece) or []]


def _check_nights(week: dict[int, Spans], named: dict[int, Text], what: str, reader: Reader) -> None:
    """W521: hours that begin before those of the day before have ended."""
    for day in sorted(week):
        after = week.get((day + 1) % 7, ())
        late = max((span.end for span in week[day]), default=0) - DAY_MINUTES
        if after and after[0].start < late:
            _report_night(Span(after[0].start, late), (day, (day + 1) % 7), named, what, reader)


def _report_night(both: Span, days: tuple[int, int], named: dict[int, Text], what: str, reader: Reader) -> None:
    first, second = DAYS[days[0]], DAYS[days[1]]
    message = (
        f"{what}: the hours of {first} last until {shown_time(both.end)} of {second}, "
        f"which opens at {shown_time(both.start)} already"
    )
    cure = f"let {first} end at {shown_time(both.start)}, or {second} begin at {shown_time(both.end)}"
    reader.report("W521", named[days[1]].place, message, cure)
