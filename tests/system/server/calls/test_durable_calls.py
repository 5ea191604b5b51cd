"""What a caller hears when the server is killed or restarted, or gets new flows, in the middle of a call."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import loopback
from tests.system.cli.running import RunningServer, running_server

ROOT = Path(__file__).resolve().parents[4]
CALLER = {"to": "442079460001", "from": "447700900123", "conversation_uuid": "CON-1"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "flows", folder / "flows")
    shutil.copytree(ROOT / "templates", folder / "templates")
    return folder


def post(url: str, fields: dict[str, Any]) -> httpx.Response:
    return loopback.post(url, json=fields, timeout=30)


def ring(server: RunningServer, leg: str) -> httpx.Response:
    return post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": leg})


def callback(server: RunningServer, answer: httpx.Response, kind: str) -> str:
    """The callback URL of a kind, at the server's current address."""
    urls = [url for action in answer.json() for url in action.get("eventUrl", ())]
    path = next(url for url in urls if f"/webhooks/{kind}/" in url).partition("/webhooks/")[2]
    return f"http://{server.address}/webhooks/{path}"


def said(answer: httpx.Response) -> list[str]:
    return [action["text"] for action in answer.json() if action["action"] == "talk"]


def press(server: RunningServer, answer: httpx.Response, digits: str) -> httpx.Response:
    return post(callback(server, answer, "input"), {"dtmf": {"digits": digits, "timed_out": False}, "uuid": "leg"})


def test_an_acknowledged_call_continues_after_a_kill_and_a_restart(tmp_path: Path, project: Path) -> None:
    acknowledged: dict[str, bytes] = {}
    stop = threading.Event()

    def call_all_the_time(server: RunningServer, caller: int) -> None:
        with httpx.Client(timeout=30) as client:
            for number in range(100_000):
                if stop.is_set():
                    return
                leg = f"{caller}-{number}"
                try:
                    url = f"http://{server.address}/webhooks/answer"
                    answer = client.post(url, json={**CALLER, "uuid": leg}).raise_for_status()
                except httpx.HTTPError:
                    return
                acknowledged[leg] = answer.content

    with running_server(tmp_path, cwd=project) as server:
        callers = [threading.Thread(target=call_all_the_time, args=(server, caller)) for caller in range(4)]
        for caller in callers:
            caller.start()
        while len(acknowledged) < 100 and any(caller.is_alive() for caller in callers):
            time.sleep(0.01)
        server.stop(signal.SIGKILL)
        stop.set()
        for caller in callers:
            caller.join()
        base = server.address
    with running_server(tmp_path, cwd=project) as server:
        again = {leg: ring(server, leg) for leg in sorted(acknowledged)}
        last = again[max(acknowledged)]
        connected = press(server, last, "1")

    assert acknowledged == {leg: answer.content for leg, answer in again.items()}
    assert base.encode() in last.content
    assert "Connecting you to sales." == said(connected)[0]


def test_a_call_finishes_on_the_flow_it_started_with_and_the_next_call_gets_the_new_one(
    tmp_path: Path, project: Path
) -> None:
    flow = project / "flows" / "reception.yaml"
    with running_server(tmp_path, cwd=project) as server:
        old = ring(server, "old")
        flow.write_text(flow.read_text().replace("Connecting you to sales.", "Ringing the sales desk."))
        wait_until(
            lambda: said(press(server, ring(server, f"try-{time.monotonic_ns()}"), "1"))[0].startswith("Ringing")
        )
        old_call = press(server, old, "1")
        new_call = press(server, ring(server, "new"), "1")

    assert "Connecting you to sales." == said(old_call)[0]
    assert "Ringing the sales desk." == said(new_call)[0]


def test_a_broken_save_keeps_the_previous_flow_and_prints_the_issues(tmp_path: Path, project: Path) -> None:
    flow = project / "flows" / "reception.yaml"
    with running_server(tmp_path, cwd=project, env={"NCCO_LOG": "console"}) as server:
        before = ring(server, "before")
        flow.write_text(flow.read_text().replace("goto: menu ", "goto: manu "))
        wait_until(lambda: 'unknown step "manu"' in server.printed)
        after = ring(server, "after")
        ready = loopback.get(f"http://{server.address}/readyz")

    assert said(before) == said(after)
    assert 'did you mean "menu"?' in server.printed
    assert "reception.yaml" in server.printed
    assert 200 == ready.status_code


def wait_until(holds: Any, seconds: float = 30) -> None:
    """Wait until `holds()` is true. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
