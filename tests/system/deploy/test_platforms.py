"""A project on a platform without a disk, started as the page says."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from urllib.parse import urlsplit

import httpx

from tests.support import loopback
from tests.support.fork_server import NCCO
from tests.support.postgres_server import shared_server
from tests.support.server import PUBLIC_URL, STARTS_WITHIN_S, free_port
from tests.support.tracked import text_of
from tests.support.waiting import happens
from tests.support.webhooks import callback, facts, keys, signed_post

SECRET = "invented-signature-secret-of-a-platform"
PROGRAM = """\
from fastapi import FastAPI

from ncco_server import Call, call_flow, ncco_router


@call_flow(numbers=["442079460000"])
async def shop(call: Call) -> None:
    number = await call.collect("Your order number, please.", digits=2)
    await call.talk(f"Thank you for {number}.")


app = FastAPI()
app.include_router(ncco_router(shop, dev=True))
"""


class Platform:
    """Runs the Procfile of the page in an empty folder with a database; each server gets another port."""

    def __init__(self, home: Path, database: str) -> None:
        [self.line] = re.findall(r"^web: (.+)$", text_of("docs/how-to/platforms.md"), re.MULTILINE)
        self.home = home
        self.database = database

    def start(self) -> tuple[Popen[str], str]:
        port = free_port()
        env = {
            "PATH": f"{Path(NCCO).parent}:{os.environ['PATH']}",
            "PORT": str(port),
            "DATABASE_URL": self.database,
            "NCCO_PUBLIC_URL": PUBLIC_URL,
            "NCCO_RECORDINGS": "off",
            "VONAGE_SIGNATURE_SECRET": SECRET,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # The tests' PostgreSQL has no TLS, and nobody else may reach the server.
        line = self.line.replace("sslmode=require", "sslmode=disable")
        line = line.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - not bound
        words = ["sh", "-c", line]
        process = Popen(words, cwd=self.home, env=env, stdout=PIPE, stderr=STDOUT, text=True, process_group=0)
        server = f"http://127.0.0.1:{port}"
        happens(lambda: is_up(server) or process.poll() is not None, STARTS_WITHIN_S)
        return process, server


def is_up(server: str) -> bool:
    try:
        return loopback.get(f"{server}/readyz").is_success
    except httpx.TransportError:
        return False


def ended(process: Popen[str]) -> str:
    """End all processes as the platform does. Returns what the server printed."""
    os.killpg(process.pid, signal.SIGTERM)
    return process.communicate(timeout=STARTS_WITHIN_S)[0]


def test_a_call_goes_on_in_the_server_of_the_next_deploy_and_no_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    postgres = shared_server()
    url = postgres.url(postgres.new_database()).partition("?")[0]
    platform = Platform(tmp_path, url.replace("postgresql://", "postgres://"))  # as Heroku writes it

    process, server = platform.start()
    first = answered(server, "answer", facts())
    ended(process)
    process, server = platform.start()
    path = urlsplit(callback(first)).path.removeprefix("/webhooks/")
    second = answered(server, path, facts() | keys("42"))
    health = loopback.get(f"{server}/healthz").status_code
    printed = ended(process)

    assert "Your order number, please." == first[0]["text"]
    assert "Thank you for 42." == second[0]["text"]
    assert 200 == health
    assert ["main.py"] == [each.name for each in tmp_path.iterdir()], printed


def answered(server: str, name: str, fields: dict[str, object]) -> list[dict[str, object]]:
    """The NCCO in the reply to a signed webhook."""
    body = json.dumps(fields).encode()
    headers = {"Authorization": signed_post(body, SECRET), "Content-Type": "application/json"}
    reply = loopback.post(f"{server}/webhooks/{name}", content=body, headers=headers).raise_for_status()
    return list(reply.json())
