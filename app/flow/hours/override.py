"""`override:` of a calendar: single dates whose hours win over week and holidays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from app.flow.hours.calendar import Special
from app.flow.hours.dates import read_dates, unseen
from app.flow.hours.literal import is_literal
from app.flow.hours.times import read_spans
from app.flow.language.reader import Reader, read_fields
from app.flow.nodes import Entry, Map, Node

_ALIASES = {
    **dict.fromkeys(("open", "times", "spans", "time", "week"), "hours"),
    **dict.fromkeys(("reason", "title", "label", "holiday", "text"), "name"),
}
_HINTS = dict.fromkeys(("from", "to", "start", "end", "opens", "closes"), "write both times as `hours: 09:00-12:00`")


def read_override(node: Node, what: str, reader: Reader) -> Mapping[date, Special]:
    """The map under `override`: a date or a range of them → hours, or `{hours: closed, name: Inventory}`."""
    what = f"`override` of {what}"
    found = reader.map(node, what, "write `override: {2026-12-24: 09:00-12:00}`")
    override: dict[date, Special] = {}
    for entry in found.entries if found else ():
        days = read_dates(entry.key, what, reader)
        special = _read_special(entry, what, reader)
        for day in unseen(days, override, entry.key, what, reader):
            override[day] = special
    return override


def _read_special(entry: Entry, what: str, reader: Reader) -> Special:
    """What holds on the dates of an entry; closed when it cannot be read."""
    what = f"{what}, {entry.key.value}"
    if not isinstance(entry.value, Map):
        return Special(read_spans(entry.value, what, reader) or ())
    words, place = ("hours", "name"), entry.key.place
    fields = read_fields(entry.value, words, what, reader, place=place, hints=_HINTS, aliases=_ALIASES)
    hours = fields.need("hours", "write `hours: closed`, or `hours: 09:00-12:00`", reader)
    name_node = fields.get("name")
    name = reader.text(name_node, f"`name` of {what}") if name_node is not None else None
    if name is not None:
        is_literal(name, what, reader)
    spans = read_spans(hours, what, reader) if hours is not None else ()
    return Special(spans or (), name.value.strip() if name else "")
