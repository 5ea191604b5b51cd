"""What people change in the console is said, recorded and listed, and can be undone, whatever page it is on."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.errors import StoreUnavailable
from ncco_server.store import RecordingRow, Store, milliseconds
from ncco_studio.console.app import create_console
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import logged_in, settings_for, with_worker_here

FLOW = """\
flow: salon
numbers: ["442079460000"]
timezone: Europe/London
hours: {shop: {timezone: Europe/London, week: {mon-sun: "00:00-24:00"}}}
start: hello
steps:
  hello:
    do: [{talk: "Hello."}]
    branch: [{if: hours.shop.open, goto: end}, {else: closed}]
  closed: {do: [{talk: "We are closed."}], goto: end}
"""
SHARED = """\
shared: true
tables:
  blocked: {key: {number: phone}, columns: {note: text, pin: {type: text, sensitive: true}}, keep: 30d}
"""
ADA = "447700900123"
ROW = {"key.number": "07700 900123", "column.note": "rude"}
OF_NOBODY: Final = "The message from a withheld number"
FILE = "/change/flows/salon.yaml"


class Owner:
    """Somebody who changes things, and what the list of changes shows."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client

    @property
    def store(self) -> Store:
        store: Store = self.app.state.console.store
        return store

    async def send(self, address: str, values: dict[str, Any] | None = None) -> str:
        """Send a form as a browser does. Returns the address to which it leads, or else the page."""
        reply = await self.client.post(address, data=values or {}, headers={"Accept": "text/html"})
        assert reply.status_code in (200, 303), reply.text
        return str(reply.headers.get("location", reply.text))

    async def history(self) -> str:
        page = await self.client.get("/history", headers={"Accept": "text/html"})
        assert 200 == page.status_code, page.text
        return html.unescape(page.text.partition("<main")[2])

    async def said(self) -> list[str]:
        return re.findall(r"<p><a href=[^>]*>(.*)</a>", await self.history())

    async def newest_undo(self) -> tuple[str, dict[str, str]]:
        """What the notice after the newest change offers."""
        (row,) = (await self.store.changes.list(1, 0))[:1]
        address, values = (await self.client.get(f"/history/{row.id}")).json()["undo"]
        return address, values

    async def undo(self) -> str:
        """Press *Undo* in the newest notice."""
        return await self.send(*await self.newest_undo())


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Owner]:
    async with owner_of(tmp_path, FLOW, SHARED) as known:
        yield known


@asynccontextmanager
async def owner_of(tmp_path: Path, flow: str, shared: str, **settings_: Any) -> AsyncIterator[Owner]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/salon.yaml").write_text(flow, encoding="utf-8")
    (tmp_path / "flows/shared.yaml").write_text(shared, encoding="utf-8")
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", insecure=True, **settings_)
    app = with_worker_here(create_console(settings, dev=True))
    await app.state.console.store.open()
    async with await logged_in(app) as client:
        yield Owner(app, client)
    await app.state.console.store.close()


async def note_of(owner: Owner) -> str | None:
    row = await owner.store.tables.get(f'blocked["{ADA}"]', milliseconds(datetime.now(UTC)))
    return None if row is None else row.get("note", "")


async def test_each_change_of_a_row_is_undone_and_so_is_the_undo(owner: Owner) -> None:
    added = await owner.send("/tables/blocked/row", ROW)
    assert re.fullmatch(rf"/tables/blocked/row\?key={ADA}&change=\w+", added)
    stamp = re.search(r'name="stamp" value="([^"]+)"', (await owner.client.get(added)).text)
    assert stamp
    await owner.send("/tables/blocked/row", {**ROW, "column.note": "polite", "stamp": stamp[1]})
    assert "<del>rude</del> → <ins>polite</ins>" in await owner.history()

    await owner.undo()
    assert "rude" == await note_of(owner)
    await owner.undo()
    assert "polite" == await note_of(owner)

    await owner.send("/tables/blocked/number", {"number": ADA})
    assert await note_of(owner) is None
    await owner.undo()
    assert "polite" == await note_of(owner)
    await owner.undo()
    assert await note_of(owner) is None
    removed, saved = "Blocked: 07700 900123 is removed.", "Blocked: 07700 900123 is saved."
    assert [removed, saved, removed, saved, saved, saved, saved] == await owner.said()


async def test_an_undo_never_overwrites_what_somebody_else_has_changed_since(owner: Owner) -> None:
    await owner.send("/tables/blocked/row", ROW)
    _, values = await owner.newest_undo()
    await owner.undo()
    await owner.send("/tables/blocked/row", {**ROW, "column.note": "again"})

    late = await owner.client.post("/tables/blocked/remove", data=values, headers={"Accept": "text/html"})

    assert 422 == late.status_code
    assert "Somebody else has changed this row" in late.text
    assert "again" == await note_of(owner)


