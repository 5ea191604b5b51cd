"""Flow files that change during calls."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Project
from ncco_server.service.jobs import JobListener, every
from ncco_server.service.library import Library
from ncco_server.store import RevisionRow
from ncco_server.web.metrics import Metrics
from ncco_server.web.watcher import FlowReader
from tests.support.memory_store import MemoryStore

FLOW = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "{text}"\n    goto: end\n'
LOG = structlog.get_logger()


def write(folder: Path, text: str) -> None:
    """Write the file as editors do: under another name, then moved into place."""
    folder.mkdir(exist_ok=True)
    draft = folder / "hello.yaml~"
    draft.write_text(FLOW.replace("{text}", text))
    draft.replace(folder / "hello.yaml")


def watching(reader: FlowReader) -> Coroutine[Any, Any, None]:
    return every(0.2, reader.read_changes, "watch-flows", JobListener())


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not claim():  # noqa: ASYNC110 - a file system sends no events
            await asyncio.sleep(0.02)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """A library whose folders are watched."""
    store = MemoryStore()
    await store.open()
    library = Library(store, lambda: load_files(tmp_path / "flows", tmp_path / "templates"))
    write(tmp_path / "flows", "one")
    reader = FlowReader([tmp_path / "flows", tmp_path / "templates"], library, Metrics(), LOG)
    await reader.read()
    task = asyncio.create_task(watching(reader))
    yield library
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def said(library: Library) -> str:
    return library.current.texts.get("flows/hello.yaml", "")


async def test_a_folder_that_is_replaced_is_read_and_watched(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "new", "two")
    shutil.rmtree(tmp_path / "flows")
    (tmp_path / "new").rename(tmp_path / "flows")
    await until(lambda: "two" in said(library))
    await asyncio.sleep(0.3)
    write(tmp_path / "flows", "three")
    await until(lambda: "three" in said(library))

    assert ["hello"] == list(library.current.flows)


async def test_a_folder_that_appears_later_is_watched(library: Library, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    await asyncio.sleep(0.5)
    (tmp_path / "templates" / "greeting.j2").write_text("Hello.")
    await until(lambda: "templates/greeting.j2" in library.current.texts)

    assert ["hello"] == list(library.current.flows)


async def test_without_any_folder_it_waits_for_one(tmp_path: Path) -> None:
    store = MemoryStore()
    await store.open()
    library = Library(store, lambda: load_files(tmp_path / "flows", tmp_path / "templates"))
    task = asyncio.create_task(watching(FlowReader([tmp_path / "flows"], library, Metrics(), LOG)))
    await asyncio.sleep(0.1)
    write(tmp_path / "flows", "one")
    await until(lambda: "one" in said(library))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("fault", [StoreUnavailable("disk full"), OSError("gone"), TypeError("a fault of the loader")])
async def test_a_failed_read_is_logged_and_stops_nothing(fault: Exception) -> None:
    def read() -> Project:
        raise fault

    library = Library(MemoryStore(), read)
    with capture_logs() as lines:
        await FlowReader([], library, Metrics(), LOG).read()

    assert [("flows not read", "error")] == [(line["event"], line["log_level"]) for line in lines]


class _BusyAtFirst(MemoryStore):
    """A store that rejects the first few revisions."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StoreUnavailable("locked for a moment")
        await super().save_revisions(revisions)


async def test_flows_saved_while_the_store_was_unavailable_are_used_later(tmp_path: Path) -> None:
    store = _BusyAtFirst(0)
    await store.open()
    write(tmp_path / "flows", "one")
    library = Library(store, lambda: load_files(tmp_path / "flows", tmp_path / "templates"))
    reader = FlowReader([tmp_path / "flows"], library, Metrics(), LOG)
    await reader.read()
    before = library.current
    task = asyncio.create_task(watching(reader))
    store.refusals = 10**6
    write(tmp_path / "flows", "two")
    await until(lambda: library.is_stale)
    kept = library.current
    store.refusals = 0
    await until(lambda: not library.is_stale)
    task.cancel()

    assert before is kept
    assert "two" in said(library)


@pytest.mark.parametrize(("refusals", "flows"), [(0, ["hello"]), (3, ["hello"]), (1000, [])])
async def test_a_store_that_is_busy_at_the_start_is_asked_again(
    tmp_path: Path, refusals: int, flows: list[str]
) -> None:
    store = _BusyAtFirst(refusals)
    await store.open()
    write(tmp_path / "flows", "one")
    library = Library(store, lambda: load_files(tmp_path / "flows", tmp_path / "templates"))
    await FlowReader([], library, Metrics(), LOG).read_until_kept()

    assert flows == list(library.current.flows)
