"""The application of the example pizza, under uvicorn as its page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.server import free_port, write_files
from tests.support.tracked import ROOT, text_of

CALL = {"to": "442079460150", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
STARTS_WITHIN_S = 120.0


def test_an_application_serves_calls_and_its_own_routes_from_its_start_to_its_end(tmp_path: Path) -> None:
    home = Path(shutil.copytree(ROOT / "examples" / "pizza", tmp_path / "pizza"))
    [command] = re.findall(
        r"^SHOP_ENV=dev (uvicorn .*shop:app)$", text_of("docs/how-to/own-application.md"), re.MULTILINE
    )
    port = free_port()
    words = [sys.executable, "-m", *shlex.split(command), "--port", str(port)]
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "SHOP_ENV": "dev"}
    with (home / "log").open("w") as log, subprocess.Popen(words, cwd=home, env=env, stdout=log, stderr=log) as program:
        try:
            url = f"http://127.0.0.1:{port}"
            asked = first_reply(f"{url}/webhooks/answer", program)
            wait = next(action["eventUrl"][0] for action in asked if action["action"] == "input")
            number = httpx.post(wait, json={**CALL, "dtmf": {"digits": "2"}}).json()
            ready = httpx.get(f"{url}/readyz").json()
            order = httpx.get(f"{url}/orders/12345").json()
        finally:
            program.terminate()

    assert "Welcome to Luigi's." == asked[0]["text"]
    assert wait.startswith(url)
    assert "Please enter the five digits of your order." == number[0]["text"]
    assert ["pizza", "voicemail"] == ready["flows"]
    assert {"status": "in the oven", "minutes": 20} == order
    printed = (home / "log").read_text()
    assert "Application shutdown complete." in printed
    assert "/webhooks/" not in printed


def test_the_tests_of_the_handler_pass_as_its_page_says(tmp_path: Path) -> None:
    home = shutil.copytree(ROOT / "examples" / "pizza", tmp_path / "pizza")
    assert "\npython -m pytest tests\n" in text_of("docs/how-to/python.md")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    env = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # authors have other plugins
    done = subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, check=False)

    assert "3 passed" in done.stdout, done.stdout + done.stderr


def first_reply(url: str, program: subprocess.Popen[bytes]) -> Any:
    """The reply to an answer webhook, once the program listens."""
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and program.poll() is None:
        try:
            return httpx.post(url, json=CALL, timeout=STARTS_WITHIN_S).json()
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the program does not listen")


PROGRAM = {
    "flows/tenants.py": """\
from ncco_server import Call, call_flow
from tenancy import tenant

async def find_tenant() -> str:
    return tenant.get()

@call_flow(numbers=["442079460150"])
async def tenants(call: Call) -> None:
    await call.talk(await call.run(find_tenant))
""",
    "tenancy.py": """\
from contextvars import ContextVar

tenant: ContextVar[str] = ContextVar("tenant")
""",
    "program.py": """\
from fastapi import FastAPI, Request
from flows.tenants import tenants
from tenancy import tenant

from ncco_server import ncco_router

app = FastAPI()
app.include_router(ncco_router(tenants, dev=True))

@app.middleware("http")
async def find_tenant(request: Request, call_next):
    tenant.set(request.query_params["tenant"])
    return await call_next(request)
""",
    "test.py": """\
from fastapi.testclient import TestClient
from program import app

with TestClient(app, client=("127.0.0.1", 50000)) as client:
    call = {"to": "442079460150", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
    print(client.get("/webhooks/answer", params=call | {"tenant": "Northgate"}).json()[0]["text"])
""",
}


def test_a_program_that_keeps_its_application_gives_its_context_to_functions_and_ends(tmp_path: Path) -> None:
    """At its end, Python deletes the handlers of the second run, when no thread can start."""
    write_files(tmp_path, PROGRAM)

    def run() -> str:
        return subprocess.run(
            [sys.executable, "test.py"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "NCCO_PYTHON_FLOWS": "tenants.py"},
            capture_output=True,
            text=True,
            check=True,
            timeout=STARTS_WITHIN_S,
        ).stdout

    assert ["Northgate\n", "Northgate\n"] == [run(), run()]
