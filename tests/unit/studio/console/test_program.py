"""The command that the console shows for the program that started it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_studio.console.pages import program_of


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two programs; a shell finds the one in `bin`."""
    for folder in ("bin", "my project"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ncco").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_program_is_named_as_a_shell_starts_it(scripts: Path) -> None:
    names = [str(scripts / "bin/ncco"), "bin/ncco", "my project/ncco", "elsewhere/ncco", "/usr/bin/pytest"]
    assert ["ncco", "ncco", "'my project/ncco'", "elsewhere/ncco", "ncco"] == [program_of(name) for name in names]
