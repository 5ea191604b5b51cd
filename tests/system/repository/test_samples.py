"""The sample flows: whatever fails on our side, the caller is put through to somebody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ncco_server.desk.commands.init import SKELETON
from ncco_server.engine import CallData, TurnContext, without_store
from ncco_server.flow.loader import load_files
from tests.support.tracked import ROOT

CONTEXT = TurnContext(
    datetime(2026, 3, 4, 10, tzinfo=UTC), lambda ref: f"https://ncco.example/{ref}", lambda *_: "hidden"
)
STAFF = {"staff", "engineers", "survey"}
"""Nobody waits at the other end of these lines."""
PROJECTS = [ROOT, SKELETON, *sorted(path.parent for path in (ROOT / "examples").glob("*/flows"))]


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda path: path.name)
def test_the_error_exit_of_each_sample_puts_the_caller_through(folder: Path) -> None:
    project = load_files(folder / "flows", folder / "templates")
    taking_calls = [flow for flow in project.flows.values() if flow.numbers or flow.default]
    silent = []
    for flow in taking_calls:
        number = flow.numbers[0] if flow.numbers else "442079460001"
        turn = without_store(flow, "leg", CallData(number, "447700900123", "", "leg"), CONTEXT)
        if turn is None or "connect" not in [action["action"] for action in turn.ncco]:
            silent.append(flow.name)

    assert set(silent) <= STAFF
