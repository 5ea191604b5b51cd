"""`ncco serve`: what it prints before the first call, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import urllib.request
from pathlib import Path

import pytest

from ncco_server.desk.commands.serve import greeting, project_at_start
from ncco_server.desk.project import LoadedProject, Source
from ncco_server.flow.loader import load
from ncco_server.service.library import Library
from ncco_server.settings import load_settings
from ncco_server.settings.fields import VoiceAccess
from ncco_server.store import SqliteDatabase, Store
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.earlier_version import old_sqlite
from tests.support.fork_server import NCCO
from tests.support.keys import private_pem, rsa_key
from tests.support.server import Server, plain_environment, running_server
from tests.support.terminal import Terminal
from tests.system.cli.projects import SHOP, TYPO, write_project

SECRET = "a signature secret of at least 32 characters"
KEY = private_pem(rsa_key())
FLOWS = load({"flows/shop.yaml": SHOP}).flows.values()
API = {"NCCO_API_PORT": "9", "NCCO_PORT": "0", "NCCO_CONSOLE": "0"}


def asked(server: Server, path: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(f"http://{server.address}{path}", timeout=60) as reply:
        return reply.status, reply.read()


def test_a_closed_log_reader_breaks_no_call(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    reading, writing = os.pipe()

    with running_server(tmp_path, cwd=tmp_path, stdout=writing) as server:
        os.close(writing)
        os.close(reading)
        statuses = [asked(server, f"/webhooks/answer?to=442079460000&uuid={number}")[0] for number in range(3)]
        code = server.stop()

    assert ([200, 200, 200], 0) == (statuses, code)
    assert "Traceback" not in server.printed


def test_flows_saved_with_an_error_affect_no_caller_after_a_restart_and_stop_development(tmp_path: Path) -> None:
    insecure = {"NCCO_INSECURE": "1"}
    write_project(tmp_path, shop=SHOP)
    with running_server(tmp_path, "--port", "0", cwd=tmp_path, env=insecure) as server:
        _, before = asked(server, "/webhooks/answer?to=442079460000&uuid=a")
        server.stop()
    write_project(tmp_path, shop=TYPO)
    with running_server(tmp_path, "--port", "0", cwd=tmp_path, env=insecure) as server:
        _, after = asked(server, "/webhooks/answer?to=442079460000&uuid=b")
        _, ready = asked(server, "/readyz")
        server.stop()
    shown = ncco("serve", "--dev", "--port", "0")

    assert json.loads(before)[0] == json.loads(after)[0]
    assert r"E214  unknown step \"slaes\"" in server.printed
    assert "calls use the flows of 20" in server.printed
    assert '"  shop            442079460000"' in server.printed
    assert {True} == {"event" in json.loads(line) for line in server.lines}
    assert ["flows/shop.yaml:9:30 E214"] == [issue[:25] for issue in json.loads(ready)["rejected"]]
    assert 1 == shown.exit_code
    assert 'flows/shop.yaml:9:30  E214  unknown step "slaes"\n   9 | ' in shown.stderr
    assert "listens on" not in shown.output


async def test_a_server_does_not_wait_for_slow_flow_files_if_it_has_earlier_flows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_readable = threading.Event()
    store = Store(SqliteDatabase(tmp_path / "ncco.db"))
    async with store:
        await Library(store, lambda: load({"flows/shop.yaml": SHOP})).reload()

    def read() -> LoadedProject:
        is_readable.wait()
        return LoadedProject(Source(tmp_path, tmp_path), load({"flows/new.yaml": SHOP}), (), {})

    url = f"sqlite:///{tmp_path}/ncco.db"
    early = await project_at_start(url, read, dev=False, first_read_s=0)
    waiting = asyncio.create_task(project_at_start("memory://", read, dev=False, first_read_s=0))
    is_readable.set()
    late = await waiting

    assert early is not None and ["flows/shop.yaml"] == list(early.texts)
    assert late is not None and ["flows/new.yaml"] == list(late.texts)
    assert "the flows take long to read, so until then, calls use the flows of 20" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "env", "message"),
    [
        (["--dev"], {"NCCO_PORT": "eighty"}, 'NCCO_PORT: "eighty" is not valid\n  fix: Write a whole number'),
        ([], {}, "VONAGE_SIGNATURE_SECRET: is not set, "),
        (["--dev", "--host", "0.0.0.0"], {}, "VONAGE_SIGNATURE_SECRET: is not set, "),  # noqa: S104 - is refused
        (["--dev"], {"NCCO_DATABASE_URL": "mysql://x"}, "NCCO_DATABASE_URL: "),
        (["--dev"], {"NCCO_DATABASE_URL": "sqlite:///not.db"}, "the store cannot be used: "),
        (["--dev", "--flows", "nowhere"], {}, "there is no flow folder at nowhere\n  fix: "),
        (["--dev"], {**API, "NCCO_DATABASE_URL": "memory://"}, "NCCO_API_PORT: the API cannot reach calls"),
        (["--real-calls"], {}, "--real-calls is for --dev\n  fix: leave it out: without --dev, all calls are real"),
        (["--speed", "10"], {"NCCO_INSECURE": "1"}, "--speed would call real people again sooner"),
        (["--dev", "--real-calls", "--speed", "10"], {}, "--speed would call real people again sooner"),
    ],
)
def test_the_reason_that_stops_the_start_is_reported_with_a_fix(
    words: list[str], env: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, shop=SHOP)
    (tmp_path / "not.db").write_bytes(b"this is no database, whatever its name says" * 100)
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    shown = ncco("serve", *words)

    assert 2 == shown.exit_code
    assert f"Error: {message}" in shown.stderr
    assert "\n  fix: " in shown.stderr


def test_the_greeting_says_what_to_enter_at_vonage() -> None:
    settings = load_settings(
        None, public_url="https://calls.northgate.test", signature_secret=SECRET, flows=Path(__file__).parent
    )

    shown = greeting(settings, FLOWS, dev=False)

    assert "  answer    POST  https://calls.northgate.test/webhooks/answer\n" in shown
    assert "  fallback  POST  https://calls.northgate.test/webhooks/fallback\n" in shown
    assert "  event     POST  https://calls.northgate.test/webhooks/event\n" in shown
    assert "  shop            442079460000\n" in shown
    assert shown.endswith("442079460000\n")


def test_a_terminal_shows_how_to_have_a_console(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "8765", "NCCO_INSECURE": "1"}
    terminal = Terminal(tmp_path, plain_environment(tmp_path, **settings), NCCO, "serve", "--log", "json")

    terminal.sees("No console without a password: `ncco console password`")
    terminal.sees("http://127.0.0.1:8765/")
    terminal.close()


def test_the_greeting_says_what_is_missing_for_real_calls() -> None:
    shown = greeting(load_settings(None), FLOWS, dev=True)

    assert "listens on http://127.0.0.1:8000 (development)" in shown
    assert "VONAGE_SIGNATURE_SECRET is not set" in shown
    assert "set NCCO_PUBLIC_URL" in shown
    assert "listens on http://[::1]:8000" in greeting(load_settings(None, host="::1"), FLOWS, dev=True)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///new/calls.db", "Calls are kept in {here}/new/calls.db, a new database."),
        ("memory://", "Calls are kept in the memory of this process, and are lost when it ends."),
    ],
)
def test_the_database_of_calls_is_shown_before_the_first_one(url: str, told: str, tmp_path: Path) -> None:
    project = write_project(tmp_path, shop=SHOP)
    with running_server(tmp_path, cwd=project, env={"NCCO_DATABASE_URL": url}) as server:
        asked(server, "/healthz")

    assert told.format(here=tmp_path.resolve()) in server.printed


@each_case(
    ("dev", "virtual", "key", "says"),
    [
        (True, VoiceAccess("http://127.0.0.1:9", "a", "k"), KEY, "Placed calls ring in the console, and nobody is"),
        (True, None, KEY, "No calls are placed: there is no console"),
        (True, False, KEY, "Placed calls ring real phones, and cost money"),
        (False, False, "", "No calls are placed: set VONAGE_PRIVATE_KEY and VONAGE_APPLICATION_ID"),
        (False, False, KEY, ""),
    ],
)
def test_the_greeting_says_where_placed_calls_ring(
    *, dev: bool, virtual: VoiceAccess | bool | None, key: str, says: str
) -> None:
    flow = SHOP.replace("start:", 'outbound: {from: "442079460000", on: {answered: menu}}\nstart:', 1)
    settings = load_settings(None, private_key=key, application_id="an-application" if key else "")
    if not isinstance(virtual, bool):
        settings = settings.model_copy(update={"has_virtual_vonage": True, "virtual_vonage": virtual})

    shown = greeting(settings, load({"flows/shop.yaml": flow}).flows.values(), dev=dev)

    assert "placed by this server" in shown
    assert says in shown
    assert bool(says) == ("calls are placed" in shown or "Placed calls" in shown)


def test_the_server_reports_that_it_migrated_an_old_database(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    old_sqlite(tmp_path / "ncco.db")

    with running_server(tmp_path, cwd=tmp_path) as server:
        server.stop()

    assert re.search(r"0015.*schema_upgraded", server.printed)