async def test_a_sensitive_value_is_not_recorded(owner: Owner) -> None:
    await owner.send("/tables/blocked/row", {**ROW, "column.pin": "83726451"})

    (row,) = await owner.store.changes.list(9, 0)
    assert "83726451" not in repr(row)
    assert "hidden value" in row.details
    assert row.expires_at is not None
    assert 30 * 24 * 60 * 60 * 1000 == row.expires_at - row.changed_at


async def test_who_is_forgotten_is_in_no_change_however_the_line_writes_numbers(tmp_path: Path) -> None:
    flow = FLOW.replace('"442079460000"', '"12015550123"').replace("start:", 'outbound: {from: "12015550123"}\nstart:')
    shared = "shared: true\ntables: {vip: {key: {code: text}, columns: {tel: phone}}}\n"
    async with owner_of(tmp_path, flow, shared, dial_allow=("1",)) as owner:
        asked = {"flow": "salon", "to": "(201) 555-0124", "key": "ab" * 16}
        placed = await owner.send("/calls/placed", asked)
        await owner.send(f"{placed.partition('?')[0]}/cancel")
        added = await owner.send("/tables/vip/row", {"key.code": "A1", "column.tel": "(201) 555-0124"})
        stamp = re.search(r'name="stamp" value="([^"]+)"', (await owner.client.get(added)).text)
        assert stamp
        await owner.send("/tables/vip/row", {"key.code": "A1", "column.tel": "(201) 555-0199", "stamp": stamp[1]})
        message = RecordingRow("ab" * 16, "rec", "record", milliseconds(datetime.now(UTC)), caller_name="Ada")
        await owner.store.recordings.add(message._replace(from_number="12015550124", to_number="12015550123"))
        for action in ("done", "to-do", "delete", "restore"):
            await owner.send(f"/messages/{message.id}/{action}")
        assert 8 == len(await owner.said())

        assert 8 == (await owner.store.forget(["12015550124"])).changes

        assert [] == await owner.store.changes.list(9, 0)


async def test_a_saved_file_is_listed_in_words_and_goes_back_after_a_review(owner: Owner, tmp_path: Path) -> None:
    page = (await owner.client.get(FILE)).text
    digest = re.search(r'name="digest" value="([^"]+)"', page)
    assert digest
    saved = await owner.send("/change-save", {
        "file": "flows/salon.yaml", "digest": digest[1], "text": FLOW.replace("Hello.", "Good morning."),
    })  # fmt: skip
    assert f"{FILE}?saved=hello" == saved
    shown = await owner.history()
    assert ["Salon: saved."] == await owner.said()
    assert "<del>Hello.</del> → <ins>Good morning.</ins>" in shown
    assert '-    do: [{talk: "Hello."}]' in shown

    review = await owner.undo()

    assert "Review your changes" in review
    assert "<del>Good morning.</del> → <ins>Hello.</ins>" in review
    assert "Good morning" in (tmp_path / "flows/salon.yaml").read_text(encoding="utf-8")


async def test_an_old_undo_of_a_file_leaves_what_somebody_has_saved_since(owner: Owner, tmp_path: Path) -> None:
    async def save(old: str, new: str) -> tuple[str, dict[str, str]]:
        text = (tmp_path / "flows/salon.yaml").read_text(encoding="utf-8")
        digest = (await owner.client.get("/phone/text?file=flows/salon.yaml")).json()["digest"]
        values = {"file": "flows/salon.yaml", "digest": digest, "text": text.replace(old, new)}
        await owner.send("/change-save", values)
        return await owner.newest_undo()

    address, values = await save("Hello.", "Hi.")
    await save("We are closed.", "Closed.")
    late = await owner.client.post(address, data=values)
    assert (422, True) == (late.status_code, "Nothing is undone, since the file has changed" in late.text)
    assert 2 == (await owner.history()).count(f'<a href="{FILE}">')

    for version in (tmp_path / "flows/.history").iterdir():
        version.unlink()
    gone = await owner.client.post(address, data=values)
    assert (409, True) == (gone.status_code, "This version of the file is no longer kept." in gone.text)


