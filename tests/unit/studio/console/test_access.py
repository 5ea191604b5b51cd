"""Access to the console: nothing without a session, and nothing for pages of other origins."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount
from structlog.testing import capture_logs

from ncco_server.settings.secrets import CONSOLE, console_keys, derived_keys
from ncco_studio.console.access import CanChange
from ncco_studio.console.app import create_console
from ncco_studio.console.passwords import Passwords
from ncco_studio.console.sessions import Sessions, new_link
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import (
    BASE_URL,
    CHEAP,
    PASSWORDS,
    REPOSITORY,
    browser,
    csrf_token,
    log_in,
    make_console,
    settings_for,
    with_worker_here,
)

EVIL = "https://evil.example.com"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TLS = "https://127.0.0.1:8001"
KEY = "a-secret-that-all-hosts-share-with-each-other"


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def development(clock: Clock | None = None, proxied_since: datetime | None = None, **settings: Any) -> FastAPI:
    """A console without passwords that is opened by a link. Its server started at noon."""
    known = {"console_password_hash": "", "console_viewer_password_hash": "", "key": KEY, **settings}
    since: dict[str, Any] = {"links_since": NOON, "proxied_since": proxied_since}
    return create_console(settings_for(REPOSITORY, **known), dev=True, **since, clock=clock or Clock())


def link(made_at: datetime = NOON, key: str = KEY) -> str:
    return new_link(console_keys(settings_for(REPOSITORY, key=key)), made_at)


def production(clock: Clock | None = None, **settings: Any) -> FastAPI:
    return create_console(settings_for(REPOSITORY, **settings), clock=clock or Clock())


def requests_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route, with sample values for the path parameters."""
    for route in iter_route_contexts(app.routes):
        assert isinstance(route.original_route, APIRoute | Mount)
        path = route.path or ""
        if isinstance(route.original_route, APIRoute) and path not in ("/", "/login"):
            for method in sorted(route.methods or ()):
                yield method, re.sub(r"\{[^}]*\}", "1", path)


async def test_no_route_answers_without_a_session(console: FastAPI) -> None:
    assert {("GET", "/calls"), ("POST", "/phone/calls"), ("POST", "/editor/check")} <= set(requests_of(console))
    for method, path in requests_of(console):
        async with browser(console) as stranger:
            page = await stranger.request(method, path)
            script = await stranger.request(method, path, headers={"Accept": "application/json"})
        assert (401, 401) == (page.status_code, script.status_code), f"{method} {path}"
        assert {"detail", "fix"} == script.json().keys()


async def test_every_route_that_changes_something_needs_the_token_of_the_session(
    console: FastAPI, client: httpx.AsyncClient
) -> None:
    checked = 0
    for method, path in requests_of(console):
        if method not in ("GET", "HEAD"):
            for token in ("", "0" * 64):
                response = await client.request(method, path, headers={"X-CSRF-Token": token})
                assert response.status_code in (403, 422), f"{method} {path}"  # 422: the route did not run
                assert "token" not in response.text
            checked += 1
    assert checked


async def test_every_page_forbids_frames_scripts_of_others_and_caches(
    console: FastAPI, client: httpx.AsyncClient
) -> None:
    async with browser(console) as stranger:
        answers = [
            await stranger.get("/login"),
            await stranger.get("/calls"),
            await client.get("/no/such/page"),
            await client.get("/", headers={"Host": "evil.example.com"}),
        ]
    assert [200, 401, 404, 421] == [answer.status_code for answer in answers]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "DENY" == answer.headers["x-frame-options"]
        assert "nosniff" == answer.headers["x-content-type-options"]
        assert "no-referrer" == answer.headers["referrer-policy"]
        assert "same-origin" == answer.headers["cross-origin-opener-policy"]
        assert "same-origin" == answer.headers["cross-origin-resource-policy"]
        assert "no-store" == answer.headers["cache-control"]


