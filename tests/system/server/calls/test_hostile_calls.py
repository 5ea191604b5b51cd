"""What hostile webhooks and an unavailable store must not do: end a call, or fill the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load_files
from ncco_server.service.jobs import JobListener, every
from ncco_server.service.library import Library
from ncco_server.settings import load_settings
from ncco_server.web.log import configure_log
from ncco_server.web.metrics import Metrics
from ncco_server.web.watcher import FlowReader
from tests.support.memory_store import MemoryStore
from tests.system.server.calls.asgi_call import BASE, Caller, Host, serving

FLOWS = Path(__file__).resolve().parents[4] / "flows"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(FLOWS) as host:
        yield host


@pytest.mark.parametrize(
    "data", ['{"a": 123456789012345678901234567890}', '{"a": "\\ud800"}', '{"a":' * 500 + "1" + "}" * 500]
)
async def test_deeply_nested_text_breaks_no_call(host: Host, data: str) -> None:
    caller = Caller(host, form="query")
    await caller.ring(custom_data=data)

    assert "Thank you for calling Northgate Bicycles." == caller.said[0]


@pytest.mark.parametrize("nested", [{"dtmf": '{"digits":"\\ud800"}'}, {"speech": '{"results":[{"text":"\\ud800"}]}'}])
async def test_half_a_character_in_an_input_is_a_wrong_answer(host: Host, nested: dict[str, object]) -> None:
    caller = Caller(host, form="query")
    await caller.ring()
    await caller.send(caller.url("input"), {**caller.common, **nested})

    assert "Sorry, that is not one of the choices." == caller.said[0]


class Away(MemoryStore):
    is_away = False

    async def save_revisions(self, revisions: object) -> None:
        if self.is_away:
            raise StoreUnavailable("locked")
        await super().save_revisions(revisions)  # type: ignore[arg-type]  # it passes on what it got


async def test_flows_saved_while_the_store_was_unavailable_are_used_later(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    file = flows / "a.yaml"
    text = 'flow: a\ndefault: true\nstart: s\nsteps:\n  s: {do: [{talk: "Old."}], goto: end}\n'
    file.write_text(text)
    store = Away()
    await store.open()
    library = Library(store, lambda: load_files(flows, tmp_path / "templates"))
    reader = FlowReader([flows], library, Metrics(), structlog.get_logger())
    await reader.read()
    before = library.current
    task = asyncio.create_task(every(0.1, reader.read_changes, "watch-flows", JobListener()))
    store.is_away = True
    file.write_text(text.replace("Old", "New"))
    await _until(lambda: library.is_stale)
    kept = library.current
    store.is_away = False
    await _until(lambda: not library.is_stale)
    task.cancel()

    assert before is kept
    assert before is not library.current


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def test_a_log_line_stays_short_and_contains_no_control_characters(capfd: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(None, log="console", public_url=BASE, database_url="memory://")
    configure_log(settings)
    async with serving(FLOWS) as host:
        await Caller(host).send(
            "/webhooks/event", {"status": "ringing", "uuid": "\x1b[31mred", "conversation_uuid": "c" * 90_000}
        )
    out = capfd.readouterr().out

    assert "\x1b[31mred" not in out
    assert 5_000 > max(map(len, out.splitlines()), default=0)
