"""Flow files that disappear while the server runs: callers still hear them until somebody confirms the removal."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import loopback
from tests.support.command import ncco
from tests.support.postgres_stores import empty_database
from tests.support.server import Server, free_port
from tests.support.waiting import happens

REFUSED_AFTER_S = 3.5
"""In seconds: a removal is reported after 3 seconds, plus the time until the change is noticed."""

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
SALES = flow("sales", "numbers: ['493023125100']")
BROKEN = MAIN.replace("goto: end", "goto: nowhere")


class ReloadingServer(Server):
    """A server that reloads the flow files in its folder when they change."""

    def __init__(self, home: Path, settings: Mapping[str, str], *words: str) -> None:
        super().__init__(home, {"NCCO_RELOAD": "1", "NCCO_METRICS_PORT": str(free_port()), **settings}, *words)

    @property
    def flows(self) -> Path:
        return self.home / "flows"

    def heard(self, to: str = "447700900999") -> str:
        """What a new caller hears first."""
        query = {"to": to, "from": "447700900123", "uuid": f"leg-{time.monotonic_ns()}"}
        return str(loopback.get(f"{self.url}/webhooks/answer", params=query).json()[0]["text"])

    def readyz(self) -> dict[str, Any]:
        response = loopback.get(f"{self.url}/readyz")
        state: dict[str, Any] = response.json() | {"status": response.status_code}
        return state

    def metric(self, name: str) -> float:
        text = loopback.get(f"http://127.0.0.1:{self.settings['NCCO_METRICS_PORT']}/metrics").text
        return next(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split()[0] == name)

    def release(self) -> str:
        """The output of `ncco release` in the same folder."""
        return ncco("release", cwd=self.home, env=self.settings).output


def removals(server: ReloadingServer) -> list[dict[str, Any]]:
    """The log entries about refused removals."""
    return [line for line in server.log() if line["event"] == "removal refused"]


@contextmanager
def serving(folder: Path, *words: str, **settings: str) -> Iterator[ReloadingServer]:
    """Run `ncco serve` on the files in a folder. Yields once it is ready, and ends it afterwards."""
    with ReloadingServer(folder, settings, *words) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a default flow and a flow with its own number."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text(MAIN)
    (tmp_path / "flows" / "sales.yaml").write_text(SALES)
    return tmp_path


def test_a_file_that_disappears_and_returns_broken_affects_no_caller(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "main.yaml").unlink()
        time.sleep(0.5)
        heard_without = server.heard()
        (server.flows / "main.yaml").write_text(BROKEN)
        assert happens(lambda: "nowhere" in str(server.readyz()["rejected"]))
        heard_broken = server.heard()
        (server.flows / "main.yaml").write_text(flow("main", "default: true", "Fixed."))
        assert happens(lambda: server.heard() == "Fixed.")

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
        assert [] == removals(server)


def test_a_removal_is_refused_and_reported_until_it_is_confirmed(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "sales.yaml").unlink()
        assert happens(lambda: bool(server.readyz()["rejected"]))
        state = server.readyz()
        assert happens(lambda: server.metric("ncco_removals_refused") == 2)

        assert "This is sales." == server.heard(to="493023125100")
        assert (503, ["main", "sales"]) == (state["status"], state["flows"])
        assert state["rejected"] == state["reasons"]
        assert ["493023125100", "flow sales"] == [
            next(word for word in ("493023125100", "flow sales") if word in text) for text in state["rejected"]
        ]
        assert all(text.startswith("flows/sales.yaml:") and "`ncco release`" in text for text in state["rejected"])
        assert 1 == server.metric("ncco_revision_rejected")
        server.wait_for("removal refused")
        assert {"where", "problem", "cure"} <= removals(server)[0].keys()

        confirmed = server.release()
        assert happens(lambda: server.heard(to="493023125100") == "This is main.")

        assert confirmed.endswith("confirmed\n")
        assert "nothing to confirm" in server.release()
        assert (["main"], []) == (server.readyz()["flows"], server.readyz()["rejected"])
        assert 0 == server.metric("ncco_removals_refused") == server.metric("ncco_revision_rejected")


def test_a_number_may_move_to_another_flow_without_a_confirmation(project: Path) -> None:
    with serving(project) as server:
        (server.flows / "sales.yaml").write_text(flow("sales", "entry: true"))
        time.sleep(0.5)
        (server.flows / "main.yaml").write_text(flow("main", "default: true\nnumbers: ['493023125100']"))
        assert happens(lambda: server.heard(to="493023125100") == "This is main.")

        assert [] == server.readyz()["rejected"]
        server.send(signal.SIGHUP)  # the end of a terminal ends no call
        time.sleep(1)
        assert "This is main." == server.heard()


def test_folders_that_disappear_change_nothing(project: Path) -> None:
    with serving(project) as server:
        shutil.move(server.flows, project / "away")
        assert happens(lambda: bool(server.readyz()["rejected"]))
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
    with ReloadingServer(project, {}) as server:
        assert happens(lambda: bool(server.readyz()["rejected"]))
        assert "This is sales." == server.heard(to="493023125100")
        assert (503, 2) == (server.readyz()["status"], len(server.readyz()["rejected"]))
        assert 2 == server.metric("ncco_removals_refused")
        assert server.wait_for("`ncco release`")
        server.release()
        assert happens(lambda: server.heard(to="493023125100") == "This is main.")
    with serving(project) as server:
        assert "This is main." == server.heard(to="493023125100")
        assert (200, []) == (server.readyz()["status"], server.readyz()["rejected"])


def test_in_development_a_restart_uses_the_files_as_they_are(project: Path) -> None:
    with serving(project, "--dev"):
        pass
    (project / "flows" / "sales.yaml").unlink()
    with serving(project, "--dev") as server:
        assert (["main"], []) == (server.readyz()["flows"], server.readyz()["rejected"])


def test_all_servers_of_a_database_refuse_a_removal_and_apply_a_confirmed_one(project: Path) -> None:
    shared = {"NCCO_DATABASE_URL": empty_database(), "NCCO_KEY": "k" * 32}
    with serving(project, **shared) as one, serving(project, **shared) as other:
        (project / "flows" / "main.yaml").unlink()
        time.sleep(1)
        heard = [one.heard(), other.heard()]
        one.release()
        assert happens(lambda: one.readyz()["flows"] == other.readyz()["flows"] == ["sales"])

        assert ["This is main."] * 2 == heard


MOVING = """
import os
from ncco_server import Call, call_flow

def move() -> None:
    os.chdir("/")

@call_flow(numbers=["493023125100"])
async def moving(call: Call) -> None:
    await call.run(move)
    await call.talk("Hello.")
"""


def test_a_function_that_changes_the_working_directory_stops_no_reload(project: Path) -> None:
    (project / "flows/sales.yaml").unlink()
    (project / "flows/moving.py").write_text(MOVING)
    with serving(project, NCCO_PYTHON_FLOWS="moving.py", NCCO_DATABASE_URL="sqlite:///calls.db") as server:
        assert "Hello." == server.heard("493023125100")
        (project / "flows/main.yaml").write_text(flow("main", "default: true", "Good evening."))
        assert happens(lambda: server.heard() == "Good evening.", 30)
