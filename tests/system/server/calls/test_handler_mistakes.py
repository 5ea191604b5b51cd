"""A handler's mistake hurts its own caller only: all other callers hear their flows, and the server lives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support import loopback
from tests.support.server import Server, running
from tests.support.webhooks import facts

MISTAKES: Final[dict[str, str]] = yaml.safe_load(Path(__file__).with_name("handler_mistakes.yaml").read_text())
OTHERS: Final = 4
SORRY: Final = "flow: sorry\nstart: say\nsteps:\n  say: {do: [talk: Something went wrong.], goto: end}\n"
GOOD: Final = "flow: good\nentry: true\nstart: say\nsteps:\n  say: {do: [talk: Good day.], goto: end}\n"
HEAD: Final = "from ncco_server import Call, RunFailed, call_flow\n"
GOOD_PYTHON: Final = """
def fine(text: str) -> str:
    return text

@call_flow(entry=True, on_error="sorry")
async def good_python(call: Call) -> None:
    await call.talk(await call.run(fine, "Good day.", limit_ms=3500))
"""
CALLED: Final = """
FUNCTIONS = {name: named(name) for name in MISTAKES}

async def FORM(call: Call) -> None:
    if call.from_ in MISTAKES:
        try:
            await call.run(FUNCTIONS[call.from_], limit_ms=3500)
        except RunFailed as failed:
            await call.talk(f"It failed: {failed}.")
"""
FORMS: Final = {
    "turn": """
async def FORM(call: Call) -> None:
    mistake = MISTAKES.get(call.from_)
    if mistake is not None:
        mistake()
    await call.talk("No mistake.")
""",
    "end": """
async def FORM(call: Call) -> None:
    try:
        await call.talk("Before.")
        await call.collect("Your number?", digits=1, tries=1)
    finally:
        mistake = MISTAKES.get(call.from_)
        if mistake is not None:
            mistake()
""",
    "function": """
def named(name):
    async def mistaken() -> None:
        MISTAKES[name]()
    mistaken.__qualname__ = f"mistaken_{name}"
    return mistaken
"""
    + CALLED,
    "task": """
import asyncio

def named(name):
    async def mistaken() -> None:
        MISTAKES[name]()
    async def in_a_task() -> None:
        await asyncio.gather(mistaken())
    in_a_task.__qualname__ = f"mistaken_{name}"
    return in_a_task
"""
    + CALLED,
    "started": """
import asyncio

async def mistaken(mistake) -> None:
    mistake()

async def FORM(call: Call) -> None:
    mistake = MISTAKES.get(call.from_)
    if mistake is not None:
        asyncio.create_task(mistaken(mistake))
    await call.talk("No mistake.")
""",
    "dropped": """
def named(name):
    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            MISTAKES[name]()
    async def dropping() -> int:
        async for number in numbers():
            return number
        return 0
    dropping.__qualname__ = f"dropping_{name}"
    return dropping
