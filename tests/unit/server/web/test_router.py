"""Calls in another FastAPI application that passes the handlers as objects."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from traceback import format_exception_only
from types import ModuleType
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from ncco_server import create_app, ncco_router
from ncco_server.errors import AppError, SettingsError
from ncco_server.settings import load_settings
from tests.support.cases import each_case
from tests.support.server import free_port
from tests.support.webhooks import callback, running_app
from tests.unit.server.web.fake_calls import settings_with

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
PHONE = """
from ncco_server import Call, Choice, call_flow

TEAMS = {"kitchen": ["447700900111"]}


@call_flow(default=True)
async def phone(call: Call) -> None:
    choice = await call.choose("Press 1 or 2.", {"kitchen": Choice(1), "caller": Choice(2)})
    await call.connect(TEAMS["kitchen"][0] if choice == "kitchen" else call.from_[:-1] + "9")
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules can be imported and are unloaded afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def imported(home: Path, name: str, code: str) -> ModuleType:
    """A module of the program, written or rewritten."""
    path = home.joinpath(*name.split(".")).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(code))
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    module = importlib.import_module(name)
    sys.dont_write_bytecode = before
    return module


def program(home: Path, *handlers: Any, prefix: str = "", **values: Any) -> FastAPI:
    """A program with its own route, and calls. Its flows folder is in `home`."""
    values = {"database_url": f"sqlite:///{home}/calls.db"} | values
    settings = settings_with(flows=home / "flows", templates=home / "templates", **values)
    app = FastAPI()
    app.include_router(ncco_router(*handlers, settings=settings, dev=True), prefix=prefix)
    app.add_api_route("/hello", lambda: "hello")
    return app


async def pressed(client: httpx.AsyncClient, ncco: Any, digits: str) -> Any:
    return (await client.post(callback(ncco), json=CALL | {"dtmf": {"digits": digits}})).json()


@each_case("prefix", ["", "/voice", "/webhooks/voice"])
async def test_a_program_serves_calls_beside_its_own_routes(home: Path, prefix: str) -> None:
    async with running_app(
        program(home, imported(home, "phone", PHONE).phone, prefix=prefix, database_url="memory://")
    ) as client:
        menu = (await client.post(f"{prefix}/webhooks/answer", json=CALL)).json()
        ready = (await client.get(f"{prefix}/readyz")).json()
        paths = (await client.get("/openapi.json")).json()["paths"]
        hello = (await client.get("/hello")).json()
        dialled = await pressed(client, menu, "1")

    assert "Press 1 or 2." == menu[0]["text"]
    assert callback(menu).startswith(f"http://127.0.0.1:8000{prefix}/webhooks/input/")
    assert ["phone"] == ready["flows"]
    assert ("hello", ["/hello"]) == (hello, list(paths))
    assert "447700900111" == dialled[0]["endpoint"][0]["number"]


NOTED = """
from ncco_server import Call, call_flow

HEARD = []

@call_flow(default=True)
async def phone(call: Call) -> None:
    HEARD.append(call.uuid)
    await call.talk("Hello.")
"""


async def test_a_handler_is_the_one_of_the_program_although_its_file_is_listed_for_commands(home: Path) -> None:
    module = imported(home, "flows.phone", NOTED)
    async with running_app(program(home, module.phone, python_flows=("phone.py",), database_url="memory://")) as client:
        await client.post("/webhooks/answer", json=CALL)

    assert ["leg-1"] == module.HEARD


REQUESTS = (
    ("POST", "/webhooks/answer", b"x" * 300_000),
    ("POST", "/webhooks/answer", b""),
    ("POST", "/webhooks/answer", b'{"uuid": "leg-1"}'),
    ("POST", "/webhooks//answer/", b"to=442079460000&uuid=leg-2"),
    ("GET", "/webhooks/answer?uuid=leg-3", b""),
    ("HEAD", "/webhooks/answer?uuid=leg-3", b""),
    ("PUT", "/webhooks/answer", b""),
    ("POST", "/webhooks/input/AAEA", b"{}"),
    ("GET", "/webhooks/nothing", b""),
)


