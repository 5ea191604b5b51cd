"""Reads the hours of a week: `mon-fri: 09:00-17:30`, several ranges, hours past midnight, or `closed`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ncco_server.flow.grammar.own_values import with_own_values
from ncco_server.flow.grammar.reader import HINTS, Reader, meaning_of
from ncco_server.flow.hours.calendar import DAY_MINUTES, Span, Spans, Week
from ncco_server.flow.issues import RULES, Fix, did_you_mean
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, is_missing
from ncco_server.ncco.value_types.foreign_words import day_of
from ncco_server.suggest import nearest

CLOSED: Final = "closed"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HALF_DAY: Final = DAY_MINUTES // 2
_LONG_DAY: Final = 18 * 60
_EARLY: Final = 6 * 60
_MORNING: Final = 8 * 60
_EVENING: Final = 18 * 60
_SPAN: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}")
_ANY_NOTATION: Final = re.compile(
    r"([0-9]{1,2})(?:[:.h]([0-5][0-9]))?h?\s*(?:([ap])\.?m\.?)?\s*(?:uhr|hrs?|heures)?\s*"
    r"(?:[-\u2010-\u2014]|\.\.|to|till?|until|bis|à|a|au?|tot|til)\s*"
    r"([0-9]{1,2})(?:[:.h]([0-5][0-9]))?h?\s*(?:([ap])\.?m\.?)?\s*(?:uhr|hrs?|heures)?",
    re.IGNORECASE,
)
_LIKE_HOURS: Final = re.compile(r"[0-9]{1,2}\b.*(?:[-\u2010-\u2014/]|\.\.|to|till?|until).*[0-9].*", re.IGNORECASE)
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}\D+[0-9]{2}:[0-9]{2}")
"""Times of a 24-hour clock, which mean what they say: `10:00 to 04:00` ends at night."""
_BETWEEN: Final = re.compile(r"\s*(?:[,;&+/]|\b(?:and|then|und|et|y)\b)\s*", re.IGNORECASE)
_IN_FIGURES: Final = {"noon": "12:00", "midday": "12:00", "midnight": "0:00", "from": ""}
_EXAMPLE: Final = "24-hour times such as `09:00-17:30`, several separated by commas, or closed"

_FULL: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS: Final = {name: number for names in (DAYS, _FULL) for number, name in enumerate(names)}
_DATE: Final = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}.*")


def read_week(node: Node, what: str, reader: Reader) -> Week:
    """A day that is not listed is closed.

    E504: not a day. E505: a day is named twice. W521: a day's hours start before the previous day's have ended.
    """
    found = reader.map(node, what, "write `week: {mon-fri: 09:00-17:30}`")
    week: dict[int, Spans] = {}
    named: dict[int, Text] = {}
    words = [name for entry in (found.entries if found else ()) for name in _day_names(entry.key.value)]
    for entry in found.entries if found else ():
        days = _read_days(entry, words, what, reader)
        hours = read_spans(entry.value, f"{what}, {entry.key.value}", reader) if days else ()
        repeated = [day for day in days if day in named]
        if repeated:
            message = f'{shown_days(repeated)} is listed twice: here and under "{named[repeated[0]].value}"'
            rest = [day for day in days if day not in named]
            cure: Fix | str = Fix(RULES["E505"].cure, "delete")
            if rest:
                cure = Fix(f"write `{shown_days(rest)}` here", "word", shown_days(rest))
            reader.report("E505", entry.key.place, message, cure)
        named |= dict.fromkeys(days, entry.key)
        week |= dict.fromkeys(days, hours)
    for day in sorted(week):
        _check_next_day(day, week, named, what, reader)
    return tuple(week.get(day, ()) for day in range(7))


def read_spans(node: Node, what: str, reader: Reader) -> Spans:
    """Sorted; () for a closed day, and without those that cannot be read.

    E501: not hours. E502: hours that end when they start. E503: overlapping ranges. W520: hours past midnight, probably
    meant otherwise.
    """
    if isinstance(node, Map):
        cure = "write hours such as 09:00-17:30, or a list of them"
        reader.report("E201", node.place, f"{what} is a map", with_own_values(cure, node))
        return ()
    pieces = list(_texts_of(node, what, reader))
    if [text for text, _ in pieces] == [CLOSED]:
        return ()
    wrong = [(text, place) for text, place in pieces if _written_span(text) is None]
    if len(wrong) > 1 and len({place.line for _, place in pieces}) == 1:
        first, last = wrong[0][1], wrong[-1][1]
        place = first._replace(length=last.column + last.length - first.column)
        shown = ", ".join(text for text, _ in wrong)
        written = _meant(shown) if isinstance(node, Text) and len(wrong) == len(pieces) else ""
        fix = Fix(f"write {written}", "characters", written) if written else f"write {_EXAMPLE}"
        reader.report("E501", place, f'{what}: "{shown}" is not a range of hours', fix)
        return ()
    read = [(_read_span(text, place, what, reader), place) for text, place in pieces]
    spans = [(span, place) for span, place in read if span is not None]
    _check_overlaps(spans, what, reader)
    return tuple(sorted(span for span, _ in spans))


def days_of(words: str) -> list[int] | None:
    """Monday is 0; None if one of the names in `mon-wed,fri` is not a day."""
    days: list[int] = []
    for piece in words.split(","):
        found = _days_of(piece)
        if found is None:
            return None
        days += found
    return days


def is_day(word: str) -> bool:
    return days_of(word) is not None


def looks_like_hours(text: str) -> bool:
    return text.strip() == CLOSED or any(map(_LIKE_HOURS.fullmatch, map(str.strip, text.split(","))))


def meant_spans(text: str) -> Spans | None:
    """Hours as people write them, `9am to 2pm and 3pm to 6pm`: () for a closed day, None if they are not clear."""
    text = meaning_of(text.strip(), HINTS["hours of a day"]) or text.strip()
    if text.lower() == CLOSED:
        return ()
    for word, written in _IN_FIGURES.items():
        text = re.sub(rf"\b{word}\b", written, text, flags=re.IGNORECASE)
    spans: list[Span] = []
    for piece in _BETWEEN.split(text):
        span = _meant_between(piece.strip(), spans[-1].end if spans else 0)
        if span is None:
            return None
        spans.append(span)
    return tuple(spans)


def _meant_between(text: str, earliest: int) -> Span | None:
    """Without am or pm, hours are in the day: `9 to 5` ends in the afternoon, and after `9 to 2` comes `3 to 6`."""
    span = _span_of(text)
    found = _ANY_NOTATION.fullmatch(text)
    if span is None or found is None:
        return None
    start, end = span
    is_clock = _CLOCK.fullmatch(text) or _SPAN.fullmatch(text)
    later = start + _HALF_DAY
    ends_later = end > later or (not found[6] and later < end + _HALF_DAY <= DAY_MINUTES)
    if not is_clock and not found[3] and start < earliest <= later and ends_later:
        start = later
    if not is_clock and not found[6] and end <= start < end + _HALF_DAY:
        end += _HALF_DAY
    return Span(start, end + DAY_MINUTES * (end < start))


def is_hours(text: str) -> bool:
    pieces = [piece.strip() for piece in text.split(",")]
    return pieces == [CLOSED] or None not in map(_written_span, pieces)


def _written_span(text: str) -> Span | None:
    """In the notation of flows."""
    return _span_of(text) if _SPAN.fullmatch(text) else None


def shown_days(days: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    ends = [DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}{'-,'[len(run) == 2]}{DAYS[run[-1]]}" for run in runs]
    return ",".join(ends)


def shown_time(minute: int) -> str:
    """1440 is `24:00`; a later minute is the time on the next day."""
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


def shown_spans(spans: Spans) -> str:
    """`09:00-12:00, 13:00-17:00` or `closed`."""
    return ", ".join(f"{shown_time(span.start)}-{shown_time(span.end)}" for span in spans) or CLOSED


def _day_names(key: str) -> list[str]:
    return [name.strip().lower() for name in re.split("[,-]", key)]


def _read_days(entry: Entry, words: Sequence[str], what: str, reader: Reader) -> list[int]:
    """Monday is 0; [] after reporting a key that cannot be read."""
    days: list[int] = []
    for word, place in entry.key.between_commas():
        found = _days_of(word)
        if found is None:
            reader.report("E504", place, f'{what}: "{word}" is not a day of the week', _day_cure(word, words))
            return []
        days += found
    return list(dict.fromkeys(days))


def _days_of(piece: str) -> list[int] | None:
    """Return None if a day is unknown."""
    ends = [_NUMBERS.get(name.strip().lower()) for name in piece.split("-")]
    first, last = ends[0], ends[-1]
    if first is None or last is None or len(ends) > 2:
        return None
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _day_cure(word: str, words: Sequence[str]) -> str | Fix:
    """`words` are all names of days of the week: together they show their language."""
    if _DATE.fullmatch(word):
        return f"write the hours of one date under `override`: {{{word}: 09:00-12:00}}"
    if hint := meaning_of(word, HINTS["day of the week"]):
        return Fix(f"write {hint}", "word", hint) if is_day(hint) else hint
    foreign = [name for name in words if name not in _NUMBERS]
    meant = "-".join(_near_day(name, foreign) for name in word.split("-"))
    return did_you_mean(meant) if is_day(meant) else f"write one of: {', '.join(DAYS)}, or a range such as mon-fri"


def _near_day(name: str, foreign: Sequence[str]) -> str:
    near = nearest(name.strip(), _FULL)
    number = _NUMBERS[near] if near else day_of(name, foreign)
    return name if number is None else DAYS[number]


def _check_next_day(day: int, week: dict[int, Spans], named: dict[int, Text], what: str, reader: Reader) -> None:
    following = (day + 1) % 7
    after = week.get(following, ())
    late = max((span.end for span in week[day]), default=0) - DAY_MINUTES
    if not after or after[0].start >= late:
        return
    first, second = DAYS[day], DAYS[following]
    begin, end = shown_time(after[0].start), shown_time(late)
    message = f"{what}: the hours of {first} last until {end} on {second}, but {second} already opens at {begin}"
    cure = f"let {first} end at {begin}, or {second} begin at {end}"
    reader.report("W521", named[following].place, message, cure)


def _texts_of(node: Node, what: str, reader: Reader) -> Iterator[tuple[str, Place]]:
    for item in node.items if isinstance(node, Seq) else (node,):
        text = reader.text(item, f"an entry of {what}")
        if text is not None and not is_missing(text):
            yield from text.between_commas()


def _read_span(text: str, place: Place, what: str, reader: Reader) -> Span | None:
    span = _written_span(text)
    if span is None:
        written = _meant(text)
        meant = f'write "{written}"' if "," in written else Fix(f"write {written}", "characters", written)
        cure = meant if written else f"write {_EXAMPLE}"
        reader.report("E501", place, f'{what}: "{text}" is not a range of hours', cure)
        return None
    if span.start == span.end:
        reader.report("E502", place, f"{what}: {text} ends at the time it begins")
        return None
    if span.end > span.start:
        return span
    span = Span(span.start, span.end + DAY_MINUTES)
    if _is_doubtful(span):
        end = shown_time(span.end)
        message = f"{what}: {text} continues until {end} the next day, {(span.end - span.start) / 60:.3g} hours"
        meant = shown_spans((_meant_instead(span),))
        reader.report("W520", place, message, Fix(f"did you mean {meant}?", "word", meant))
    return span


def _is_doubtful(night: Span) -> bool:
    """Our choice: a restaurant closes before 06:00; a night service works from 18:00 or later until 08:00."""
    length = night.end - night.start
    end = night.end - DAY_MINUTES
    is_night_service = night.start >= _EVENING and end <= _MORNING
    return length > _LONG_DAY or (length > _HALF_DAY and end >= _EARLY and not is_night_service)


def _meant_instead(night: Span) -> Span:
    """`09:00-05:00` is probably 09:00-17:00; in `17:30-09:00` the ends are swapped."""
    end = night.end - DAY_MINUTES
    if night.start < _HALF_DAY:
        return Span(night.start, end + _HALF_DAY)
    return Span(end, night.start)


def _meant(text: str) -> str:
    """In the notation of flows; "" if it is not clear."""
    spans = meant_spans(text)
    return shown_spans(spans) if spans is not None else ""


def _span_of(text: str) -> Span | None:
    """Read two times in any notation: `9:00-17:30`, `9am-5.30pm`, `8-16h`.

    An end at 00:00 is the day's end. None if the text is invalid.
    """
    found = _ANY_NOTATION.fullmatch(text)
    times = []
    for hour, minute, half in (found.groups()[:3], found.groups()[3:]) if found else ():
        shift = {"a": -12 * (hour == "12"), "p": 12 * (hour != "12")}.get((half or "").lower(), 0)
        times.append((int(hour) + shift) * 60 + int(minute or 0))
    if not times or times[0] >= DAY_MINUTES or times[1] > DAY_MINUTES:
        return None
    return Span(times[0], times[1] or (DAY_MINUTES if times[0] else 0))


def _check_overlaps(spans: list[tuple[Span, Place]], what: str, reader: Reader) -> None:
    before = Span(0, 0)
    for span, place in sorted(spans):
        if span.start < before.end:
            message = f"{what}: {shown_spans((before,))} and {shown_spans((span,))} overlap"
            end = max(before.end, span.end)
            rest = f"write {shown_spans((Span(before.end, end),))} here, or" if end > before.end else "write"
            cure = f"{rest} {shown_spans((Span(before.start, end),))} for both"
            reader.report("E503", place, message, cure)
        before = max(before, span, key=lambda each: each.end)
