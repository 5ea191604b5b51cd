"""The word `timezone` of a file and of opening hours."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.nodes import Map, Node, Text, is_missing
from ncco_server.flow.zones import find_zone, zone_cure

_FIXED_OFFSET: Final = re.compile(r"EST|MST|Etc/GMT[+-].*")


def read_zone(node: Node, what: str, reader: Reader) -> ZoneInfo | None:
    """Report E500 for an unknown zone, W523 for one whose clocks never change."""
    text = reader.text(node, what)
    if text is None or is_missing(text):
        return None
    zone = find_zone(text.value)
    if zone is None:
        reader.report("E500", text.place, f'{what} is the unknown "{text.value}"', zone_cure(text.value))
    elif _FIXED_OFFSET.fullmatch(text.value):
        reader.report("W523", text.place, f"the clocks in {text.value} never change")
    return zone


def zone_written_in(*files: Map) -> str:
    """A file's `timezone` (an IANA name) or, without one, that of all its opening hours; "" for none or several.

    The first of the `files` is the file itself; the others are shared with it.
    """
    own = [zone for file in files if (zone := _zone_under(file))][:1]
    hours = [each for file in files if isinstance(each := file.get("hours"), Map)]
    calendars = {zone for each in hours for entry in each.entries if (zone := _zone_under(entry.value))}
    zones = own or [*calendars]
    if not zones and any(file.get("timezone") for file in files):
        return "UTC"  # it is unknown, which is reported
    return zones[0] if len(zones) == 1 else ""


def _zone_under(node: Node) -> str:
    found = node.get("timezone") if isinstance(node, Map) else None
    return found.value if isinstance(found, Text) and find_zone(found.value) is not None else ""