@each_case(
    ("host", "status"),
    [
        ("127.0.0.1:8001", 200),
        ("localhost:9001", 200),  # the other end of an SSH tunnel
        ("[::1]:8001", 200),
        ("console.example.com", 200),
        ("evil.example.com", 421),
        ("127.0.0.1.evil.example.com:8001", 421),
        ("console.example.com.evil.example.com", 421),
        ("evil.example.com@127.0.0.1", 421),
        ("[::1", 421),
        ("127.0.0.1:port", 421),
        ("127.0.0.1:99999", 421),
        ("127.0.0.1:8001/@evil.example.com", 421),
        ("", 421),
    ],
)
async def test_only_known_names_are_served(host: str, status: int) -> None:
    async with browser(production(console_url="https://console.example.com")) as client:
        assert status == (await client.get("/login", headers={"Host": host})).status_code


async def test_a_request_with_two_host_names_is_refused() -> None:
    """A proxy may have checked the other one."""
    hosts = [("Host", "127.0.0.1:8001"), ("Host", "evil.example.com")]
    async with browser(production()) as client:
        for headers in (hosts, hosts[::-1], hosts[:1] * 2):
            assert 421 == (await client.get("/login", headers=headers)).status_code


@pytest.mark.parametrize(
    ("headers", "is_served"),
    [
        ({}, True),
        ({"Origin": BASE_URL}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),  # what a form sends
        ({"Origin": EVIL}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:3000"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": EVIL}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"}, False),
    ],
)
async def test_pages_of_other_origins_change_nothing(
    client: httpx.AsyncClient, headers: dict[str, str], is_served: bool
) -> None:
    response = await client.post("/logout", headers=headers)
    assert (303 if is_served else 403) == response.status_code
    assert is_served == (401 == (await client.get("/calls")).status_code)


async def test_a_form_carries_its_token_in_a_field(client: httpx.AsyncClient) -> None:
    token = client.headers.pop("X-CSRF-Token")
    refused = await client.post("/logout", data={"csrf_token": "0" * 64})
    accepted = await client.post("/logout", data={"csrf_token": token})
    assert (403, 303) == (refused.status_code, accepted.status_code)


async def test_a_login_in_production_sets_a_strict_cookie_and_redirects() -> None:
    async with browser(production(), TLS) as client:
        page = await client.get("/calls?flow=shop")
        assert 'name="next" value="/calls?flow=shop"' in page.text
        response = await client.post("/login", data={"password": PASSWORDS["change"], "next": "/calls?flow=shop"})
        served = await client.get("/calls")
    assert (303, "/calls?flow=shop") == (response.status_code, response.headers["location"])
    cookie, *flags = response.headers["set-cookie"].split("; ")
    assert re.fullmatch(r"__Host-ncco-console-8001=[A-Za-z0-9_.-]+\.[A-Za-z0-9_-]{43}", cookie)
    assert {"HttpOnly", "Secure", "samesite=strict", "path=/", "max-age=43200"} == {
        flag if flag in ("HttpOnly", "Secure") else flag.lower() for flag in flags
    }
    assert 200 == served.status_code


async def test_a_form_after_the_end_of_its_session_says_that_nothing_is_saved() -> None:
    clock = Clock()
    async with browser(with_worker_here(production(clock)), TLS) as client:
        await log_in(client, PASSWORDS["change"])
        clock.now += timedelta(hours=3)
        late = await client.post("/flows-new", data={"name": "salon"})
    assert 401 == late.status_code
    assert "You were logged out, so nothing is saved." in late.text


@each_case("path", ["//evil.example.com", "/\\evil.example.com", EVIL, "/a\r\nSet-Cookie: x=y", ""])
async def test_a_login_never_redirects_to_another_site(path: str) -> None:
    async with browser(production()) as client:
        response = await client.post("/login", data={"password": PASSWORDS["look"], "next": path})
    assert "/" == response.headers["location"]
    assert 1 == len(response.headers.get_list("set-cookie"))


