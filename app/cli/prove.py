"""`ncco prove`: explores every path through flows. Every scenario that it writes has been played."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click

from app.cli import options
from app.cli.environment import flow_variables
from app.cli.output import FINE, ISSUES, CannotRun, print_json
from app.cli.project import Source, flow_named, flow_of_file, source_of
from app.cli.server_under_test import make_app
from app.flow.issues import FlowIssue
from app.flow.model import Flow, Project
from app.flow.report import Format, counted, report
from app.verify.prove import (
    CallLimits,
    FlowVerdict,
    FoundViolation,
    Proof,
    SearchLimits,
    never_run,
    placed_forever,
    prove,
    roots_of,
)
from app.verify.prove.many import ProofRequest, prove_all
from app.verify.prove.rehearsal import coverings
from app.verify.scenarios.files import WrittenScenario, numbered

MOST_SCENARIOS: Final = 100
"""Maximum number of scenarios per file. A larger file might not load."""
MOST_VALUES: Final = 6
MOST_OUTCOMES: Final = 5
CACHE: Final = ".ncco_cache"
"""The folder beside the flow folder that keeps verdicts."""


@click.command(
    "prove",
    epilog="""\b
Examples:
  ncco prove                             every flow of the project that takes calls
  ncco prove reception                   one flow and the flows that it runs
  ncco prove examples/shop               every flow of another project
  ncco prove --save tests/scenarios      writes each fault as a scenario for `ncco test`
  ncco prove --tests tests/scenarios     writes a few scenarios that cover all outcomes of the flows
  ncco prove --format github             annotations for GitHub Actions

Exit codes: 0 nothing is wrong, 1 something is wrong or it stopped early, 2 there is no such flow, or nothing could be
read.

Verdicts: `refuted` if something is wrong, `proved` if everything was explored, `walked` if sample values stood in
for text, numbers or digits, and `stopped` if --states or --seconds was too low. Scenarios from --save and --tests
are played before they are written.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT]")
@options.flows
@options.templates
@options.output("text", "json", "github")
@click.option(
    "--states", type=click.IntRange(1), default=200_000, show_default=True, help="Stop after this many states."
)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=300.0, show_default=True, help="Stop after this many seconds."
)
@click.option(
    "--silence",
    type=click.FloatRange(1),
    default=20.0,
    show_default=True,
    help="Maximum silence for a caller, in seconds.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Maximum number of steps that a call may enter.",
)
@click.option(
    "--save", type=click.Path(path_type=Path, file_okay=False), help="Write each fault to this folder as a scenario."
)
@click.option(
    "--tests",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write scenarios to this folder that cover every outcome.",
)
@click.option("--no-cache", is_flag=True, help=f"Prove flows again that have not changed, and do not use {CACHE}.")
def command(
    *,
    what: str | None,
    flows: Path | None,
    templates: Path | None,
    form: Format,
    states: int,
    seconds: float,
    silence: float,
    steps: int,
    save: Path | None,
    tests: Path | None,
    no_cache: bool,
) -> int:
    """Explore every path through FLOW, or through every flow of PROJECT, with the engine that answers real calls.

    It tries whatever callers, lookups, opening hours and dialled parties may do, and everything that may fail on the
    way.
    """
    source, name = source_of(what, flows, templates)
    found = source.load_sound()
    name = name or flow_of_file(found)
    env = flow_variables()
    bounds = SearchLimits(states, seconds)
    request = ProofRequest(datetime.now(UTC), env, bounds, CallLimits(silence, steps), make_app, source.path_of)
    proved = _proved_flows(name, found.project.flows)
    verdicts = _verdicts(proved, request, None if no_cache else source.flows.parent / CACHE)
    others = placed_forever(found.project, verdicts) + ([] if name else never_run(found.project.flows, verdicts))
    faults = _unique(chain.from_iterable(verdict.violations for verdict in verdicts), others)
    verdicts = [each.refuted_by(others) for each in verdicts]
    issues = [_issue(each, source) for each in faults]
    if form == "json":
        rows = [_document(each, source) for each in faults]
        print_json({"flows": [_verdict_document(each) for each in verdicts], "violations": rows})
    else:
        text = report(dict.fromkeys(issues), found.texts, form, colour=True)
        click.echo(text, nl=False)
        if form == "text":
            _print_examples(faults)
        for line in (line for verdict in verdicts for line in _summary(verdict)):
            click.echo(line, err=form != "text")
    if save is not None:
        _write(save, _counter_examples(faults))
    if tests is not None:
        proofs = [prove(flow, request.now, env=env, bounds=bounds, call_limits=request.call_limits) for flow in proved]
        _write(tests, _coverings(found.project, proofs))
    is_fine = not any(issue.is_error for issue in issues) and not any(verdict.stopped for verdict in verdicts)
    return FINE if is_fine else ISSUES


def _proved_flows(name: str, flows: Mapping[str, Flow]) -> list[Flow]:
    """The flow with this name, or all entry flows for "", by name. Raises CannotRun."""
    if not flows:
        raise CannotRun("there is no flow", "run it in the project's folder, or name the folder")
    if not name:
        return sorted(roots_of(flows), key=lambda flow: flow.name)
    flow = flow_named(name, flows)
    if not flow.is_startable and flow.outbound is None:
        cure = "prove a flow that runs it, or give it `numbers`, `default: true` or `entry: true`"
        raise CannotRun(f'no call can start in flow "{name}"', cure)
    return [flow]


