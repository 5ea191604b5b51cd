"""Calls in Python on a real server that is killed between two lines of the handler, on both databases."""

from __future__ import annotations

import shutil
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support import loopback
from tests.support.command import ncco
from tests.support.postgres_stores import empty_database
from tests.support.server import Server, running_server
from tests.support.waiting import happens
from tests.support.webhooks import callback, facts, keys

ROOT = Path(__file__).resolve().parents[4]
CALLER = facts("leg", to="442079460150")
DATABASES = ["sqlite", "postgres"]


def post(url: str, fields: dict[str, Any]) -> httpx.Response:
    return loopback.post(url, json=fields, timeout=30)


def at(server: Server, answer: httpx.Response, kind: str) -> str:
    """The callback URL of a kind, at the server's current address."""
    return server.url + httpx.URL(callback(answer.json(), kind)).path


def said(answer: httpx.Response) -> list[str]:
    return [action["text"] for action in answer.json() if action["action"] == "talk"]


def press(server: Server, answer: httpx.Response, digits: str) -> httpx.Response:
    return post(at(server, answer, "input"), {**keys(digits), "uuid": "leg"})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "examples/pizza", folder)
    return folder


@pytest.mark.parametrize("kind", DATABASES)
def test_a_handler_continues_after_kill_9_with_the_version_that_the_call_started_with(
    tmp_path: Path, project: Path, kind: str
) -> None:
    database = f"sqlite:///{tmp_path}/calls.db" if kind == "sqlite" else empty_database()
    settings = {"NCCO_PYTHON_FLOWS": "pizza.py", "NCCO_DATABASE_URL": database, "NCCO_KEY": "k" * 40}
    handler = project / "flows/pizza.py"
    with running_server(tmp_path, cwd=project, env=settings) as server:
        answer = post(f"http://{server.address}/webhooks/answer", CALLER)
        assert "Welcome to Luigi's." == said(answer)[0]
        asked = press(server, answer, "2")
        assert "Please enter the five digits of your order." == said(asked)[0]
        server.end()

    handler.write_text(handler.read_text().replace("It takes", "It will take"))
    with running_server(tmp_path, cwd=project, env=settings) as server:
        told = press(server, asked, "12345")
        assert "Your order is in the oven. It takes 20 more minutes." == said(told)[0]
        assert told.content == press(server, asked, "12345").content
        server.end()

    with running_server(tmp_path, cwd=project, env=settings) as server:
        busy = post(at(server, told, "event"), {"status": "busy", "uuid": "kitchen", "direction": "outbound"})
        assert said(busy)[0].startswith("The kitchen is busy.")
        new = press(server, post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "new"}), "2")
        assert "Your order is in the oven. It will take 20 more minutes." == said(press(server, new, "12345"))[0]
    replayed = ncco("replay", "new", cwd=project, env=settings)
    assert (0, 3) == (replayed.exit_code, replayed.stdout.count("the same bytes")), replayed.output


def test_a_handler_that_is_broken_or_deleted_stays_in_use(tmp_path: Path, project: Path) -> None:
    path = project / "flows/pizza.py"
    text = path.read_text().replace("@call_flow(", "@call_flow(entry=True, ")  # example numbers alone may go
    path.write_text(text)
    broken = {
        "half-written": (text[: text.index("choice = ") + 9], "this is not Python"),
        "empty": ("", "no function of this file is decorated"),
        "raises": (f"{text}\nraise OSError('no till')\n", "this line raised OSError: no till"),
        "exits": (f"import sys\nsys.exit(1)\n{text}", "this line raised SystemExit: 1"),
    }
    settings = {"NCCO_PYTHON_FLOWS": "pizza.py", "NCCO_LOG": "pretty"}
    legs = count()
    with running_server(tmp_path, cwd=project, env=settings) as server:

        def answered() -> list[str]:
            leg = {"uuid": f"leg-{next(legs)}"}
            return said(post(f"http://{server.address}/webhooks/answer", {**CALLER, **leg}))

        before = post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "before"})
        for name, (saved, words) in broken.items():
            path.write_text(saved)
            assert happens(partial(_has_printed, server, words)), name
            assert "Welcome to Luigi's." == answered()[0], name
        path.unlink()
        assert happens(partial(_has_printed, server, "removal refused"))
        assert "W707" in server.printed
        assert "Welcome to Luigi's." == answered()[0]
        assert "Please enter the five digits of your order." == said(press(server, before, "2"))[0]
        path.write_text(text.replace("Welcome to", "Hello from"))
        assert happens(lambda: "Hello from Luigi's." in answered())


def _has_printed(server: Server, words: str) -> bool:
    return words in server.printed


def test_a_server_starts_with_the_last_handler_while_the_one_on_disk_is_broken(tmp_path: Path, project: Path) -> None:
    settings = {"NCCO_PYTHON_FLOWS": "pizza.py", "NCCO_INSECURE": "1", "NCCO_PUBLIC_URL": "https://calls.example.com"}
    with running_server(tmp_path, "--log", "pretty", cwd=project, env=settings) as server:
        answer = post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "before"})
    path = project / "flows/pizza.py"
    path.write_text(path.read_text().replace("await call.talk", "await call.tolk", 1) + "\ndef (")
    with running_server(tmp_path, "--log", "pretty", cwd=project, env=settings) as server:
        again = post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "after"})
        assert "Please enter the five digits of your order." == said(press(server, answer, "2"))[0]
    assert said(answer) == said(again)
    assert "the flows have errors, so calls use the flows of 20" in server.printed


LOOPS: Final = """
from ncco_server import Call, call_flow

@call_flow(default=True, on_error="sorry")
async def shop(call: Call) -> None:
    await call.talk("Hello.")
    while call.from_ == "447700900666":
        LOOP
"""
SORRY: Final = "flow: sorry\nstart: say\nsteps:\n  say: {do: [talk: Something went wrong.], goto: end}\n"
OPEN: Final = {"NCCO_PYTHON_FLOWS": "shop.py", "NCCO_INSECURE": "1", "NCCO_PUBLIC_URL": "https://calls.example.com"}
LOOPING: Final = {**CALLER, "from": "447700900666"}


def looping(tmp_path: Path, loop: str) -> Path:
    folder = tmp_path / "loops"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows/shop.py").write_text(LOOPS.replace("LOOP", loop))
    (folder / "flows/sorry.yaml").write_text(SORRY)
    return folder


def test_a_handler_without_an_end_costs_its_own_caller_only(tmp_path: Path) -> None:
    folder = looping(tmp_path, "pass")
    with running_server(tmp_path, "--log", "pretty", cwd=folder, env=OPEN) as server:
        assert ["Something went wrong."] == said(post(f"http://{server.address}/webhooks/answer", LOOPING))
        assert ["Hello."] == said(post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "other"}))


def test_a_handler_that_swallows_its_alarm_ends_the_process_which_then_answers_again(tmp_path: Path) -> None:
    folder = looping(tmp_path, "try:\n            sum(range(1000))\n        except BaseException:\n            pass")
    with running_server(tmp_path, "--log", "pretty", cwd=folder, env=OPEN) as server:
        with pytest.raises(httpx.HTTPError):
            post(f"http://{server.address}/webhooks/answer", LOOPING)
        assert 1 == server.process.wait(timeout=60)
    assert 'flows/shop.py", line' in server.printed
    with running_server(tmp_path, "--log", "pretty", cwd=folder, env=OPEN) as server:
        assert ["Hello."] == said(post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": "other"}))