class Pauses(list[float]):
    """The delay of each password attempt; the test itself does not wait."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def counting(app: FastAPI, clock: Clock | None = None) -> Pauses:
    pauses = Pauses()
    app.state.console.passwords = Passwords(app.state.console.logins.current, clock or Clock(), pauses)
    return pauses


async def test_wrong_passwords_slow_the_login_and_the_right_one_still_works() -> None:
    clock = Clock()
    app = production(clock)
    pauses = counting(app, clock)
    async with browser(app) as stranger:
        wrong = [(await log_in(stranger, "wrong")).status_code for _ in range(10)]
        right = await log_in(stranger, PASSWORDS["change"])
        clock.now += timedelta(minutes=15)
        later = await log_in(stranger, "wrong")
    assert [*[401] * 10, 303, 401] == [*wrong, right.status_code, later.status_code]
    assert [*[0] * 5, 1, 2, 4, 4, 4, 4, 0] == pauses


async def test_logins_and_saves_are_logged_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    app = with_worker_here(create_console(settings_for(tmp_path), dev=True))
    with capture_logs() as lines:
        async with browser(app) as client:
            await client.post("/login", data={"password": "wr0ng"}, headers={"X-Forwarded-For": "192.0.2.1"})
            await log_in(client, PASSWORDS["change"])
            headers = {"X-CSRF-Token": await csrf_token(client)}
            save = {"file": "flows/a.yaml", "text": "flow: a", "digest": ""}
            for _ in range(2):
                await client.post("/phone/save", json=save, headers=headers)
    found = [(line["event"], line["log_level"]) for line in lines]
    wrong = ("console login failed", "warning")
    did = [("console login", "info"), ("file saved", "info"), ("file not saved", "warning")]
    assert [wrong, *did] == found
    assert {"127.0.0.1"} == {line["client"] for line in lines}
    assert "192.0.2.1" == lines[0]["forwarded_for"]
    assert 1 == len({line["session"] for line in lines[1:4]})
    assert "flows/a.yaml" == lines[2]["file"]
    assert not any(secret in str(lines) for secret in ("wr0ng", PASSWORDS["change"], *client.cookies.values()))


def remote(app: FastAPI, peer: str, forwarded: str = "", base_url: str = BASE_URL) -> httpx.AsyncClient:
    """A client at another address, as a proxy reports it."""
    headers = {"Accept": "text/html"} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    transport = httpx.ASGITransport(app, client=(peer, 40000))
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)


async def pause_after_ten_failures(app: FastAPI, first: httpx.AsyncClient, second: httpx.AsyncClient) -> float:
    """The delay of the second client after ten failures of the first one."""
    pauses = counting(app)
    async with first, second:
        for _ in range(10):
            assert 401 == (await log_in(first, "wrong")).status_code
        assert 303 == (await log_in(second, PASSWORDS["look"])).status_code
    return pauses[-1]


PROXY = "https://console.example.com"


@each_case(
    ("first", "second", "base_url", "pause_s"),
    [
        (("192.0.2.1", ""), ("192.0.2.2", ""), BASE_URL, 0),
        (("127.0.0.1", "198.51.100.1, 203.0.113.1"), ("127.0.0.1", "198.51.100.1, 203.0.113.2"), PROXY, 0),
        (("127.0.0.1", "198.51.100.1, 203.0.113.1"), ("127.0.0.1", "198.51.100.2, 203.0.113.1"), PROXY, 4),
        (("127.0.0.1", "2001:db8::1"), ("127.0.0.1", "2001:db8::2"), PROXY, 4),
        (("127.0.0.1", "2001:db8::1"), ("127.0.0.1", "2001:db8:0:1::1"), PROXY, 0),
        (("127.0.0.1", "203.0.113.1"), ("127.0.0.1", "::ffff:203.0.113.1"), PROXY, 4),
        (("127.0.0.1", "<script>"), ("127.0.0.1", "unknown"), PROXY, 4),
        (("127.0.0.1", "203.0.113.1"), ("127.0.0.1", "203.0.113.2"), BASE_URL, 4),
    ],
    ids=[
        *("another peer", "behind the proxy", "what the client adds", "one network", "two networks", "one address"),
        *("no address", "without the proxy"),
    ],
)
async def test_wrong_passwords_are_counted_for_each_address(
    first: tuple[str, str], second: tuple[str, str], base_url: str, pause_s: float
) -> None:
    app = production(console_url=PROXY)
    clients = (remote(app, *each, base_url) for each in (first, second))
    assert pause_s == await pause_after_ten_failures(app, *clients)


async def test_a_hundred_wrong_passwords_from_many_addresses_slow_the_login_for_everybody() -> None:
    clock = Clock()
    app = production(clock)
    pauses = counting(app, clock)
    for number in range(20):
        async with remote(app, f"192.0.2.{number}") as client:
            statuses = {(await log_in(client, "wrong")).status_code for _ in range(5)}
            assert {401} == statuses
    assert {0} == {*pauses}
    async with remote(app, "203.0.113.1") as owner:
        assert 303 == (await log_in(owner, PASSWORDS["change"])).status_code
        clock.now += timedelta(minutes=15)
        assert 303 == (await log_in(owner, PASSWORDS["change"])).status_code
    assert [4, 0] == pauses[-2:]


async def test_only_a_few_simultaneous_logins_wait() -> None:
    app = production()
    async with browser(app) as stranger:
        tried = await asyncio.gather(*(log_in(stranger, "wrong") for _ in range(40)))
        right = await log_in(stranger, PASSWORDS["change"])
    assert {401: 4, 429: 36} == Counter(response.status_code for response in tried)
    assert {"1"} == {response.headers["retry-after"] for response in tried if response.status_code == 429}
    assert 303 == right.status_code


async def test_without_the_database_people_can_log_in_and_see_the_problem() -> None:
    app = production(database_url="postgresql://nobody@127.0.0.1:1/nothing", signature_secret="x" * 32)
    async with browser(app, TLS) as client:
        unknown = await client.get("/calls", headers={"Cookie": f"__Host-ncco-console-8001={'x' * 43}"})
        wrong = await log_in(client, "wrong")
        opened = await log_in(client, PASSWORDS["change"])
        pages = {path: await client.get(path) for path in ("/health", "/flows", "/calls", "/report", "/messages")}
        script = await client.get("/calls.csv", headers={"Accept": ""})
        ended = await client.post("/logout", headers={"X-CSRF-Token": await csrf_token(client)})
        after = await client.get("/health")
    assert (401, 401, 303, 303, 401) == tuple(each.status_code for each in (unknown, wrong, opened, ended, after))
    assert {"/health": 200, "/flows": 200, "/calls": 503, "/report": 503, "/messages": 503} == {
        path: page.status_code for path, page in pages.items()
    }
    assert re.search(r"<dt>Calls now</dt>\s*<dd>\s*not known", pages["/health"].text)
    for page in (script, pages["/calls"], pages["/messages"], pages["/health"]):
        assert "NCCO_DATABASE_URL" in page.text


async def test_a_read_only_user_is_refused_exactly_where_something_is_saved(
    look_only: httpx.AsyncClient, console: FastAPI
) -> None:
    """What security.md and colleagues.md promise for the role `listen`, on every route that changes something."""
    routes = {
        (method, route.path or "")
        for route in iter_route_contexts(console.routes)
        if isinstance(route.original_route, APIRoute)
        for method in (route.methods or set()) - {"GET", "HEAD"}
    }
    refused = set()
    for method, path in sorted(routes, key=lambda route: route[1] == "/logout"):
        response = await look_only.request(method, re.sub(r"\{[^}]*\}", "1", path))
        if 403 == response.status_code:
            assert "lets you view things, but not change them" in response.text, path
            refused.add((method, path))
    keeping = {
        *(
            "/calls/{name:path}/called-back",
            "/calls/placed",
            "/calls/placed/pause",
            "/calls/placed/resume",
            "/calls/placed/{id_}/cancel",
            "/calls/placed/{id_}/now",
            "/calls/{name:path}/to-call-back",
            "/change/{file:path}",
            "/change-save",
            "/flows-new",
            "/hours",
            "/hours/heard",
            "/messages/{id_}/{action}",
        ),
        *("/phone/save", "/phone/diff", "/phone/calls/{id_}/keep", "/phone/ringing/{uuid}/{choice}"),
    }
    assert {("POST", path) for path in keeping} == refused
    assert len(keeping) < len(routes)


async def test_a_link_opens_the_console_any_number_of_times_and_leaves_no_token_behind() -> None:
    clock = Clock()
    app, token = development(clock), link()
    async with browser(app) as first, browser(app) as second:
        opened = await first.get("/", params={"token": token})
        served = await first.get("/calls")
        elsewhere = await second.get("/", params={"token": token})
        clock.now += timedelta(days=30)
        login = await first.get("/calls")
        again = await first.get("/", params={"token": token})
    assert [(303, "/")] * 3 == [(reply.status_code, reply.headers["location"]) for reply in (opened, elsewhere, again)]
    assert (200, 401) == (served.status_code, login.status_code)
    assert "Secure" not in opened.headers["set-cookie"]
    assert "Open the link that" in login.text
    assert "ncco console link" in login.text
    assert 'type="password"' not in login.text


@each_case(
    ("headers", "settings"),
    [
        *(({name: "192.0.2.1"}, {}) for name in ("X-Forwarded-For", "Forwarded", "Via", "CF-Ray", "ngrok-agent-ips")),
        ({"Host": "console.example.com"}, {"console_url": "https://console.example.com"}),
    ],
    ids=str,
)
async def test_a_link_works_once_through_a_tunnel(headers: dict[str, str], settings: dict[str, Any]) -> None:
    app, token = development(**settings), link()
    async with browser(app, TLS) as first, browser(app, TLS) as second:
        opened = await first.get("/", params={"token": token}, headers=headers)
        reloaded = await first.get("/", params={"token": token}, headers=headers)
        refused = await second.get("/", params={"token": token}, headers=headers)
        here = await second.get("/", params={"token": token})
    assert (303, 303, 403, 303) == tuple(each.status_code for each in (opened, reloaded, refused, here))
    assert "set-cookie" not in refused.headers
    assert "works only once" in refused.text


async def test_a_link_opened_locally_does_not_open_the_console_through_a_tunnel() -> None:
    app, token = development(), link()
    async with browser(app) as here, browser(app) as stranger:
        await here.get("/", params={"token": token})
        assert 403 == (await stranger.get("/", params={"token": token}, headers={"Via": "1.1 proxy"})).status_code


async def test_a_link_works_once_from_another_machine() -> None:
    app, token = development(), link()
    statuses = []
    for _ in range(2):
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            statuses.append((await client.get("/", params={"token": token})).status_code)
    assert [303, 403] == statuses


@each_case(
    ("token", "after", "headers"),
    [
        (link(NOON - timedelta(milliseconds=1)), timedelta(), {}),
        (link(), timedelta(hours=12), {"Via": "1.1 proxy"}),
        (link(key="of-another-server-that-shares-nothing-with-it"), timedelta(), {}),
        ("wrong", timedelta(), {}),
    ],
    ids=["of a former server", "old, through a tunnel", "of another server", "wrong"],
)
async def test_other_links_open_nothing(token: str, after: timedelta, headers: dict[str, str]) -> None:
    clock = Clock()
    async with browser(development(clock)) as client:
        clock.now += after
        refused = await client.get("/", params={"token": token}, headers=headers)
        assert 403 == refused.status_code
        assert "ncco console link" in refused.text
        assert "set-cookie" not in refused.headers
    async with browser(production(key=KEY)) as client:
        assert 403 == (await client.get("/", params={"token": link()})).status_code


async def test_after_a_restart_of_the_console_alone_a_link_works_only_locally() -> None:
    """It may have been used through a tunnel before the restart."""
    app = development(proxied_since=NOON + timedelta(hours=1))
    async with browser(app) as client:
        tunnelled = await client.get("/", params={"token": link()}, headers={"Via": "1.1 proxy"})
        here = await client.get("/", params={"token": link()})
    assert (403, 303) == (tunnelled.status_code, here.status_code)


async def status_at(app: FastAPI, cookies: dict[str, str]) -> int:
    transport, address = httpx.ASGITransport(app), TLS
    async with httpx.AsyncClient(transport=transport, base_url=address, cookies=cookies) as client:
        return (await client.get("/calls")).status_code


async def test_sessions_of_a_link_are_only_for_development() -> None:
    async with browser(development()) as client:
        await client.get("/", params={"token": link()})
        cookies = {f"__Host-{name}": value for name, value in client.cookies.items()}
    is_tls: dict[str, Any] = {"console_url": TLS}
    assert [200, 401] == [await status_at(app, cookies) for app in (development(**is_tls), production(key=KEY))]


@each_case(
    ("settings", "status"),
    [
        ({}, 200),  # another host, or the same host after a restart
        ({"console_password_hash": CHEAP.hash(PASSWORDS["change"])}, 401),
        ({"console_password_hash": ""}, 401),
        ({"key": "another-secret-of-enough-characters"}, 401),
        ({"key": "another-secret-of-enough-characters", "key_previous": KEY}, 200),
    ],
    ids=["the same", "password set again", "no password", "another key", "rotated key"],
)
async def test_a_session_stays_valid_where_key_and_password_are_the_same(settings: dict[str, Any], status: int) -> None:
    async with browser(production(key=KEY), TLS) as client:
        await log_in(client, PASSWORDS["change"])
        cookies = dict(client.cookies)
    assert status == await status_at(production(**({"key": KEY} | settings)), cookies)


async def test_a_changed_cookie_opens_nothing() -> None:
    async with browser(production(key=KEY), TLS) as client:
        await log_in(client, PASSWORDS["look"])
        ((name, cookie),) = client.cookies.items()
    payload, _, signature = cookie.rpartition(".")
    forged = f"{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}.{signature}"
    altered = [forged, f"{payload}.{signature[:-1]}", payload, f"{payload}.", signature]
    assert [200] == [await status_at(production(key=KEY), {name: cookie})]
    assert [401] * 5 == [await status_at(production(key=KEY), {name: each}) for each in altered]


async def test_a_session_row_in_a_restored_database_logs_nobody_in(tmp_path: Path) -> None:
    """Not even one that those who made the archive have chosen."""
    id_, now = "chosen by those who made the archive", int(datetime.now(UTC).timestamp() * 1000)
    with closing(sqlite3.connect(tmp_path / "calls.db")) as database:
        database.execute("CREATE TABLE ncco_console_sessions (hash PRIMARY KEY, credential, created_at, used_at)")
        row = (sha256(id_.encode()).hexdigest(), "link", now, now)
        database.execute("INSERT INTO ncco_console_sessions VALUES (?, ?, ?, ?)", row)
        database.commit()
    (tmp_path / "calls.db-key").write_text("ab" * 32)
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db")
    app = create_console(settings, dev=True)
    clock = Clock()
    clock.now = datetime.now(UTC)
    keys = derived_keys(["ab" * 32], CONSOLE)
    forged = Sessions(keys, tuple, clock, NOON, has_links=True)
    session = forged.redeem(new_link(keys, clock.now), is_near=True)
    assert session is not None
    async with browser(app) as client:
        for cookie in (id_, forged.cookie_of(session)):
            page = await client.get("/calls", headers={"Cookie": f"ncco-console-8001={cookie}"})
            assert 401 == page.status_code


@each_case(
    ("pauses", "is_open"),
    [
        ([timedelta(hours=2)], False),
        ([timedelta(hours=1, minutes=59)] * 6, True),
        ([timedelta(hours=1, minutes=59)] * 6 + [timedelta(minutes=6)], False),  # 12 hours
    ],
)
async def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_twelve_hours(
    pauses: list[timedelta], is_open: bool
) -> None:
    clock = Clock()
    async with browser(development(clock)) as client:
        await client.get("/", params={"token": link()})
        for pause in pauses:
            clock.now += pause
            response = await client.get("/calls")
    assert is_open == (200 == response.status_code)


async def test_background_requests_of_a_page_do_not_keep_a_session_open() -> None:
    clock = Clock()
    async with browser(development(clock)) as client:
        await client.get("/", params={"token": link()})
        statuses = []
        for _ in range(2):
            clock.now += timedelta(hours=1, minutes=1)
            response = await client.get("/no/such/page", headers={"X-Unattended": "true"})
            statuses.append(response.status_code)
    assert [404, 401] == statuses


async def test_the_last_page_before_logging_out_renews_nothing() -> None:
    clock = Clock()
    async with browser(production(clock), TLS) as client:
        await log_in(client, PASSWORDS["look"])
        token = await csrf_token(client)
        clock.now += timedelta(minutes=5)
        ended = await client.post("/logout", headers={"X-CSRF-Token": token})
    assert ["Max-Age=0"] == [flag for flag in ended.headers["set-cookie"].split("; ") if "Max-Age" in flag]
    assert not client.cookies


async def test_a_link_from_another_site_is_reloaded_with_its_cookie(console: FastAPI) -> None:
    async with browser(console) as client:
        response = await client.get("/calls?flow=a", headers={"Sec-Fetch-Site": "cross-site"})
        assert "0; url=/login?next=%2Fcalls%3Fflow%3Da" == response.headers["refresh"]
        await log_in(client, PASSWORDS["look"])
        assert "/calls?flow=a" == (await client.get("/login?next=%2Fcalls%3Fflow%3Da")).headers["location"]


async def test_errors_are_pages_for_people_and_json_for_scripts(console: FastAPI, client: httpx.AsyncClient) -> None:
    @console.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of the program")

    quiet = httpx.ASGITransport(console, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=quiet, base_url=BASE_URL, cookies=client.cookies) as known:
        for path, status in (("/no/such/page", 404), ("/broken", 500)):
            page = await known.get(path, headers={"Accept": "text/html"})
            script = await known.get(path)
            assert (status, status) == (page.status_code, script.status_code)
            assert "<h1>" in page.text
            assert script.json()["fix"]
            assert "secret of the program" not in page.text + script.text
            assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_a_body_that_is_too_large_is_refused(console: FastAPI, client: httpx.AsyncClient) -> None:
    @console.post("/upload")
    async def upload(request: Request, _: CanChange) -> int:
        return len(await request.body())

    async def pieces(number: int) -> AsyncIterator[bytes]:
        for _ in range(number):
            yield bytes(65_536)

    declared = await client.post("/upload", content=bytes(5_000_000))
    streamed = await client.post("/upload", content=pieces(80))
    accepted = await client.post("/upload", content=pieces(40))
    assert (413, 413, 200) == (declared.status_code, streamed.status_code, accepted.status_code)


@each_case(
    ("path", "headers"),
    [
        (path, headers)
        for path in ("/editor/check", "/phone/save", "/phone/calls", "/phone/setup")
        for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"Content-Type": "application/x-www-form-urlencoded"})
    ],
)
async def test_the_body_of_a_request_without_the_token_is_not_read(path: str, headers: dict[str, str]) -> None:
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield read[-1]

    async with browser(make_console()) as client:
        await log_in(client, PASSWORDS["change"])
        response = await client.post(path, content=body(), headers={"Accept": "application/json"} | headers)

    assert 403 == response.status_code
    assert "The page is out of date" in response.text
    assert [] == read
