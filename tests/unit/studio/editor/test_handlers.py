"""Unsaved code is never run by the console or its editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ncco_studio.editor import language
from ncco_studio.editor.project import CannotSave, ProjectFolder
from tests.support.cases import each_case

HANDLER = """
from ncco_server import Call, call_flow

@call_flow(default=True)
async def shop(call: Call):
    await call.talk("Hello.")
"""


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shop.py").write_text(HANDLER)
    return ProjectFolder(tmp_path / "flows", tmp_path / "templates", {}, (), ("shop.py", "new.py"))


def codes(issues: Any) -> set[tuple[str, str]]:
    return {(issue.place.file, issue.code) for issue in issues}


@each_case("file", ["flows/shop.py", "flows/new.py"])
def test_unsaved_code_is_not_run(folder: ProjectFolder, tmp_path: Path, file: str) -> None:
    typed = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{HANDLER}"
    unsaved = {file: typed}
    values = {**folder.as_values(), "root": str(tmp_path), "roots": []}

    assert {(file, "E702")} <= codes(folder.with_texts(unsaved).project.issues)
    assert "E702" in str(language.check(values, {"file": file, "text": typed}))
    assert not (tmp_path / "ran").exists()


def test_saved_code_is_run(folder: ProjectFolder) -> None:
    read = folder.with_texts({"flows/other.yaml": "flow: other\nstart: a\nsteps: {a: {do: [talk: Hi.], goto: end}}\n"})
    assert {"shop", "other"} == read.project.flows.keys()
    assert not [issue for issue in read.project.issues if issue.is_error]


def test_a_deployed_file_needs_no_folder_of_flows(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(HANDLER)
    project = ProjectFolder(tmp_path / "flows", tmp_path / "templates", {}, (), (str(tmp_path / "main.py"),))

    assert {"shop"} == project.current().project.flows.keys()
    assert not project.current().project.issues


def test_the_console_does_not_write_code(folder: ProjectFolder) -> None:
    for file in ("flows/shop.py", "flows/new.py", "templates/shop.py"):
        with pytest.raises(CannotSave):
            folder.save(file, HANDLER, "")
    assert HANDLER == (folder.flows / "shop.py").read_text()


def test_editors_find_the_modules_that_handlers_import(folder: ProjectFolder, tmp_path: Path) -> None:
    (tmp_path / "prices_of_this_test.py").write_text("WINE = 9\n")
    text = HANDLER.replace("@call", "from prices_of_this_test import WINE\n@call")
    (folder.flows / "shop.py").write_text(text)
    read = folder.with_texts({})
    assert () == read.project.issues
    assert {"shop"} == read.project.flows.keys()