"""
    + CALLED.replace("    if", "    await call.talk('Before.')\n    if"),
}
_legs: Final = count()


def caller_of(mistake: str) -> str:
    """Only this caller meets the mistake, so that checks of the file do not."""
    return f"4477009009{list(MISTAKES).index(mistake):02}"


def code_of(form: str) -> str:
    functions = [f"def mistake_{at}():\n{indent(body.rstrip(), '    ')}\n" for at, body in enumerate(MISTAKES.values())]
    named = ", ".join(f"mistake_{at}" for at in range(len(MISTAKES)))
    handler = FORMS[form].replace("async def FORM", f'@call_flow(entry=True, on_error="sorry")\nasync def {form}')
    return "\n".join(
        [
            HEAD,
            *functions,
            f'MISTAKES = {{f"4477009009{{at:02}}": mistake for at, mistake in enumerate([{named}])}}',
            handler,
        ]
    )


def files() -> dict[str, str]:
    handlers = {f"flows/{form}.py": code_of(form) for form in FORMS}
    return {"flows/sorry.yaml": SORRY, "flows/good.yaml": GOOD, "flows/good_python.py": HEAD + GOOD_PYTHON, **handlers}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    written = files()
    listed = ",".join(Path(name).name for name in written if name.endswith(".py"))
    with running(
        tmp_path_factory.mktemp("mistakes"), written, {"NCCO_PYTHON_FLOWS": listed, "NCCO_LOOKUP_BUDGET_MS": "3500"}
    ) as started:
        with suppress(PermissionError):  # on a busy machine, half a second of the processor takes too long
            os.setpriority(os.PRIO_PROCESS, started.pid, -10)
        yield started


def ring(server: Server, flow: str, caller: str = "447700900123", tries: int = 1) -> list[dict[str, Any]]:
    """The platform, too, asks again after a 503."""
    leg = f"leg-{next(_legs)}"
    fields = {**facts(leg), "from": caller}
    reply = loopback.post(f"{server.url}/webhooks/answer/{flow}", json=fields)
    while reply.status_code == httpx.codes.SERVICE_UNAVAILABLE and (tries := tries - 1):
        reply = loopback.post(f"{server.url}/webhooks/answer/{flow}", json=fields)
    assert 200 == reply.status_code, reply.text
    ncco: list[dict[str, Any]] = reply.json()
    return ncco


def said(ncco: list[dict[str, Any]]) -> list[str]:
    return [action["text"] for action in ncco if action["action"] == "talk"]


def among_others(server: Server, flow: str, mistake: str) -> list[str]:
    """What the unlucky caller hears. Raises AssertionError if another caller does not hear their flow."""
    with ThreadPoolExecutor(OTHERS + 1) as pool:
        unlucky = pool.submit(ring, server, flow, caller_of(mistake), tries=3)  # their function may take 3.5 s of 4
        others = [pool.submit(ring, server, "good-python" if each % 2 else "good") for each in range(OTHERS)]
        assert [["Good day."]] * OTHERS == [said(other.result()) for other in others]
        return said(unlucky.result())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_caller_of_a_mistake_hears_the_flow_for_errors(server: Server, mistake: str) -> None:
    assert ["Something went wrong."] == among_others(server, "turn", mistake)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_at_the_end_of_a_turn_does_not_hold_others(server: Server, mistake: str) -> None:
    assert ["Before.", "Your number?"] == among_others(server, "end", mistake)[:2]


@pytest.mark.parametrize("form", ["function", "task"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_an_async_function_is_a_failure_of_the_function(server: Server, form: str, mistake: str) -> None:
    (heard,) = among_others(server, form, mistake)
    assert heard.startswith("It failed: the function ")
    assert f"in {form}.py:" in heard or "held up" not in heard


@pytest.mark.parametrize(("form", "heard"), [("started", "No mistake."), ("dropped", "Before.")])
@pytest.mark.parametrize("mistake", ["a loop", "a loop that catches everything", "a sleep in a finally", "sys.exit"])
def test_a_mistake_in_what_runs_after_a_turn_does_not_hold_others(
    server: Server, form: str, heard: str, mistake: str
) -> None:
    assert [heard] == among_others(server, form, mistake)
    assert [["Good day."]] * OTHERS == [said(ring(server, "good", tries=3)) for _ in range(OTHERS)]


NEVER_RETURNS: Final = """
from pydantic import BaseModel, field_validator

class Order(BaseModel):
    size: int

    @field_validator("size")
    @classmethod
    def known(cls, size: int) -> int:
        while size:
            size += 1
        return size

def find() -> Order:
    return Order(size=1)

@call_flow(default=True)
async def shop(call: Call) -> None:
    try:
        await call.run(find)
    except RunFailed:
        await call.talk("Nothing was found.")
"""


def test_a_server_ends_beside_a_function_that_never_returns_to_its_caller_in_rust(tmp_path: Path) -> None:
    code = {"flows/shop.py": HEAD + NEVER_RETURNS}
    with running(tmp_path, code, {"NCCO_PYTHON_FLOWS": "shop.py"}) as started:
        heard = said(ring(started, "shop"))
        started.process.terminate()
        ended_with = started.process.wait(60)

    assert (["Nothing was found."], 0) == (heard, ended_with)
