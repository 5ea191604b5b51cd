"""`ncco prove`: loads the project, walks its flows, tells what is wrong, and writes scenarios where it is asked to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.environment import flow_variables
from app.cli.jobs.naming import did_you_mean, flow_of_file, source_of
from app.cli.jobs.project import Source, as_named, find, show_errors
from app.cli.jobs.rehearsal import Rehearsed, rehearse
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.issues import Issue
from app.flow.model import Flow, Project
from app.flow.report import Format, report
from app.verify.outcomes import outcomes_of
from app.verify.prove import Bounds, Permitted, Proof, Violation, never_run, prove, roots_of
from app.verify.prove.examples import counter_example, covering, named_apart
from app.verify.prove.scenario import Written, text_of

MOST_TEXT: Final = 200_000
"""Characters of a file of scenarios that is written: less than half of what is read."""


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
        click.echo(_as_json(proofs, wrong, lost, examples, source))
    else:
        shown = report(dict.fromkeys(issues), found.texts, form, takes_colour())
        click.echo(shown, nl=False, color=takes_colour())
        _tell(proofs, wrong, examples, form)
    if save is not None:
        _write(save, _by_flow(wrong, examples))
    if tests is not None:
        _write(tests, _coverings(found.project, proofs))
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


def _tell(
    proofs: Sequence[Proof], wrong: Sequence[tuple[Proof, Violation]], examples: Mapping[int, Rehearsed], form: Format
) -> None:
    """One line a flow, for people; on standard error when standard output is for a machine."""
    for number, example in examples.items() if form == "text" else ():
        violation = wrong[number][1]
        click.echo(f"\nthe shortest call to {number + 1}, {violation.kind} in {violation.step}:")
        click.echo("".join(f"  {line}\n" for line in text_of([example.written]).splitlines()), nl=False)
        if example.problem:
            click.echo(f"  # the simulator does not come to it: {example.problem}")
    for proof in proofs:
        click.echo(_summary(proof), err=form != "text")


def _how(proof: Proof) -> str:
    """The verdict, with how many faults there are and where the walk has stopped."""
    faults = sum(violation.is_error for violation in proof.violations)
    how = f"refuted by {counted(faults, 'fault')}" if faults else proof.verdict
    if proof.walk.stopped:
        return f"{how}{', stopped' if faults else ''} at {proof.walk.stopped}"
    return how


def _summary(proof: Proof) -> str:
    walk = proof.walk
    walked = {"state": len(walk.states), "edge": len(walk.edges), "NCCO": walk.nccos}
    counts = ", ".join(counted(number, noun) for noun, number in walked.items())
    lines = [f"{proof.flow.name}: {_how(proof)}: {counts}, {walk.seconds:.2f} s"]
    for name, values in proof.representatives.items():
        shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:6])
        lines.append(f"  {name} stands for others: {shown}{', ...' if len(values) > 6 else ''}")
    if proof.never and not walk.stopped:
        never = ", ".join(f"{each.step}: {each.name}" for each in proof.never[:5])
        said = "never" if proof.is_certain else "not come to with these values"
        lines.append(f"  {said}: {never}{f' and {len(proof.never) - 5} more' if len(proof.never) > 5 else ''}")
    return "\n".join(lines)


def _as_json(
    proofs: Iterable[Proof],
    wrong: Sequence[tuple[Proof, Violation]],
    lost: Iterable[Violation],
    examples: Mapping[int, Rehearsed],
    source: Source,
) -> str:
    flows = [
        {
            "flow": proof.flow.name,
            "verdict": proof.verdict,
            "stopped": proof.walk.stopped,
            "states": len(proof.walk.states),
            "edges": len(proof.walk.edges),
            "nccos": proof.walk.nccos,
            "seconds": round(proof.walk.seconds, 3),
            "representatives": {name: list(values) for name, values in proof.representatives.items()},
            "never": [{"step": each.step, "outcome": each.name} for each in proof.never],
            "certain": proof.is_certain,
        }
        for proof in proofs
    ]
    faults = [_fault(violation, examples.get(number), source) for number, (_, violation) in enumerate(wrong)]
    faults += [_fault(violation, None, source) for violation in lost]
    return json.dumps({"flows": flows, "violations": faults}, indent=2, ensure_ascii=False)


def _fault(violation: Violation, example: Rehearsed | None, source: Source) -> dict[str, Any]:
    place = violation.place
    return {
        "kind": violation.kind,
        "flow": violation.flow,
        "step": violation.step,
        "file": as_named(place.file, source),
        "severity": violation.severity,
        "line": place.line,
        "column": place.column,
        "message": violation.message,
        "cure": violation.cure,
        "scenario": text_of([example.written]) if example else None,
    }


def _by_flow(wrong: Sequence[tuple[Proof, Violation]], examples: Mapping[int, Rehearsed]) -> dict[str, list[Rehearsed]]:
    """File name → the counter-examples in it, one file for each flow that calls begin in."""
    files: dict[str, list[Rehearsed]] = {}
    for number, example in examples.items():
        files.setdefault(f"prove-{wrong[number][0].flow.name}-faults", []).append(example)
    return files


def _coverings(project: Project, proofs: Iterable[Proof]) -> dict[str, list[Rehearsed]]:
    """As above; each outcome of all flows is taken once, by the first flow that comes to it."""
    files: dict[str, list[Rehearsed]] = {}
    taken: set[tuple[str, str, str]] = set()
    for proof in proofs:
        flows = [proof.flow, *proof.flow.subs.values()]
        wanted = {(each.flow, each.step, each.name) for flow in flows for each in outcomes_of(flow)} - taken
        files[f"prove-{proof.flow.name}"] = rehearse(project, covering(proof, wanted))
        taken |= wanted & proof.taken
    return {name: played for name, played in files.items() if played}


def _write(folder: Path, files: Mapping[str, Sequence[Rehearsed]]) -> None:
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
