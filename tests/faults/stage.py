"""The whole application in this process, with a file, an office and callers; what a webhook is answered is judged.

It is loaded after `make_breakable`, and nothing else of the project's rooms is.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import orjson
from fastapi import FastAPI

from app.ncco import check
from app.settings import Settings, load_settings
from app.web import create_app
from app.web.log import configure_log
from tests.faults.office import Office
from tests.faults.served import PROJECT

DEADLINE_S: Final = 4.0
"""As in production; the stages on which something is broken have a shorter one."""
GRACE_S: Final = 1.0
"""What a busy machine takes to answer after its deadline."""
PATIENCE_S: Final = 2.0
"""How long after that to wait for an answer that does not come."""
READY_S: Final = 60.0
NOTICED_S: Final = 0.05
"""In which an event loop has seen that a connection is gone."""
END_OTHERS: Final = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
CALLER: Final = {"to": "442079460000", "from": "447700900123"}


class Request(NamedTuple):
    """A webhook."""

    method: str
    path: str
    fields: dict[str, Any]


class Said(NamedTuple):
    """What came back; status 0 when nothing did."""

    status: int
    body: bytes
    error: str = ""


class Heard(NamedTuple):
    """What came back; status 0 when nothing did.

    Attributes:
        error: what the application raised, "" when nothing.
        is_late: whether it came when nobody waited for it any more.
    """

    status: int
    body: bytes
    seconds: float
    error: str = ""
    is_late: bool = False


@dataclass
class Stage:
    """One server that runs.

    Attributes:
        folder: of its own. database: the URL of its database.
        older: how many other revisions of the flows have had a call there.
        sign: makes the signature of a body; None: nothing is signed.
        company: webhooks of other calls that are sent at the same moment as the next one, and before it.
    """

    app: FastAPI
    office: Office
    folder: Path
    database: str
    deadline_s: float
    older: int = 0
    sign: Callable[[bytes], str] | None = None
    company: list[Request] = field(default_factory=list)
    ncco: list[dict[str, Any]] = field(default_factory=list)
    leg: str = ""

    async def ask(self, request: Request) -> Heard:
        """Send a webhook, and what keeps it company; what comes back of that one."""
        company, self.company = self.company, []
        *_, heard = await asyncio.gather(*(self._ask(each) for each in (*company, request)))
        return heard

    async def _ask(self, request: Request) -> Heard:
        """Send a webhook; one to which nothing comes back in time is given up."""
        begun = time.perf_counter()
        task = asyncio.ensure_future(self._call(request))
        await asyncio.wait({task}, timeout=self.deadline_s + GRACE_S + PATIENCE_S)
        seconds = time.perf_counter() - begun
        error = await _end_of(task)
        said = Said(0, b"", error) if error else task.result()
        return Heard(said.status, said.body, seconds, said.error, seconds > self.deadline_s + GRACE_S)

    async def _call(self, request: Request) -> Said:
        """Send a webhook as the server under the application does."""
        method, path, fields = request
        body = orjson.dumps(fields) if method == "POST" else b""
        query = urlencode(fields).encode() if method == "GET" else b""
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"},
            **{"path": path, "raw_path": path.encode(), "query_string": query, "root_path": "", "state": {}},
            **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "headers": self._headers(body)},
        }
        sent: list[dict[str, Any]] = []
        inbox = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Mapping[str, Any]:
            return inbox.pop() if inbox else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        error = ""
        try:
            await self.app(scope, receive, send)  # type: ignore[arg-type]  # messages are maps
        except (Exception, asyncio.CancelledError) as failed:  # noqa: BLE001 - it may have replied before
            error = repr(failed)
        is_whole = len(sent) == 2 and not sent[1].get("more_body")
        return Said(sent[0]["status"], sent[1]["body"], error) if is_whole else Said(0, b"", error)

    def _headers(self, body: bytes) -> list[tuple[bytes, bytes]]:
        return [(b"host", b"calls.example.com"), (b"content-type", b"application/json"), *self._signed(body)]

    def _signed(self, body: bytes) -> list[tuple[bytes, bytes]]:
        return [] if self.sign is None else [(b"authorization", self.sign(body).encode())]

    async def lose_connections(self) -> None:
        """What a restart of PostgreSQL does to those who hold a connection, told to each."""
        own = await asyncpg.connect(self.database)
        await own.execute(END_OTHERS)
        await own.close()
        await asyncio.sleep(NOTICED_S)

    async def played(self, request: Request) -> None:
        """A webhook of a call on its way. Raises AssertionError when it is not answered."""
        heard = await self.ask(request)
        assert heard.status == 200, (request, heard)
        self.ncco = orjson.loads(heard.body) if heard.body else self.ncco

    async def ring(self) -> None:
        """A new call."""
        self.leg = uuid4().hex
        await self.played(self.answer())

    async def ring_before(self) -> None:
        """A new call that began at a server with other flows, which only the store has kept."""
        self.older += 1
        flows = self.folder / f"older-{self.older}" / "flows"
        shutil.copytree(PROJECT, flows.parent)
        text = (flows / "house.yaml").read_text().replace("Welcome", f"Welcome {self.older}")
        (flows / "house.yaml").write_text(text)
        async with application(self.folder, self.office, flows, self.database, self.deadline_s) as app:
            before = Stage(app, self.office, self.folder, self.database, self.deadline_s)
            await before.ring()
        self.leg, self.ncco = before.leg, before.ncco

    def answer(self) -> Request:
        """The answer webhook of the call."""
        return Request("POST", "/webhooks/answer", self.facts())

    def press(self, digits: str) -> Request:
        """The caller presses."""
        return Request("POST", self.url("input"), {**self.facts(), "dtmf": {"digits": digits, "timed_out": False}})

    def event(self, status: str) -> Request:
        """An event of the dialled leg."""
        fields = {**self.facts(), "uuid": f"{self.leg}-b", "status": status, "direction": "outbound"}
        return Request("POST", self.url("event"), fields)

    def facts(self) -> dict[str, Any]:
        """What most webhooks carry."""
        return {**CALLER, "uuid": self.leg, "conversation_uuid": f"CON-{self.leg}"}

    def url(self, kind: str) -> str:
        """The path of the last callback URL of a kind."""
        urls = [url for action in self.ncco for url in action.get("eventUrl", ())]
        return f"/webhooks/{[url for url in urls if f'/{kind}/' in url][-1].partition('/webhooks/')[2]}"

    def on_answer(self) -> Request:
        """The party that was dialled asks what it hears."""
        connect = next(action for action in self.ncco if action["action"] == "connect")
        url: str = connect["endpoint"][0]["onAnswer"]["url"]
        return Request("GET", url.partition("https://calls.example.com")[2], {**CALLER, "uuid": f"{self.leg}-b"})

    def fallback(self, request: Request, reason: str = "Socket timeout.") -> Request:
        """The fallback webhook for one that failed."""
        kind = "answer" if request.path == "/webhooks/answer" else "event"
        original = {"url": f"https://calls.example.com{request.path}", "type": kind}
        fields = {**self.facts(), **request.fields, "reason": reason, "original_request": original}
        return Request("POST", "/webhooks/fallback", fields)


async def _end_of(task: asyncio.Future[Any]) -> str:
    """How a request ended inside of the application; one that never does is given up."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        return "it never ended"
    if task.cancelled():
        return "CancelledError"
    return repr(task.exception()) if task.exception() is not None else ""


