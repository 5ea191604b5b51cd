"""docs/explanation/answer.md lists the files whose functions run in a warm answer, input, and input of a handler."""

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
from ncco_server.settings import Settings
from ncco_server.web import create_app
from tests.support.memory_store import MemoryStore
from tests.support.tracked import ROOT
from tests.support.webhooks import callback, facts, keys

FOLDER = f"{Path(ncco_server.__file__).parent}/"
PAGE = (ROOT / "docs/explanation/answer.md").read_text(encoding="utf-8")
WARM = 6
"""How many calls come before the one that counts."""


def listed() -> list[list[str]]:
    return [re.findall(r"^\| `([\w/]+\.py)`", part, re.M) for part in PAGE.split("\n## ")[1:]]


@contextmanager
def files_run() -> Iterator[set[str]]:
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(FOLDER) and code.co_name[0] != "<":
            files.add(code.co_filename.removeprefix(FOLDER))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(before)


async def traced(project: Path, handlers: tuple[str, ...] = ()) -> list[set[str]]:
    """The files of a warm answer, and of a warm input."""
    settings = Settings(insecure=True, public_url="https://calls.example.com")
    store = MemoryStore()
    await store.open()
    texts, _ = read_project(project / "flows", project / "templates")
    service = CallService(store, lambda: load(texts, handlers=handlers), policy_of(settings))
    await service.library.reload()
    app = create_app(settings, service=service)
    found = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://calls.example.com") as client:
        for number in range(WARM + 1):
            call = facts(f"leg-{number}", to="442079460001")
            with files_run() as answer:
                reply = await client.post("/webhooks/answer", json=call)
            url, pressed = callback(reply.json()), {**call, **keys("2")}
            with files_run() as heard:
                reply = await client.post(url, json=pressed)
            assert "connect" in {action["action"] for action in reply.json()}
            found = [answer, heard]
    await store.close()
    return found


async def test_the_page_lists_the_files_that_run_and_no_others() -> None:
    answer, pressed = await traced(ROOT)
    _, handler = await traced(ROOT / "examples/frontdesk", ("reception.py",))
    first, second, third = listed()

    assert set(first) == answer
    assert set(second) == pressed - answer
    assert set(third) == handler - answer - pressed
