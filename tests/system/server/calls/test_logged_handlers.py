"""An exception in a handler or its function is logged with its own line and traceback, and without values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import loopback
from tests.support.server import Server, running
from tests.system.server.calls.test_own_modules import answered, pressed

HANDLER: Final = """
from ncco_server import Call, call_flow

def halved(number: str) -> int:
    return int(number) // 2  # fails

def doubled(number: str) -> int:
    return halved(number) * 4

@call_flow(entry=True, on_error="sorry")
async def {NAME}(call: Call) -> None:
    await call.talk(f"Hello {CALL}.")
"""
SORRY: Final = "flow: sorry\nstart: say\nsteps:\n  say: {do: [talk: Something went wrong.], goto: end}\n"
USER: Final = "canary-of-this-test"
FAILING: Final = {"shop": "halved(call.from_user)", "till": "await call.run(doubled, call.from_user)"}
WORDY: Final = """
from ncco_server import Call, call_flow


@call_flow(default=True)
async def wordy(call: Call) -> None:
    call.log(7)
    call.log("x" * 20_000)
    await call.talk("Hello.")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    failing = {
        f"flows/{name}.py": HANDLER.replace("{NAME}", name).replace("{CALL}", f"{{{call}}}")
        for name, call in FAILING.items()
    }
    files = {**failing, "flows/wordy.py": WORDY, "flows/sorry.yaml": SORRY}
    settings = {"NCCO_PYTHON_FLOWS": "shop.py,till.py,wordy.py"}
    with running(tmp_path_factory.mktemp("logged"), files, settings) as started:
        yield started


@pytest.mark.parametrize(
    ("flow", "event"), [("shop", "a handler raised an exception"), ("till", "a function raised an exception")]
)
def test_an_exception_is_logged_with_its_traceback_and_without_values(server: Server, flow: str, event: str) -> None:
    line = next(number for number, text in enumerate(HANDLER.splitlines(), 1) if "# fails" in text)
    fields = {"from_user": USER, "to": "442079460000", "uuid": flow, "conversation_uuid": "CON-leg"}
    reply = loopback.post(f"{server.url}/webhooks/answer/{flow}", json=fields)
    server.wait_for(event)
    (logged,) = [each for each in server.log() if each["event"] == event]

    assert ["Something went wrong."] == [action["text"] for action in reply.json()]
    assert ("error", "ValueError") == (logged["level"], logged["error"])
    assert logged["frames"][-1].endswith(f"flows/{flow}.py:{line} halved")
    assert USER not in str(logged)


LOGGING: Final = """
from ncco_server import Call, call_flow


async def find(number: str) -> int:
    return 7


@call_flow(default=True)
async def shop(call: Call) -> None:
    call.log(f"{call.from_} is here")
    for number in range(3):
        heard = await call.collect("Your number.", digits=1)
        call.log(f"number {number}: {heard}")
        found = await call.run(find, "1")
        call.log(f"found {found}")
"""


def test_a_handler_that_runs_again_logs_each_line_once(tmp_path: Path) -> None:
    settings = {"NCCO_PYTHON_FLOWS": "shop.py"}
    logged = []
    with running(tmp_path, {"flows/shop.py": LOGGING}, settings) as server:
        ncco = answered(server, "leg")
        ncco = pressed(server, ncco, "1")
        server.wait_for("found 7")
        logged += [each["event"] for each in server.log() if "in call leg" in each["event"]]
    with running(tmp_path, {}, settings) as server:
        pressed(server, pressed(server, ncco, "4"), "3")
        server.wait_for(r"number 2: 3[\s\S]*found 7")
        logged += [each["event"] for each in server.log() if "in call leg" in each["event"]]

    assert [
        "447700900123 is here, in call leg",
        "number 0: 1, in call leg",
        "found 7, in call leg",
        "number 1: 4, in call leg",
        "found 7, in call leg",
        "number 2: 3, in call leg",
        "found 7, in call leg",
    ] == logged


def test_a_logged_line_may_be_any_value_and_has_a_limit(server: Server) -> None:
    assert ["Hello."] == [action["text"] for action in answered(server, "leg")]
    server.wait_for("xx, in call leg")
    logged = [each["event"] for each in server.log() if "in call leg" in each["event"]]

    assert ["7, in call leg", "x" * 10_000 + ", in call leg"] == logged


LEFT: Final = """
import asyncio
import threading

from ncco_server import Call, call_flow


class Ending:
    def __init__(self, number: str) -> None:
        self.number = number

    def __del__(self) -> None:
        int(self.number)


async def leave(number: str) -> None:
    threading.Thread(target=int, args=(number,)).start()
    asyncio.get_running_loop().call_soon(int, number)
    Ending(number)


@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.run(leave, call.from_user)
    await call.talk("Hello.")
"""


def test_an_exception_that_nothing_in_a_function_can_catch_is_logged_without_values(tmp_path: Path) -> None:
    with running(tmp_path, {"flows/shop.py": LEFT}, {"NCCO_PYTHON_FLOWS": "shop.py"}) as server:
        fields = {"from_user": USER, "to": "442079460000", "uuid": "leg", "conversation_uuid": "CON-leg"}
        reply = loopback.post(f"{server.url}/webhooks/answer", json=fields)
        for event in ("was ignored[\\s\\S]*was ignored", "was not caught"):
            server.wait_for(event)
        logged = [each for each in server.log() if each.get("error") == "ValueError"]

    assert ["Hello."] == [action["text"] for action in reply.json()]
    assert (3, False) == (len(logged), USER in server.printed)
