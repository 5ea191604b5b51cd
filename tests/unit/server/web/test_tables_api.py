"""The API for rows of tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
import yaml
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.flow.loader import load
from ncco_server.service.released import released_row
from ncco_server.store import SqliteDatabase, Store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web.programs_app import programs_app
from tests.support.cases import each_case

TABLES = """\
shared: true
tables:
  customers:
    key: {number: phone}
    columns:
      {name: text, tier: [gold, standard], calls: int, price: number, day: date, until: datetime, mobile: phone,
        pin: {type: text, sensitive: true}}
  pairs: {key: {ours: phone, caller: phone}, columns: {other: phone}}
  notes: {key: {title: text}, columns: {text: text}}
  blocked: {key: {number: phone}, keep: 180d}
"""
FLOW = "flow: main\nnumbers: ['442079460000']\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
ADA = "/tables/customers/447700900123"
SECRET = "83726451"
NUMBERS = yaml.load((Path(__file__).parents[3] / "contract/cli/numbers.yaml").read_bytes(), yaml.CSafeLoader)
Client = httpx.AsyncClient
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "calls.db"


@pytest.fixture(scope="module")
def app(path: Path) -> FastAPI:
    """Opens another database in each test: FastAPI takes longer to prepare its routes than a test takes."""
    return programs_app(Store(SqliteDatabase(path)), ("44",), (b"key of the test",))


@pytest_asyncio.fixture(loop_scope="module")
async def client(app: FastAPI, path: Path) -> AsyncIterator[Client]:
    for file in path.parent.iterdir():
        file.unlink()
    async with Store(SqliteDatabase(path)) as store:
        project = load({"flows/main.yaml": FLOW, "flows/shared.yaml": TABLES})
        await store.replace_revision(released_row(project, datetime.now(UTC)))
        tables = ("customers", "pairs", "notes", "blocked:read")
        await store.api_keys.add("key of crm", ApiKeyRow("crm", (), 1, tables))
        await store.api_keys.add("key of placer", ApiKeyRow("placer", ("main",), 1))
    async with app.router.lifespan_context(app):
        headers = {"Authorization": "Bearer key of crm"}
        async with Client(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
            yield client


async def columns(client: Client, path: str = ADA) -> Any:
    reply = await client.get(path)
    return reply.json()["columns"] if reply.status_code == 200 else reply.status_code


async def test_a_row_is_added_changed_replaced_and_removed(client: Client) -> None:
    assert 204 == (await client.put(ADA, json={"name": "Ada", "calls": "3"})).status_code
    assert {"name": "Ada", "calls": 3} == await columns(client)
    assert 204 == (await client.patch(ADA, json={"tier": "gold", "calls": None})).status_code
    assert {"name": "Ada", "tier": "gold"} == await columns(client)
    assert 204 == (await client.put(ADA, json={"name": "Eve"})).status_code
    assert {"name": "Eve"} == await columns(client)
    assert [204, 204] == [(await client.delete(ADA)).status_code for _ in range(2)]
    assert 404 == await columns(client)


async def test_a_row_says_who_changed_it_last_and_how_often(client: Client) -> None:
    for name in ("Ada", "Eve"):
        await client.patch(ADA, json={"name": name})
    row = (await client.get(ADA)).json()
    assert (2, "API key crm", {"number": "447700900123"}) == (row["version"], row["changed_by"], row["key"])


async def test_a_row_that_somebody_else_changed_is_not_overwritten(client: Client) -> None:
    assert 412 == (await client.put(ADA, json={}, headers={"If-Match": "*"})).status_code
    etag = (await client.put(ADA, json={"name": "Ada"}, headers={"If-None-Match": "*"})).headers["etag"]
    assert 412 == (await client.put(ADA, json={}, headers={"If-None-Match": "*"})).status_code
    assert 204 == (await client.patch(ADA, json={"name": "Eve"}, headers={"If-Match": etag})).status_code
    assert 412 == (await client.delete(ADA, headers={"If-Match": etag})).status_code
    assert {"name": "Eve"} == await columns(client)
    await client.delete(ADA)
    await client.put(ADA, json={"name": "Bob"})
    assert 412 == (await client.patch(ADA, json={"name": "Ada"}, headers={"If-Match": etag})).status_code


async def test_a_row_that_is_removed_and_added_again_while_the_body_arrives_is_not_overwritten(client: Client) -> None:
    etag = (await client.put(ADA, json={"name": "Ada"})).headers["etag"]

    async def body() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await client.delete(ADA)
        await client.put(ADA, json={"name": "Bob"})
        yield b'"Eve"}'

    for method in ("PUT", "PATCH"):
        headers = {"If-Match": etag}
        assert 412 == (await client.request(method, ADA, content=body(), headers=headers)).status_code
        assert {"name": "Bob"} == await columns(client)


async def test_the_reply_has_the_etag_of_its_own_change(client: Client) -> None:
    replies = await asyncio.gather(*(client.patch(ADA, json={"calls": number}) for number in range(12)))
    etags = [reply.headers["etag"] for reply in replies]
    assert 12 == len(set(etags))
    calls = (await client.get(ADA)).json()["columns"]["calls"]
    assert [calls] == [
        number
        for number, etag in enumerate(etags)
        if 412 != (await client.patch(ADA, json={"name": "Ada"}, headers={"If-Match": etag})).status_code
    ]


@each_case(
    ("headers", "status"),
    [
        ({"If-Match": '"1-0", {etag}'}, 204),
        ({"If-Match": "W/{etag}"}, 412),
        ({"If-Match": '"*"'}, 412),
        ({"If-Match": ""}, 412),
        ({"If-Match": "nothing"}, 412),
        ({"If-None-Match": "{etag}"}, 422),
        ({"If-None-Match": "*", "If-Match": "*"}, 422),
    ],
)
async def test_a_condition_is_met_or_refused(client: Client, headers: dict[str, str], status: int) -> None:
    etag = (await client.put(ADA, json={"name": "Ada"})).headers["etag"]
    asked = {name: value.format(etag=etag) for name, value in headers.items()}
    assert status == (await client.delete(ADA, headers=asked)).status_code
    assert (404 if status == 204 else {"name": "Ada"}) == await columns(client)


async def test_only_one_of_several_clients_adds_a_row(client: Client) -> None:
    async def add(name: str) -> int:
        return (await client.put(ADA, json={"name": name}, headers={"If-None-Match": "*"})).status_code

    replies = await asyncio.gather(*(add(f"caller {number}") for number in range(12)))
    assert [204] + [412] * 11 == sorted(replies)


async def test_a_composite_key_is_a_path_of_several_segments(client: Client) -> None:
    path = "/tables/pairs/442079460000/447700900123"
    await client.put(path, json={"other": "447700900124"})
    row = (await client.get(path)).json()
    assert ({"ours": "442079460000", "caller": "447700900123"}, {"other": "447700900124"}) == (
        row["key"],
        row["columns"],
    )
    assert 422 == (await client.get("/tables/pairs/442079460000")).status_code


@each_case("title", ["a/b", "ä ö", "%2F", "a?b#c", '"; DROP TABLE ncco_rows; --', "[1]"])
async def test_any_text_on_one_line_can_be_a_key(client: Client, title: str) -> None:
    url = httpx.URL("http://api").copy_with(raw_path=f"/tables/notes/{quote(title, safe='')}".encode())
    assert 204 == (await client.put(url, json={"text": title})).status_code
    row = (await client.get(url)).json()
    assert ({"title": title}, {"text": title}) == (row["key"], row["columns"])


@each_case(
    ("path", "given", "where"),
    [
        (ADA, {"nmae": "Ada"}, ["nmae"]),
        (ADA, {"tier": "silver", "calls": "many"}, ["tier", "calls"]),
        (ADA, {"name": ["Ada"]}, ["name"]),
        (ADA, {"number": "447700900124"}, ["number"]),
        ("/tables/customers/somebody", {"calls": 1}, ["number"]),
        (ADA, [], [""]),
    ],
)
async def test_each_wrong_value_is_named_and_nothing_is_written(
    client: Client, path: str, given: Any, where: list[str]
) -> None:
    reply = await client.put(path, json=given)
    document = reply.json()
    assert 422 == reply.status_code
    assert where == [document["detail"]["where"], *(each["where"] for each in document.get("others", ()))]
    assert [] == (await client.get("/tables/customers")).json()["rows"]


@each_case(
    ("path", "body", "where", "fix"),
    [
        ("/tables/customers", {"rows": [{}] * 201}, "rows", "Send at most 200, and the rest in further requests."),
        ("/tables/customers", {"remove": [{}] * 201}, "remove", "Send at most 200, and the rest in further requests."),
        ("/tables/customers", {"rows": {}}, "rows", "Send a JSON array."),
        ("/tables/customers", {"rows": [ADA]}, "rows.0", "Send a JSON object."),
        ("/tables/customers", [], "", "Send a JSON object."),
        (f"/tables/customers?search={'a' * 201}", None, "search", "Write at most 200 characters."),
        (f"/tables/customers?after={'a' * 601}", None, "after", "Write at most 600 characters."),
        ("/tables/customers?limit=201", None, "limit", "Write 200 or less."),
        ("/tables/customers?limit=0", None, "limit", "Write 1 or more."),
        ("/tables/customers?limit=all", None, "limit", "Write a whole number."),
    ],
)
async def test_a_request_beyond_a_limit_is_told_the_limit(
    client: Client, path: str, body: object, where: str, fix: str
) -> None:
    reply = await (client.get(path) if body is None else client.post(path, json=body))
    assert (422, where, fix) == (reply.status_code, reply.json()["detail"]["where"], reply.json()["detail"]["fix"])


@each_case(
    ("values", "fix"),
    [
        ({"tier": "Gold"}, 'One of gold, standard is needed; did you mean "gold"?'),
        ({"name": True}, "Text is needed, in quotes."),
        ({"name": ["Ada"]}, "Text is needed, in quotes."),
        ({"calls": "many"}, "A whole number is needed, such as 2."),
    ],
)
async def test_a_value_that_does_not_fit_is_told_what_to_send(client: Client, values: object, fix: str) -> None:
    refused = await client.patch(ADA, json=values)
    assert (422, fix) == (refused.status_code, refused.json()["detail"]["fix"])


async def test_a_key_beyond_the_limit_is_told_the_limit(client: Client) -> None:
    refused = (await client.put(f"/tables/notes/{'a' * 600}", json={})).json()["detail"]
    assert ("the key is 109 characters too long", True) == (refused["problem"], "at most 500" in refused["fix"])


@each_case(("written", "number"), NUMBERS["read"].items())
async def test_a_number_is_read_however_it_is_written(client: Client, written: str, number: str) -> None:
    assert (
        204 == (await client.put(f"/tables/customers/{quote(written, safe='')}", json={"mobile": written})).status_code
    )
    assert {"mobile": number} == await columns(client, f"/tables/customers/{number}")


@each_case(("written", "why"), NUMBERS["refused"].items())
async def test_a_number_that_cannot_be_read_is_refused(client: Client, written: str, why: str) -> None:
    refused = (await client.put(ADA, json={"mobile": written})).json()["detail"]
    assert ("mobile", True) == (refused["where"], why in refused["fix"]), refused


async def test_several_rows_are_changed_together_or_not_at_all(client: Client) -> None:
    await client.put(ADA, json={"name": "Ada"})
    rows = [{"number": "447700900124", "name": "Bob"}, {"number": "447700900125", "tier": "silver"}]
    refused = await client.post("/tables/customers", json={"rows": rows, "remove": [{"number": "447700900123"}]})
    assert (422, "rows.1.tier") == (refused.status_code, refused.json()["detail"]["where"])
    assert {"name": "Ada"} == await columns(client)

    rows[1]["tier"] = "gold"
    await client.post("/tables/customers", json={"rows": rows, "remove": [{"number": "447700900123"}]})
    found = (await client.get("/tables/customers")).json()["rows"]
    assert [{"name": "Bob"}, {"tier": "gold"}] == [row["columns"] for row in found]


async def test_each_page_gives_the_start_of_the_next(client: Client) -> None:
    rows = [{"number": f"4477009{number:05}", "name": f"Caller {number}"} for number in range(25)]
    await client.post("/tables/customers", json={"rows": rows})
    found: list[dict[str, Any]] = []
    after: str | None = ""
    for _ in range(4):
        page = (await client.get("/tables/customers", params={"limit": 8, "after": after})).json()
        found += page["rows"]
        after = page["next"]
    assert [row["name"] for row in rows] == [row["columns"]["name"] for row in found]
    assert after is None
    by_number = (await client.get("/tables/customers", params={"search": "+44 (0)7700 900 007"})).json()["rows"]
    assert ["Caller 7"] == [row["columns"]["name"] for row in by_number]
    searched = (await client.get("/tables/customers", params={"search": "caller 2"})).json()["rows"]
    assert ["Caller 2", *(f"Caller {number}" for number in range(20, 25))] == [
        row["columns"]["name"] for row in searched
    ]


async def test_a_key_can_use_only_its_tables(client: Client) -> None:
    named = {each["name"]: each["can_change"] for each in (await client.get("/tables")).json()}
    assert {"customers": True, "pairs": True, "notes": True, "blocked": False} == named
    assert 200 == (await client.get("/tables/blocked")).status_code
    assert 403 == (await client.put("/tables/blocked/447700900123", json={})).status_code
    other = {"Authorization": "Bearer key of placer"}
    assert [403, 403] == [(await client.get(path, headers=other)).status_code for path in (ADA, "/tables/nothing")]
    assert 401 == (await client.get(ADA, headers={"Authorization": "Bearer nobody"})).status_code
    assert "Did you mean blocked?" in (await client.get("/tables/blokced")).json()["detail"]["fix"]


async def test_a_sensitive_value_is_never_shown(client: Client) -> None:
    with capture_logs() as logs:
        replies = [
            await client.put(ADA, json={"name": "Ada", "pin": SECRET}),
            await client.get(ADA),
            await client.get("/tables/customers"),
            await client.get("/tables/customers", params={"search": SECRET}),
            await client.put(ADA, json={"pin": [SECRET]}),
            await client.post("/tables/customers", json={"rows": [{"number": SECRET, "pin": [SECRET]}]}),
        ]
    shown = "".join(str(reply.headers) + reply.text for reply in replies) + str(logs)
    assert SECRET not in shown
    assert ["pin"] == replies[1].json()["hidden"]
    assert [] == replies[3].json()["rows"]
    await client.patch(ADA, json={"pin": None})
    assert [] == (await client.get(ADA)).json()["hidden"]
