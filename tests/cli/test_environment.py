"""Commands that need no server read the same variables as the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.jobs.environment import FLOW_PREFIX, folders
from app.settings import load, load_settings


def test_the_prefix_of_variables_for_flows_is_that_of_the_settings() -> None:
    assert load.FLOW_PREFIX == FLOW_PREFIX


@pytest.mark.parametrize("env", [{}, {"NCCO_FLOWS": "a", "NCCO_TEMPLATES": "b"}, {"NCCO_FLOWS": ""}])
def test_the_folders_are_those_of_the_settings(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()

    assert (settings.flows, settings.templates) == folders(None, None)


def test_the_environment_wins_over_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NCCO_FLOWS=from-file\nNCCO_TEMPLATES=from-file\n")
    monkeypatch.setenv("NCCO_FLOWS", "from-environment")

    assert (Path("from-environment"), Path("from-file")) == folders(None, None)
