"""The files that `ncco test` writes: what was heard into scenarios, and flows as a drawing."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from app.cli.work import CannotRun
from app.flow.graph import Drawing, as_dot, as_mermaid
from app.verify.coverage import paint
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.suite import Suite
from app.verify.scenarios.updating import updated

WRITERS: Final[Mapping[str, Callable[[Drawing], str]]] = {
    ".mmd": as_mermaid,
    ".mermaid": as_mermaid,
    ".dot": as_dot,
    ".gv": as_dot,
}


def write_heard(file: ScenarioFile, suite: Suite) -> str:
    """Write what was heard into a file that asks for it; its name when it was written, else "". Raises CannotRun."""
    heard = [pair for result in suite.results if result.scenario.place.file == file.name for pair in result.heard]
    text = updated(file.text, heard)
    if text == file.text:
        return ""
    try:
        mark = codecs.BOM_UTF8 if file.path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        file.path.write_bytes(mark + text.encode())
    except OSError as error:
        raise CannotRun(f"{file.path} cannot be written: {error.strerror}", "let it be written") from error
    return file.name


def check_drawing(path: Path | None, projects: int) -> None:
    """See that flows can be drawn, before anything is played. Raises CannotRun."""
    if path is not None and path.suffix not in WRITERS:
        raise CannotRun(f"{path} has no suffix of a drawing", "write a name that ends in .mmd or .dot")
    if path is not None and projects != 1:
        raise _of_one_project()


def draw(path: Path, suites: list[Suite]) -> None:
    """Write the flows with what was taken. Raises CannotRun, also when the flows have errors and nothing was played."""
    if len(suites) != 1:
        raise _of_one_project()
    try:
        path.write_text(WRITERS[path.suffix](paint(suites[0].coverage)), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}", "name a file in a folder that exists") from error


def _of_one_project() -> CannotRun:
    return CannotRun("a drawing is of one project", "name one project, whose flows have no errors")
