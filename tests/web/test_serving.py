"""`serve` in this very process: it returns when it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog
from uvicorn import Config

from app.errors import SettingsError
from app.settings import Settings
from app.web.metrics import MULTIPROCESS_DIR
from app.web.server import Supervisor, listening, make_worker_app, serve
from tests.web.fake_calls import settings_with
from tests.web.running_server import FLOW, free_port

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTTIN, signal.SIGTTOU)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def project(tmp_path: Path, **values: Any) -> Settings:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW)
    url = f"sqlite:///{tmp_path}/calls.db"
    return settings_with(flows=tmp_path / "flows", templates=tmp_path / "flows", port=0, database_url=url, **values)


class Visitor:
    """Asks for a page once the server listens, then stops the server with a signal."""

    def __init__(self, stop: signal.Signals, page: Callable[[int], str]) -> None:
        self.stop = stop
        self.page = page
        self.response: httpx.Response | None = None

    def __call__(self, host: str, port: int) -> None:
        assert host == "127.0.0.1"
        threading.Thread(target=self._visit, args=(port,), daemon=True).start()

    def _visit(self, port: int) -> None:
        try:
            self.response = httpx.get(self.page(port), timeout=20)
        finally:
            os.kill(os.getpid(), self.stop)


def answer_page(port: int) -> str:
    return f"http://127.0.0.1:{port}/webhooks/answer?uuid=leg-1"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_one_process_serves_until_it_is_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    visitor = Visitor(stop, answer_page)
    serve(project(tmp_path), dev=True, ready=visitor)

    assert visitor.response is not None
    assert [{"action": "talk", "text": "Hello."}] == visitor.response.json()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [{}, {"workers": 2}, {"reload": True}])
def test_a_stop_that_comes_while_it_starts_is_no_less_one(
    tmp_path: Path, stop: signal.Signals, words: dict[str, Any]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    reached: list[int] = []

    def stopped_at_once(_: str, port: int) -> None:
        reached.append(port)
        signal.raise_signal(stop)

    serve(project(tmp_path), dev=True, ready=stopped_at_once, **words)

    assert 1 == len(reached)
    assert before == signal.getsignal(signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{reached[0]}/healthz")


def test_metrics_have_their_port_for_as_long_as_it_serves(tmp_path: Path) -> None:
    port = free_port()
    visitor = Visitor(signal.SIGTERM, lambda _: f"http://127.0.0.1:{port}/metrics")
    serve(project(tmp_path, metrics_port=port), dev=True, ready=visitor)

    assert visitor.response is not None
    assert 'ncco_webhook_seconds_count{route="answer"} 0.0' in visitor.response.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


@pytest.mark.parametrize("words", [{"workers": 2}, {"reload": True}])
def test_child_processes_serve_until_it_is_stopped(tmp_path: Path, words: dict[str, Any]) -> None:
    visitor = Visitor(signal.SIGTERM, answer_page)
    serve(project(tmp_path), dev=True, ready=visitor, **words)

    assert visitor.response is not None
    assert [{"action": "talk", "text": "Hello."}] == visitor.response.json()
    assert MULTIPROCESS_DIR not in os.environ


def test_a_metrics_port_in_use_is_told(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken:
        settings = project(tmp_path, metrics_port=taken.getsockname()[1])
        with pytest.raises(SettingsError) as caught:
            serve(settings, dev=True)

    assert "NCCO_METRICS_PORT" == caught.value.setting
    assert "address already in use" in caught.value.message


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
@pytest.mark.parametrize("part", ["", "metrics_"])
def test_an_address_of_another_machine_is_told_as_such(host: str, part: str, tmp_path: Path) -> None:
    address = {f"{part}host": host, f"{part}port": free_port()}
    settings = project(tmp_path, insecure=True, public_url="https://calls.example.com").model_copy(update=address)
    with pytest.raises(SettingsError) as caught:
        serve(settings)

    assert f"NCCO_{part.upper()}HOST" == caught.value.setting
    assert host in caught.value.message
    assert "an address of this machine" in caught.value.cure


def test_a_child_process_makes_the_application_with_its_log(tmp_path: Path) -> None:
    app = make_worker_app(project(tmp_path), dev=False)

    assert "NCCO server" == app.title
    assert structlog.is_configured()


def test_a_worker_that_has_died_keeps_no_other_from_its_secrets() -> None:
    supervisor = Supervisor(Config(answer_page), sockets=[])
    asked: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: asked.append(number))
    dead = subprocess.Popen(["true"])
    dead.wait()
    workers = [SimpleNamespace(pid=pid, exitcode=None) for pid in (dead.pid, None, os.getpid())]
    supervisor.processes = [*workers, SimpleNamespace(pid=os.getpid(), exitcode=0)]  # type: ignore[list-item]  # workers
    supervisor.handle_hup()

    assert [signal.SIGHUP] == asked
