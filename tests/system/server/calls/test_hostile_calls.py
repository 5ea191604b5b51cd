"""What hostile and unlucky webhooks must not do: reopen an ended call, end a call, or leave a caller in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load_files
from ncco_server.ncco import check
from ncco_server.service.jobs import JobListener, every
from ncco_server.service.library import Library
from ncco_server.settings import load_settings
from ncco_server.web.log import configure_log
from ncco_server.web.metrics import Metrics
from ncco_server.web.watcher import FlowReader
from tests.support.memory_store import MemoryStore
from tests.system.server.calls.asgi_call import BASE, Caller, Host, serving

FLOWS = Path(__file__).resolve().parents[4] / "flows"
EMPTY = (200, b"")


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(FLOWS) as host:
        yield host


@pytest.mark.parametrize("reason", ["Socket timeout.", "Invalid NCCO.", None, 5])
@pytest.mark.parametrize(
    "original", [None, "", {}, [], 5, {"url": None}, {"url": "https://"}, {"url": "/webhooks/input/AAAA"}]
)
async def test_a_fallback_without_useful_fields_still_plays_something(
    host: Host, reason: object, original: object
) -> None:
    caller = Caller(host)
    fields = {**caller.common, "reason": reason, "original_request": original}
    reply = await caller.send("/webhooks/fallback", fields)

    assert 200 == reply.status_code
    assert caller.said
    assert [] == [issue for issue in check(caller.ncco) if issue.severity == "error"]


async def test_a_refusal_does_not_reopen_an_ended_call(host: Host) -> None:
    caller = Caller(host)
    await caller.ring()
    menu = caller.url("input")
    await caller.press("1")
    await caller.hang_up()
    reply = await caller.fall_back(menu, "Invalid NCCO.", dtmf={"digits": "1", "timed_out": False})

    assert EMPTY == (reply.status_code, reply.content)
    assert host.store.sessions[caller.leg].is_over


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
