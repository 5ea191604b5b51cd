"""The health page of a webhook server, read as in production."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.desk.checks import CHECKS
from ncco_server.service.figures import ServerFigures
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.settings import Settings
from ncco_server.store import open_store
from ncco_server.web import create_app
from ncco_server.web.figures import LastHour, figures_app
from ncco_studio.console import health
from ncco_studio.console.app import create_console
from ncco_studio.console.caches import Served, ServerReader
from tests.support.application_api import APPLICATION_ID
from tests.support.cases import each_case
from tests.support.keys import private_pem, rsa_key
from tests.support.webhooks import callback, facts, keys
from tests.unit.studio.console.conftest import BASE_URL, PASSWORDS, REPOSITORY, browser, log_in, logged_in, settings_for
from tests.unit.studio.console.test_messages import message

SERVER = "http://127.0.0.1:8000"
SERVED = Served(SERVER, "http://127.0.0.1:8002/figures")
FLOWS = """\
flow: shop
default: true
start: menu
lookups:
  stock: {get: "http://127.0.0.1:9/stock", timeout: 1900ms, returns: {left: int}, default: {left: 0}}
steps:
  menu:
    do: [{talk: "For bicycles, press 1."}]
    choices: {bicycles: {dtmf: 1, goto: bicycles}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  bicycles:
    lookup: stock
    do: [{talk: "We have {{ stock.left }} bicycles."}]
    goto: end
"""


class Watched:
    """A webhook server and its console."""

    def __init__(self, server: FastAPI, webhooks: httpx.AsyncClient, console: httpx.AsyncClient) -> None:
        self.server = server
        self.webhooks = webhooks
        self._console = console

    async def page(self) -> str:
        """The text of the page, without markup."""
        reply = await self._console.get("/health")
        assert 200 == reply.status_code, reply.text
        return " ".join(re.sub(r"<[^>]*>", " ", reply.text).split())

    async def severities(self) -> list[str]:
        return re.findall(r'<li class="issue (\w+)"', (await self._console.get("/health")).text)

    async def call(self, leg: str) -> None:
        """A call that uses the lookup."""
        reply = await self.webhooks.post("/webhooks/answer", json=facts(leg))
        await self.webhooks.post(callback(reply.json()), json=facts(leg, **keys("1")))


def settings(project: Path) -> Settings:
    return settings_for(project, insecure=True)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOWS, encoding="utf-8")
    server = create_app(settings(tmp_path), dev=True)
    console = create_console(settings(tmp_path), SERVED, dev=True)
    figures = figures_app(LastHour(server.state.webhooks.metrics.registry))
    mounts = {f"{SERVER}/": httpx.ASGITransport(server), SERVED.figures_url: httpx.ASGITransport(figures)}
    async with (
        server.router.lifespan_context(server),
        httpx.AsyncClient(transport=mounts[f"{SERVER}/"], base_url=SERVER) as webhooks,
        httpx.AsyncClient(mounts=mounts) as reader,
        await logged_in(console) as client,
    ):
        console.state.console.server = ServerReader(SERVED, reader)
        yield Watched(server, webhooks, client)


async def test_a_healthy_server_is_one_reassuring_line(watched: Watched) -> None:
    await watched.webhooks.post("/webhooks/event", json={"status": "ringing", "uuid": "a"})
    page = await watched.page()

    assert "All is well." in page
    assert "No phone number" not in page
    assert "answered 1 request without a signature in the last hour" in page


async def test_a_server_in_development_says_that_no_phone_can_reach_it(watched: Watched) -> None:
    assert "All is well. The server" in (page := await watched.page())
    assert "No phone number reaches it yet" in page


async def test_a_broken_lookup_is_shown_with_its_step_and_a_fix(watched: Watched) -> None:
    for leg in ("a", "b", "c"):
        await watched.call(leg)

    page = await watched.page()

    assert "All is well" not in page
    assert "The lookup stock failed 3 of 3 times in the last hour." in page
    assert "Show flow shop, step bicycles" in page
    assert "The server answered 6 requests without a signature (webhooks)." in page
    assert re.search(
        r"Answers usually take [\d.]+ ms \(p50\); the slowest one in a hundred takes [\d.]+ ms \(p99\)\.", page
    )
    assert "Callers heard the emergency announcement (failsafe): none." in page


async def test_a_server_that_drains_says_so(watched: Watched) -> None:
    watched.server.state.readiness.is_draining = True

    page = await watched.page()

    assert "The server is not taking new calls: the server is shutting down" in page


async def test_recordings_whose_files_are_lost_are_counted(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOWS, encoding="utf-8")
    stored = settings_for(tmp_path, insecure=True, database_url=f"sqlite:///{tmp_path}/calls.db")
    rows = [message() for _ in range(3)]
    RecordingFolder(tmp_path / "calls.db-recordings").put(rows[0].id, b"audio")
    async with open_store(stored.database_url) as store:
        for row in rows:
            await store.recordings.add(row)
    server = create_app(stored, dev=True)
    counted = server.state.webhooks.metrics
    async with server.router.lifespan_context(server), asyncio.timeout(60):
        while 'ncco_recordings{state="lost"} 2.0' not in counted.render().decode():  # noqa: ASYNC110 - seen in the metrics
            await asyncio.sleep(0.02)


async def test_flows_that_are_refused_are_shown_with_their_place(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "flows" / "shop.yaml"
    file.write_text(FLOWS.replace("goto: bicycles", "goto: bicycle"), encoding="utf-8")
    await watched.server.state.webhooks.calls.library.reload()

    page = await watched.page()

    assert "calls continue with the last good ones. flows/shop.yaml:9:" in page


async def test_a_refused_removal_is_an_error_that_names_the_command(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "flows" / "shop.yaml"
    file.write_text(FLOWS.replace("flow: shop", "flow: store"), encoding="utf-8")
    await watched.server.state.webhooks.calls.library.reload()

    page = await watched.page()

    assert ["error"] == await watched.severities()
    assert "calls continue with the last good ones. flows/shop.yaml:1:" in page
    assert "no call can start in flow shop anymore (put it back, or run ncco release to confirm" in page
    assert "not taking new calls" not in page


async def page_of(
    settings: Settings, figures: ServerFigures, shared: str = "", *, flow: str = "", dev: bool = True
) -> str:
    """The page over a server that is ready and reports these figures, without markup except for `code`."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/readyz":
            return httpx.Response(200, json={"reasons": [], "flows": ["shop"], "rejected": [], "loaded_at": None})
        return httpx.Response(200, text=figures.model_dump_json())

    settings.flows.mkdir()
    if shared:
        (settings.flows / "shared.yaml").write_text(shared, encoding="utf-8")
    if shared or flow:
        (settings.flows / "shop.yaml").write_text(flow or FLOWS, encoding="utf-8")
    console = create_console(settings, SERVED, dev=dev)
    console.state.console.server = ServerReader(SERVED, httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    url = BASE_URL if dev else "https://console.example.com"
    async with browser(console, url) as client:
        await log_in(client, PASSWORDS["look"])
        page = (await client.get("/health")).text
    return " ".join(re.sub(r"<(?!/?code>)[^>]*>", "", page).split())


MAILING = FLOWS.replace("start: menu\n", "start: menu\nhooks: {called: {mail: {to: a@example.com, subject: A call}}}\n")
MAILING = MAILING.replace("lookup: stock", "lookup: stock\n    send: called")


@each_case(
    ("dev", "words"),
    [
        (True, "NCCO_SMTP_URL or NCCO_MAIL_FROM is not set, so emails are parked. Set both"),
        (False, "Emails about calls are not sent."),
        (False, "memory:// loses all calls when the server stops. Write NCCO_DATABASE_URL"),
        (False, "VONAGE_SIGNATURE_SECRET"),
    ],
)
async def test_what_the_doctor_finds_without_a_network_is_shown(tmp_path: Path, dev: bool, words: str) -> None:
    url = "" if dev else "https://console.example.com"
    page = await page_of(settings_for(tmp_path, console_url=url), ServerFigures(), flow=MAILING, dev=dev)

    assert words in re.sub("</?code>", "", page)


async def test_in_development_settings_for_real_calls_are_no_problem(tmp_path: Path) -> None:
    assert "All is well." in await page_of(settings_for(tmp_path), ServerFigures(), flow=FLOWS)


def test_every_quick_check_has_words_for_the_owner() -> None:
    quick = {check.name for check in CHECKS if not (check.is_online or check.is_slow or check.group == "server")}

    assert quick - {"secrets"} == health.CHECKED.keys()


async def test_pending_work_is_shown(tmp_path: Path) -> None:
    shown = ServerFigures(hooks={"parked": 1}, recordings={"failed": 2, "lost": 3})
    page = await page_of(settings(tmp_path), shown)

    for words in (
        "1 hook could not be delivered, and the server gave up.",
        "2 recordings could not be fetched from Vonage.",
        "The audio of 3 recordings is lost; only the newest 100 were checked.",
        "<code>ncco recordings retry --lost</code> fetches",
        "<code>ncco hooks</code> says why",
    ):
        assert words in page


@each_case(
    ("backed_up", "due", "words"),
    [
        (-9.2, -2.2, "The last backup is 9 days old."),
        (-1.5, -0.5, "The last backup is 1 day old."),
        (0, -0.1, "This server has never been backed up."),
        (-9.2, 0, "All is well."),
        (-1, 6, "All is well."),
        (0, 6, "All is well."),
    ],
    ids=["late", "daily and late", "never", "elsewhere", "in time", "a new server"],
)
async def test_an_overdue_backup_is_reported(tmp_path: Path, backed_up: float, due: float, words: str) -> None:
    """`backed_up` and `due` are days from now; 0 means never."""
    now = datetime.now(UTC).timestamp()
    last, next_ = (moment and now + 86400 * moment for moment in (backed_up, due))
    page = await page_of(settings(tmp_path), ServerFigures(last_backup=last, backup_due=next_))

    assert words in page
    assert bool(last) == (f"{datetime.fromtimestamp(last, UTC):Last backup%Y-%m-%d %H:%M UTC}" in page)
    assert ("<code>NCCO_BACKUP_DAYS=0</code>" in page) == (words != "All is well.")


@each_case(
    ("tries", "words"),
    [
        ({"failed": 4}, "1 recording is not here yet: 4 attempts failed in the last hour."),
        ({"failed": 4, "kept": 1}, "All is well."),
    ],
)
async def test_a_recording_that_does_not_arrive_is_reported(tmp_path: Path, tries: dict[str, int], words: str) -> None:
    given = {"private_key": private_pem(rsa_key()), "application_id": APPLICATION_ID}
    fetching = settings_for(tmp_path, **given)

    assert words in await page_of(fetching, ServerFigures(recordings={"waiting": 1}, recording_tries=tries))


@each_case(
    ("hours", "words"),
    [(0.9, "All is well."), (3.5, "The job <code>delete-calls</code> has failed, or has not ended, for 3 hours.")],
)
async def test_a_stuck_job_is_reported(tmp_path: Path, hours: float, words: str) -> None:
    since = datetime.now(UTC).timestamp() - 3600 * hours

    assert words in await page_of(settings(tmp_path), ServerFigures(jobs_failing_since={"delete-calls": since}))


async def test_callers_who_were_answered_without_the_database_are_counted(tmp_path: Path) -> None:
    page = await page_of(settings(tmp_path), ServerFigures(unstored={"error": 3, "failsafe": 1}))

    assert "The server answered 4 callers without the database in the last hour" in page
    assert "The error exit of a flow was played 3 times, the emergency announcement (failsafe) 1 times." in page


async def test_a_failing_hook_is_reported_before_it_is_given_up(tmp_path: Path) -> None:
    page = await page_of(settings(tmp_path), ServerFigures(hooks={"waiting": 2}, hook_tries={"failed": 6}))

    assert "2 hooks wait: 6 attempts failed in the last hour." in page


async def test_a_server_that_is_down_is_reported_first(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    console = create_console(settings(tmp_path), Served("http://127.0.0.1:9", ""), dev=True)
    async with await logged_in(console) as client:
        page = (await client.get("/health")).text

    assert "The server on this host is down, and callers hear nothing" in page
    assert "docs/explanation/faults.md" in page
    assert "All is well" not in page


def test_every_linked_page_of_the_documentation_exists() -> None:
    pages = re.findall(r'"((?:how-to|explanation)/[a-z-]+|security)"', Path(health.__file__).read_text("utf-8"))
    assert len(pages) > 9
    assert [] == [page for page in pages if not (REPOSITORY / "docs" / f"{page}.md").is_file()]
