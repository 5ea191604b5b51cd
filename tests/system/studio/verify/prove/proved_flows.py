"""Flows made from texts, and proofs of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_studio.verify.prove import FoundViolation, Proof, never_run, prove, roots_of
from ncco_studio.verify.prove.counterexample import counter_example
from ncco_studio.verify.scenarios.files import WrittenScenario, numbered
from ncco_studio.verify.scenarios.runner import Suite, run_suite
from ncco_studio.verify.scenarios.stage import LocalStage
from tests.contract.studio.prove.test_flows import files_of
from tests.system.studio.verify.scenarios.playing import file_of

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
PLAYED = Path(__file__).with_name("played.yaml")
NUMBERS = 'numbers: ["442079460000"]\n'
"""What a call from an app shows to the phones that are dialled."""


def flow_of(steps: str, head: str = "", **others: str) -> Flow:
    """A flow `test` that begins with the first of these steps; `others` are more flow files by name."""
    numbers = "" if "numbers:" in head else NUMBERS
    flow = {"steps": dedent(steps).lstrip("\n"), "head": numbers + head, "others": others}
    project = load(files_of(flow, "test"))

    errors = [f"{issue.place}: {issue.code} {issue.message}" for issue in project.issues if issue.is_error]
    assert not errors, errors
    return project.flows["test"]


def proof_of(steps: str, head: str = "", **others: str) -> Proof:
    """The proof of a flow from `flow_of`."""
    return prove(flow_of(steps, head, **others), NOW)


def found(proof: Proof) -> set[tuple[str, str]]:
    """The violations as (kind, step)."""
    return {(each.kind, each.step) for each in proof.violations}


def project_of(flow: dict[str, Any]) -> Project:
    """The project of an entry of `played.yaml`."""
    return load(files_of(flow), extent="project")


def proofs_of(project: Project) -> list[Proof]:
    """A proof for each flow that calls begin in; none if the project has errors."""
    return [] if project.has_errors else [prove(flow, NOW) for flow in roots_of(project.flows)]


def play_all(project: Project, scenarios: Sequence[WrittenScenario]) -> Suite:
    """Play scenarios on the server. Returns the results."""
    file = file_of("\n".join(each.text for each in scenarios))
    assert not [issue.message for issue in file.issues if issue.is_error], file.issues
    return asyncio.run(run_suite(LocalStage(project), [file]))


def violations_of(project: Project, proofs: Sequence[Proof]) -> list[FoundViolation]:
    """All violations in a project; none if it has errors."""
    lost = never_run(project.flows, [proof.verdict for proof in proofs]) if proofs else []
    return [*(each.found() for proof in proofs for each in proof.violations), *lost]


def counter_examples(proof: Proof) -> list[WrittenScenario]:
    """For each violation that a call can show, the shortest such call as a scenario with a unique name."""
    found = (counter_example(proof, violation) for violation in proof.violations)
    return numbered(each for each in found if each is not None)