async def test_the_editor_says_what_it_has_saved_and_how_to_undo_it(owner: Owner) -> None:
    digest = (await owner.client.get("/phone/text?file=flows/salon.yaml")).json()["digest"]
    text = FLOW.replace("Hello.", "Hi.")
    wanted = {"file": "flows/salon.yaml", "text": text, "digest": digest}
    assert '-    do: [{talk: "Hello."}]' in html.unescape((await owner.client.post("/phone/diff", json=wanted)).text)
    saved = await owner.client.post("/phone/save", json=wanted)

    address, values = saved.json()["undo"]
    assert ("Salon: saved.", FILE) == (saved.json()["said"], address)
    assert "<del>Hi.</del> → <ins>Hello.</ins>" in await owner.send(address, values)


async def test_a_deleted_file_comes_back(owner: Owner, tmp_path: Path) -> None:
    page = (await owner.client.get(FILE)).text
    digest = re.search(r'name="digest" value="([^"]+)"', page)
    assert digest
    gone = await owner.send("/change-save", {"file": "flows/salon.yaml", "digest": digest[1], "text": ""})
    assert gone.startswith("/change?change=")

    review = await owner.undo()
    values = dict(re.findall(r'<input type="hidden" name="(file|digest)" value="([^"]*)"', review))
    assert {"file": "flows/salon.yaml", "digest": ""} == values
    await owner.send("/change-save", {**values, "text": FLOW})

    assert FLOW == (tmp_path / "flows/salon.yaml").read_text(encoding="utf-8")


async def test_an_emptied_file_is_saved_and_gets_its_text_back(owner: Owner, tmp_path: Path) -> None:
    opened = (await owner.client.get("/phone/text?file=flows/salon.yaml")).json()
    wanted = {"file": "flows/salon.yaml", "text": "", "digest": opened["digest"]}
    saved = (await owner.client.post("/phone/save", json=wanted)).json()
    assert ("Salon: saved.", "") == (saved["said"], (tmp_path / "flows/salon.yaml").read_text(encoding="utf-8"))

    review = await owner.undo()
    values = dict(re.findall(r'<input type="hidden" name="(file|digest)" value="([^"]*)"', review))
    await owner.send("/change-save", {**values, "text": FLOW})

    assert FLOW == (tmp_path / "flows/salon.yaml").read_text(encoding="utf-8")


async def is_closed_by_hand(owner: Owner) -> bool:
    now = datetime.now(UTC)
    found = await owner.app.state.console.hand_hours(now)
    return any(each.end > now.timestamp() for decided in found.values() for each in decided)


async def test_hours_messages_and_calls_are_undone_in_the_same_way(owner: Owner) -> None:
    await owner.store.recordings.add(row := RecordingRow("ab" * 16, "rec", "record", milliseconds(datetime.now(UTC))))
    calendar = json.dumps(["flows/salon.yaml", "shop"])
    await owner.send("/hours", {"hours": calendar, "what": "close", "until": "23:59", "reason": "staff"})
    for is_closed in (False, True, False):
        await owner.undo()
        assert is_closed == await is_closed_by_hand(owner)

    await owner.send("/hours", {"hours": calendar, "what": "close", "until": "23:59", "reason": "<\"'&"})
    form = (await owner.client.get("/home")).text.partition('action="/hours" class="inline"')[2].partition("</form>")[0]
    values = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}
    assert "/home" == (await owner.send("/hours", values)).partition("?")[0]
    assert not await is_closed_by_hand(owner)

    for action in ("done", "delete"):
        await owner.send(f"/messages/{row.id}/{action}")
        await owner.undo()
    kept = await owner.store.recordings.get(row.id)
    assert kept is not None
    assert (None, None) == (kept.done_at, kept.deleted_at)

    await owner.send("/calls/placed/pause", {"reason": "fire"})
    await owner.undo()
    assert (await owner.store.placed.control()).paused_at is None

    *others, _, _, _, again, back, closed = await owner.said()
    assert ("Shop: back to the usual hours.", closed) == (back, again)
    assert re.fullmatch(r"Shop: closed from .* 23:59: staff\.", closed)
    assert [
        "Calls are placed again.", "No calls are placed: fire.", f"{OF_NOBODY} is restored.",
        f"{OF_NOBODY} is deleted.", f"{OF_NOBODY} is back under To do.", f"{OF_NOBODY} is done.",
    ] == others  # fmt: skip


DAY = (datetime.now(UTC) + timedelta(3)).date().isoformat()
CLOSED: Final = {"hours": json.dumps(["flows/salon.yaml", "shop"]), "what": "day", "day": DAY}


@each_case("day", ["2020-01-01", "9999-12-31", "tomorrow"])
async def test_a_day_that_cannot_be_closed_is_refused(owner: Owner, day: str) -> None:
    refused = await owner.client.post("/hours", data=CLOSED | {"day": day})

    assert 422 == refused.status_code


