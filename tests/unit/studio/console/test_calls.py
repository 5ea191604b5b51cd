"""The pages of recorded calls, for calls that the webhook server answered."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx
import pytest
from structlog.testing import capture_logs

from ncco_server.desk.exports import BATCH
from ncco_server.results import CHOSEN
from ncco_server.service.overview import Overview
from ncco_server.settings import Settings
from ncco_server.store import Caused, RecordingRow, milliseconds, moment_of, open_store
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from ncco_studio.console.report import PeriodQuery
from ncco_studio.console.state import VERSION_TTL_S
from tests.support.stored_rows import end_call, session_row, turn_row, webhook_row
from tests.support.webhooks import callback, facts, keys, running_app
from tests.unit.studio.console.conftest import logged_in, settings_for

FLOWS = """\
flow: shop
default: true
start: menu
steps:
  menu:
    do: [{talk: "For bicycles, press 1."}]
    choices: {bicycles: {dtmf: 1, speech: [bicycles], goto: bicycles}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  bicycles:
    do: [{talk: "We sell bicycles."}]
    goto: end
"""
PERSONAL = """\
flow: personal
numbers: ["442079460099"]
start: menu
steps:
  menu:
    do: [{talk: "Press 1."}]
    choices: {desk: {dtmf: 1, goto: {run: desk, with: {caller_name: "Ann Lee", code: "Opal Fruit"}}}}
    retry: {then: end}
---
flow: desk
params: {caller_name: {type: text, sensitive: false}, code: {type: text, sensitive: true}}
start: wait
steps:
  wait:
    do: [{talk: "Press 2."}]
    choices: {again: {dtmf: 2, goto: wait}}
    retry: {then: end}
"""


class Shop:
    """A webhook server and its console on one database."""

    def __init__(self, webhooks: httpx.AsyncClient, console: httpx.AsyncClient, project: Path) -> None:
        self.webhooks = webhooks
        self.console = console
        self.project = project

    async def answer(self, leg: str, from_: str = "447700900123", to: str = "442079460000") -> str:
        """Answer a call; returns the path of its input webhook."""
        reply = await self.webhooks.post("/webhooks/answer", json={**facts(leg, to=to), "from": from_})
        return callback(reply.json())

    async def press(self, url: str, leg: str, digits: str) -> None:
        """Press keys."""
        reply = await self.webhooks.post(url, json=facts(leg, **keys(digits)))
        assert 200 == reply.status_code

    async def hang_up(self, leg: str) -> None:
        """End a call."""
        await self.webhooks.post("/webhooks/event", json=facts(leg, status="completed", direction="inbound"))

    async def say(self, url: str, leg: str, words: str) -> None:
        """Say something."""
        speech = {"results": [{"text": words, "confidence": "0.9"}]}
        await self.webhooks.post(url, json={"speech": speech, "dtmf": {"digits": None}, "uuid": leg})


def settings(project: Path) -> Settings:
    return settings_for(project, database_url=f"sqlite:///{project}/calls.db", insecure=True)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOWS, encoding="utf-8")
    for name, text in zip(("personal", "desk"), PERSONAL.split("---\n"), strict=True):
        (tmp_path / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    async with (
        running_app(create_app(settings(tmp_path), dev=True)) as webhooks,
        await logged_in(create_console(settings(tmp_path), dev=True)) as console,
    ):
        yield Shop(webhooks, console, tmp_path)


async def listed(console: httpx.AsyncClient, **search: str) -> list[str]:
    """The IDs of the calls in the list."""
    page = (await console.get("/calls", params=search)).text
    return re.findall(r'<td data-label="Caller"><a href="/calls/([^"]+)"', page)


async def test_the_list_finds_and_shows_the_name_of_a_caller_that_a_flow_knows(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000")
    await shop.press(await shop.answer("bbbbbbbb-0000", to="442079460099"), "bbbbbbbb-0000", "1")

    assert ["bbbbbbbb-0000"] == await listed(shop.console, q="Ann Lee")
    assert "<strong>Ann Lee</strong>" in (await shop.console.get("/calls")).text
    assert [] == await listed(shop.console, q="Opal Fruit")


async def test_a_missed_caller_leaves_the_list_once_somebody_calls_back(shop: Shop) -> None:
    for leg, number in (("aaaaaaaa-0000", "447700900111"), ("bbbbbbbb-0000", "447700900222")):
        await shop.answer(leg, number)
        await shop.hang_up(leg)
    home = (await shop.console.get("/home")).text
    assert ["07700 900222", "07700 900111"] == re.findall(r"<strong>(07.*)</strong>", home)

    done = await shop.console.post("/calls/aaaaaaaa-0000/called-back")

    assert "07700 900111 was called back." == done.json()["said"]
    home = (await shop.console.get("/home")).text
    assert ["07700 900222"] == re.findall(r"<strong>(07.*)</strong>", home)
    assert "1 called back" in home
    assert "Called back" in (await shop.console.get("/calls/aaaaaaaa-0000")).text
    assert 404 == (await shop.console.post("/calls/aaaaaaaa/called-back")).status_code


async def test_undoing_a_call_back_puts_the_caller_back_on_the_list(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000", "447700900111")
    await shop.hang_up("aaaaaaaa-0000")
    await shop.console.post("/calls/aaaaaaaa-0000/called-back")

    with capture_logs() as logs:
        undone = await shop.console.post("/calls/aaaaaaaa-0000/to-call-back")

    assert "07700 900111 is to be called back." == undone.json()["said"]
    assert [("to call back again", "aaaaaaaa-0000")] == [
        (line["event"], line["call"]) for line in logs if "call" in line
    ]
    home = (await shop.console.get("/home")).text
    assert ["07700 900111"] == re.findall(r"<strong>(07.*)</strong>", home)
    assert "1 called back" not in home
    again = await shop.console.post("/calls/aaaaaaaa-0000/called-back")
    assert "1 called back" in (await shop.console.get("/home")).text
    address, values = again.json()["undo"]
    late = await shop.console.post(address, data={"at": int(values["at"]) - 1})
    assert 409 == late.status_code
    assert "1 called back" in (await shop.console.get("/home")).text
    assert 303 == (await shop.console.post(address, data=values)).status_code


async def test_list_finds_a_call_by_number_id_and_word(shop: Shop) -> None:
    first = await shop.answer("aaaaaaaa-0000", "447700900111")
    await shop.press(first, "aaaaaaaa-0000", "1")
    await shop.answer("bbbbbbbb-0000", "447700900222")

    async def found(query: str) -> list[str]:
        return await listed(shop.console, **dict(parse_qsl(query)))

    assert ["bbbbbbbb-0000", "aaaaaaaa-0000"] == await found("")
    assert ["aaaaaaaa-0000"] == await found("q=07700 900111")
    assert ["aaaaaaaa-0000"] == await found("q=%2B44 7700 900111")
    assert ["bbbbbbbb-0000"] == await found("q=bbbbbbbb")
    assert ["aaaaaaaa-0000"] == await found("q=We sell bicycles")
    assert ["aaaaaaaa-0000"] == await found("q=WE SELL bicycles")
    assert ["bbbbbbbb-0000", "aaaaaaaa-0000"] == await found("q=SHOP")
    assert [] == await found("q=we sell tricycles")
    assert ["bbbbbbbb-0000", "aaaaaaaa-0000"] == await found("q=shop")
    for hidden in ("http", "eventUrl", "conversation_uuid", "CON-", "zz", "bargeIn", "digits", first[-8:]):
        assert [] == await found(f"q={hidden}"), hidden
    assert [] == await found("state=failed")
    assert ["bbbbbbbb-0000", "aaaaaaaa-0000"] == await found("flow=shop&days=today&state=open")


async def test_list_shows_the_calls_of_a_day(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000")
    today = datetime.now(UTC).date()
    days = [str(today + timedelta(days)) for days in (-1, 0, 1)]
    found = [await listed(shop.console, **{"from": day, "to": day, "timezone": "UTC"}) for day in days]

    assert [0, 1, 0] == [len(calls) for calls in found]
    assert f'name="from" value="{today}"' in (await shop.console.get(f"/calls?from={today}")).text
    for refused in ("to=9999-12-31", "from=2026-11-03&to=2026-11-02", "days=today&timezone=Mars", "state=lovely"):
        assert 422 == (await shop.console.get(f"/calls?{refused}")).status_code, refused


@pytest.mark.parametrize("hour", range(0, 24 * 8, 3))
def test_last_week_is_from_monday_to_sunday_in_the_time_zone_of_the_line(hour: int) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    now = datetime(2026, 11, 30, tzinfo=zone) + timedelta(hours=hour)  # a Monday
    week = PeriodQuery(days="last-week").period(zone, now.astimezone(UTC))

    first = date(2026, 11, 23) if hour < 24 * 7 else date(2026, 11, 30)
    assert (first, first + timedelta(6)) == (week.first, week.last)


async def test_a_search_without_matches_is_repeated_in_all_calls(shop: Shop) -> None:
    today = (await shop.console.get("/calls?days=today&q=0123")).text
    ever = (await shop.console.get("/calls?q=0123")).text

    assert 'href="/calls?q=0123"' in today
    assert 'href="/calls"' in ever.partition("<main")[2]


async def test_list_offers_the_flows_own_results(shop: Shop) -> None:
    async with open_store(settings(shop.project).database_url) as store:
        now = milliseconds(datetime.now(UTC))
        for id_, own in (("aaaaaaaa", "booked"), ("bbbbbbbb", "asked")):
            session = session_row(id_, created_at=now, updated_at=now)
            await store.open_call(session, turn_row(id_, heard=0, result=own), webhook_row(id_))
            await end_call(store, id_, webhook_row(id_, received_at=now))

    page = (await shop.console.get("/calls?state=own:booked")).text
    assert '<option value="own:booked" selected>booked</option>' in page
    assert '<option value="own:asked">asked</option>' in page
    assert ["aaaaaaaa"] == re.findall('href="/calls/([a-z]+)"', page)
    report = (await shop.console.get("/report")).text.partition("By own outcome")[2]
    assert ["asked", "booked"] == sorted(re.findall('<th scope="row">(.*?)</th>', report))


async def test_list_shows_the_text_of_an_own_result_beside_the_person(shop: Shop) -> None:
    (shop.project / "flows" / "own.yaml").write_text(
        "flow: own\nresults: {booked: an appointment was booked}\nstart: hi\n"
        "steps: {hi: {result: booked, do: [{talk: Hello.}], goto: end}}\n",
        encoding="utf-8",
    )
    async with open_store(settings(shop.project).database_url) as store:
        now = milliseconds(datetime.now(UTC))
        for id_, kind in (("aaaaaaaa", "event-answered"), ("bbbbbbbb", "event-busy")):
            session = session_row(id_, created_at=now, updated_at=now)
            await store.open_call(session, turn_row(id_, 1, heard=0, result="booked"), webhook_row(id_))
            await store.record(webhook_row(id_, 1, 0, kind=kind, received_at=now))
            await end_call(store, id_, webhook_row(id_, received_at=now))

    page = (await shop.console.get("/calls")).text
    assert ["an appointment was booked", "spoke 0 s; an appointment was booked"] == re.findall(
        r'class="badge result \w+">([^<]+)<', page
    )
    assert "spoke 0 s; an appointment was booked" in (await shop.console.get("/calls/aaaaaaaa")).text


@pytest.mark.parametrize("is_due", [False, True])
async def test_the_page_of_a_call_polls_only_while_it_waits_for_a_recording(shop: Shop, *, is_due: bool) -> None:
    now = milliseconds(datetime.now(UTC))
    due_at = now + 3_600_000 if is_due else None  # not now, or the server would fetch it
    row = RecordingRow(id="ab" * 16, uuid="rec", kind="record", created_at=now, session="aaaaaaaa", due_at=due_at)
    async with open_store(settings(shop.project).database_url) as store:
        session = session_row("aaaaaaaa", created_at=now, updated_at=now)
        await store.open_call(session, turn_row("aaaaaaaa", 1, heard=0), webhook_row("aaaaaaaa", received_at=now))
        await store.record(webhook_row("aaaaaaaa", 1, 0, kind="record", received_at=now), Caused(recording=row))
        open_page = (await shop.console.get("/calls/aaaaaaaa")).text
        await end_call(store, "aaaaaaaa", webhook_row("aaaaaaaa", received_at=now))

    page = (await shop.console.get("/calls/aaaaaaaa")).text
    assert (True, is_due) == ("every 2s" in open_page, "every 2s" in page)
    assert "messages from:body" in page
    assert page.index('class="stack recording"') < page.index('id="conversation"')


async def test_the_page_of_a_call_has_the_other_calls_of_its_caller(shop: Shop) -> None:
    for id_, caller in (("aaaaaaaa-0000", "447700900123"), ("bbbbbbbb-0000", "447700900123"), ("cccccccc-0000", "")):
        await shop.answer(id_, caller)

    async def others(id_: str) -> list[str]:
        _, _, section = (await shop.console.get(f"/calls/{id_}")).text.partition('aria-label="Other calls"')
        return re.findall(r'href="/calls/([^"]+)"', section.partition("</section>")[0])

    assert ["bbbbbbbb-0000"] == await others("aaaaaaaa-0000")
    assert [] == await others("cccccccc-0000")


async def test_search_ignores_upper_and_lower_case(shop: Shop) -> None:
    await shop.say(
        await shop.answer("aaaaaaaa-0000"),
        "aaaaaaaa-0000",
        "Frau M\u00dcLLER aus der Stra\u00dfe \u0395\u03bb\u03ad\u03bd\u03b7",
    )
    await shop.press(await shop.answer("bbbbbbbb-0000", to="442079460099"), "bbbbbbbb-0000", "1")

    async def found(words: str) -> list[str]:
        return await listed(shop.console, q=words)

    for words in ("frau m\u00fcller", "FRAU", "M\u00fcller", "STRA\u00dfE", "\u0395\u03bb\u03ad\u03bd\u03b7"):
        assert ["aaaaaaaa-0000"] == await found(words), words
    assert ["bbbbbbbb-0000"] == await found("ann LEE")
    assert [] == await found("frau meier")


async def test_a_search_finds_the_words_of_a_message(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000")
    await shop.answer("bbbbbbbb-0000")
    message = RecordingRow(
        "ab" * 16, "rec", "record", 1, session="aaaaaaaa-0000", transcript="Mein BLUTDRUCK\nist öfter."
    )
    async with open_store(settings(shop.project).database_url) as store:
        await store.recordings.add(message)
        found = [await listed(shop.console, q=words) for words in ("blutdruck ist", "Ö", "niedrig")]
        await store.recordings.mark_deleted("ab" * 16, 2, "")

    assert [["aaaaaaaa-0000"], ["aaaaaaaa-0000"], []] == found
    assert [] == await listed(shop.console, q="blutdruck")


async def test_the_url_of_a_list_contains_only_the_chosen_filters(shop: Shop) -> None:
    rows = await shop.console.get("/calls?q=&flow=shop&days=&state=", headers={"HX-Request": "true"})

    assert "/calls?flow=shop" == rows.headers["hx-replace-url"]


async def test_numbers_are_written_as_in_their_country(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000")

    for path in ("/calls", "/calls/aaaaaaaa-0000", "/report"):
        page = (await shop.console.get(path)).text
        assert "020 7946 0000" in page, path
        assert "+44" not in page.replace("tel:+44", ""), path


async def test_a_call_is_shown_as_a_conversation_with_the_line_that_decided(shop: Shop) -> None:
    await shop.press(await shop.answer("aaaaaaaa-0000"), "aaaaaaaa-0000", "1")

    page = (await shop.console.get("/calls/aaaaaaaa-0000")).text

    shown = re.sub(r"<[^>]*>", " ", page)
    words = ["For bicycles, press 1.", "menu → bicycles", "flows/shop.yaml line 7", "We sell bicycles."]
    places = [shown.find(word) for word in words]
    assert -1 not in places
    assert sorted(places) == places
    assert '<p class="bubble">1</p>' in page


async def test_every_call_is_downloaded_with_its_result(shop: Shop) -> None:
    number = BATCH + 2
    now = milliseconds(datetime.now(UTC)) // 1000 * 1000
    async with open_store(settings(shop.project).database_url) as store:
        for leg in range(number):
            row = session_row(f"leg-{leg}", is_over=leg < number - 1, created_at=now, updated_at=now)
            await store.open_call(row, turn_row(row.id, heard=CHOSEN), webhook_row(row.id))
        await end_call(store, row.id, webhook_row(row.id, received_at=now + 1000))
    reply = await shop.console.get("/calls.csv")
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))

    assert number == len(rows)
    assert (f"{moment_of(now):%Y-%m-%d %H:%M:%S}", "1", "served by the menu") == tuple(
        rows[0][name] for name in ("When", "Length, seconds", "What happened")
    )


async def test_the_log_says_who_has_downloaded_calls_and_their_counts(shop: Shop) -> None:
    files = ("/calls.csv", "/report.csv")
    with capture_logs() as logs:
        replies = [await shop.console.get(file) for file in files]
    assert [200] * 2 == [reply.status_code for reply in replies]
    assert ["calls downloaded", "report downloaded"] == [line["event"] for line in logs]


async def test_owners_read_titles_and_download_what_the_page_shows(shop: Shop) -> None:
    await shop.answer("aaaaaaaa-0000", "447700900123")
    await shop.answer("aaaaaaaa-0001", "anonymous")
    reply = await shop.console.get("/calls.csv")
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))

    assert reply.content.startswith(b'\xef\xbb\xbfWhen,Caller,Name,Called,Line,"Length, seconds",What happened,')
    assert ["withheld", "07700 900123"] == [row["Caller"] for row in rows]
    assert all(row["Length, seconds"].isdecimal() for row in rows)
    assert {("Shop", "on the line now")} == {(row["Line"], row["What happened"]) for row in rows}
    shop.console.cookies.set(f"ncco-view-{shop.console.base_url.port or 'http'}", "owner")
    page = (await shop.console.get("/calls?flow=shop")).text
    assert "/calls.csv?flow=shop" in page
    assert '<option value="shop" selected>Shop</option>' in page
    assert '<a href="/flows/shop">Shop</a>' in (await shop.console.get("/calls/aaaaaaaa-0000")).text
    assert 1 == len((await shop.console.get("/calls.csv?flow=none")).text.splitlines())


async def test_pages_explain_why_there_are_no_calls(client: httpx.AsyncClient, tmp_path: Path) -> None:
    assert "Calls are not kept" in (await client.get("/calls")).text
    (tmp_path / "flows").mkdir()
    async with await logged_in(create_console(settings(tmp_path), dev=True)) as nothing_yet:
        assert "No calls yet" in (await nothing_yet.get("/calls")).text
        (tmp_path / "calls.db").unlink()
        assert "there is no database at" in (await nothing_yet.get("/calls")).text
        assert 503 == (await nothing_yet.get("/calls.csv")).status_code
        assert 503 == (await nothing_yet.get("/calls/x")).status_code


UNATTENDED = {"HX-Request": "true", "X-Unattended": "true"}


@pytest.mark.parametrize("path", ["/calls", "/calls?flow=shop", "/calls/aaaaaaaa-0000", "/messages"])
async def test_a_polling_page_gets_only_what_has_changed(shop: Shop, path: str) -> None:
    await shop.answer("aaaaaaaa-0000")
    first = await shop.console.get(path, headers=UNATTENDED)
    seen = UNATTENDED | {"If-None-Match": first.headers["etag"]}
    same = await shop.console.get(path, headers=seen)
    await shop.answer("bbbbbbbb-0000")
    await asyncio.sleep(VERSION_TTL_S)
    then = await shop.console.get(path, headers=seen)
    by_hand = await shop.console.get(path, headers={"HX-Request": "true", "If-None-Match": then.headers["etag"]})

    assert [200, 304, 200, 200] == [each.status_code for each in (first, same, then, by_hand)]
    assert "" == same.text
    assert first.headers["etag"] != then.headers["etag"]


async def test_a_text_search_is_not_repeated_automatically(shop: Shop) -> None:
    await shop.press(await shop.answer("aaaaaaaa-0000"), "aaaaaaaa-0000", "1")

    assert 204 == (await shop.console.get("/calls?q=sell bicycles", headers=UNATTENDED)).status_code
    assert "aaaaaaaa" in (await shop.console.get("/calls?q=sell bicycles", headers={"HX-Request": "true"})).text
    assert "aaaaaaaa" in (await shop.console.get("/calls?q=900123", headers=UNATTENDED)).text


class CountingOverview(Overview):
    asked = 0

    async def version(self, now: datetime) -> str:
        self.asked += 1
        return await super().version(now)


async def test_simultaneous_requests_share_one_database_query(shop: Shop) -> None:
    console = create_console(settings(shop.project), dev=True).state.console
    console.overview = CountingOverview(console.store)
    versions = await asyncio.gather(*(console.version() for _ in range(3)))
    await console.close()

    assert (1, 1) == (console.overview.asked, len(set(versions)))
