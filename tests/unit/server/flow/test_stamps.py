"""What counts as a change of the files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ncco_server.flow.files import stamps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows" / "shared").mkdir(parents=True)
    (tmp_path / "flows" / "shop.yaml").write_text("one")
    (tmp_path / "flows" / "shared" / "texts.yaml").write_text("one")
    (tmp_path / "elsewhere").write_text("one")
    (tmp_path / "flows" / "linked.yaml").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "flows"


def later(path: Path, text: str) -> None:
    """Save the file with another time, even if the clock of the file system is coarse."""
    path.write_text(text)
    os.utime(path, ns=(1, 1))


def retargeted(folder: Path) -> None:
    (folder.parent / "next").write_text("one")
    (folder / "linked.yaml").unlink()
    (folder / "linked.yaml").symlink_to(folder.parent / "next")


def replaced(folder: Path) -> None:
    folder.rename(folder.parent / "before")
    folder.mkdir()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: later(folder / "shop.yaml", "one"),
        lambda folder: later(folder / "shared" / "texts.yaml", "two"),
        lambda folder: (folder / "shop.yaml").write_text("longer"),
        lambda folder: (folder / "shop.yaml").unlink(),
        lambda folder: (folder / "new.yaml").write_text(""),
        lambda folder: later(folder.parent / "elsewhere", "two"),
        retargeted,
        replaced,
    ],
    ids=["saved", "saved below", "longer", "gone", "new", "the target saved", "another target", "another folder"],
)
def test_every_change_changes_the_stamps(folder: Path, change: Callable[[Path], object]) -> None:
    before = stamps([folder])
    unchanged = stamps([folder])
    change(folder)

    assert before == unchanged
    assert before != stamps([folder])


def test_a_missing_file_is_left_out_and_noticed_when_it_appears(tmp_path: Path) -> None:
    missing = (tmp_path / "templates", tmp_path / ".env")
    before = stamps(missing[:1], missing[1:])
    missing[1].write_text("KEY=1")

    assert {} == before
    assert {str(missing[1])} == stamps(missing[:1], missing[1:]).keys()
