"""Proves the flows of a project, and makes the output of `ncco prove`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click

from ncco_server.desk.environment import flow_variables
from ncco_server.desk.output import CannotRun, json_text, print_result
from ncco_server.desk.project import Source, flow_named, flow_of_file
from ncco_server.desk.transcript import line_text
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.report import Format, report
from ncco_server.wording import counted
from ncco_studio.verify.prove import (
    FlowVerdict,
    FoundViolation,
    Proof,
    SearchLimits,
    never_run,
    placed_forever,
    prove,
    roots_of,
)
from ncco_studio.verify.prove.proof import is_proved
from ncco_studio.verify.prove.rehearsal import confirmed, coverings
from ncco_studio.verify.scenarios.files import WrittenScenario, numbered

MOST_SCENARIOS: Final = 100
"""Per file; a larger one might not load."""
MOST_VALUES: Final = 6


def prove_project(
    source: Source,
    name: str,
    *,
    form: Format,
    states: int,
    seconds: float,
    silence: float,
    save: Path | None,
    tests: Path | None,
) -> bool:
    """Prove the flow `name`, or every flow for "", and print what is found; return whether nothing is wrong.

    The options are those of `ncco prove`. Raises CannotRun, FlowsHaveErrors.
    """
    env = flow_variables()
    now = datetime.now(UTC)
    found = source.load_sound(env)
    name = name or ("" if source.program is not None else flow_of_file(found))
    proofs = []
    verdicts = []
    flows = _flows(name, found.project.flows)
    is_hidden = len(flows) == 1 or not sys.stderr.isatty()
    with click.progressbar(flows, label="proving", file=sys.stderr, hidden=is_hidden) as proving:
        for flow in proving:
            proof = prove(
                flow,
                now,
                env=env,
                bounds=SearchLimits(states, seconds),
                silence_s=silence,
                progress=partial(_report_progress, flow.name),
            )
            verdicts.append(confirmed(found.project, proof, source.path_of))
            if tests is not None:  # a proof takes much memory
                proofs.append(proof)
    left = sorted(flow.name for flow in found.project.flows.values() if not is_proved(flow))
    others = placed_forever(found.project, verdicts) + ([] if name else never_run(found.project.flows, verdicts))
    faults = _unique(chain.from_iterable(verdict.violations for verdict in verdicts), others)
    verdicts = [each.refuted_by(others) for each in verdicts]
    issues = [_issue(fault, source) for fault in faults]
    summary = "".join(f"{line}\n" for verdict in verdicts for line in _summary(verdict, source))
    if verdicts and not any(issue.is_error for issue in issues):
        summary += f"{_conclusion(verdicts)}\n"
    if form == "json":
        rows = [_document(fault, source) for fault in faults]
        shown = json_text({"flows": [_verdict_document(each, source) for each in verdicts], "violations": rows})
        summary = ""
    else:
        shown = report(dict.fromkeys(issues), found.texts, form, colour=True)
    if form == "text":
        shown, summary = "".join((shown, *_examples(faults), summary)), ""
    print_result(shown)
    click.echo(summary, nl=False, err=True)
    if left and not name:
        click.echo(f"left to their scenarios, because proofs are of flow files: {', '.join(left)}", err=True)
    if save is not None:
        _write(save, _counter_examples(faults))
    if tests is not None:
        _write(tests, _coverings(found.project, proofs))
    is_stopped = any(verdict.stopped for verdict in verdicts)
    return not is_stopped and not any(issue.is_error for issue in issues)


def _flows(name: str, flows: Mapping[str, Flow]) -> list[Flow]:
    """Return the flow with this name, or all entry flows for "". Raises CannotRun."""
    if not flows:
        raise CannotRun("there is no flow", "run it in the project's folder, or name the folder")
    if not name:
        return sorted(roots_of(flows), key=lambda flow: flow.name)
    flow = flow_named(name, flows)
    if not is_proved(flow):
        raise CannotRun(f'"{name}" is not a flow file, so it has no proof', "write scenarios for it: `ncco test`")
    if not flow.is_startable and flow.outbound is None:
        cure = "prove a flow that runs it, or give it `numbers`, `default: true` or `entry: true`"
        raise CannotRun(f'no call can start in flow "{name}"', cure)
    return [flow]


def _unique(*groups: Iterable[FoundViolation]) -> list[FoundViolation]:
    """Keep one violation in a sub-flow of several flows."""
    found = dict[tuple[str, ...], FoundViolation]()
    for each in chain.from_iterable(groups):
        found.setdefault(each.key, each)
    return list(found.values())


def _issue(violation: FoundViolation, source: Source) -> FlowIssue:
    place = violation.place._replace(file=source.path_of(violation.place.file))
    return FlowIssue(violation.kind, violation.severity, place, violation.message, violation.cure)


def _report_progress(flow: str, found: int, waiting: int) -> None:
    click.echo(f"{flow}: {counted(found, 'state')}, {waiting:,} to explore ...", err=True)


def _examples(faults: Iterable[FoundViolation]) -> Iterator[str]:
    for number, fault in enumerate(faults, 1):
        if fault.example is not None:
            yield f"\nfault {number}, {fault.kind} in {fault.step}; the shortest call that causes it:\n"
            yield "".join(f"{line_text(line)}\n" for line in fault.call)


def _summary(verdict: FlowVerdict, source: Source) -> Iterator[str]:
    faults = sum(violation.is_error for violation in verdict.violations)
    shown = f"refuted by {counted(faults, 'fault')}" if faults else verdict.status
    if verdict.stopped:
        shown += f"{', stopped' if faults else ''} at {verdict.stopped}"
    sizes = {"state": verdict.states, "edge": verdict.edges, "NCCO": verdict.nccos}
    counts = ", ".join(counted(number, noun) for noun, number in sizes.items())
    relies = verdict.relies if verdict.status in ("proved", "walked") else ()
    shown += f", {'; '.join(relies)};" if relies else ":"
    yield f"{verdict.flow}: {shown} {counts}, {verdict.seconds:.2f} s"
    for name, values in verdict.representatives.items():
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:MOST_VALUES])
        yield f"  {name} stands for similar values: {listed}{', ...' if len(values) > MOST_VALUES else ''}"
    if verdict.never and not verdict.stopped:
        never = ", ".join(f"{each.step}: {each.name}" for each in verdict.never)
        label = "never" if verdict.is_certain else "not reached with these values"
        yield f"  {label}: {never}"


def _conclusion(verdicts: Sequence[FlowVerdict]) -> str:
    stopped = [f"{each.flow} stopped at {each.stopped}" for each in verdicts if each.stopped]
    if stopped:
        return f"Not everything was tried: {', '.join(stopped)}"
    sampled = sorted({name for each in verdicts for name in each.representatives})
    states = counted(sum(each.states for each in verdicts), "state")
    edges = counted(sum(each.edges for each in verdicts), "edge")
    speaking = ", if the agents speak" if any(each.relies for each in verdicts) else ""
    return f"No caller gets lost{speaking}: {states}, {edges}" + (
        f"; only samples of {', '.join(sampled)}" if sampled else ""
    )


def _verdict_document(verdict: FlowVerdict, source: Source) -> dict[str, Any]:
    return {
        "flow": verdict.flow,
        "verdict": verdict.status,
        **{name: getattr(verdict, name) for name in ("stopped", "states", "edges", "nccos", "seconds")},
        "representatives": {name: list(values) for name, values in verdict.representatives.items()},
        "never": [{"step": each.step, "outcome": each.name} for each in verdict.never],
        "certain": verdict.is_certain,
        "relies": verdict.relies,
    }


def _document(fault: FoundViolation, source: Source) -> dict[str, Any]:
    place = _issue(fault, source).place
    return {
        **{name: getattr(fault, name) for name in ("kind", "flow", "step", "severity", "message")},
        "fix": fault.cure,
        **{name: getattr(place, name) for name in ("file", "line", "column")},
        "scenario": fault.example.text if fault.example else None,
    }


def _counter_examples(faults: Iterable[FoundViolation]) -> dict[str, list[WrittenScenario]]:
    """Scenarios by file name, one file per entry flow."""
    files: dict[str, list[WrittenScenario]] = {}
    for fault in faults:
        if fault.example is not None:
            files.setdefault(f"prove-{fault.proved}-faults", []).append(fault.example)
    return files


def _coverings(project: Project, proofs: Iterable[Proof]) -> dict[str, list[WrittenScenario]]:
    """Scenarios that together take all outcomes, by file name."""
    played, missing = coverings(project, proofs)
    for outcome in missing:
        taken = f"{outcome.flow}, step {outcome.step}: {outcome.name}"
        click.echo(f"left out, because no scenario could reach it: {taken}", err=True)
    for each in (scenario for scenarios in played.values() for scenario in scenarios if scenario.problem):
        click.echo(
            f'left out, because the simulator behaves differently: "{each.written.name}": {each.problem}', err=True
        )
    return {
        f"prove-{flow}": [scenario.written for scenario in scenarios if not scenario.problem]
        for flow, scenarios in played.items()
    }


def _write(folder: Path, files: Mapping[str, Iterable[WrittenScenario]]) -> None:
    """Write at most `MOST_SCENARIOS` per file."""
    for name, scenarios in files.items():
        written = numbered(scenarios)
        for number, start in enumerate(range(0, len(written), MOST_SCENARIOS), 1):
            part = written[start : start + MOST_SCENARIOS]
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
            path.write_text("\n".join(each.text for each in part), encoding="utf-8")
            click.echo(f"{path}: {counted(len(part), 'scenario')}", err=True)
