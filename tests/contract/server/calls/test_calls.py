"""The replies to webhooks, lookup requests and hooks of the server, case by case; cases.py describes a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contract.server.calls.cases import FOLDER, Case, Project, load_projects
from tests.contract.server.calls.playing import Stage, staged
from tests.support.cases import each_case

ANY: Final = "*"


PROJECTS = load_projects(FOLDER)
FILES = sorted(FOLDER.glob("*.yaml"), key=lambda file: str(PROJECTS[file.stem].settings))


def _cases(file: Path) -> list[Any]:
    project = PROJECTS[file.stem]
    return [pytest.param(project, case, id=case.case) for case in project.cases]


@pytest.fixture(scope="session")
def stage_of(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Callable[[Project], Stage]]:
    """Starts the server of a project for its first case, and first stops a server with other settings."""
    stack, stages = ExitStack(), dict[str, Stage]()
    in_thread = pytestconfig.getoption("--servers-in-threads")

    def started(project: Project) -> Stage:
        settings = str(project.settings)
        if settings not in stages:
            stack.close()
            stages.clear()
            home = tmp_path_factory.mktemp("project")
            stages[settings] = stack.enter_context(staged(project, home, in_thread=in_thread))
        return stages[settings]

    with stack:
        yield started


@each_case(("project", "case"), _cases, files=FILES)
def test_case(project: Project, case: Case, stage_of: Callable[[Project], Stage]) -> None:
    stage = stage_of(project)
    played = stage.play(case)

    for number, (exchange, reply) in enumerate(zip(case.exchanges, played.replies, strict=True), 1):
        assert (number, exchange.status) == (number, reply.status)
        if exchange.ncco != ANY:
            expected = played.replies[exchange.same_as - 1].ncco if exchange.same_as else project.ncco(exchange)
            assert (number, expected) == (number, reply.ncco)
        assert not exchange.same_as or played.replies[exchange.same_as - 1].body == reply.body
    assert case.asked is None or sorted(case.asked) == sorted(played.asked)
    assert sorted(case.hooks, key=str) == played.hooks
    written = stage.written() if case.hidden else b""
    assert [] == [text for text in case.hidden if text.encode() in written]
