"""The pages of tables: a searchable list, a form for a row, import and export, and buttons beside a call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from ncco_server.settings import Settings
from ncco_server.store import RowChange, Store
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.stored_rows import placed_row
from tests.support.webhooks import facts, running_app
from tests.unit.studio.console.conftest import logged_in, settings_for

SHARED = """
shared: true
tables:
  blocked: {key: {number: phone}, keep: 180d}
  do_not_call: {key: {number: phone}}
  customers:
    key: {number: phone}
    columns:
      name: text
      tier: [gold, standard]
      calls: int
      is_known: bool
      day: date
      until: datetime
      pin: {type: text, sensitive: true}
  pairs: {key: {ours: phone, caller: phone}, columns: {other: phone}}
refuse: {table: blocked, run: sorry}
"""
MAIN = """
flow: main
default: true
timezone: Europe/London
outbound: {from: "442079460001", quiet: false, unless: do_not_call, on: {answered: bye, otherwise: {send: missed}}}
hooks: {missed: {post: "https://crm.example.com/missed"}}
start: bye
steps: {bye: {do: [{talk: Goodbye.}], goto: end}}
"""
SORRY = "flow: sorry\nentry: true\nstart: bye\nsteps: {bye: {do: [{talk: Goodbye.}], goto: end}}\n"
ADA = "447700900123"
FILLED = {"key.number": "07700 900123", "column.name": "Ada", "column.tier": "gold", "column.is_known": "true"}
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SECRET = "83726451"


class Tables:
    """A console and the rows that it shows."""

    def __init__(self, client: httpx.AsyncClient, store: Store, settings: Settings) -> None:
        self.client = client
        self.store = store
        self.settings = settings

    async def text(self, path: str) -> str:
        page = await self.client.get(path)
        assert 200 == page.status_code, page.text
        return words_of(page)

    async def columns(self, row: str = f'customers["{ADA}"]') -> Any:
        return await self.store.tables.get(row, round(NOON.timestamp() * 1000))

    async def form(self, path: str = f"/tables/customers/row?key={ADA}") -> dict[str, str]:
        """The fields of a row's form, as a browser submits them."""
        page = (await self.client.get(path)).text
        inputs = re.findall(r'<input id="field[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page)
        fields = [(name, re.sub(r"[\r\n]", "", value)) for name, value in inputs]
        fields += re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>\n([^<]*)</textarea>', page)
        for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
            chosen = re.search(r'<option value="([^"]*)" selected>', options)
            fields.append((name, chosen[1] if chosen else ""))
        stamp = re.search(r'name="stamp" value="([^"]*)"', page)
        assert stamp
        return {**{name: unescape(value).replace("\n", "\r\n") for name, value in fields}, "stamp": stamp[1]}

    async def save(self, fields: dict[str, str], table: str = "customers") -> httpx.Response:
        return await self.client.post(f"/tables/{table}/row", data=fields)

    async def send(self, text: str | bytes, table: str = "customers") -> httpx.Response:
        content = text.encode() if isinstance(text, str) else text
        return await self.client.post(f"/tables/{table}/import", files={"file": ("rows.csv", content, "text/csv")})


def words_of(page: httpx.Response) -> str:
    """The words of a page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text.partition("<main")[2])).split())


@pytest.fixture(params=["change"])
async def tables(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    (tmp_path / "flows").mkdir()
    for name, text in (("shared", SHARED), ("main", MAIN), ("sorry", SORRY)):
        (tmp_path / "flows" / f"{name}.yaml").write_text(text)
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", insecure=True)
    console = create_console(settings, dev=True)
    store = console.state.console.store
    await store.open()
    async with await logged_in(console, may_change=request.param == "change") as client:
        client.headers["Accept"] = "text/html"
        yield Tables(client, store, settings)
    await store.close()


may_only_look = pytest.mark.parametrize("tables", ["look"], indirect=True)


async def test_the_tables_are_listed_with_their_use(tables: Tables) -> None:
    page = await tables.text("/tables")
    for words in ("Blocked callers whose calls are not taken", "Do not call numbers that are not called", "Pairs"):
        assert words in page
    assert "No rows yet" in await tables.text("/tables/customers")


async def test_a_row_is_added_changed_and_removed_and_shows_who_did_it(tables: Tables) -> None:
    saved = await tables.save(FILLED)
    address = saved.headers["location"].partition("&change=")[0]
    assert (303, f"/tables/customers/row?key={ADA}") == (saved.status_code, address)
    assert {"name": "Ada", "tier": "gold", "is_known": True} == await tables.columns()
    assert "by somebody in the console" in await tables.text(saved.headers["location"])

    await tables.save({**await tables.form(), "column.tier": "", "column.calls": "3", "column.is_known": "false"})
    assert {"name": "Ada", "calls": 3, "is_known": False} == await tables.columns()
    assert "07700 900123 Ada 3 no" in await tables.text("/tables/customers")

    removed = await tables.client.post("/tables/customers/remove", data=await tables.form())
    assert (303, None) == (removed.status_code, await tables.columns())


async def test_saving_a_form_changes_only_what_was_edited(tables: Tables) -> None:
    exact = {"name": " Ada\rLovelace\n\nx", "until": "2026-07-05T18:30:15.250+01:00", "day": "2026-03-05", "calls": 7}
    await tables.store.tables.change([RowChange(f'customers["{ADA}"]', {**exact, "pin": SECRET})], 1, "call leg-1")
    form = await tables.form()
    assert "2026-07-05T18:30:15.250000" == form["column.until"]
    assert 303 == (await tables.save({**form, "column.calls": "8"})).status_code
    assert {**exact, "calls": 8, "pin": SECRET} == await tables.columns()


async def test_a_point_in_time_is_in_the_time_zone_of_the_line(tables: Tables) -> None:
    await tables.save({**FILLED, "column.until": "2026-07-05T18:30", "column.day": "2026-07-05"})
    found = await tables.columns()
    assert ("2026-07-05T18:30:00+01:00", "2026-07-05") == (found["until"], found["day"])
    assert "A point in time in Europe/London" in await tables.text("/tables/customers/row")


async def test_a_sensitive_value_is_kept_replaced_or_removed_but_never_shown(tables: Tables) -> None:
    with capture_logs() as logs:
        await tables.save({**FILLED, "column.pin": SECRET})
        pages = [
            await tables.client.get(path)
            for path in (f"/tables/customers/row?key={ADA}", "/tables/customers", "/tables/customers/rows.csv")
        ]
        pages.append(await tables.client.get("/tables/customers", params={"q": SECRET}))
        pages.append(await tables.save({**FILLED, "column.pin": SECRET + "1", "column.calls": "many"}))
        pages.append(await tables.send(f"number,pin,calls\n{ADA},{SECRET},many\n"))
    assert SECRET == (await tables.columns())["pin"]
    assert SECRET not in "".join(page.text.replace(f'value="{SECRET}"', "", 1) for page in pages[:3]) + str(logs)
    assert f'name="q" value="{SECRET}"' in pages[3].text
    assert "No matching rows" in pages[3].text
    assert [0, 0] == [page.text.count(SECRET) for page in pages[4:]]

    await tables.save({**await tables.form(), "column.name": "Ada L."})
    assert SECRET == (await tables.columns())["pin"]
    await tables.save({**await tables.form(), "clear.pin": "yes"})
    assert "pin" not in await tables.columns()


async def test_every_wrong_field_is_explained_and_nothing_is_written(tables: Tables) -> None:
    wrong = {"key.number": "112", "column.calls": "many", "column.day": "soon", "column.tier": "silver"}
    page = await tables.save({**FILLED, **wrong})
    assert (422, 4) == (page.status_code, page.text.count('aria-invalid="true"'))
    assert "It is not a whole number. A whole number is needed, such as 2." in words_of(page)
    assert 'value="many"' in page.text
    assert [] == await tables.store.tables.of_table("customers")


async def test_a_row_that_somebody_else_changed_is_not_overwritten_or_removed(tables: Tables) -> None:
    await tables.save(FILLED)
    form = await tables.form()
    again = await tables.save(FILLED)
    assert (422, True) == (again.status_code, "There is such a row already" in words_of(again))

    await tables.save({**form, "column.name": "Eve"})
    for path in ("row", "remove"):
        late = await tables.client.post(f"/tables/customers/{path}", data={**form, "column.name": "Bob"})
        assert (422, True) == (late.status_code, "Somebody else has changed this row" in words_of(late))
    await tables.client.post("/tables/customers/remove", data=await tables.form())
    late = await tables.save({**form, "column.name": "Bob"})
    assert (422, None) == (late.status_code, await tables.columns())


async def test_a_row_that_was_removed_and_added_again_is_not_overwritten_or_removed(tables: Tables) -> None:
    name = f'customers["{ADA}"]'
    at = round(NOON.timestamp() * 1000)
    await tables.store.tables.change([RowChange(name, {"name": "Ada"})], at, "a test")
    form = await tables.form()
    for change in (RowChange(name, is_removal=True), RowChange(name, {"name": "Eve"})):
        await tables.store.tables.change([change], at, "a test")
    for path in ("row", "remove"):
        late = await tables.client.post(f"/tables/customers/{path}", data={**form, "column.name": "Bob"})
        assert (422, True) == (late.status_code, "Somebody else has changed this row" in words_of(late))
    assert {"name": "Eve"} == await tables.columns()


async def test_rows_are_found_by_a_number_or_a_text_and_listed_page_by_page(tables: Tables) -> None:
    await tables.store.tables.change(
        [RowChange(f'customers["4477009{number:05}"]', {"name": f"Ärztin {number}"}) for number in range(120)], 1, "api"
    )
    assert "ÄRZTIN 7" not in await tables.text("/tables/customers")
    assert 1 == (await tables.text("/tables/customers?q=ärztin+77")).count("Ärztin")
    assert "Ärztin 5 " in await tables.text("/tables/customers?q=%2B44+7700+900005")
    assert "No matching rows" in await tables.text("/tables/customers?q=nothing")
    assert "120 rows" in await tables.text("/tables/customers")
    assert "120 rows in all" in await tables.text("/tables/customers?q=77")
    path, seen = "/tables/customers?q=%C3%A4rz", list[str]()
    for _ in range(3):
        page = (await tables.client.get(path)).text
        seen += re.findall(r"Ärztin [0-9]+", page)
        more = re.search(r'href="([^"]*)">More rows', page)
        path = unescape(more[1]) if more else ""
    assert [f"Ärztin {number}" for number in range(120)] == seen
    assert "" == path


async def test_a_search_finds_characters_that_databases_treat_specially(tables: Tables) -> None:
    for q in ("%", "_", '"', "\\", "'", "a\0b", "\ud7ff", "%C2%A0"):
        rows = [
            RowChange(f'customers["{ADA}"]', {"name": f"x{q}y"}),
            RowChange('customers["447700900124"]', {"name": "xy"}),
        ]
        await tables.store.tables.change(rows, 1, "api")
        reply = await tables.client.get("/tables/customers", params={"q": f"X{q}Y"})
        assert (1, 1) == (reply.text.count(f"key={ADA}"), reply.text.count("/row?key=")), q


async def test_a_file_is_imported_completely_or_its_errors_are_listed(tables: Tables) -> None:
    refused = await tables.send(f"number,name,calls\n{ADA},Ada,1\n447700900124,Bob,two\nsomebody,Eve,3\n")
    page = words_of(refused)
    assert 422 == refused.status_code
    assert "Line 3 calls It is not a whole number." in page
    assert "Line 4 number It is not a phone number." in page
    assert "Nothing was written" in page
    assert [] == await tables.store.tables.of_table("customers")

    written = await tables.send(f"number,name,calls\n{ADA},'=Ada,1\n447700900124,Bob,2\n")
    assert "2 rows are written" in words_of(written)
    assert "=Ada" == (await tables.columns())["name"]
    exported = await tables.client.get("/tables/customers/rows.csv")
    assert "07700 900123,'=Ada,,1," in exported.text
    assert "pin" not in exported.text.lower()
    assert 200 == (await tables.send(exported.text)).status_code


async def test_owners_download_rows_that_they_can_import_again(tables: Tables) -> None:
    await tables.send(f"number,name,is_known,day\n{ADA},=Ada,true,2026-03-04\n493012345678,Jörg,,\n")
    before = await tables.store.tables.of_table("customers")
    exported = await tables.client.get("/tables/customers/rows.csv")

    assert exported.content.startswith(b"\xef\xbb\xbfNumber,Name,")
    assert "07700 900123,'=Ada," in exported.text
    assert "'+49 30 12345678,Jörg," in exported.text
    imported = await tables.send(exported.content)
    assert 200 == imported.status_code, words_of(imported)
    after = await tables.store.tables.of_table("customers")
    assert [(row.name, row.columns) for row in before] == [(row.name, row.columns) for row in after]
    tables.client.cookies.set(f"ncco-view-{tables.client.base_url.port or 'http'}", "owner")
    assert 'href="/tables/customers/rows.csv"' in (await tables.client.get("/tables/customers")).text


async def test_a_file_that_is_not_csv_is_refused(tables: Tables) -> None:
    for content in (b"number\n\xff\xfe\n", b"", b'number,name\n1,"x', b"\0"):
        page = await tables.send(content)
        assert (422, True) == (page.status_code, "Nothing was written" in words_of(page)), content


async def test_a_caller_is_blocked_beside_a_call_and_added_to_a_table(tables: Tables) -> None:
    async with running_app(create_app(tables.settings, dev=True)) as vonage:
        answer = {**facts("aaaaaaaa-0000", to="442079460001"), "from": ADA}
        assert 200 == (await vonage.post("/webhooks/answer", json=answer)).status_code
    path = "/calls/aaaaaaaa-0000"
    page = await tables.text(path)
    for words in ("Block this caller", "Never call again", "Add to Customers"):
        assert words in page
    assert f'href="/tables/customers/row?key={ADA}"' in (await tables.client.get(path)).text
    sent = {"number": ADA, "wanted": "yes"}
    assert "blocked Unblock" in words_of_fragment(await tables.client.post("/tables/blocked/number", data=sent))
    assert {} == await tables.columns(f'blocked["{ADA}"]')
    assert "Never call again blocked Unblock" in await tables.text(path)
    await tables.client.post("/tables/do_not_call/number", data=sent)
    await tables.client.post("/tables/blocked/number", data={"number": ADA})
    assert await tables.columns(f'blocked["{ADA}"]') is None
    assert "Block this caller" in await tables.text(path)
    assert "is not called May be called again" in await tables.text(path)


def words_of_fragment(reply: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", reply.text).split())


async def test_a_number_can_be_blocked_beside_a_placed_call(tables: Tables) -> None:
    (placed,) = await tables.store.placed.add([placed_row(number=ADA, key="1", id="1" * 32, flow="main")])
    assert "Never call again" in await tables.text(f"/calls/placed/{placed.id}")


@may_only_look
async def test_a_read_only_user_cannot_change_rows(tables: Tables) -> None:
    row = RowChange(f'customers["{ADA}"]', {"name": "Ada"})
    await tables.store.tables.change([row, RowChange(f'blocked["{ADA}"]')], 1, "api")
    page = (await tables.client.get(f"/tables/customers/row?key={ADA}")).text
    assert "Save" not in words_of_fragment(await tables.client.get(f"/tables/customers/row?key={ADA}"))
    assert "readonly" in page
    assert "Add a row" not in await tables.text("/tables/customers")
    replies = [
        await tables.save({**FILLED, "key.number": "447700900124"}),
        await tables.client.post("/tables/customers/remove", data=await tables.form()),
        await tables.send("number\n447700900124\n"),
        await tables.client.get("/tables/customers/import"),
        await tables.client.post("/tables/blocked/number", data={"number": ADA}),
    ]
    assert [403] * 5 == [reply.status_code for reply in replies]
    assert {"name": "Ada"} == await tables.columns()
    assert {} == await tables.columns(f'blocked["{ADA}"]')


async def test_an_unknown_url_is_not_found(tables: Tables) -> None:
    unknown = ("/tables/nothing", "/tables/customers/row?key=somebody", "/tables/pairs/row?key=447700900123")
    known = ("/tables/pairs/row?key=442079460000&key=447700900123", "/tables/customers?after=nothing")
    assert [404] * 3 == [(await tables.client.get(path)).status_code for path in unknown]
    assert [200] * 2 == [(await tables.client.get(path)).status_code for path in known]


async def test_the_log_says_who_changed_which_table_but_not_which_row(tables: Tables) -> None:
    with capture_logs() as logs:
        await tables.save(FILLED)
        await tables.client.get("/tables/customers/rows.csv")
        await tables.send(f"number\n{ADA}\n")
        await tables.client.post("/tables/customers/remove", data=await tables.form())
    assert ["row saved", "table downloaded", "table imported", "row removed"] == [line["event"] for line in logs]
    assert ADA not in str(logs)