def ncco_problem(heard: Heard) -> str:
    """Why it is no NCCO that can be played, "" when it is one."""
    if heard.status != 200:
        return f"status {heard.status} ({heard.error or heard.body[:200]!r})"
    try:
        ncco = orjson.loads(heard.body)
    except orjson.JSONDecodeError:
        return f"no JSON: {heard.body[:200]!r}"
    if not isinstance(ncco, list) or not ncco:
        return f"no NCCO: {heard.body[:200]!r}"
    wrong = [issue.message for issue in check(ncco) if issue.severity == "error"]
    return f"a wrong NCCO: {wrong[0]}" if wrong else ""


def refusal_problem(heard: Heard) -> str:
    """Why it is no refusal that was meant, "" when it is one: with what is wrong and its cure.

    503: ask again. 408: what was to be read did not come.
    """
    if heard.status not in (408, 503):
        return f"status {heard.status} ({heard.error or heard.body[:200]!r})"
    with suppress(orjson.JSONDecodeError):
        if {"error", "cure"} == orjson.loads(heard.body).keys():
            return ""
    return f"a refusal that says nothing: {heard.body[:200]!r}"


@asynccontextmanager
async def on_stage(folder: Path, database: str, deadline_s: float) -> AsyncIterator[Stage]:
    """The application on a database, and an office that it asks by name."""
    async with Office() as office, application(folder, office, PROJECT / "flows", database, deadline_s) as app:
        yield Stage(app, office, folder, database, deadline_s)


@asynccontextmanager
async def application(
    folder: Path,
    office: Office,
    flows: Path,
    database: str,
    deadline_s: float,
    *,
    secret: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[FastAPI]:
    """The application, open. With a `secret` it checks signatures."""
    settings = settings_of(folder, office, flows, database, secret)
    configure_log(settings, io.TextIOWrapper(io.BytesIO()))
    app = create_app(settings, deadline_s=deadline_s, clock=clock)
    async with app.router.lifespan_context(app):
        await _ready(Stage(app, office, folder, database, deadline_s))
        yield app


async def _ready(stage: Stage) -> None:
    """A server takes webhooks before its store is open, and on a busy machine that takes longer than it waits for."""
    async with asyncio.timeout(READY_S):
        while (await stage.ask(Request("GET", "/readyz", {}))).status != 200:  # noqa: ASYNC110 - of other tasks
            await asyncio.sleep(0.05)


def settings_of(folder: Path, office: Office, flows: Path, database: str, secret: str = "") -> Settings:
    """Settings for a server whose flows ask `office`, by a name that has to be looked up."""
    env_file = folder / "env"
    env_file.write_text(f"FLOW_OFFICE=http://localhost:{office.port}\n")
    return load_settings(
        env_file,
        public_url="https://calls.example.com",
        insecure=not secret,
        signature_secret=secret,
        flows=flows,
        templates=flows.parent / "templates",
        database_url=database,
        key="invented-key-of-the-stage-for-tests-only",
        dial_allow="44",
        log="json",
        reload=False,
    )
