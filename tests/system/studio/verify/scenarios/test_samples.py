"""The scenarios of the sample flows detect faulty flows."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.system.studio.verify.scenarios.mutants import mutants_of, try_mutant

FLOWS = ("reception", "pin", "findme", "conference")
EVERY = 8
"""One of this many mutants is tried."""
LEAST = 0.95


def test_scenarios_detect_nearly_every_faulty_flow() -> None:
    templates = {path.as_posix(): path.read_text() for path in Path("templates").iterdir()}
    texts = {f"flows/{name}.yaml": Path(f"flows/{name}.yaml").read_text() for name in FLOWS}
    mutants = [(file, mutant) for file, text in texts.items() for mutant in mutants_of(file, text)][::EVERY]
    tried = [
        asyncio.run(
            try_mutant(mutant, file, {file: texts[file], **templates}, [f"tests/scenarios/{Path(file).stem}.yaml"])
        )
        for file, mutant in mutants
    ]
    alive = [verdict for verdict in tried if verdict.loads]
    survivors = [f"{verdict.mutant.line}: {verdict.mutant.what}" for verdict in alive if not verdict.killer]

    assert 20 < len(alive)
    assert len(survivors) <= len(alive) * (1 - LEAST), survivors
