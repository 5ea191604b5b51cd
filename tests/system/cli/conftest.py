"""Every command runs in an empty folder and without settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.cli.projects import leave_settings_behind


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    leave_settings_behind(monkeypatch, tmp_path)
