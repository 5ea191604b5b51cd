"""`ncco prove`: loads the project, walks its flows, tells what is wrong, and writes scenarios where it is asked to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli.jobs.environment import flow_variables
from app.cli.jobs.naming import did_you_mean, flow_of_file, source_of
from app.cli.jobs.project import Source, as_named, find, show_errors
from app.cli.jobs.proving.files import coverings_by_file, faults_by_file, write
from app.cli.jobs.proving.telling import as_json, tell
from app.cli.jobs.rehearsal import Rehearsed, rehearse
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.issues import Issue
from app.flow.model import Flow, Project
from app.flow.report import Format, report
from app.verify.prove import Bounds, Permitted, Proof, Violation, never_run, prove, roots_of
from app.verify.prove.examples import counter_example


def run(
    *,
    what: str | None,
    flows: Path | None,
    templates: Path | None,
    form: Format,
    bounds: tuple[int, float],
    permitted: tuple[float, int],
    save: Path | None,
    tests: Path | None,
) -> int:
    """Print what was found. ISSUES when anything is wrong, or when not everything was walked. Raises CannotRun."""
    source, flow = source_of(what, flows, templates)
    found = find(source, flow_variables())
    if found.has_errors:
        show_errors(found)
        return ISSUES
    flow = flow or flow_of_file(source, found)
    meant = _meant(flow, found.project.flows)
    now, env = datetime.now(UTC), flow_variables()
    proofs = [prove(each, now, env=env, bounds=Bounds(*bounds), permitted=Permitted(*permitted)) for each in meant]
    wrong = _each_once((proof, violation) for proof in proofs for violation in proof.violations)
    lost = never_run(found.project.flows, proofs) if not flow else []
    issues = [_issue(violation, source) for violation in [*(each for _, each in wrong), *lost]]
    examples = _examples(found.project, wrong)
    if form == "json":
        click.echo(as_json(proofs, wrong, lost, examples, source))
    else:
        shown = report(dict.fromkeys(issues), found.texts, form, takes_colour())
        click.echo(shown, nl=False, color=takes_colour())
        tell(proofs, wrong, examples, form)
    if save is not None:
        write(save, faults_by_file(wrong, examples))
    if tests is not None:
        write(tests, coverings_by_file(found.project, proofs))
    is_fine = not any(issue.is_error for issue in issues) and not any(proof.walk.stopped for proof in proofs)
    return FINE if is_fine else ISSUES


def _meant(name: str, known: Mapping[str, Flow]) -> list[Flow]:
    """The flow of that name, else ("") those that calls begin in, by name. Raises CannotRun."""
    if name and name not in known:
        raise CannotRun(f'there is no flow "{name}", nor a project of that name', did_you_mean(name, known))
    if not known:
        raise CannotRun("there is no flow", "run it in the project's folder, or name the folder")
    return [known[name]] if name else sorted(roots_of(known), key=lambda flow: flow.name)


def _each_once(wrong: Iterable[tuple[Proof, Violation]]) -> list[tuple[Proof, Violation]]:
    """What is wrong in a flow that several flows run is told once."""
    first: dict[tuple[str, str, str, str], tuple[Proof, Violation]] = {}
    for proof, violation in wrong:
        first.setdefault((violation.kind, violation.flow, violation.step, violation.message), (proof, violation))
    return list(first.values())


def _issue(violation: Violation, source: Source) -> Issue:
    place = violation.place._replace(file=as_named(violation.place.file, source))
    return Issue(violation.kind, violation.severity, place, violation.message, violation.cure)


def _examples(project: Project, wrong: Sequence[tuple[Proof, Violation]]) -> dict[int, Rehearsed]:
    """The shortest call to each violation that happens in one, by its number, as it was played."""
    calls = {number: counter_example(*each) for number, each in enumerate(wrong)}
    made = {number: call for number, call in calls.items() if call is not None}
    return dict(zip(made, rehearse(project, made.values()), strict=True))
