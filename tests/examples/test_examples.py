"""Every example project loads, and every way through it is played: what callers do beside what they hear."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from app.flow.model import Flow, Project
from tests.examples.example_projects import PROJECTS, load_example
from tests.examples.played_call import PlayedCall
from tests.examples.ways import ways_ended, ways_gone, ways_of

CALLS = Path(__file__).parent / "calls"


class Told(NamedTuple):
    """One file of calls."""

    project: Project
    flow: Flow
    fields: dict[str, Any]

    def call(self, name: str) -> PlayedCall:
        """The call of this name, before it rings."""
        fields = {**self.fields, **self.fields["calls"][name]}
        at = datetime.fromisoformat(str(fields.get("at", "2026-03-04T12:00"))).replace(tzinfo=UTC)
        return PlayedCall(
            self.flow,
            to=self.flow.numbers[0],
            caller=fields.get("from", "447700900123"),
            at=at,
            env=fields.get("env", {}),
            allow=tuple(fields.get("allow", ())),
            show=frozenset(fields.get("show", ())),
        )

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What the file says of the call."""
        rows: list[dict[str, Any]] = self.fields["calls"][name]["rows"]
        return rows


def told(example: str) -> Told:
    fields = yaml.safe_load((CALLS / f"{example}.yaml").read_text(encoding="utf-8"))
    project = load_example(example, fields.get("env", {}))
    return Told(project, project.flows[fields["flow"]], fields)


TOLD = {example: told(example) for example in PROJECTS}
EACH_CALL = [(example, name) for example in PROJECTS for name in TOLD[example].fields["calls"]]


@pytest.mark.parametrize("example", PROJECTS)
def test_an_example_has_neither_errors_nor_warnings(example: str) -> None:
    issues = TOLD[example].project.issues

    assert [] == [f"{issue.place} {issue.code} {issue.message}" for issue in issues]


@pytest.mark.parametrize(("example", "name"), EACH_CALL)
def test_a_caller_hears_what_is_told(example: str, name: str) -> None:
    call = TOLD[example].call(name)
    rows = TOLD[example].rows(name)

    assert rows == call.play(rows)


@pytest.mark.parametrize("example", PROJECTS)
def test_every_way_through_an_example_is_played(example: str) -> None:
    calls = {name: TOLD[example].call(name) for name in TOLD[example].fields["calls"]}
    for name, call in calls.items():
        call.play(TOLD[example].rows(name))
    project = TOLD[example].project
    gone = ways_gone(turn for call in calls.values() for turn in call.turns)
    ended = ways_ended(project, {name for call in calls.values() for name in call.over})

    assert set() == ways_of(project) - gone - ended