@pytest.mark.parametrize("signed", [False, True])
async def test_a_request_gets_the_same_reply_as_from_the_server(home: Path, signed: bool) -> None:
    secret: dict[str, Any] = {"signature_secret": SecretStr("a" * 32)} if signed else {}
    handler = imported(home, "flows.phone", PHONE).phone
    settings = settings_with(flows=home / "flows", templates=home, python_flows=("phone.py",), **secret)
    replies = []
    for app in (create_app(settings, dev=True), program(home, handler, database_url="memory://", **secret)):
        async with running_app(app) as client:
            found = [await client.request(method, path, content=content) for method, path, content in REQUESTS]
            replies.append([(each.status_code, each.headers.get("content-type"), len(each.content)) for each in found])

    assert replies[0] == replies[1]


async def test_flow_files_of_the_folder_belong_to_the_handler_and_are_reloaded(home: Path) -> None:
    (home / "flows").mkdir()
    flow = (
        "flow: closed\nparams: {why: text}\nstart: a\nsteps:\n  a: {do: [talk: 'We are closed. {{ why }}'], goto: end}"
    )
    (home / "flows" / "closed.yaml").write_text(flow)
    code = """
        from ncco_server import Call, call_flow

        @call_flow(default=True)
        async def phone(call: Call) -> None:
            await call.goto("closed", why="It is Monday.")
    """
    async with running_app(program(home, imported(home, "phone", code).phone, reload=True)) as client:
        before = (await client.post("/webhooks/answer", json=CALL)).json()
        (home / "flows" / "closed.yaml").write_text(flow.replace("We are", "Sorry, we are"))
        after = before
        async with asyncio.timeout(60):
            while after == before:
                await asyncio.sleep(0.05)
                after = (await client.post("/webhooks/answer", json=CALL | {"uuid": uuid4().hex})).json()

    assert "We are closed. It is Monday." == before[0]["text"]
    assert "Sorry, we are closed. It is Monday." == after[0]["text"]


SHOP = """
    from fastapi import FastAPI

    from ncco_server import Call, Choice, call_flow, ncco_router
    {imports}

    @call_flow(default=True)
    async def phone(call: Call) -> None:
        await call.choose("{first}", {{"one": Choice(1)}}, tries=1)
        await call.talk("{second}" + await call.run(opening))

    app = FastAPI()
    app.include_router(ncco_router(phone, dev=True))
"""


@pytest.mark.parametrize(
    ("first", "said"), [("Press 1.", "See you soon. At ten."), ("Press one.", "We are sorry, we cannot take your call")]
)
async def test_calls_in_progress_go_on_with_the_deployed_code_or_by_its_error_exit(
    home: Path, monkeypatch: pytest.MonkeyPatch, first: str, said: str
) -> None:
    began = SHOP.format(imports="from .times import opening", first="Press 1.", second="See you.")
    deployed = SHOP.format(imports="from .times import renamed as opening", first=first, second="See you soon.")
    monkeypatch.setenv("NCCO_DATABASE_URL", "memory://")
    imported(home, "kiosk.times", "def opening() -> str:\n    return ' At nine.'\n")
    async with running_app(program(home, imported(home, "kiosk.phone", began).phone)) as client:
        asked = (await client.post("/webhooks/answer", json=CALL)).json()
    imported(home, "kiosk.times", "def renamed() -> str:\n    return ' At ten.'\n")
    now = imported(home, "kiosk.phone", deployed)
    async with running_app(program(home, now.phone)) as client:
        goes_on = await pressed(client, asked, "1")

    assert goes_on[0]["text"].startswith(said)


async def test_without_its_lifespan_a_program_says_what_is_missing(home: Path) -> None:
    app = program(home, imported(home, "phone", PHONE).phone)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        reply = await client.post("/webhooks/answer", json=CALL)

    assert 503 == reply.status_code
    assert "with TestClient(app, client=" in reply.json()["fix"]


