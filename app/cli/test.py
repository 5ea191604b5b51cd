"""`ncco test`: play scenarios against the real server, and report the outcomes that none of them takes."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

import click

from app.cli import options
from app.cli.environment import server_settings
from app.cli.output import FINE, ISSUES, CannotRun, counted, shows_colours
from app.cli.project import Source, load_without_errors, path_of
from app.cli.scenario_files import find_files, find_scenarios, first_numbers
from app.cli.server_under_test import (
    START_IT,
    Method,
    live_outside,
    make_app,
    refuse_project_options,
    refuse_remote_options,
    remote_application,
)
from app.flow.graph import Drawing, as_dot, as_mermaid
from app.flow.model import Project
from app.flow.report import report
from app.simulator import Application
from app.verify.coverage import paint, percent, told_coverage
from app.verify.scenarios.files import ScenarioFile, read_files, updated
from app.verify.scenarios.line import NoServer
from app.verify.scenarios.reports import as_github, as_json, as_junit
from app.verify.scenarios.result import Result
from app.verify.scenarios.stage import LocalStage, RemoteStage, Stage
from app.verify.scenarios.suite import Rename, Suite, run_suite
from app.verify.scenarios.telling import Ink, told, told_unjudged

DRAWINGS: Final[Mapping[str, Callable[[Drawing], str]]] = {
    ".mmd": as_mermaid,
    ".mermaid": as_mermaid,
    ".dot": as_dot,
    ".gv": as_dot,
}


@dataclass(slots=True)
class Run:
    """The options of one run, and its results.

    Attributes:
        words: only scenarios that hold each of these, separated by blanks.
        least: the percentage of outcomes that each flow needs; None for any.
        update: whether what is heard is written where a scenario leaves it open.
        live: whether lookups are asked and hooks sent. chaos: the seed of an unlucky network.
        suites: the results of each project. written: the files that were updated.
    """

    words: str
    least: float | None
    update: bool
    live: bool
    chaos: int | None
    form: Literal["text", "json", "github", "junit"]
    ink: Ink
    suites: list[Suite] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def shortfalls(self) -> list[str]:
        """The flows of which too few outcomes are taken, in words."""
        flows = [flow for suite in self.suites for flow in suite.coverage.flows.values()]
        return [
            f"flow {flow.flow.name}: {percent(flow.percent)} of the outcomes are taken, {self.least:g} % are required"
            for flow in flows
            if self.least is not None and flow.percent < self.least
        ]


@click.command(
    "test",
    epilog="""\b
Examples:
  ncco test                                 every scenario of the project in this folder
  ncco test tests/scenarios/reception.yaml  one file
  ncco test -k "busy sales"                 scenarios with both words in their name or file
  ncco test --min 100                       fail when a flow has an outcome that no scenario takes
  ncco test --update                        write what is heard where a scenario leaves it open
  ncco test --graph coverage.mmd            the flows as a drawing, coloured by what was taken
  ncco test --chaos 7                       webhooks come late, twice, out of order, and replies get lost
  ncco test --format github                 annotations for GitHub Actions
  ncco test calls.yaml --url https://calls.example.com/answer --event-url https://calls.example.com/event
                                            a server at a URL, in whatever language it is written

Exit codes: 0 all hold, 1 a scenario differs or has a fault, or too few outcomes are taken, 2 nothing can be played.
How to write scenarios: docs/reference/scenarios.md""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "words", default="", metavar="WORDS", help="Only scenarios that hold each of these words.")
@click.option(
    "--min",
    "least",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail when fewer of a flow's outcomes are taken.",
)
@click.option("--update", is_flag=True, help="Write what is heard where a `hear` has no text.")
@click.option("--live", is_flag=True, help="Ask lookups that a scenario does not answer, and send hooks, for real.")
@options.chaos
@click.option("--graph", type=click.Path(path_type=Path), help="Write a drawing: .mmd, or .dot.")
@click.option("--url", default="", help="Play them on the webhook server that answers calls at this URL.")
@options.remote_server
@options.flows
@options.templates
@options.output("text", "json", "github", "junit")
def command(
    *,
    paths: tuple[Path, ...],
    words: str,
    least: float | None,
    update: bool,
    live: bool,
    chaos: int | None,
    graph: Path | None,
    url: str,
    event_url: str,
    fallback_url: str,
    method: Method | None,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
    form: Literal["text", "json", "github", "junit"],
) -> int:
    """Play scenarios against the real server, in virtual time: no phone rings, and no lookup is asked.

    With --url they play on any webhook server; what cannot be seen or ordered there is reported.

    PATHS are project folders (with a folder of flows), scenario files, or folders of them; without any, the
    scenarios of the project in this folder, which are in tests/scenarios or scenarios.
    """
    began = time.perf_counter()
    run = Run(words, least, update, live, chaos, form, Ink(shows_colours() and form == "text"))
    if url:
        refuse_project_options(
            {"--live": live, "--min": least is not None, "--graph": graph, "--flows": flows or templates}
        )
        application = remote_application(url, event_url, fallback_url, method, signature_secret)
        _play_remote(application, find_files(paths), run)
        has_faulty_flows = False
    else:
        refuse_remote_options(event_url, fallback_url, method, signature_secret)
        has_faulty_flows = _play_projects(find_scenarios(paths, flows, templates), run, graph)
    if not has_faulty_flows and not any(suite.results or suite.issues for suite in run.suites):
        raise CannotRun(f"no scenario holds the words {words}", "run `ncco test` without -k to see their names")
    _print_end(run, time.perf_counter() - began)
    if graph is not None:
        _write_drawing(graph, run.suites)
    is_wrong = any(suite.differing or suite.has_errors for suite in run.suites) or bool(run.shortfalls)
    return ISSUES if has_faulty_flows or is_wrong else FINE


