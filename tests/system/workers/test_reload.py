"""Flow files that disappear while the server runs: callers go on hearing them until somebody confirms."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import loopback
from tests.support.postgres_stores import empty_database
from tests.support.server import STARTS_WITHIN_S, free_port

ROOT = Path(__file__).resolve().parents[3]
REFUSED_AFTER_S = 3.5
"""A removal is reported after 3 seconds, and a change is seen within one second more."""

FLOW = """
flow: {name}
{entry}
start: hi
steps:
  hi:
    do: [{{talk: "{text}"}}]
    goto: end
"""


def flow(name: str, entry: str, text: str = "") -> str:
    return FLOW.format(name=name, entry=entry, text=text or f"This is {name}.")


MAIN = flow("main", "default: true")
SALES = flow("sales", "numbers: ['447700900100']")
BROKEN = MAIN.replace("goto: end", "goto: nowhere")


@dataclass
class Server:
    """A running `ncco serve` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[str]
    port: int
    metrics_port: int
    settings: dict[str, str]

    @property
    def flows(self) -> Path:
        return self.folder / "flows"

    def heard(self, to: str = "447700900999", path: str = "/webhooks/answer") -> str:
        """What a new caller hears first."""
        query = {"to": to, "from": "447700900123", "uuid": f"leg-{time.monotonic_ns()}"}
        ncco = loopback.get(f"http://127.0.0.1:{self.port}{path}", params=query, timeout=30).json()
        return str(ncco[0]["text"])

    def readyz(self) -> dict[str, Any]:
        response = loopback.get(f"http://127.0.0.1:{self.port}/readyz", timeout=30)
        state: dict[str, Any] = response.json() | {"status": response.status_code}
        return state

    def metric(self, name: str) -> float:
        text = loopback.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30).text
        return next(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split()[0] == name)

    def log(self, event: str) -> list[dict[str, Any]]:
        lines = (self.folder / "log").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def release(self) -> str:
        """What `ncco release` in the same folder prints."""
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"PYTHONPATH": str(ROOT)}
        env |= self.settings
        command = [sys.executable, "-c", "from app.cli import main; main()", "release"]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


def until(claim: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def serving(folder: Path, *words: str, **settings: str) -> Iterator[Server]:
    """`ncco serve` on the files of a folder: ready when this yields, ended when it returns."""
    port, metrics_port = free_port(), free_port()
    given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given |= {"NCCO_PORT": str(port), "NCCO_METRICS_PORT": str(metrics_port), "NCCO_LOG": "json"}
    given |= {"NCCO_INSECURE": "1", "PYTHONPATH": str(ROOT), **settings}
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "serve", *words],
            cwd=folder,
            env=given,
            stdout=log,
            stderr=log,
            text=True,
        )
    server = Server(folder, process, port, metrics_port, settings)

    def is_ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return bool(server.readyz()["status"] == 200)
        except httpx.TransportError:
            return False

    try:
        until(is_ready, STARTS_WITHIN_S)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a default flow and one with a number of its own."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text(MAIN)
    (tmp_path / "flows" / "sales.yaml").write_text(SALES)
    return tmp_path


def test_a_file_that_is_gone_for_a_moment_and_comes_back_broken_costs_no_caller(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "main.yaml").unlink()
        time.sleep(0.5)
        heard_without = server.heard()
        (server.flows / "main.yaml").write_text(BROKEN)
        until(lambda: "nowhere" in str(server.readyz()["rejected"]))
        heard_broken = server.heard()
        (server.flows / "main.yaml").write_text(flow("main", "default: true", "Fixed."))
        until(lambda: server.heard() == "Fixed.")

        assert ["This is main."] * 2 == [heard_without, heard_broken]
        assert (200, []) == (server.readyz()["status"], server.readyz()["rejected"])


