"""`ncco api-key` and the API of a running server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import loopback
from tests.support.command import ncco
from tests.support.server import Server, free_port
from tests.system.cli.test_place import REMINDER


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "reminder.yaml").write_text(REMINDER)
    return tmp_path


def test_a_program_requests_a_call_from_a_running_server(home: Path) -> None:
    port = free_port()
    server = Server(home, {"NCCO_API_PORT": str(port), "NCCO_DIAL_ALLOW": "44"})
    env = {"NCCO_DATABASE_URL": server.settings["NCCO_DATABASE_URL"]}
    with server:
        made = ncco("api-key", "add", "crm", "--flows", "reminder", cwd=home, env=env)
        key = made.stdout.strip()
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "1"}
        call = {"flow": "reminder", "to": "447700900123", "with": {"name": "Ada"}}
        placed = loopback.post(f"http://127.0.0.1:{port}/calls", json=call, headers=headers)
        listed = ncco("api-key", "list", cwd=home, env=env)
        removed = ncco("api-key", "remove", "crm", cwd=home, env=env)
        refused = loopback.get(f"http://127.0.0.1:{port}/calls", headers=headers)
        again = ncco("api-key", "remove", "crm", cwd=home, env=env)

    assert 0 == made.exit_code, made.output
    assert (202, "waiting") == (placed.status_code, placed.json()["state"])
    assert key not in listed.output
    assert "reminder" in listed.output
    assert ("1 key is removed", 401, 1) == (removed.output.strip(), refused.status_code, again.exit_code)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crm", "--flows", "remind"], "remind is not a flow that places calls"),
        (["CRM", "--flows", "reminder"], "CRM is not a valid name for a key"),
    ],
)
def test_an_unusable_key_is_not_created(home: Path, words: list[str], message: str) -> None:
    result = ncco("api-key", "add", *words, cwd=home, env={"NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"})

    assert 2 == result.exit_code
    assert message in result.output
