"""The API for programs that request calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.flow.loader import load
from ncco_server.service.released import released_row
from ncco_server.store import AttemptRow, Origin, PlacingLimits, SqliteDatabase, Store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web.programs_app import programs_app
from tests.support.cases import each_case

FLOW = """\
flow: {name}
params:
  name: text
  day: {{type: date, default: 2026-12-24}}
  until: {{type: datetime, default: "2026-12-24T10:00Z"}}
  mobile: {{type: phone, default: "447700900999"}}
outbound:
  from: "442079460001"
  quiet: false
  on: {{otherwise: {{send: told}}}}
hooks: {{told: {{post: "https://crm.example/told"}}}}
start: hello
steps:
  hello:
    do:
      - talk: "Hello {{{{ name }}}}."
    goto: end
"""
NOW_MS = 1_772_618_400_000
CALL = {"flow": "reminder", "to": "447700900123", "with": {"name": "Ada"}}
NUMBERS = yaml.load((Path(__file__).parents[3] / "contract/cli/numbers.yaml").read_bytes(), yaml.CSafeLoader)
Client = httpx.AsyncClient
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "calls.db"


@pytest.fixture(scope="module")
def app(path: Path) -> FastAPI:
    """Opens another database in each test: FastAPI takes longer to prepare its routes than a test takes."""
    return programs_app(Store(SqliteDatabase(path)), ("44", "49"), (b"key of the test",))


@pytest_asyncio.fixture(loop_scope="module")
async def store(path: Path) -> AsyncIterator[Store]:
    """The rows that a server wrote."""
    for file in path.parent.iterdir():
        file.unlink()
    async with Store(SqliteDatabase(path)) as store:
        flows = {f"flows/{name}.yaml": FLOW.format(name=name) for name in ("reminder", "alarm")}
        await store.replace_revision(released_row(load(flows), datetime.now(UTC)))
        for name, allowed in (("crm", ("reminder",)), ("other", ("reminder", "alarm"))):
            await store.api_keys.add(f"key of {name}", ApiKeyRow(name, allowed, NOW_MS))
        yield store


@pytest_asyncio.fixture(loop_scope="module")
async def client(app: FastAPI, store: Store) -> AsyncIterator[Client]:
    async with app.router.lifespan_context(app):
        headers = {"Authorization": "Bearer key of crm"}
        async with Client(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
            yield client


async def post(client: Client, key: str = "k1", **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return await client.post("/calls", content=json.dumps(CALL | changes), headers=headers)


async def under_way(store: Store, id_: str) -> AttemptRow:
    """The first attempt of a call."""
    row = await store.placed.get(id_)
    assert row is not None
    begun = await store.placed.begin(row, "revision", NOW_MS, NOW_MS, PlacingLimits(9, 9))
    assert begun.attempt is not None
    return begun.attempt


async def test_all_errors_are_reported_at_once(client: Client) -> None:
    wrong: dict[str, Any] = {"to": "112", "with": {"day": "soon", "age": 3}}
    document = (await post(client, **wrong)).json()

    assert "to" == document["detail"]["where"]
    assert ["with.age", "with.name", "with.day"] == [other["where"] for other in document["others"]]


async def test_a_misspelt_param_is_not_missing_too(client: Client) -> None:
    wrong: dict[str, Any] = {"with": {"nmae": "Ada"}}
    document = (await post(client, **wrong)).json()

    assert ("with.nmae", "Did you mean name?") == (document["detail"]["where"], document["detail"]["fix"])
    assert "others" not in document


@each_case(
    ("changes", "fixes"),
    [
        ({"number": CALL["to"], "to": None}, {"number": "There are: at, expires", "to": "Write text, in quotes."}),
        ({"exprires": 60}, {"exprires": 'Did you mean "expires"?'}),
        ({"params": {}, "delay": "10m"}, {"params": "to, with.", "delay": "to, with."}),
        ({"expires": "2h"}, {"expires": "Write a whole number of seconds, without quotes."}),
        ({"flow": "remindr"}, {"": "Did you mean reminder? Otherwise, use a key that may."}),
        ({"flow": "alarm"}, {"": "Use a key that may."}),
    ],
)
async def test_every_wrong_field_is_named_with_what_is_meant(
    client: Client, changes: dict[str, Any], fixes: dict[str, str]
) -> None:
    document = (await post(client, **changes)).json()
    found = [document["detail"], *document.get("others", [])]

    assert list(fixes) == [each["where"] for each in found]
    assert all(fix in each["fix"] for each, fix in zip(found, fixes.values(), strict=True)), found


async def test_a_call_is_accepted_and_found(client: Client, store: Store) -> None:
    response = await post(client)
    id_ = response.json()["id"]
    await under_way(store, id_)
    found = (await client.get(f"/calls/{id_}")).json()

    assert (202, "waiting", "447700900123") == (response.status_code, response.json()["state"], response.json()["to"])
    assert ("calling", 1, "placing") == (found["state"], found["tries"], found["attempts"][0]["state"])
    assert [id_] == [call["id"] for call in (await client.get("/calls")).json()["calls"]]


async def test_a_repeated_request_is_the_same_call_and_another_body_a_conflict(client: Client) -> None:
    first = await post(client)
    again = await post(client)
    other_form = await post(client, to="+44 7700 900123")
    other = await post(client, to="447700900124")

    assert first.json()["id"] == again.json()["id"] == other_form.json()["id"]
    assert 409 == other.status_code
    assert 1 == len((await client.get("/calls")).json()["calls"])


@pytest.mark.parametrize("at", ["2026-03-04T11:00:00+01:00", "2026-03-04T10:00:00Z", None])
async def test_a_call_can_wait(client: Client, at: str | None) -> None:
    assert 202 == (await post(client, at=at)).status_code


@each_case(
    ("changes", "status", "where"),
    [
        ({"to": "12125551234"}, 422, "to"),
        ({"to": "ada"}, 422, "to"),
        ({"to": "4490900900"}, 422, "to"),
        ({"with": {}}, 422, "with.name"),
        ({"with": {"name": "Ada", "age": 3}}, 422, "with.age"),
        ({"with": {"name": ["Ada"]}}, 422, "with.name"),
        ({"at": "2036-01-01T10:00:00Z"}, 422, "at"),
        ({"at": "2026-01-01T10:00:00"}, 422, None),  # without an offset
        ({"at": "2026-01-01T10:00:00Z", "expires": 60}, 422, "at"),
        ({"at": "1772618400"}, 422, "at"),
        ({"at": 1_772_618_400}, 422, "at"),
        ({"expires": 0}, 422, "expires"),
        ({"expires": True}, 422, "expires"),
        ({"expires": "60"}, 422, "expires"),
        ({"to": 447_700_900_123}, 422, "to"),
        ({"urgent": True}, 422, "urgent"),
        ({"at": "9999-12-31T23:59:59-12:00"}, 422, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, 422, "at"),
        ({"with": {"name": "a\x00b"}}, 422, "with"),
        ({"with": {"name": "a" * 9_000}}, 422, "with"),
        ({"with": {"name": "a" * 70_000}}, 413, None),
        ({"flow": "\ud800"}, 400, ""),
        ({"flow": "alarm"}, 403, None),
        ({"flow": "nothing"}, 403, None),
    ],
)
async def test_a_wrong_request_is_explained_and_not_stored(
    client: Client, changes: dict[str, Any], status: int, where: str | None
) -> None:
    response = await post(client, **changes)

    assert status == response.status_code
    assert "Value error" not in response.text  # pydantic's own words
    if where is not None:
        assert where == response.json()["detail"]["where"]
        assert response.json()["detail"]["fix"]
    assert [] == (await client.get("/calls")).json()["calls"]


@each_case("header", ["", "Bearer", "Bearer wrong", "Basic key of crm", "key of crm"])
async def test_nobody_has_access_without_a_key(client: Client, header: str) -> None:
    client.headers["Authorization"] = header

    for response in (await post(client), await client.get("/calls"), await client.delete("/calls/x")):
        assert 401 == response.status_code


async def test_a_key_sees_only_its_own_calls(client: Client) -> None:
    id_ = (await post(client)).json()["id"]
    client.headers["Authorization"] = "Bearer key of other"

    assert 404 == (await client.get(f"/calls/{id_}")).status_code
    assert 404 == (await client.delete(f"/calls/{id_}")).status_code
    assert [] == (await client.get("/calls")).json()["calls"]
    assert id_ != (await post(client)).json()["id"]  # the same Idempotency-Key from another program


@pytest.mark.parametrize(
    ("origin", "owner", "name"),
    [
        ("cli", "", "cli"),
        ("hook", "", "hook"),
        ("console", "", "console"),
        ("console", "crm", "crm"),
        ("", "crm", "crm"),
    ],
)
async def test_no_key_name_gives_access_to_requests_of_others(
    client: Client, store: Store, origin: Origin, owner: str, name: str
) -> None:
    await store.api_keys.add("another key", ApiKeyRow(name, ("reminder",), NOW_MS))
    document = (await post(client)).json()
    row = await store.placed.get(document["id"])
    assert row is not None
    await store.placed.add([row._replace(id="other", key="other", origin=origin, owner=owner)])
    client.headers["Authorization"] = "Bearer another key"
    listed = (await client.get("/calls")).json()["calls"]

    assert 404 == (await client.get("/calls/other")).status_code
    assert 404 == (await client.delete("/calls/other")).status_code
    assert [document["id"]] * (name == "crm") == [call["id"] for call in listed]


async def test_a_key_is_replaced_without_a_gap(client: Client, store: Store) -> None:
    await store.api_keys.add("new key", ApiKeyRow("crm", ("reminder",), NOW_MS + 1))
    id_ = (await post(client)).json()["id"]
    removed = await store.api_keys.remove("crm", keeps_newest=True)
    old = await client.get(f"/calls/{id_}")
    client.headers["Authorization"] = "Bearer new key"

    assert (1, 401, 200) == (removed, old.status_code, (await client.get(f"/calls/{id_}")).status_code)


async def test_a_call_can_be_cancelled_only_while_it_waits_or_rings(client: Client, store: Store) -> None:
    waiting = (await post(client)).json()["id"]
    ringing = (await post(client, "k2", to="447700900124")).json()["id"]
    await under_way(store, ringing)

    assert "cancelled" == (await client.delete(f"/calls/{waiting}")).json()["outcome"]
    hung_up = await client.delete(f"/calls/{ringing}")
    assert (200, "calling") == (hung_up.status_code, hung_up.json()["state"])
    assert 200 == (await client.delete(f"/calls/{waiting}")).status_code
    assert 404 == (await client.delete("/calls/none")).status_code


async def test_a_list_has_pages_and_filters(client: Client) -> None:
    ids = [(await post(client, f"k{at}", to=f"4477009001{at:02}")).json()["id"] for at in range(5)]
    first = (await client.get("/calls", params={"limit": 3})).json()
    second = (await client.get("/calls", params={"limit": 3, "before": first["next"]})).json()
    over = (await client.get("/calls", params={"state": "over"})).json()

    assert set(ids) == {call["id"] for page in (first, second) for call in page["calls"]}
    assert (None, []) == (second["next"], over["calls"])


@each_case(
    ("status", "content"),
    [
        (400, b'{"flow": "reminder", "to": "447700900123", "with": {"\\ud800": 1}}'),
        (400, b'{"\\ud800": 1}'),
        (400, b"["),
        (400, b'{"flow": "\xff"}'),
        (400, b""),
        (422, b"[]"),
        (400, b"[" * 60_000),
        (413, b"[" * 70_000),
    ],
)
async def test_every_refusal_has_the_same_form(client: Client, status: int, content: bytes) -> None:
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    refused = await client.post("/calls", content=content, headers=headers)
    assert status == refused.status_code
    assert {"where", "problem", "fix"} == refused.json()["detail"].keys()
    assert all(refused.json()["detail"][name] for name in ("problem", "fix"))


async def test_a_body_is_json_whatever_its_content_type(client: Client) -> None:
    for number, content_type in enumerate(("text/plain", "application/x-www-form-urlencoded", "")):
        headers = {"Idempotency-Key": f"k{number}", "Content-Type": content_type}
        placed = await client.post("/calls", content=json.dumps(CALL), headers=headers)

        assert 202 == placed.status_code


async def test_a_body_is_not_read_without_a_valid_key(client: Client) -> None:
    read = list[bytes]()

    async def body() -> AsyncIterator[bytes]:
        read.append(b"{}")
        yield read[-1]

    client.headers["Authorization"] = "Bearer wrong"
    refused = await client.post("/calls", content=body(), headers={"Idempotency-Key": "k1"})

    assert (401, []) == (refused.status_code, read)


@each_case(
    ("method", "path", "status", "allowed"),
    [
        ("HEAD", "/calls", 200, None),
        ("HEAD", "/calls/none", 404, None),
        ("HEAD", "/openapi.json", 200, None),
        ("PUT", "/calls", 405, "GET, HEAD, POST"),
        ("HEAD", "/nothing", 404, None),
        ("POST", "/calls/", 404, None),
        ("GET", "/calls/none/", 404, None),
        ("GET", "/tables/", 404, None),
        ("PATCH", "/calls/none", 405, "DELETE, GET, HEAD"),
        ("POST", "/openapi.json", 405, "GET, HEAD"),
    ],
)
async def test_every_get_answers_head_and_405_names_all_methods(
    client: Client, method: str, path: str, status: int, allowed: str | None
) -> None:
    response = await client.request(method, path)

    assert (status, allowed) == (response.status_code, response.headers.get("allow"))


@pytest.mark.parametrize("is_anothers", [False, True])
async def test_a_page_after_an_unknown_call_is_an_error_instead_of_an_empty_page(
    client: Client, is_anothers: bool
) -> None:
    before = (await post(client)).json()["id"] if is_anothers else "none"
    client.headers["Authorization"] = "Bearer key of other"
    refused = await client.get("/calls", params={"before": before})

    assert (422, "before") == (refused.status_code, refused.json()["detail"]["where"])


async def test_the_log_names_the_key_that_asked(client: Client) -> None:
    with capture_logs() as lines:
        placed = (await post(client)).json()["id"]
        await post(client)
        for _ in range(3):
            assert 200 == (await client.delete(f"/calls/{placed}")).status_code
        await client.get("/calls", headers={"Authorization": "Bearer wrong"})
    assert [
        {"event": "call requested", "log_level": "info", "key": "crm", "flow": "reminder", "placed": placed},
        {"event": "placed call cancelled", "log_level": "info", "key": "crm", "placed": placed},
        {"event": "API key refused", "log_level": "warning"},
    ] == [{name: value for name, value in line.items() if name != "client"} for line in lines]


@each_case(("written", "number"), NUMBERS["read"].items())
async def test_a_number_is_read_however_it_is_written(client: Client, store: Store, written: str, number: str) -> None:
    given = {"name": "Ada", "mobile": written}
    placed = await post(client, written.encode("unicode_escape").decode(), to=written, **{"with": given})
    row = await store.placed.get(placed.json()["id"])
    assert row is not None
    assert (number, number) == (row.number, json.loads(row.params)["mobile"])


@each_case(("written", "why"), NUMBERS["refused"].items())
async def test_a_number_that_cannot_be_read_is_refused(client: Client, written: str, why: str) -> None:
    refused = (await post(client, to=written)).json()["detail"]
    assert ("to", True) == (refused["where"], why in refused["fix"]), refused
