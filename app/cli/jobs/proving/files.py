"""The files of scenarios that `ncco prove` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final, TypeAlias

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.rehearsal import Rehearsed, rehearse
from app.cli.work import CannotRun
from app.flow.model import Project
from app.verify.coverage import Tally
from app.verify.outcomes import outcomes_of
from app.verify.prove import Proof, Violation
from app.verify.prove.examples import covering, named_apart
from app.verify.prove.scenario import Written, text_of

OutcomeName: TypeAlias = tuple[str, str, str]
"""Its flow, its step, its name."""
MOST_TEXT: Final = 200_000
"""Characters of a file of scenarios that is written: less than half of what is read."""


def faults_by_file(
    wrong: Sequence[tuple[Proof, Violation]], examples: Mapping[int, Rehearsed]
) -> dict[str, list[Rehearsed]]:
    """File name → the counter-examples in it, one file for each flow that calls begin in."""
    files: dict[str, list[Rehearsed]] = {}
    for number, example in examples.items():
        files.setdefault(f"prove-{wrong[number][0].flow.name}-faults", []).append(example)
    return files


def coverings_by_file(project: Project, proofs: Iterable[Proof]) -> dict[str, list[Rehearsed]]:
    """File name → the scenarios in it, which take each outcome once, in the first flow that comes to it."""
    files: dict[str, list[Rehearsed]] = {}
    taken: set[OutcomeName] = set()
    for proof in proofs:
        flows = [proof.flow, *proof.flow.subs.values()]
        wanted = {(each.flow, each.step, each.name) for flow in flows for each in outcomes_of(flow)} - taken
        files[f"prove-{proof.flow.name}"] = rehearse(project, covering(proof, wanted))
        taken |= wanted & proof.taken
    for lost in not_taken(project, (each for played in files.values() for each in played), taken):
        click.echo(f"left out, since no scenario came to it when it was played: {lost}", err=True)
    return {name: played for name, played in files.items() if played}


def not_taken(project: Project, played: Iterable[Rehearsed], promised: Set[OutcomeName]) -> Iterator[str]:
    """The outcomes that a proof has a way to, and that scenarios did not take when they were played, in words."""
    tally = Tally(project.flows.values())
    for each in played:
        if each.result is not None and not each.problem:
            tally.add(each.result)
    for outcome in tally.coverage().missing:
        if outcome[:3] in promised:
            yield f"{outcome.flow}, step {outcome.step}: {outcome.name}"


def write(folder: Path, files: Mapping[str, Sequence[Rehearsed]]) -> None:
    """Write what does what it says, in as many files as it takes. Raises CannotRun."""
    try:
        for name, played in files.items():
            for left in (each for each in played if each.problem):
                click.echo(f'left out, since the simulator differs: "{left.written.name}": {left.problem}', err=True)
            right = named_apart(each.written for each in played if not each.problem)
            for number, part in enumerate(_parts(right), 1):
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
                path.write_text(text_of(part), encoding="utf-8")
                click.echo(f"{path}: {counted(len(part), 'scenario')}", err=True)
    except OSError as error:
        raise CannotRun(f"{folder}: {error.strerror}", "name a folder that can be written") from error


def _parts(scenarios: Sequence[Written]) -> Iterator[list[Written]]:
    """The scenarios, divided so that each file can be read."""
    part: list[Written] = []
    size = 0
    for each in scenarios:
        length = len(text_of([each]))
        if part and size + length > MOST_TEXT:
            yield part
            part, size = [], 0
        part.append(each)
        size += length
    if part:
        yield part
