"""The scenarios of the sample flows and of every example hold, take every outcome, and notice faulty flows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.cli.server_under_test import make_app
from app.flow.loader import load_files
from app.verify.scenarios.files import files_of, read_files
from app.verify.scenarios.stage import LocalStage
from app.verify.scenarios.suite import run_suite
from tests.verify.scenarios.mutants import mutants_of, try_mutant

PROJECTS = (".", *sorted(path.parent.as_posix() for path in Path("examples").glob("*/flows")))
FLOWS = ("reception", "pin", "findme", "conference")
EVERY = 4
"""One mutant in so many is tried here; `python -m benchmarks.mutants` tries all of them."""
LEAST = 0.95


@pytest.mark.parametrize("folder", PROJECTS)
def test_the_scenarios_of_a_project_hold_and_take_every_outcome(folder: str) -> None:
    project = load_files(Path(folder, "flows"), Path(folder, "templates"), {})
    suite = asyncio.run(run_suite(LocalStage(project, make_app), read_files(files_of(Path(folder)))))

    assert [] == [(result.scenario.name, result.differences) for result in suite.differing]
    assert () == suite.issues
    assert () == suite.coverage.missing


def test_scenarios_notice_nearly_every_faulty_flow() -> None:
    templates = {path.as_posix(): path.read_text() for path in Path("templates").iterdir()}
    texts = {f"flows/{name}.yaml": Path(f"flows/{name}.yaml").read_text() for name in FLOWS}
    mutants = [(file, mutant) for file, text in texts.items() for mutant in mutants_of(file, text)][::EVERY]
    tried = [
        asyncio.run(
            try_mutant(
                mutant, file, {file: texts[file], **templates}, [f"tests/scenarios/{Path(file).stem}.yaml"], make_app
            )
        )
        for file, mutant in mutants
    ]
    alive = [verdict for verdict in tried if verdict.loads]
    survivors = [f"{verdict.mutant.line}: {verdict.mutant.what}" for verdict in alive if not verdict.killer]

    assert 40 < len(alive)
    assert len(survivors) <= len(alive) * (1 - LEAST), survivors
