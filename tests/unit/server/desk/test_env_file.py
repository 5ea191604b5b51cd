"""`.env` is written completely or not at all, only for its owner, and read back as intended."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from ncco_server.desk.environment import write_setting
from ncco_server.desk.output import CannotRun
from tests.support.cases import each_case

OTHERS = "# mine\nFLOW_A=1\n\nexport FLOW_B='two words'\n"
VALUES = (
    "plain",
    "with $dollar and $$",
    "it's",
    'double "quotes"',
    "back\\slash",
    "# no comment",
    " spaces ",
    "umlaut ä",
)


@each_case("value", VALUES)
def test_a_value_is_read_as_it_was_written(value: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(OTHERS, encoding="utf-8")
    for _ in range(2):
        write_setting(file, "VONAGE_SIGNATURE_SECRET", value)

    assert {"FLOW_A": "1", "FLOW_B": "two words", "VONAGE_SIGNATURE_SECRET": value} == dotenv_values(file)
    assert file.read_text(encoding="utf-8").startswith(OTHERS)
    assert 1 == file.read_text(encoding="utf-8").count("VONAGE_SIGNATURE_SECRET")


@each_case("mode", [None, 0o644, 0o600])
def test_only_its_owner_reads_it(mode: int | None, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    if mode:
        file.touch(mode)
    write_setting(file, "A", "b")

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [".env"] == [path.name for path in tmp_path.iterdir()]


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("A=1\n", encoding="utf-8")
    (tmp_path / ".env").symlink_to("theirs")

    with pytest.raises(CannotRun, match="symbolic link"):
        write_setting(tmp_path / ".env", "A", "2")

    assert "A=1\n" == (tmp_path / "theirs").read_text(encoding="utf-8")


def test_a_value_that_would_be_read_differently_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")

    with pytest.raises(CannotRun, match="without changing its value"):
        write_setting(tmp_path / ".env", "SECRET", "a${HOME}b")

    assert "A=1\n" == (tmp_path / ".env").read_text(encoding="utf-8")
    assert [".env"] == [path.name for path in tmp_path.iterdir()]