def test_without_a_secret_the_traceback_says_what_to_set(home: Path) -> None:
    phone = imported(home, "phone", PHONE).phone
    with pytest.raises(SettingsError) as caught:
        ncco_router(phone, settings=load_settings(None, metrics_port=8000))

    shown = "".join(format_exception_only(caught.value))
    assert "fix: Set VONAGE_SIGNATURE_SECRET and NCCO_PUBLIC_URL, or pass dev=True" in shown
    assert "NCCO_PUBLIC_URL: is not set" in shown
    assert "127.0.0.1:" not in shown
    assert "ncco serve" not in shown
    assert "NCCO_METRICS_PORT" not in shown


async def test_a_program_with_errors_in_its_flows_does_not_start(home: Path) -> None:
    module = imported(home, "phone", PHONE)
    (home / "flows").mkdir()
    (home / "flows" / "unlisted.py").write_text(PHONE.replace("phone", "unlisted"))
    with pytest.raises(AppError, match=r"flows/unlisted\.py:1:1 E702 .*NCCO_PYTHON_FLOWS"):
        async with running_app(program(home, module.phone)):
            pass


@each_case("files", [{}, {"closed.yaml": "flow: closed\nstart: a\nsteps: {}"}])
async def test_a_program_without_handlers_needs_a_flow_file_without_errors(home: Path, files: dict[str, str]) -> None:
    (home / "flows").mkdir(exist_ok=True)
    for name, text in files.items():
        (home / "flows" / name).write_text(text)
    with pytest.raises(AppError, match="no call can be played"):
        async with running_app(program(home)):
            pass


async def test_a_program_needs_no_flow_file(home: Path) -> None:
    (home / "flows").mkdir()
    async with running_app(program(home, imported(home, "phone", PHONE).phone)) as client:
        ready = await client.get("/readyz")

    assert 200 == ready.status_code


