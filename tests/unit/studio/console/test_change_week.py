"""Whatever the lines of a week are: after a change, each day has its hours, and no comment is lost."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.hours.weekly import DAYS
from ncco_server.flow.loader import load
from ncco_server.flow.source import read_yaml
from ncco_studio.console.change.fields import fields_in
from ncco_studio.console.change.form import changed
from ncco_studio.console.change.notation import meant_spans
from tests.support.examples import examples

FLOW: Final = """\
flow: shop
default: true
start: hello
hours:
  shop:
    timezone: Europe/London
    week:
{week}
steps: {{hello: {{do: [{{talk: "{{{{ hours.shop.open }}}}"}}], goto: end}}}}
"""
WRITTEN: Final = ("09:00-17:00", "closed", '"09:00-12:00, 13:00-17:00"', "[09:00-12:00, 13:00-17:00]", "[closed]")
TYPED: Final = ("9 to 5", "9am to 2pm and 3pm to 6pm", "closed", "noon to 8", "09:00 to 17:00")


@st.composite
def weeks(draw: st.DrawFn) -> str:
    lines: dict[int, list[str]] = {}
    for day in DAYS:
        lines.setdefault(draw(st.integers(0, 4)), []).append(day)
    written = (f'      "{",".join(days)}": {draw(st.sampled_from(WRITTEN))} # {at}' for at, days in lines.items() if at)
    return "\n".join(written) or "      sun: closed # 0"


@examples(120)
@given(weeks(), st.dictionaries(st.sampled_from(DAYS), st.sampled_from(TYPED)))
def test_each_day_has_the_hours_that_were_typed(week: str, typed: dict[str, str]) -> None:
    text = FLOW.format(week=week)
    (before,) = load({"flows/shop.yaml": text}).calendars.values()
    wanted = [meant_spans(typed[day]) if day in typed else spans for day, spans in zip(DAYS, before.week, strict=True)]

    form = {f"/hours/shop/week/{day}": hours for day, hours in typed.items()}
    new = changed(text, list(fields_in(read_yaml("flows/shop.yaml", text)[0])), form)

    (after,) = load({"flows/shop.yaml": new}).calendars.values()
    assert tuple(wanted) == after.week
    assert text.count("#") == new.count("#")