def test_a_file_that_comes_back_in_time_is_never_reported(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "main.yaml").rename(project / "main.yaml")
        time.sleep(0.8)
        (project / "main.yaml").rename(server.flows / "main.yaml")
        time.sleep(REFUSED_AFTER_S)

        assert "This is main." == server.heard()
        assert [] == server.readyz()["rejected"]
        assert 0 == server.metric("ncco_revision_rejected") == server.metric("ncco_removals_refused")
        assert [] == server.log("removal refused")


def test_a_removal_is_refused_and_reported_until_it_is_confirmed(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "sales.yaml").unlink()
        until(lambda: bool(server.readyz()["rejected"]))
        state = server.readyz()
        until(lambda: server.metric("ncco_removals_refused") == 2)

        assert "This is sales." == server.heard(to="447700900100")
        assert (200, ["main", "sales"]) == (state["status"], state["flows"])
        assert ["447700900100", "flow sales"] == [
            next(word for word in ("447700900100", "flow sales") if word in text) for text in state["rejected"]
        ]
        assert all(text.startswith("flows/sales.yaml:") and "`ncco release`" in text for text in state["rejected"])
        assert 1 == server.metric("ncco_revision_rejected")
        assert {"where", "problem", "cure"} <= server.log("removal refused")[0].keys()

        confirmed = server.release()
        until(lambda: server.heard(to="447700900100") == "This is main.")

        assert confirmed.endswith("confirmed\n")
        assert "nothing to confirm" in server.release()
        assert (["main"], []) == (server.readyz()["flows"], server.readyz()["rejected"])
        assert 0 == server.metric("ncco_removals_refused") == server.metric("ncco_revision_rejected")


def test_a_number_may_move_to_another_flow_without_a_confirmation(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "sales.yaml").write_text(flow("sales", "entry: true"))
        time.sleep(0.5)
        (server.flows / "main.yaml").write_text(flow("main", "default: true\nnumbers: ['447700900100']"))
        until(lambda: server.heard(to="447700900100") == "This is main.")

        assert [] == server.readyz()["rejected"]


def test_folders_that_disappear_change_nothing(project: Path) -> None:
    with serving(project) as server:
        shutil.move(server.flows, project / "away")
        until(lambda: bool(server.readyz()["rejected"]))
        heard_without = server.heard()
        server.flows.mkdir()
        time.sleep(1.5)
        heard_empty = server.heard()
        refused = server.release()

        assert "E123" in refused
        assert ["This is main."] * 3 == [heard_without, heard_empty, server.heard()]
        assert "E123" in server.readyz()["rejected"][0]


def test_a_restart_does_not_confirm_a_removal_and_a_confirmation_outlives_it(project: Path) -> None:
    with serving(project):
        (project / "flows" / "sales.yaml").unlink()
    with serving(project) as server:
        assert "This is sales." == server.heard(to="447700900100")
        assert 2 == len(server.readyz()["rejected"])
        assert 2 == server.metric("ncco_removals_refused")
        assert "`ncco release`" in (project / "log").read_text()
        server.release()
        until(lambda: server.heard(to="447700900100") == "This is main.")
    with serving(project) as server:
        assert "This is main." == server.heard(to="447700900100")
        assert [] == server.readyz()["rejected"]


def test_in_development_a_restart_takes_what_is_there(project: Path) -> None:
    with serving(project, "--dev"):
        pass
    (project / "flows" / "sales.yaml").unlink()
    with serving(project, "--dev") as server:
        assert (["main"], []) == (server.readyz()["flows"], server.readyz()["rejected"])


def test_every_worker_refuses_a_removal_and_takes_over_a_confirmed_one(project: Path) -> None:
    shared = {"NCCO_DATABASE_URL": empty_database(), "NCCO_KEY": "k" * 32}
    with serving(project, "--workers", "2", **shared) as server:
        (server.flows / "main.yaml").unlink()
        time.sleep(1)
        heard = {server.heard() for _ in range(10)}
        server.release()
        until(lambda: all(server.readyz()["flows"] == ["sales"] for _ in range(10)))

        assert {"This is main."} == heard


def test_the_end_of_a_terminal_ends_no_call(project: Path) -> None:
    with serving(project) as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)

        assert "This is main." == server.heard()