def _play_projects(scenarios: Mapping[Source, Sequence[Path]], run: Run, graph: Path | None) -> bool:
    """Play the scenarios of projects; whether the flows of one have errors. Raises CannotRun."""
    if graph is not None and graph.suffix not in DRAWINGS:
        raise CannotRun(f"{graph} has no suffix of a drawing", "write a name that ends in .mmd or .dot")
    if graph is not None and len(scenarios) != 1:
        raise _one_project_only()
    if run.live:
        click.echo("live: lookups that a scenario does not answer are asked, and hooks are sent", err=True)
    has_faulty_flows = False
    for source, files in scenarios.items():
        if run.form == "text" and len(scenarios) > 1:
            click.echo(run.ink(f"{source.flows.parent.as_posix()}:", "bold"), color=shows_colours())
        found = load_without_errors(source)
        if found is None:
            has_faulty_flows = True
        else:
            asyncio.run(_play_project(found.project, source, files, run))
    return has_faulty_flows


async def _play_project(project: Project, source: Source, files: Sequence[Path], run: Run) -> None:
    async with live_outside(is_live=run.live) as outside:
        stage = LocalStage(project, make_app, server_settings().dial_allow, outside=outside, chaos=run.chaos)
        await _play(stage, read_files(files), run, partial(path_of, source=source))


def _play_remote(application: Application, paths: Sequence[Path], run: Run) -> None:
    """Play scenarios on a server at a URL. Raises CannotRun."""
    files = read_files(paths)
    stage = RemoteStage(application, chaos=run.chaos, numbers=first_numbers(file.path for file in files))
    try:
        asyncio.run(_play(stage, files, run, str))
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error


async def _play(stage: Stage, files: Sequence[ScenarioFile], run: Run, rename: Rename) -> None:
    """Play files of scenarios; print each difference at once, then which outcomes are left."""

    def played(result: Result) -> None:
        if run.form != "text":
            return
        if not result.holds:
            click.echo(told(result, rename, run.ink), color=shows_colours())
        elif result.unjudged:
            click.echo(told_unjudged(result, run.ink), color=shows_colours())

    suite = await run_suite(stage, files, run.words, leaves_open=run.update, played=played, rename=rename)
    run.suites.append(suite)
    if run.update:
        run.written += [file.name for file in files if _update(file, suite)]
    if run.form == "text":
        texts = {file.name: file.text for file in files}
        click.echo(report(suite.issues, texts, "text", shows_colours()), nl=False, color=shows_colours())
        for line in told_coverage(suite.coverage, suite.rename, is_whole=not suite.left_out) if suite.results else ():
            click.echo(line)


def _update(file: ScenarioFile, suite: Suite) -> bool:
    """Write what was heard into a file that asks for it; whether it changed. Raises CannotRun."""
    heard = [pair for result in suite.results if result.scenario.place.file == file.name for pair in result.heard]
    text = updated(file.text, heard)
    if text == file.text:
        return False
    try:
        mark = codecs.BOM_UTF8 if file.path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        file.path.write_bytes(mark + text.encode())
    except OSError as error:
        raise CannotRun(f"{file.path} cannot be written: {error.strerror}", "make it writable") from error
    return True


def _print_end(run: Run, took_s: float) -> None:
    """Print the last lines, or the whole document for a program."""
    writers: dict[str, Callable[[Sequence[Suite]], str]] = {
        "json": partial(as_json, short=tuple(run.shortfalls)),
        "github": partial(as_github, needs_all=run.least is not None),
        "junit": as_junit,
    }
    if run.form == "text":
        for line in _summary(run, took_s):
            click.echo(line, color=shows_colours())
    else:
        click.echo(writers[run.form](run.suites), nl=False)


def _summary(run: Run, took_s: float) -> Iterator[str]:
    yield ""
    for name in run.written:
        yield f"written: {name}"
    for line in run.shortfalls:
        yield run.ink(line, "red")
    results = [result for suite in run.suites for result in suite.results]
    if not results:
        yield "no scenario was played"
        return
    differing = sum(not result.holds for result in results)
    parts = [
        f"{counted(len(results), 'scenario')} played",
        run.ink(f"{differing} differ", "red") if differing else run.ink("all hold", "green"),
    ]
    if in_part := sum(bool(result.unjudged) for result in results):
        parts[-1] += f", {in_part} of them judged in part"
    outcomes = sum(suite.coverage.outcomes for suite in run.suites)
    taken = sum(suite.coverage.taken for suite in run.suites)
    if outcomes:
        parts.append(f"{percent(100 * taken / outcomes)} of the outcomes taken ({taken} of {outcomes})")
    left_out = sum(suite.left_out for suite in run.suites)
    yield ", ".join([*parts, f"{took_s:.1f} s"]) + (f"; {left_out} left out by -k" if left_out else "")


def _write_drawing(path: Path, suites: Sequence[Suite]) -> None:
    """Write the flows with what was taken. Raises CannotRun."""
    if len(suites) != 1:
        raise _one_project_only()
    try:
        path.write_text(DRAWINGS[path.suffix](paint(suites[0].coverage)), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}", "name a file in a folder that exists") from error


def _one_project_only() -> CannotRun:
    return CannotRun("a drawing is of one project", "name one project, whose flows have no errors")