def _verdicts(flows: Sequence[Flow], request: ProofRequest, cache: Path | None) -> list[FlowVerdict]:
    """The verdicts by name of flow, with a progress bar in a terminal. Raises CannotRun."""
    proving = prove_all(flows, request, cache, _report_progress)
    hidden = len(flows) == 1 or not sys.stderr.isatty()
    try:
        with click.progressbar(proving, length=len(flows), label="proving", file=sys.stderr, hidden=hidden) as shown:
            return sorted(shown, key=lambda verdict: verdict.flow)
    except BrokenProcessPool as error:
        problem = "a process that proves flows was killed, probably because memory ran out"
        raise CannotRun(problem, "prove the flows one after another: `ncco prove FLOW`") from error


def _unique(*groups: Iterable[FoundViolation]) -> list[FoundViolation]:
    """Each violation once, even if it is in a sub-flow that several flows run."""
    found = dict[tuple[str, ...], FoundViolation]()
    for each in chain.from_iterable(groups):
        found.setdefault(each.key, each)
    return list(found.values())


def _issue(violation: FoundViolation, source: Source) -> FlowIssue:
    place = violation.place._replace(file=source.path_of(violation.place.file))
    return FlowIssue(violation.kind, violation.severity, place, violation.message, violation.cure)


def _report_progress(flow: str, found: int, waiting: int) -> None:
    click.echo(f"{flow}: {counted(found, 'state')}, {waiting:,} to explore ...", err=True)


def _print_examples(faults: Iterable[FoundViolation]) -> None:
    for number, fault in enumerate(faults, 1):
        if fault.example is not None:
            click.echo(f"\nthe shortest call to {number}, {fault.kind} in {fault.step}:")
            click.echo(textwrap.indent(fault.example.text, "  "), nl=False)


def _summary(verdict: FlowVerdict) -> Iterator[str]:
    faults = sum(violation.is_error for violation in verdict.violations)
    shown = f"refuted by {counted(faults, 'fault')}" if faults else verdict.status
    if verdict.stopped:
        shown += f"{', stopped' if faults else ''} at {verdict.stopped}"
    sizes = {"state": verdict.states, "edge": verdict.edges, "NCCO": verdict.nccos}
    counts = ", ".join(counted(number, noun) for noun, number in sizes.items())
    yield f"{verdict.flow}: {shown}: {counts}, {verdict.seconds:.2f} s"
    if verdict.growth:
        yield f"  {verdict.growth}"
    for name, values in verdict.representatives.items():
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:MOST_VALUES])
        yield f"  {name} stands for similar values: {listed}{', ...' if len(values) > MOST_VALUES else ''}"
    if verdict.never and not verdict.stopped:
        never = ", ".join(f"{each.step}: {each.name}" for each in verdict.never[:MOST_OUTCOMES])
        more = len(verdict.never) - MOST_OUTCOMES
        label = "never" if verdict.is_certain else "not reached with these values"
        yield f"  {label}: {never}{f' and {more} more' if more > 0 else ''}"


def _verdict_document(verdict: FlowVerdict) -> dict[str, Any]:
    return {
        "flow": verdict.flow,
        "verdict": verdict.status,
        **{name: getattr(verdict, name) for name in ("stopped", "states", "edges", "nccos", "seconds")},
        "representatives": {name: list(values) for name, values in verdict.representatives.items()},
        "never": [{"step": each.step, "outcome": each.name} for each in verdict.never],
        "certain": verdict.is_certain,
    }


def _document(fault: FoundViolation, source: Source) -> dict[str, Any]:
    """A violation as JSON, with its scenario."""
    place = _issue(fault, source).place
    return {
        **{name: getattr(fault, name) for name in ("kind", "flow", "step", "severity", "message", "cure")},
        **{name: getattr(place, name) for name in ("file", "line", "column")},
        "scenario": fault.example.text if fault.example else None,
    }


def _counter_examples(faults: Iterable[FoundViolation]) -> dict[str, list[WrittenScenario]]:
    """The counterexamples as scenarios, by file name, with one file per entry flow."""
    files: dict[str, list[WrittenScenario]] = {}
    for fault in faults:
        if fault.example is not None:
            files.setdefault(f"prove-{fault.proved}-faults", []).append(fault.example)
    return files


def _coverings(project: Project, proofs: Iterable[Proof]) -> dict[str, list[WrittenScenario]]:
    """Scenarios that together take all outcomes, by file name."""
    played, missing = coverings(project, proofs, make_app)
    for outcome in missing:
        taken = f"{outcome.flow}, step {outcome.step}: {outcome.name}"
        click.echo(f"left out, because no scenario could reach it: {taken}", err=True)
    for each in (each for scenarios in played.values() for each in scenarios if each.problem):
        click.echo(
            f'left out, because the simulator behaves differently: "{each.written.name}": {each.problem}', err=True
        )
    return {
        f"prove-{flow}": [each.written for each in scenarios if not each.problem] for flow, scenarios in played.items()
    }


def _write(folder: Path, files: Mapping[str, Iterable[WrittenScenario]]) -> None:
    """Write scenarios, at most `MOST_SCENARIOS` per file."""
    for name, scenarios in files.items():
        written = numbered(scenarios)
        for number, start in enumerate(range(0, len(written), MOST_SCENARIOS), 1):
            part = written[start : start + MOST_SCENARIOS]
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
            path.write_text("\n".join(each.text for each in part), encoding="utf-8")
            click.echo(f"{path}: {counted(len(part), 'scenario')}", err=True)
