"""What callers will hear stands there before somebody decides: hours by hand, a holiday, a text, in each language."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.support.cases import each_case
from tests.unit.studio.console.test_change import review, write

HOURS = """\
hours: {desk: {timezone: Europe/London, week: {mon-sun: 00:00-24:00}}}
steps:
  hello: {do: [{talk: "Hello."}], goto: door}
  door:
    branch:
      - {if: hours.desk.open, goto: menu}
      - {else: closed}
  menu: {do: [{talk: "Press 1."}], choices: {again: {dtmf: 1, goto: hello}}, retry: {noinput: ["Sorry?"], then: closed}}
  closed:
    do: [{talk: "Closed{% if hours.desk.holiday %} for {{ hours.desk.holiday }}{% endif %}."}]
    goto: end
"""
FLOW = f'flow: shop\nnumbers: ["442079460000"]\nstart: hello\n{HOURS}'
TWO = FLOW.replace(
    "hours:", "locales: {en: {language: en-GB}, de: {language: de-DE}}\nhours:", 1
).replace('{talk: "Hello."}', '{talk: {en: "Hello.", de: "Hallo."}}').replace(
    '{talk: "Press 1."}', '{talk: {en: "Press 1.", de: "Drücken Sie die 1."}}'
)  # fmt: skip
NEXT = FLOW.replace("mon-sun: 00:00-24:00", "wed: 15:00-18:00").replace(
    "Closed{%", "Until {{ hours.desk.next_open | spoken('weekday') }}{%"
)  # fmt: skip
CLOSED = FLOW.replace("mon-sun: 00:00-24:00", "mon: closed")
KEY = json.dumps(("flows/shop.yaml", "desk"))


async def heard(owner: httpx.AsyncClient, **form: str) -> str:
    reply = await owner.post("/hours/heard", data={"hours": KEY, **form})
    assert 200 == reply.status_code
    return html.unescape(reply.text).strip()


@each_case(
    ("text", "form", "words"),
    [
        (FLOW, {"what": "close", "until": "23:59"}, "Callers will hear: “Hello. Closed.”"),
        (FLOW, {"what": "close", "until": "23:59", "reason": "tea & cake"},
         "Callers will hear: “Hello. Closed for tea & cake.”"),
        (CLOSED, {"what": "open", "until": "23:59"}, "Callers will hear: “Hello. Press 1.”"),
        (TWO, {"what": "open", "until": "23:59"},
         "Callers will hear: “Hello. Press 1.” or “Hallo. Drücken Sie die 1.”"),
        (FLOW, {"what": "close", "until": "9"}, ""),
    ],
)  # fmt: skip
async def test_hours_by_hand(owner: httpx.AsyncClient, flow: Path, text: str, form: dict[str, str], words: str) -> None:
    write(flow, text)
    assert words == await heard(owner, **form)


async def test_a_day_is_told_from_its_first_moment(owner: httpx.AsyncClient) -> None:
    day = datetime.now(ZoneInfo("Europe/London")).date() + timedelta(2)

    words = await heard(owner, what="day", day=day.isoformat(), reason="a trip")
    assert f"On {day:%a} {day.day} {day:%B}, callers will hear: “Hello. Closed for a trip.”" == words


async def test_who_stays_closed_is_heard_at_once(owner: httpx.AsyncClient, flow: Path) -> None:
    now = datetime.now(ZoneInfo("Europe/London"))
    opens, until, closes = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (1, 2, 3))
    write(flow, FLOW.replace("00:00-24:00", f"{opens}-{closes}"))

    words = await heard(owner, what="close", until=until, reason="tea")
    assert "Callers will hear: “Hello. Closed for tea.”" == words


@each_case(
    ("text", "change", "words"),
    [
        (FLOW, {"/steps/hello/do/0/talk": "Good day."}, ["Hello: “Good day.”"]),
        (FLOW, {"/steps/menu/do/0/talk": "Press <b>one</b>."}, ["Menu: “Press one .”"]),
        (FLOW, {"/steps/menu/retry/noinput/0": "Pardon?"}, ["Menu, after silence: “Pardon?”"]),
        (TWO, {"/steps/hello/do/0/talk/de": "Guten Tag."}, ["Hello, says (de): “Guten Tag.”"]),
        (FLOW, {"key:/hours/desk/holidays": "2030-05-17", "value:/hours/desk/holidays": "Founders' Day"},
         ["Fri 17 May at 00:00: “Hello. Closed for Founders' Day.”"]),
        (FLOW, {"key:/hours/desk/override": "2030-05-17", "value:/hours/desk/override": "09:00 to 12:00"},
         ["Fri 17 May at 00:00: “Hello. Closed.”"]),
        (TWO, {"/hours/desk/week/mon": "closed"},
         ["Monday at 12:00: “Hello. Closed.”", "Monday at 12:00: “Hallo. Closed.”",
          "Tuesday to Sunday at 12:00: “Hello. Press 1.”", "Tuesday to Sunday at 12:00: “Hallo. Drücken Sie die 1.”"]),
        (NEXT, {"/hours/desk/week/mon": "15:00 to 18:00"},
         ["Monday, Thursday to Sunday at 12:00: “Hello. Until Monday.”",
          "Tuesday, Wednesday at 12:00: “Hello. Until Wednesday.”"]),
    ],
)  # fmt: skip
async def test_the_review_has_the_words(
    owner: httpx.AsyncClient, flow: Path, text: str, change: dict[str, str], words: list[str]
) -> None:
    write(flow, text)
    page = (await review(owner, **change)).text
    _, _, section = page.partition('<h2 id="heard">')

    shown = re.findall("<li><strong>(.*?):</strong> (.*?)</li>", html.unescape(section.partition("</section>")[0]))
    assert words == [": ".join(each) for each in shown]


@pytest.mark.parametrize("what", ["undo", "again"])
async def test_words_are_only_for_a_new_decision(owner: httpx.AsyncClient, what: str) -> None:
    assert "" == await heard(owner, what=what)
