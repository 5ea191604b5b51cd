"""Hours of one day as an author writes them: `09:00-17:30`, several of them, over midnight, or `closed`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.flow.hours.calendar import DAY_MINUTES, Span, Spans
from app.flow.hours.literal import is_literal, is_missing
from app.flow.language.reader import Reader
from app.flow.nodes import Map, Node, Place, Seq, Text

CLOSED = "closed"
_HALF_DAY = DAY_MINUTES // 2
_SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_LOOSE = re.compile(
    r"(?P<h1>[0-9]{1,2})(?:[:.h,]?(?P<m1>[0-9]{2})(?::00)?)?\s*(?:h|uhr|o'clock)?\s*(?P<x1>[ap]\.?m\.?)?"
    r"\s*(?:-|\u2010|\u2011|\u2012|\u2013|\u2014|\.\.+|to|till?|until|bis|/)\s*"
    r"(?P<h2>[0-9]{1,2})(?:[:.h,]?(?P<m2>[0-9]{2})(?::00)?)?\s*(?:h|uhr|o'clock)?\s*(?P<x2>[ap]\.?m\.?)?",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*(?:;|&|\+|\band\b)\s*")
_MEANS_CLOSED = frozenset({"off", "no", "none", "null", "~", "-", "false", "shut", "close", "never", "holiday"})
_MEANS_OPEN = frozenset({"open", "always", "24h", "24/7", "24", "all day", "true", "yes", "on"})
_EXAMPLE = "write 24-hour times such as 09:00-17:30, several with commas between them, or closed"


def read_spans(node: Node, what: str, reader: Reader) -> Spans | None:
    """The hours of a day, sorted; no spans when it is closed. None when they cannot be read.

    E501: not hours. E502: they end when they begin. E503: two of them overlap. W520: open for more than twelve hours
    past midnight, which swapped ends look like.
    """
    if isinstance(node, Map):
        cure = "write a text such as 09:00-17:30, or a list of them"
        reader.report("E201", node.place, f"{what} is a map", cure)
        return None
    pieces = list(_pieces(node, what, reader))
    if [text.strip() for text, _ in pieces] == [CLOSED]:
        return ()
    read = [(_read_span(text.strip(), place, what, reader), place) for text, place in pieces]
    spans = [(span, place) for span, place in read if span is not None]
    _check_overlaps(spans, what, reader)
    return tuple(sorted(span for span, _ in spans)) if len(spans) == len(read) else None


def looks_like_hours(text: str) -> bool:
    """Whether a text was meant as the hours of a day."""
    return text.strip() == CLOSED or any(map(_LOOSE.fullmatch, map(str.strip, text.split(","))))


def shown_time(minute: int) -> str:
    """A minute of the day as `09:00`; the end of the day is `24:00`, a minute of the next day its time."""
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


def shown_spans(spans: Spans) -> str:
    """Hours as an author writes them: `09:00-12:00, 13:00-17:00` or `closed`."""
    return ", ".join(f"{shown_time(span.start)}-{shown_time(span.end)}" for span in spans) or CLOSED


def _pieces(node: Text | Seq, what: str, reader: Reader) -> Iterator[tuple[str, Place]]:
    """Each text between commas, with its place."""
    items = node.items if isinstance(node, Seq) else (node,)
    for item in items:
        text = reader.text(item, f"an entry of {what}")
        if text is None or is_missing(text) or not is_literal(text, what, reader):
            continue
        offset = 0
        for piece in text.value.split(","):
            blanks = len(piece) - len(piece.lstrip())
            yield piece, text.at(offset + blanks, len(piece.strip()))
            offset += len(piece) + 1


def _read_span(text: str, place: Place, what: str, reader: Reader) -> Span | None:
    found = _SPAN.fullmatch(text)
    span = _span(*map(int, found.groups())) if found else None
    if span is None:
        reader.report("E501", place, f'{what}: "{text}" is not hours of a day', _cure(text))
        return None
    if span.start == span.end:
        cure = "write 00:00-24:00 for the whole day, or closed"
        reader.report("E502", place, f"{what}: {text} ends when it begins", cure)
        return None
    if span.end < span.start:
        span = Span(span.start, span.end + DAY_MINUTES)
        _check_night(span, place, what, reader)
    return span


def _span(hour: int, minute: int, end_hour: int, end_minute: int) -> Span | None:
    """The span of two times of the day; None when there is no such time. An end at 00:00 is the end of the day."""
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        return None
    return Span(start, DAY_MINUTES if end == 0 and start > 0 else end)


def _check_night(span: Span, place: Place, what: str, reader: Reader) -> None:
    minutes = span.end - span.start
    if minutes <= _HALF_DAY:
        return
    begin, end = shown_time(span.start), shown_time(span.end)
    message = f"{what}: {begin}-{end} goes on until {end} of the next day, {shown_duration(minutes)}"
    afternoon = span.end - _HALF_DAY  # 09:00-05:00
    is_morning = span.start < min(afternoon, _HALF_DAY)
    meant = f"{begin}-{shown_time(afternoon)}" if is_morning else f"{end}-{begin}"
    cure = f"did you mean {meant}? A night as long as this: {begin}-24:00, and 00:00-{end} on the next day"
    reader.report("W520", place, message, cure)


def shown_duration(minutes: int) -> str:
    """`8 h`, `8 h 30 min`, `30 min`."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or hours == 0))


def _check_overlaps(spans: list[tuple[Span, Place]], what: str, reader: Reader) -> None:
    before: Span | None = None
    for span, place in sorted(spans):
        if before is not None and span.start < before.end:
            message = f"{what}: {shown_spans((before,))} and {shown_spans((span,))} overlap"
            joined = shown_spans((Span(before.start, max(before.end, span.end)),))
            reader.report("E503", place, message, f"write {joined}, or let the one end before the other begins")
        before = span if before is None or span.end > before.end else before


def _cure(text: str) -> str:
    """What to write instead, as far as it can be told."""
    if text.casefold() in _MEANS_CLOSED:
        return f"write {CLOSED}"
    if text.casefold() in _MEANS_OPEN:
        return "write 00:00-24:00"
    if text.casefold() == CLOSED:
        return f"{CLOSED} stands alone, in small letters; delete it here, or the hours beside it"
    found = [_LOOSE.fullmatch(piece) for piece in _SEPARATOR.split(text)]
    times = [_loose_times(piece) if piece else None for piece in found]
    return f"write {', '.join(map(str, times))}" if all(times) else _EXAMPLE


def _loose_times(found: re.Match[str]) -> str | None:
    """What was meant by 12-hour times, dots, missing zeros, hours after 24:00; None when that cannot be told."""
    start = _loose_minute(found["h1"], found["m1"], found["x1"])
    end = _loose_minute(found["h2"], found["m2"], found["x2"])
    if start is None or end is None or start >= DAY_MINUTES:
        return None
    if found["x2"] and not found["x1"] and int(found["h1"]) < 7 and start + _HALF_DAY < end:
        start += _HALF_DAY  # 1-5pm
    is_doubtful = end <= start and not found["x2"] and not found["m2"]
    return None if start == end or is_doubtful else shown_spans((Span(start, end),))


def _loose_minute(hour: str, minute: str | None, half: str | None) -> int | None:
    hours, minutes = int(hour), int(minute or 0)
    if minutes > 59 or (half and not 1 <= hours <= 12) or hours > 30:
        return None
    if half:
        hours = hours % 12 + (12 if half[0] in "pP" else 0)
    return hours * 60 + minutes
