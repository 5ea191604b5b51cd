"""The pages of placed calls: the list, a call with its attempts, and the request form."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_server.settings.fields import VoiceAccess
from ncco_server.store import AttemptResult, PlacedCalls, PlacedRow, PlacingLimits
from ncco_studio.console.app import create_console
from ncco_studio.console.phone.incoming import IncomingCalls
from tests.support.cases import each_case
from tests.support.keys import private_pem, rsa_key
from tests.support.stored_rows import placed_row
from tests.unit.studio.console.conftest import logged_in, settings_for

NUMBER = "447700900123"
FLOW = """
flow: reminder
params:
  name: text
  kind: [visit, call]
  visits: {type: int, default: 1}
  is_new: {type: bool, default: false}
  day: {type: date, default: 2026-12-24}
  at: {type: time, default: "09:30"}
  until: {type: datetime, default: "2026-12-24T18:00+00:00"}
  code: {type: text, default: "", sensitive: true}
outbound: {from: "442079460001", quiet: false, on: {answered: hello, otherwise: {send: missed}}}
hooks: {missed: {post: "https://crm.example.com/missed"}}
start: hello
steps:
  hello:
    do: [{talk: "Hello {{ name }}, {{ kind }} number {{ visits }}."}]
    goto: end
"""
OTHER = """
flow: other
default: true
start: bye
steps:
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
"""
FILLED = {"flow": "reminder", "to": "+44 7700 900123", "with.name": "Ada", "with.kind": "visit", "key": "1"}


def address_in(reply: httpx.Response) -> str:
    """Where a form leads, without the change that the page says."""
    return re.sub("[?&]change=.*", "", reply.headers["location"])


class Line:
    """A console and the placed calls that it shows."""

    def __init__(self, client: httpx.AsyncClient, placed: PlacedCalls) -> None:
        self.client = client
        self.placed = placed

    async def text(self, path: str = "/calls/placed") -> str:
        """The words of a page, without its tags."""
        page = await self.client.get(path)
        assert 200 == page.status_code, page.text
        main = page.text.partition("<main")[2]
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())

    async def add(self, number: str = NUMBER, **changes: Any) -> PlacedRow:
        """A waiting call, as another program requested it."""
        known = len(await self.placed.list(999))
        now = round(time.time() * 1000) + known
        times = dict.fromkeys(("wanted_at", "due_at", "created_at", "updated_at"), now)
        ids = {"id": f"{known:032x}", "key": f"key {known}", "origin": "api", "owner": "crm"}
        row = placed_row(number=number, params='{"name": "Ada", "code": "2580"}', **ids, **times)
        (stored,) = await self.placed.add([row._replace(**changes)])
        return stored


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    for name, text in (("reminder", FLOW), ("other", OTHER)):
        (tmp_path / "flows").mkdir(exist_ok=True)
        (tmp_path / "flows" / f"{name}.yaml").write_text(text)
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", dial_allow="44")
    console = create_console(settings, dev=True)
    await console.state.console.store.open()
    async with await logged_in(console) as client:
        client.headers["Accept"] = "text/html"
        yield Line(client, console.state.console.store.placed)
    await console.state.console.store.close()


async def test_a_call_whose_flow_this_server_lacks_says_so(line: Line) -> None:
    row = await line.add(flow="gone")

    assert "Waits for a server with this line" in await line.text(f"/calls/placed/{row.id}")


async def test_a_call_is_requested_in_a_form_and_shown_from_then_on(line: Line) -> None:
    assert "No calls placed yet" in await line.text()
    form = await line.text("/calls/placed/new")
    for words in ("Name", "Kind", "Visits (optional) A whole number", "Is new (optional)", "Not before, in UTC"):
        assert words in form

    sent = await line.client.post("/calls/placed", data={**FILLED, "with.visits": "3"})

    assert 303 == sent.status_code, sent.text
    (row,) = await line.placed.list(9)
    assert ("reminder", NUMBER, "console", "", "waiting") == (row.flow, row.number, row.origin, row.owner, row.state)
    assert f"/calls/placed/{row.id}" == address_in(sent)
    page = await line.text(address_in(sent))
    for words in ("Reminder for 07700 900123", "waits for its turn", "in the console", "Name Ada", "Visits 3"):
        assert words in page
    assert "07700 900123 Reminder waits for its turn" in await line.text()


async def test_dates_and_times_have_fields_of_their_own(line: Line) -> None:
    page = (await line.client.get("/calls/placed/new")).text
    fields = dict(re.findall(r'<input id="param-[0-9]+" name="with.(\w+)" type="([a-z-]+)"', page))
    chosen = {"with.day": "2026-03-05", "with.at": "10:15", "with.until": "2026-03-05T18:30"}
    sent = await line.client.post("/calls/placed", data={**FILLED, **chosen})

    assert "Is new no Day 2026-03-05 At 10:15 Until 2026-03-05 18:30 UTC" in await line.text(address_in(sent))
    assert ["date", "time", "datetime-local"] == [fields[name] for name in ("day", "at", "until")]
    assert "A point in time in UTC" in page
    (row,) = await line.placed.list(9)
    assert '"day":"2026-03-05","at":"10:15","until":"2026-03-05T18:30:00+00:00"' in row.params


async def test_a_form_submitted_twice_requests_one_call(line: Line) -> None:
    first = await line.client.post("/calls/placed", data=FILLED)
    again = await line.client.post("/calls/placed", data=FILLED)
    other = await line.client.post("/calls/placed", data={**FILLED, "with.name": "Ben"})
    assert address_in(first) == address_in(again)
    assert (422, 1) == (other.status_code, len(await line.placed.list(9)))
    assert "has already placed another call" in other.text


@each_case(
    ("changes", "told"),
    [
        ({"to": "12"}, "Is not a phone number. A phone number is needed: 7 to 15 digits with the country code"),
        ({"to": "+1 202 555 0123"}, "NCCO_DIAL_ALLOW"),
        ({"with.visits": "many"}, "Write a whole number"),
        ({"with.kind": ""}, "Write"),
        ({"with.stranger": "1"}, "Reminder has no such param"),
        ({"at": "soon"}, "Is not a date and a time"),
        ({"at": "2026-03-05T10:00Z"}, "Is not a date and a time"),
        ({"at": "2100-01-01T10:00"}, "Is more than 400 days ahead"),
        ({"flow": "other"}, "This line places no calls"),
        ({"with.name": "x" * 9000}, "Is longer than 8192 bytes"),
    ],
)
async def test_a_wrong_field_is_explained_and_nothing_is_requested(
    line: Line, changes: dict[str, str], told: str
) -> None:
    page = await line.client.post("/calls/placed", data={**FILLED, **changes})
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())
    assert 422 == page.status_code
    assert told in words
    assert [] == await line.placed.list(9)


async def test_a_call_can_be_cancelled_until_it_is_over(line: Line) -> None:
    row = await line.add()
    assert "Cancel" in await line.text(f"/calls/placed/{row.id}")
    for _ in range(2):
        assert 303 == (await line.client.post(f"/calls/placed/{row.id}/cancel")).status_code
    page = await line.text(f"/calls/placed/{row.id}")
    assert "What happened cancelled" in page
    assert "Cancel" not in page
    assert 404 == (await line.client.post(f"/calls/placed/{'f' * 32}/cancel")).status_code


async def test_attempts_are_listed_with_the_call_of_the_one_that_was_answered(line: Line) -> None:
    row = await line.add()
    limits = PlacingLimits(100, 100)
    now = row.created_at
    first = (await line.placed.begin(row, "r", now, now + 1, limits)).attempt
    assert first is not None
    await line.placed.finish(first, AttemptResult("busy"), now, due_at=now + 3_600_000)
    assert "nobody reached yet, next call" in await line.text()
    again = await line.placed.get(row.id)
    assert again is not None
    second = (await line.placed.begin(again, "r", now + 500, now + 900, limits)).attempt
    assert second is not None
    assert "being called now" in await line.text()
    await line.placed.answered(row.id, 2, "leg-2", now, now + 1)
    page = await line.text(f"/calls/placed/{row.id}")
    assert "busy" in page
    assert "on the line leg leg-2 Show the call" in page
    assert "Hang up" in page
    assert 'href="/calls/leg-2"' in (await line.client.get(f"/calls/placed/{row.id}")).text
    await line.client.post(f"/calls/placed/{row.id}/cancel")
    assert "being hung up" in await line.text(f"/calls/placed/{row.id}")


async def test_sensitive_params_and_params_of_a_deleted_flow_are_not_shown(line: Line) -> None:
    page = await line.text(f"/calls/placed/{(await line.add()).id}")
    gone = await line.text(f"/calls/placed/{(await line.add(flow='gone')).id}")
    assert "Name Ada" in page
    assert "2580" not in page
    assert "Ada" not in gone


async def test_home_counts_the_people_who_were_called_today(line: Line) -> None:
    assert "0 incoming calls today" in await line.text("/home")
    assert "0 called today 0 answered" in await line.text("/home")
    for number in range(3):
        row = await line.add(f"44770090012{number}")
        begun = await line.placed.begin(
            row, "r", row.created_at + 1000 * number, row.created_at, PlacingLimits(100, 100)
        )
        assert begun.attempt is not None
        if number:
            await line.placed.answered(row.id, 1, f"leg{number}", row.created_at, row.created_at)

    assert "3 called today 2 answered" in await line.text("/home")


async def test_the_pages_say_that_vonage_accepts_no_calls(line: Line) -> None:
    row = await line.add()
    await line.placed.hold(row.created_at + 60_000, "status 429 (Too Many Requests)")

    for path in ("/calls/placed", "/home"):
        assert "Vonage accepts no calls at the moment" in await line.text(path)
    assert "Status 429 (Too Many Requests)" in await line.text()


async def test_placing_is_paused_and_resumed_for_all_hosts(line: Line) -> None:
    await line.add()
    await line.client.post("/calls/placed/pause", data={"reason": "wrong list"})
    assert "wrong list" == (await line.placed.control()).reason
    page = await line.text()
    assert "Placing calls has been paused since" in page
    assert "wrong list Resume" in page
    assert "waits while placing is paused" in page
    assert "Placing calls is paused" in await line.text("/home")
    await line.client.post("/calls/placed/resume")
    assert "paused" not in (await line.text()).replace("Pause placing", "")


async def test_calls_are_found_by_number_flow_state_and_page(line: Line) -> None:
    for index in range(60):
        await line.add(f"4477009000{index:02}")
    await line.client.post(f"/calls/placed/{0:032x}/cancel")
    assert "07700 900007" in await line.text("/calls/placed?q=07700 900007")
    assert "07700 900008" not in await line.text("/calls/placed?q=07700 900007")
    assert "07700 900000 Reminder cancelled" in await line.text("/calls/placed?state=cancelled")
    assert "No matching calls" in await line.text("/calls/placed?state=answered")
    assert "No matching calls" in await line.text("/calls/placed?flow=other")
    first = await line.client.get("/calls/placed")
    (older,) = re.findall(r'href="(/calls/placed\?before=[0-9a-f]+)"', first.text)
    numbers = {
        number for page in (first.text, await line.text(older)) for number in re.findall(r"07700 9000\d\d", page)
    }
    assert 60 == len(numbers)


async def test_a_page_after_a_deleted_call_is_an_error_instead_of_an_empty_page(line: Line) -> None:
    assert 404 == (await line.client.get(f"/calls/placed?before={'0' * 32}")).status_code


async def test_a_page_that_polls_gets_new_rows_only_after_a_change(line: Line) -> None:
    row = await line.add()
    poll = {"hx-request": "true", "x-unattended": "true"}
    page = await line.client.get("/calls/placed", headers=poll)
    assert "waits for its turn" in page.text
    assert "csrf" not in page.text
    line.client.headers["If-None-Match"] = page.headers["etag"]
    assert 304 == (await line.client.get("/calls/placed", headers=poll)).status_code
    await line.placed.cancel(row.id, row.created_at)
    deadline = time.monotonic() + 20
    while 304 == (page := await line.client.get("/calls/placed", headers=poll)).status_code:
        assert time.monotonic() < deadline
    assert "cancelled" in page.text


@asynccontextmanager
async def line_that_waits(tmp_path: Path, *, is_virtual: bool) -> AsyncIterator[Line]:
    """A line that places calls only in two days, to real phones or to the phone in its console."""
    day = (datetime.now(UTC) + timedelta(days=2)).strftime("%a").lower()
    hours = f"hours: {{office: {{timezone: UTC, week: {{{day}: '10:00-11:00'}}}}}}\n"
    waiting = FLOW.replace("quiet: false", "quiet: false, retry: {on: [busy], within: office}") + hours
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "reminder.yaml").write_text(waiting)
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", dial_allow="44")
    nowhere = "http://127.0.0.1:9"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        access = VoiceAccess(nowhere, "an-application", private_pem(rsa_key()))
        incoming = IncomingCalls(settings, access, nowhere, listener) if is_virtual else None
        console = create_console(settings, dev=True, incoming=incoming)
        await console.state.console.store.open()
        async with await logged_in(console) as client:
            client.headers["Accept"] = "text/html"
            yield Line(client, console.state.console.store.placed)
        await console.state.console.store.close()


async def test_a_call_to_a_real_phone_waits_for_the_allowed_hours_and_says_so(tmp_path: Path) -> None:
    async with line_that_waits(tmp_path, is_virtual=False) as line:
        sent = await line.client.post("/calls/placed", data=FILLED)
        page = await line.text(address_in(sent))
        refused = await line.client.post(f"{address_in(sent)}/now")
    assert 'The opening hours "office" do not include this time' in page
    assert "Call now" not in page
    assert 409 == refused.status_code


async def test_the_phone_in_the_console_rings_at_any_hour(tmp_path: Path) -> None:
    async with line_that_waits(tmp_path, is_virtual=True) as line:
        sent = await line.client.post("/calls/placed", data=FILLED)
        page = await line.text(address_in(sent))
        later = round((time.time() + 3600) * 1000)
        await line.add(id="f" * 32, due_at=later)  # requested on the command line
        waiting = await line.text(f"/calls/placed/{'f' * 32}")
        pressed = await line.client.post(f"/calls/placed/{'f' * 32}/now")
        due_at = [row.due_at for row in await line.placed.list(9)]
        missing = await line.client.post(f"/calls/placed/{'e' * 32}/now")
    assert 'A real one would not ring now: the opening hours "office" do not include this time.' in page
    assert "waits for its turn" in page
    assert (True, False) == ("Call now" in waiting, "Call now" in page)
    assert (303, 404) == (pressed.status_code, missing.status_code)
    assert all(due is not None and later > due for due in due_at)


async def test_a_line_without_such_flows_or_without_a_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "other.yaml").write_text(OTHER)
    for url, told in (("memory://", "Calls are not kept"), (f"sqlite:///{tmp_path}/c.db", "This line places no calls")):
        console = create_console(settings_for(tmp_path, database_url=url), dev=True)
        async with await logged_in(console) as client:
            assert told in (await client.get("/calls/placed", headers={"Accept": "text/html"})).text
            assert "/calls/placed" not in (await client.get("/calls", headers={"Accept": "text/html"})).text
        await console.state.console.store.close()
