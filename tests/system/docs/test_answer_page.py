"""app/ncco_server/answer.md lists the files that run in a warm answer, input, and input of a handler.

How many lines of code run is limited, so that splitting a file makes no way shorter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

import ncco_server
from ncco_server.assembly import policy_of
from ncco_server.flow.files import read_project
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.hand_hours import RecentHandHours
from ncco_server.settings import Settings
from ncco_server.web import create_app
from tests.support.memory_store import MemoryStore
from tests.support.tracked import ROOT
from tests.support.webhooks import callback, facts, keys

FOLDER = f"{Path(ncco_server.__file__).parent}/"
PAGE = (ROOT / "app/ncco_server/answer.md").read_text(encoding="utf-8")
MOST_LINES = {"answer": 500, "input": 830}
"""Different lines of code that a warm answer and a warm input execute; a change that needs more is a longer way."""
WARM = 6
"""How many calls come before the one that counts."""


def listed() -> list[list[str]]:
    return [re.findall(r"^\| `([\w/]+\.py)`", part, re.M) for part in PAGE.split("\n## ")[1:]]


@contextmanager
def lines_run() -> Iterator[set[tuple[str, int]]]:
    """Files and line numbers."""
    lines: set[tuple[str, int]] = set()

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename.removeprefix(FOLDER), frame.f_lineno))
        return on_line

    def on_call(frame: FrameType, _: str, __: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(FOLDER) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield lines
    finally:
        sys.settrace(before)


def files_of(lines: set[tuple[str, int]]) -> set[str]:
    return {file for file, _ in lines}


async def traced(project: Path, handlers: tuple[str, ...] = ()) -> list[set[tuple[str, int]]]:
    """The lines of a warm answer, and of a warm input."""
    settings = Settings(insecure=True, public_url="https://calls.example.com")
    store = MemoryStore()
    await store.open()
    texts, _ = read_project(project / "flows", project / "templates")
    read_hours = RecentHandHours(store, clock=lambda: 0.0)  # however long the calls take, it is read once
    service = CallService(store, lambda: load(texts, handlers=handlers), policy_of(settings), read_hours=read_hours)
    await service.library.reload()
    app = create_app(settings, service=service)
    found = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://calls.example.com") as client:
        for number in range(WARM + 1):
            call = facts(f"leg-{number}", to="442079460001")
            with lines_run() as answer:
                reply = await client.post("/webhooks/answer", json=call)
            url, pressed = callback(reply.json()), {**call, **keys("2")}
            with lines_run() as heard:
                reply = await client.post(url, json=pressed)
            assert "connect" in {action["action"] for action in reply.json()}
            found = [answer, heard]
    await store.close()
    return found


async def test_the_page_lists_the_files_that_run_and_no_others() -> None:
    answer, pressed = map(files_of, await traced(ROOT))
    _, handler = map(files_of, await traced(ROOT / "examples/frontdesk", ("reception.py",)))
    first, second, third = listed()

    assert set(first) == answer
    assert set(second) == pressed - answer
    assert set(third) == handler - answer - pressed


async def test_an_answer_and_an_input_run_no_more_lines_than_they_need() -> None:
    answer, pressed = await traced(ROOT)

    assert len(answer) <= MOST_LINES["answer"]
    assert len(pressed) <= MOST_LINES["input"]
