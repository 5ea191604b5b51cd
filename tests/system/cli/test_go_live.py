"""`ncco go-live` in a terminal: from an empty `.env` to a live number, and Ctrl-C at each question."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tests.support.application_api import APPLICATION_ID, ApplicationApi, application, fake_application_api
from tests.support.command import ncco
from tests.support.fork_server import NCCO
from tests.support.keys import private_pem, public_pem, rsa_key
from tests.support.server import Server, free_port, plain_environment, write_files
from tests.support.terminal import Terminal
from tests.support.webhooks import facts, signed_status

SECRET = "an-invented-signature-$ecret-of-32-characters"
API_SECRET = "an-invented-api-secret"
NUMBER = "442079460000"
FLOW = """\
flow: shop
default: true
start: hello
steps:
  hello: {do: [{talk: "Hello from the shop."}], goto: end}
"""
HANDLER = """\
from ncco_server import Call, call_flow

@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.talk("Hello from the shop.")
"""
PROJECTS = {
    "a flow file": {"flows/shop.yaml": FLOW},
    "a template": {"templates/shop.json.j2": f'{{# line: {NUMBER} #}}\n[{{"action": "talk", "text": "Hello."}}]'},
    "a Python file": {"main.py": HANDLER, ".env": "NCCO_FLOWS=main.py\n"},
}


class Screen(Terminal):
    """The command in a terminal."""

    def type(self, line: str) -> None:
        self.send(f"{line}\n")

    def interrupt(self) -> int:
        """Press Ctrl-C until the program ends (readline loses a signal while it starts). Returns the exit code."""
        while self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        return self.ends()


class Shop:
    """A project without settings, and the URL that its server will have."""

    def __init__(self, home: Path, api: ApplicationApi, files: dict[str, str]) -> None:
        self.screens: list[Screen] = []
        self.home = home
        self.api = api
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        write_files(home, files)
        key = rsa_key()
        (home / "private.key").write_text(private_pem(key), encoding="ascii")
        (home / "private.key").chmod(0o600)
        old = "https://old.example.com"
        api.body = json.dumps(application(old, keys={"public_key": public_pem(key)})).encode()
        api.numbers = json.dumps({"count": 1, "numbers": [{"msisdn": NUMBER}]}).encode()
        ports = {"NCCO_PORT": str(self.port), "NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": str(free_port())}
        self.env = plain_environment(home, NCCO_VONAGE_API_URL=api.url, **ports)

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Each question, and what the user types."""
        return [
            ("NCCO_PUBLIC_URL: ", self.url),
            ("VONAGE_SIGNATURE_SECRET: ", SECRET),
            ("VONAGE_APPLICATION_ID: ", APPLICATION_ID),
            ("VONAGE_API_KEY: ", "k1"),
            ("VONAGE_PRIVATE_KEY: ", "private.key"),
        ]

    def go_live(self) -> Screen:
        self.screens.append(Screen(self.home, self.env, NCCO, "go-live", has_own_session=True))
        return self.screens[-1]

    def settings(self) -> dict[str, str | None]:
        return dotenv_values(self.home / ".env")

    def serving(self) -> Server:
        """`ncco serve` as the page says, with the settings in `.env`."""
        return Server(self.home, self.env, defaults={})

    def post(self, name: str, **fields: Any) -> int:
        """Send a signed webhook. Returns the status of the response."""
        ids = {"api_key": "k1", "application_id": APPLICATION_ID, "jti": name}
        return signed_status(self.url, SECRET, facts(to=NUMBER, **fields), name, **ids)


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with fake_application_api() as api:
        shop = Shop(tmp_path, api, getattr(request, "param", PROJECTS["a flow file"]))
        yield shop
        for screen in shop.screens:
            screen.close()


@pytest.mark.parametrize("shop", PROJECTS.values(), ids=PROJECTS, indirect=True)
def test_go_live_works_until_the_number_is_live(shop: Shop) -> None:
    screen = shop.go_live()
    for question, answer in shop.answers:
        screen.sees(question)
        screen.type(answer)
    screen.sees("no server is running on this machine")
    screen.sees("Enter looks again")
    with shop.serving():
        screen.type("")
        screen.sees("VONAGE_API_SECRET: ")
        screen.type(API_SECRET)
        screen.sees("instead of https://old.example.com/webhooks/answer (POST).")
        screen.sees("Change it?")
        screen.type("y")
        screen.sees("It is changed.")
        screen.sees("Call your number now.")
        code = screen.ends()
        answered = shop.post("answer")

    assert 0 == code
    assert 200 == answered
    assert {"VONAGE_SIGNATURE_SECRET": SECRET, "VONAGE_PRIVATE_KEY": "private.key"}.items() <= shop.settings().items()
    assert 0o600 == stat.S_IMODE((shop.home / ".env").stat().st_mode)
    assert re.search(
        r"^VONAGE_SIGNATURE_SECRET='.*\$ecret-of-32-characters'$", (shop.home / ".env").read_text(), re.MULTILINE
    )
    for secret in (SECRET, API_SECRET):
        assert secret not in screen.shown
    for file in shop.home.rglob("*"):
        assert not file.is_file() or API_SECRET.encode() not in file.read_bytes()


@pytest.mark.parametrize("answered", [0, 4])
def test_ctrl_c_at_a_question_keeps_every_answer_before_it(answered: int, shop: Shop) -> None:
    screen = shop.go_live()
    for question, answer in shop.answers[:answered]:
        screen.sees(question)
        screen.type(answer)
    screen.sees(shop.answers[answered][0])
    code = screen.interrupt()

    names = [question.removesuffix(": ") for question, _ in shop.answers[:answered]]
    assert 130 == code
    assert ("Stopped. Your answers are in .env." if answered else "Stopped.") in screen.shown
    assert dict(zip(names, [answer for _, answer in shop.answers], strict=False)) == shop.settings()
    assert {".env", "flows", "templates", "private.key"} >= {path.name for path in shop.home.iterdir()} - {"ncco.db"}


def test_an_interrupted_run_continues_where_it_stopped(shop: Shop) -> None:
    first = shop.go_live()
    for question, answer in shop.answers[:3]:
        first.sees(question)
        first.type(answer)
    first.sees("VONAGE_API_KEY: ")
    first.interrupt()
    again = shop.go_live()
    again.sees("VONAGE_API_KEY: ")
    again.interrupt()

    assert "NCCO_PUBLIC_URL: " not in again.shown


def test_stopped_before_the_first_answer_it_speaks_of_no_file(tmp_path: Path) -> None:
    write_files(tmp_path, {"flows/shop.yaml": FLOW})
    done = ncco("go-live", cwd=tmp_path, stdin="")

    assert (130, "Stopped.") == (done.exit_code, done.output.splitlines()[-1])
