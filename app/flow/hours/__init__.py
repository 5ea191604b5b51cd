"""Opening hours: `hours:` of a flow or of the shared parts, and what flows see of them.

`read_hours` reads the calendars, `calendar_sources` are the computed dates that belong to a flow's revision,
`hours_shape` and `hours_view` are the types and the values of the name `hours`.
"""

from __future__ import annotations

from app.flow.hours.calendar import Calendar, Opening, Span, Special
from app.flow.hours.declaration import calendar_sources, read_hours
from app.flow.hours.holidays import FIRST_YEAR, LAST_YEAR
from app.flow.hours.moment import LOOKAHEAD_DAYS, Moment, hours_shape, hours_view
from app.flow.hours.year import Year, survey

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "LOOKAHEAD_DAYS",
    "Calendar",
    "Moment",
    "Opening",
    "Span",
    "Special",
    "Year",
    "calendar_sources",
    "hours_shape",
    "hours_view",
    "read_hours",
    "survey",
]
