"""Time zones by their names, and when their clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_SAMPLE_S = 43_200
_OF_THE_HOST = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*")
"""Names that a host may know beside those of the time zone database."""


class Piece(NamedTuple):
    """From `start` to before `end` (seconds since 1970 in UTC) the clocks are `offset` seconds ahead of UTC."""

    start: int
    end: int
    offset: int


class Change(NamedTuple):
    """From `at` (seconds since 1970 in UTC) on, the clocks are `offset` seconds ahead of UTC."""

    at: int
    offset: int


def known_zones() -> list[str]:
    """The names of the time zone database that this computer has, sorted."""
    return sorted(zone for zone in available_timezones() if not _OF_THE_HOST.fullmatch(zone))


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name in the time zone database (IANA); None when there is none."""
    if _OF_THE_HOST.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def pieces(zone: ZoneInfo, start: int, end: int) -> Iterator[Piece]:
    """The time from `start` to `end`, cut where the clocks of the zone change."""
    at, offset = start, offset_at(zone, start)
    for year in range(_year(start), _year(end) + 1):
        for change in changes(zone, year):
            if at < change.at < end:
                yield Piece(at, change.at, offset)
                at, offset = change
    yield Piece(at, end, offset)


@lru_cache(maxsize=512)
def changes(zone: ZoneInfo, year: int) -> tuple[Change, ...]:
    """When the clocks of a zone change in a year (UTC). Two changes less than twelve hours apart may be missed."""
    found: list[Change] = []
    before = _new_year(year) - 1
    offset = offset_at(zone, before)
    for sample in range(before + _SAMPLE_S, _new_year(year + 1), _SAMPLE_S):
        now = offset_at(zone, sample)
        if now != offset:
            found.append(Change(_turn(zone, before, sample), now))
        before, offset = sample, now
    return tuple(found)


def _turn(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second with the offset that `high` has; `low` has another one."""
    after = offset_at(zone, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if offset_at(zone, middle) == after else (middle, high)
    return high


def offset_at(zone: ZoneInfo, at: int) -> int:
    """By how many seconds the clocks are ahead of UTC at a moment (seconds since 1970 in UTC)."""
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return offset.days * 86_400 + offset.seconds if offset else 0


def _year(at: int) -> int:
    return datetime.fromtimestamp(at, UTC).year


def _new_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