@each_case("days", [300, 10**10])
async def test_what_no_form_could_decide_is_not_decided_again(owner: Owner, days: int) -> None:
    now = int(datetime.now(UTC).timestamp())
    again = {"what": "again", "decided": json.dumps([False, now, now + days * 86_400])}

    assert 409 == (await owner.client.post("/hours", data=CLOSED | again)).status_code


@each_case("until", ["1200Z", "12+01", "T12", "25:00", ""])
async def test_a_time_that_is_not_of_the_clock_is_refused(owner: Owner, until: str) -> None:
    assert 422 == (await owner.client.post("/hours", data=CLOSED | {"what": "close", "until": until})).status_code


@each_case(
    ("address", "values", "newer"),
    [
        ("/hours", CLOSED | {"reason": "a trip"}, CLOSED | {"reason": "staff"}),
        ("/calls/placed/pause", {"reason": "fire"}, {"reason": "a complaint"}),
        (f"/messages/{'ab' * 16}/done", {}, {}),
        (f"/messages/{'ab' * 16}/delete", {}, {}),
    ],
)
async def test_an_old_undo_leaves_what_somebody_has_decided_since(
    owner: Owner, address: str, values: dict[str, str], newer: dict[str, str]
) -> None:
    await owner.store.recordings.add(row := RecordingRow("ab" * 16, "rec", "record", milliseconds(datetime.now(UTC))))

    async def state() -> tuple[object, ...]:
        hours = await owner.app.state.console.hand_hours(datetime.now(UTC))
        return hours, await owner.store.placed.control(), await owner.store.recordings.get(row.id)

    await owner.send(address, values)
    old, sent = await owner.newest_undo()
    await owner.send(old, sent)
    await owner.send(address, newer)
    before, said = await state(), await owner.said()

    late = await owner.client.post(old, data=sent, headers={"Accept": "text/html"})

    assert 409 == late.status_code
    assert "Nothing is undone" in late.text
    assert (before, said) == (await state(), await owner.said())


async def test_a_script_gets_the_sentence_and_the_request_that_undoes_it(owner: Owner) -> None:
    await owner.store.recordings.add(row := RecordingRow("ab" * 16, "rec", "record", milliseconds(datetime.now(UTC))))

    with capture_logs() as logs:
        reply = await owner.client.post(f"/messages/{row.id}/done", json={})
    event = (await owner.client.post("/tables/blocked/number", data={"number": ADA, "wanted": "yes"})).headers

    kept = await owner.store.recordings.get(row.id)
    assert kept is not None
    undo = [f"/messages/{row.id}/to-do", {"at": str(kept.done_at)}]
    assert {"said": f"{OF_NOBODY} is done.", "undo": undo} == reply.json()
    assert [("message: done", row.id)] == [(line["event"], line["message"]) for line in logs if "message" in line]
    assert "Blocked: 07700 900123 is saved." == json.loads(event["hx-trigger"])["changed"]["said"]
    (newest, _) = await owner.store.changes.list(9, 0)
    recorded = (await owner.client.get(f"/history/{newest.id}")).json()
    assert json.loads(event["hx-trigger"])["changed"] == recorded
    assert 404 == (await owner.client.get(f"/history/{'0' * 28}")).status_code


async def test_a_change_is_made_although_it_cannot_be_recorded(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: object) -> None:
        raise StoreUnavailable("the database is away")

    await owner.store.recordings.add(row := RecordingRow("ab" * 16, "rec", "record", milliseconds(datetime.now(UTC))))
    monkeypatch.setattr(owner.store.changes, "add", refuse)
    with capture_logs() as logs:
        assert f"/messages?box=done&message={row.id}" == await owner.send(f"/messages/{row.id}/done")
    assert ["message: done", "change not recorded"] == [line["event"] for line in logs if "event" in line][-2:]


async def test_who_may_only_look_does_not_see_what_was_changed(owner: Owner) -> None:
    await owner.send("/tables/blocked/row", ROW)
    (row,) = await owner.store.changes.list(9, 0)
    async with await logged_in(owner.app, may_change=False) as viewer:
        assert 403 == (await viewer.get("/history")).status_code
        assert 403 == (await viewer.get(f"/history/{row.id}")).status_code
        assert 'href="/history"' not in (await viewer.get("/home")).text
    assert 'href="/history"' in (await owner.client.get("/home")).text


async def test_older_changes_are_on_the_next_page(owner: Owner) -> None:
    for _ in range(26):
        await owner.send("/calls/placed/pause")
        await owner.send("/calls/placed/resume")

    assert 50 == len(await owner.said())
    older = re.search(r'href="(/history\?before=\w+)"', await owner.history())
    assert older
    assert 2 == (await owner.client.get(older[1])).text.count('<a href="/calls/placed">')
