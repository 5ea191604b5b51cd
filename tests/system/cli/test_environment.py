"""Commands that need no server read the same variables as the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.desk.environment import folders
from tests.support.command import ncco
from tests.system.cli.projects import SHOP, write_project

UNREADABLE = Path("/proc/self/mem")
UNREAD = "Error: .env cannot be read\n  fix: make it a readable file of UTF-8 text, or delete it\n"


def test_the_environment_wins_over_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NCCO_FLOWS=from-file\nNCCO_TEMPLATES=from-file\n")
    monkeypatch.setenv("NCCO_FLOWS", "from-environment")

    assert (Path("from-environment"), Path("from-file")) == folders(None, None)


@pytest.mark.parametrize("command", ["check", "simulate"])
@pytest.mark.parametrize("is_text", [True, False])
def test_a_dotenv_that_is_not_utf_8_or_cannot_be_read_is_reported(tmp_path: Path, command: str, is_text: bool) -> None:
    if not (is_text or UNREADABLE.exists()):
        pytest.skip("the system has no file that nobody can read from its start")
    (tmp_path / "latin-1").write_bytes(b"FLOW_NAME=M\xfcnchen\n")
    (write_project(tmp_path, shop=SHOP) / ".env").symlink_to(tmp_path / "latin-1" if is_text else UNREADABLE)
    done = ncco(command)

    assert (2, UNREAD) == (done.exit_code, done.stderr)
