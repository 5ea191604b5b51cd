"""Rules of the flow language: opening hours."""

from __future__ import annotations

from app.flow.rules.rule import Rule

HOUR_RULES: tuple[Rule, ...] = (
    Rule("E500", "error", "there is no such time zone", "name one of the IANA's zones, such as Europe/London"),
    Rule("E501", "error", "this is not hours of a day", "write 24-hour times such as 09:00-17:30, or closed"),
    Rule("E502", "error", "hours end when they begin", "write 00:00-24:00 for the whole day, or closed"),
    Rule("E503", "error", "hours of one day overlap", "join them, or let the one end before the other begins"),
    Rule("E504", "error", "this is no day of the week", "write mon, tue, wed, thu, fri, sat, sun, or mon-fri"),
    Rule("E505", "error", "a day of the week stands twice", "name each day once"),
    Rule("E506", "error", "this is not a date", "write year-month-day, such as 2026-12-24"),
    Rule("E507", "error", "a date stands twice", "delete one of the two"),
    Rule("E508", "error", "the holidays of this country are not known", "write its two letters, such as GB"),
    Rule("E509", "error", "a country has no such subdivision", "write the code of one that it has, such as ENG"),
    Rule("E510", "error", "names of holidays are not known in this language", "name a known one, or delete it"),
    Rule("E511", "error", "a range of dates cannot be", "write the first date, two dots and the last date"),
    Rule("E512", "error", "nothing can be computed here", "write the text itself, without braces"),
    Rule("E513", "error", "hours stand where the name of a holiday belongs", "write hours of dates under `override`"),
    Rule("W520", "warning", "hours go on for more than half a day past midnight", "swap the two times"),
    Rule("W521", "warning", "hours of a night reach into those of the next day", "let the one end earlier"),
    Rule("W522", "warning", "hours never open", "name the days that are open under `week`"),
    Rule("W523", "warning", "a time zone never changes its clocks", "name the zone of a city"),
)