async def test_a_program_starts_before_its_database(home: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    app = program(home, imported(home, "phone", PHONE).phone, database_url=url, key=SecretStr("k" * 32))
    async with running_app(app) as client:
        ready = await client.get("/readyz")
        hello = (await client.get("/hello")).json()

    assert (503, "hello") == (ready.status_code, hello)


TWO = """
    from ncco_server import Call, call_flow

    RUNS = []
    RUNS.append(1)

    @call_flow(numbers=["442079460000"])
    async def shop(call: Call):
        await call.talk("The shop.")
        await call.goto("office")

    @call_flow(numbers=["442079460001"])
    async def office(call: Call):
        await call.talk("The office.")
"""


async def test_two_handlers_may_share_a_file_whose_code_is_not_run_again(home: Path) -> None:
    module = imported(home, "phones", TWO)
    answers = []
    async with running_app(program(home, module.shop, module.office)) as client:
        for to in ("442079460000", "442079460001"):
            call = {**CALL, "to": to, "uuid": to}
            answers.append([each.get("text") for each in (await client.post("/webhooks/answer", json=call)).json()])

    assert [["The shop.", "The office."], ["The office."]] == answers
    assert [1] == module.RUNS


def test_a_handler_without_a_file_is_refused() -> None:
    found: dict[str, Any] = {"__name__": "typed_in"}
    exec(PHONE, found)  # noqa: S102 - as at the prompt of Python
    with pytest.raises(ValueError, match='"phone" has no file'):
        ncco_router(found["phone"], settings=settings_with(), dev=True)


async def test_the_log_goes_to_the_logger_of_the_package(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ncco_server"):
        async with running_app(program(home, imported(home, "phone", PHONE).phone)) as client:
            await client.post("/webhooks/answer", json=CALL)

    assert [line for line in caplog.messages if line.startswith("event='webhook'") and "flow='phone'" in line]


RAISING = """
import asyncio
from dataclasses import dataclass
from datetime import date
from ncco_server import Call, call_flow

tasks = set()

@dataclass
class Order:
    day: date

def find() -> None:
    raise ValueError("no such PIN 9431")

def misfit() -> Order:
    return Order("9431")

@call_flow(default=True)
async def phone(call: Call) -> None:
    {code}
"""
RAISED = {
    "a function": ("await call.run(find)", "a function raised an exception", "ValueError"),
    "a handler": ("find()", "a handler raised an exception", "ValueError"),
    "a result that does not fit": ("await call.run(misfit)", "a handler raised an exception", "RunFailed"),
}


@pytest.mark.parametrize("raised", RAISED)
async def test_an_exception_in_a_program_is_logged_without_its_message(
    raised: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, event, error = RAISED[raised]
    phone = imported(home, "phone", RAISING.replace("{code}", code)).phone
    async with running_app(program(home, phone, database_url="memory://")) as client:
        await client.post("/webhooks/answer", json=CALL)
        gc.collect()

    (logged,) = [text for text in caplog.text.split("ERROR ") if event in text]
    assert (True, False) == (error in logged.splitlines(), "9431" in caplog.text)


FAILING = {
    "an exception": ("find()", "main.py:14:1: the handler raised ValueError"),
    "a method without await": ('call.talk("Hello.")', "the handler has called a method of its call without `await`"),
    "an endless loop": ('while True: await call.talk("Hello.")', "the handler ran too long without a wait"),
}


@each_case(("code", "problem"), FAILING.values(), ids=FAILING)
async def test_a_handler_that_fails_before_it_waits_says_why(home: Path, code: str, problem: str) -> None:
    phone = imported(home, "main", RAISING.replace("{code}", code)).phone
    async with running_app(program(home, phone, database_url="memory://")) as client:
        reply = await client.post("/webhooks/answer", json=CALL)

    assert problem in reply.headers["ncco-problem"]


STRANGERS: dict[str, dict[str, Any]] = {
    "another machine": {"peer": "192.0.2.7"},
    "another machine by IPv6": {"peer": "2001:db8::7"},
    "a proxy on this machine": {"headers": {"X-Forwarded-For": "127.0.0.1"}},
    "a proxy with the standard header": {"headers": {"Forwarded": "for=127.0.0.1"}},
    "a tunnel": {"headers": {"Ngrok-Trace-Id": "1"}},
    "a Unix socket": {"peer": None},
    "a name in place of an address": {"peer": "testclient"},
}
NEIGHBOURS: dict[str, dict[str, Any]] = {
    "IPv4": {},
    "another loopback address": {"peer": "127.9.9.9"},
    "IPv6": {"peer": "::1"},
    "a socket for both": {"peer": "::ffff:127.0.0.1"},
}


async def unsigned(app: FastAPI, peer: str | None = "127.0.0.1", **more: Any) -> httpx.Response:
    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": None if peer is None else (peer, 40000)}, receive, send)

    client = httpx.AsyncClient(transport=httpx.ASGITransport(serve), base_url="http://127.0.0.1:8000")
    async with app.router.lifespan_context(app), client:
        return await client.post("/webhooks/answer", json={"to": "1", "uuid": "leg-1"}, **more)


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_in_development_unsigned_webhooks_come_only_from_this_machine(stranger: str, home: Path) -> None:
    phone = imported(home, "phone", PHONE).phone
    reply = await unsigned(program(home, phone), **STRANGERS[stranger])

    assert (503, "unsigned") == (reply.status_code, reply.headers["ncco-failure"])
    assert "Set VONAGE_SIGNATURE_SECRET" in reply.json()["fix"]
    assert 200 == (await unsigned(program(home, phone, insecure=True), **STRANGERS[stranger])).status_code


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
async def test_in_development_this_machine_needs_no_signature(neighbour: str, home: Path) -> None:
    assert (
        200
        == (await unsigned(program(home, imported(home, "phone", PHONE).phone), **NEIGHBOURS[neighbour])).status_code
    )
