"""The console shows input from callers, servers and files as plain data only, and never shows sensitive values."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from ncco_server.store import PlacedRow, RowChange
from ncco_server.table_rows import row_name
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.cases import each_case
from tests.support.webhooks import callback, facts, keys, running_app
from tests.unit.studio.console.conftest import OwnPlayer, browser, logged_in, settings_for, with_worker_here
from tests.unit.studio.console.test_messages import message

VALUES: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</textarea></title></pre><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>\u2028\u202e]]>",
)
HOSTILE: Final = " ".join(VALUES)
SECRETS: Final = ("73519264", "purple elephant", "DE8937040044")
"""Keys, spoken words and a lookup's answer, all declared sensitive."""
FILE: Final = "flows/<img src=x onerror=alert(1)>.yaml"
FLOW: Final = f"""\
flow: shop
default: true
start: menu
vars: {{pin: text, spoken: text}}
lookups:
  account:
    python: "accounts_of_tests:account"
    timeout: 3500ms
    with: {{spoken: "{{{{ spoken }}}}"}}
    returns: {{owner: text, iban: {{type: text, sensitive: true}}}}
    default: {{owner: nobody}}
steps:
  menu:
    do: [{{talk: {json.dumps(VALUES[0] + VALUES[1])}}}]
    choices: {{account: {{dtmf: 1, speech: [account], goto: pin}}}}
    retry: {{noinput: ["Sorry?"], nomatch: [{json.dumps(VALUES[3])}], then: pin}}
  pin:
    do: [{{talk: "Your PIN, please."}}]
    collect: {{into: pin, digits: 8, sensitive: true}}
    retry: {{noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}}
    goto: word
  word:
    do: [{{talk: "Your word, please."}}]
    collect: {{into: spoken, speech: any, sensitive: true}}
    retry: {{noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}}
    goto: account
  account:
    lookup: account
    do: [{{talk: "Hello {{{{ account.owner }}}}."}}]
    goto: end
"""
ACCOUNT: Final = f"""\
def account(spoken):
    assert spoken == {SECRETS[1]!r}
    return {{"owner": {HOSTILE!r}, "iban": {SECRETS[2]!r}}}
"""
TABLES: Final = """\
shared: true
tables: {notes: {key: {title: text}, columns: {text: text, pin: {type: text, sensitive: true}}}}
"""
LEG: Final = "aaaaaaaa-0000"
MESSAGE: Final = "0" * 32

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "/": ("/?token=VALUE",),
    "/login": ("/login?next=VALUE",),
    "/home": ("/home",),
    "/messages/count": ("/messages/count",),
    "/messages": ("/messages", "/messages?box=done", "/messages?box=VALUE", "/messages?before=VALUE"),
    "/messages.csv": ("/messages.csv", "/messages.csv?box=VALUE"),
    "/messages/{id_}/audio": (f"/messages/{MESSAGE}/audio", "/messages/VALUE/audio?use=downloaded"),
    "/phone": ("/phone", "/phone?file=FILE", "/phone?file=VALUE&flow=VALUE", "/phone?line=VALUE"),
    "/phone/ringing": ("/phone/ringing",),
    "/phone/text": ("/phone/text?file=VALUE", "/phone/text?file=FILE"),
    "/phone/calls/{id_}/turns/{number}": ("/phone/calls/VALUE/turns/1", "/phone/calls/CALL/turns/1"),
    "/flows": ("/flows",),
    "/flows-new": ("/flows-new",),
    "/flows/{name}": ("/flows/shop", "/flows/VALUE"),
    "/flows/{name}/picture.svg": ("/flows/shop/picture.svg", "/flows/VALUE/picture.svg"),
    "/flows/{name}/painted": ("/flows/shop/painted", "/flows/VALUE/painted?errors=VALUE"),
    "/calls": (
        *("/calls", "/calls?q=VALUE&flow=VALUE", "/calls?state=VALUE", "/calls?state=own:VALUE", "/calls?days=VALUE"),
        *("/calls?from=VALUE", "/calls?days=today&timezone=VALUE"),
    ),
    "/calls.csv": ("/calls.csv", "/calls.csv?q=VALUE"),
    "/calls/placed": ("/calls/placed", "/calls/placed?q=VALUE&flow=VALUE", "/calls/placed?state=VALUE"),
    "/calls/placed/new": ("/calls/placed/new", "/calls/placed/new?flow=VALUE"),
    "/calls/placed/{id_}": (f"/calls/placed/{MESSAGE}", "/calls/placed/VALUE"),
    "/calls/{name:path}": (f"/calls/{LEG}", "/calls/VALUE", "/calls/HOSTILE-LEG"),
    "/history": ("/history", "/history?before=VALUE"),
    "/history/{id_}": (f"/history/{MESSAGE}", "/history/VALUE"),
    "/report": ("/report", "/report?flow=VALUE&timezone=VALUE", "/report?from=VALUE"),
    "/report.csv": ("/report.csv", "/report.csv?flow=VALUE"),
    "/tables": ("/tables",),
    "/tables/{table}": ("/tables/notes", "/tables/notes?q=VALUE", "/tables/notes?after=VALUE", "/tables/VALUE"),
    "/tables/{table}/row": ("/tables/notes/row?key=HOSTILE-LEG", "/tables/notes/row?key=VALUE", "/tables/VALUE/row"),
    "/tables/{table}/rows.csv": ("/tables/notes/rows.csv", "/tables/VALUE/rows.csv"),
    "/tables/{table}/import": ("/tables/notes/import", "/tables/VALUE/import"),
    "/change": ("/change",),
    "/change/{file:path}": ("/change/flows/shop.yaml", "/change/FILE", "/change/VALUE"),
    "/health": ("/health",),
}
"""The URLs to try for each route; FILE, VALUE and similar words are replaced by hostile values."""


