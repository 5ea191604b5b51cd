"""Time zones by their names in the IANA time zone database."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ncco_server.flow.issues import did_you_mean
from ncco_server.suggest import ALIKE_NAMES, nearest

_OF_THE_HOST: Final = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*")
"""Names that a host may define besides those in the database."""
_OFFSET: Final = re.compile(r"(?:GMT|UTC|Z)?\s*[+-]\s*[0-9:]+", re.IGNORECASE)


def find_zone(name: str) -> ZoneInfo | None:
    """Return None for a name that is not in the database."""
    if _OF_THE_HOST.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_cure(name: str) -> str:
    if _OFFSET.fullmatch(name):
        return "write a city's zone, such as Europe/London, which knows when its clocks change"
    known, cities = _known_zones()
    wanted = name.replace(" ", "_")
    city = nearest(wanted.rpartition("/")[2], cities, ALIKE_NAMES)
    near = cities[city] if city else nearest(wanted, known, 1)
    return (
        did_you_mean(near)
        if near
        else 'write continent and city, using the largest city of the zone, such as "Europe/London"'
    )


@cache
def _known_zones() -> tuple[list[str], dict[str, str]]:
    """All zone names, and city → zone name. Cached, since listing the database's folder takes milliseconds."""
    known = sorted(zone for zone in available_timezones() if not _OF_THE_HOST.fullmatch(zone))
    return known, {zone.rpartition("/")[2]: zone for zone in reversed(known) if "/" in zone}