class Tags(HTMLParser):
    """The active elements of a page, and its text.

    Attributes:
        active: elements and attributes that no page of the console may have, such as scripts.
        text: the page's text and attribute values.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "script" and not (known.get("src") or "").startswith("/static/"):
            self.active.append(f"a script: {known}")
        if tag in ("iframe", "object", "embed", "base", "style"):
            self.active.append(tag)
        for name, value in attrs:
            address = (value or "").strip().lower()
            is_address = name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "data")
            if name.startswith("on") or name in ("style", "srcdoc", "hx-on") or name.startswith("hx-on"):
                self.active.append(f"{name} of {tag}")
            if is_address and (address.startswith(("javascript:", "vbscript:", "//")) or address == "x"):
                self.active.append(f"{name}={value}")
            self.text += f" {value}"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
async def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Clients of a logged-in person and of a stranger, after calls with hostile and sensitive values."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "flows/shop.yaml").write_text(FLOW, encoding="utf-8")
    (tmp_path / "flows/tables.yaml").write_text(TABLES, encoding="utf-8")
    (tmp_path / "accounts_of_tests.py").write_text(ACCOUNT, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    given = {"insecure": True, "python_lookups": "accounts_of_tests"}
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", **given)
    async with running_app(create_app(settings, dev=True)) as webhooks:
        await call(webhooks, LEG, "447700900123")
        await call(webhooks, HOSTILE, HOSTILE)
    (tmp_path / FILE).write_text(f"flow: {json.dumps(HOSTILE)}\nnumbers: [{json.dumps(HOSTILE)}]\n", encoding="utf-8")
    (tmp_path / "templates" / f"{VALUES[1].replace('/', '')}.j2").write_text(HOSTILE, encoding="utf-8")
    console = with_worker_here(create_console(settings, dev=True))
    console.state.console.phone_calls.make_worker = OwnPlayer
    async with await logged_in(console) as known, browser(console) as stranger:
        words = {"about": HOSTILE, "transcript": HOSTILE, "problem": HOSTILE, "cure": HOSTILE, "to_number": HOSTILE}
        await console.state.console.store.open()
        await console.state.console.store.recordings.add(
            message(HOSTILE, id=MESSAGE, session=LEG, state="failed", **words)
        )
        await console.state.console.store.placed.add([placed_call()])
        row = RowChange(row_name("notes", [HOSTILE]), {"text": HOSTILE, "pin": SECRETS[0]})
        await console.state.console.store.tables.change([row], 0, HOSTILE)
        yield {"known": known, "stranger": stranger}
    await console.state.console.close()


def placed_call() -> PlacedRow:
    """A waiting call with hostile texts."""
    params = json.dumps({"about": HOSTILE})
    return PlacedRow(
        MESSAGE, HOSTILE, "", HOSTILE, HOSTILE, HOSTILE, HOSTILE, params, 0, "waiting", "", HOSTILE, 0, 0, None, 0,
        None, 0, 0,
    )  # fmt: skip


async def call(webhooks: httpx.AsyncClient, leg: str, caller: str) -> None:
    """Make a call through all steps, with events and an error."""
    call = {**facts(leg), "from": caller}
    reply = await webhooks.post("/webhooks/answer", json=call)
    said: list[dict[str, Any]] = [
        {"speech": {"results": [{"text": HOSTILE, "confidence": "0.9"}]}},
        keys("1"),
        keys(SECRETS[0]),
        {"speech": {"results": [{"text": SECRETS[1], "confidence": "0.9"}]}},
    ]
    for each in said:
        reply = await webhooks.post(callback(reply.json()), json={**each, **call})
        assert 200 == reply.status_code
    assert "Hello" in reply.text
    events = [{"status": HOSTILE, "reason": HOSTILE, "detail": HOSTILE}, {"reason": HOSTILE}, {HOSTILE: HOSTILE}]
    for event in [*events, {"status": "completed", "direction": "inbound"}]:
        assert 200 == (await webhooks.post("/webhooks/event", json={**event, **call})).status_code


def test_every_url_that_shows_something_is_tested(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    routes = iter_route_contexts(create_console(settings).routes)
    pages = (route for route in routes if isinstance(route.original_route, APIRoute))
    shown = {route.path for route in pages if "GET" in (route.methods or ())}
    assert PAGES.keys() == shown


@each_case("value", [VALUES[0], VALUES[1], VALUES[3], f'<a href="{VALUES[4]}">', f"<p id='{VALUES[2]}'>"])
def test_markup_that_is_not_escaped_would_be_found(value: str) -> None:
    assert Tags(f"<p>{value}</p>").active


def filled(address: str, value: str, call_id: str) -> str:
    path, _, query = address.partition("?")
    words = {"VALUE": value, "FILE": FILE, "CALL": call_id, "HOSTILE-LEG": HOSTILE}
    for word in ("HOSTILE-LEG", "VALUE", "FILE", "CALL"):
        path = path.replace(word, quote(words[word]))
    pairs = [pair.split("=") for pair in query.split("&") if pair]
    return f"{path}?{urlencode([(name, words.get(text, text)) for name, text in pairs])}" if pairs else path


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_hostile_values_are_text_and_sensitive_ones_are_not_shown(
    people: dict[str, httpx.AsyncClient], accept: str
) -> None:
    known = people["known"]
    placed = await known.post("/phone/calls", json={"file": "flows/shop.yaml", "caller": "447700900123"})
    (call_id,) = re.findall('data-call="(.*?)"', placed.text)
    shown = set()
    for route, addresses in PAGES.items():
        for address in addresses:
            for value in VALUES if "VALUE" in address else VALUES[:1]:
                path = filled(address, value, call_id)
                reply = await known.get(path, headers={"Accept": accept})
                assert reply.status_code < 500, path
                kind = reply.headers.get("content-type", "")
                assert "nosniff" == reply.headers["x-content-type-options"]
                assert (
                    kind.startswith(("text/html", "application/json", "text/csv", "image/svg+xml")) or not reply.content
                ), path
                text = reply.text
                if kind.startswith(("text/html", "image/svg+xml")):
                    tags = Tags(reply.text)
                    own = ["style"] if kind == "image/svg+xml" else []  # a picture contains its own style
                    assert own == tags.active, path
                    text = tags.text
                assert not [secret for secret in SECRETS if secret in text], path
                if any(each in text.replace('\\"', '"') for each in VALUES):
                    shown.add(route)
    # These routes show hostile values; the others reject them or do not show them.
    assert shown >= {
        "/phone",
        "/flows",
        "/calls",
        "/calls.csv",
        "/calls/placed",
        "/calls/placed/{id_}",
        "/calls/{name:path}",
        "/tables/{table}",
        "/tables/{table}/row",
        "/tables/{table}/rows.csv",
        "/change/{file:path}",
    }


async def test_hostile_values_are_text_in_replies_to_forms(people: dict[str, httpx.AsyncClient]) -> None:
    known = people["known"]
    text = FLOW.replace("goto: word", f"goto: {json.dumps(HOSTILE)}")
    (digest,) = re.findall('name="digest" value="(.*?)"', (await known.get("/change/flows/shop.yaml")).text)
    form = {"digest": digest, **{f"value:{value}": value for value in VALUES}}
    answers = [
        await known.post("/phone/calls", json={"file": "flows/shop.yaml", "caller": "447700900123"}),
        await known.post("/phone/calls", json={"file": "flows/shop.yaml", "caller": f"sip:{HOSTILE}"}),
        await known.post("/phone/calls", json={"file": "flows/shop.yaml", "caller": HOSTILE}),
        await known.post("/phone/calls", json={"file": "flows/shop.yaml", "text": text}),
        await known.post("/phone/calls", json={"file": "pasted.json", "text": json.dumps([{"action": HOSTILE}])}),
        await known.post("/phone/setup", json={"file": "flows/shop.yaml", "text": text}),
        await known.post("/phone/picture", json={"file": "flows/shop.yaml"}),
        await known.post("/change/flows/shop.yaml", data=form),
        await known.post(f"/calls/{LEG}/keep"),
        await known.post(f"/calls/{quote(HOSTILE)}/keep"),
        await known.post("/login", data={"password": HOSTILE, "next": HOSTILE}, headers={"Accept": "text/html"}),
        await known.post(
            "/tables/notes/row", data={"key.title": HOSTILE, "column.text": HOSTILE, "column.pin": SECRETS[0]}
        ),
        await known.post("/tables/notes/remove", data={"key.title": HOSTILE, "stamp": HOSTILE}),
        await known.post("/tables/notes/import", files={"file": (HOSTILE, f"title\n{HOSTILE}\n".encode(), HOSTILE)}),
        await known.post("/tables/notes/import", files={"file": ("a.csv", f"{HOSTILE.replace(',', '')}\n".encode())}),
        await known.post("/tables/notes/number", data={"number": HOSTILE, "wanted": HOSTILE[:3]}),
        await people["stranger"].get(f"/calls/{quote(HOSTILE)}?q={quote(HOSTILE)}"),
        await people["stranger"].get("/calls", headers={"Host": "<img src=x onerror=alert(1)>"}),
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.request.url
        tags = Tags(answer.text)
        if answer.headers["content-type"].startswith("text/html"):
            assert [] == tags.active, answer.request.url
        assert not [secret for secret in SECRETS if secret in answer.text], answer.request.url
    assert any(value in Tags(answer.text).text for answer in answers for value in VALUES)


def rows_of(file: httpx.Response) -> list[list[str]]:
    """Its titles come first."""
    return list(csv.reader(io.StringIO(file.text, newline="")))


async def test_a_sensitive_value_is_not_found_by_searching_for_it(people: dict[str, httpx.AsyncClient]) -> None:
    for secret in SECRETS:
        assert 1 == len(rows_of(await people["known"].get("/calls.csv", params={"q": secret})))
    found = await people["known"].get("/calls.csv", params={"q": "Your PIN, please."})
    assert 3 == len(rows_of(found))
