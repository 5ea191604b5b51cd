"""`ncco test`: play scenarios against the real server, and report the outcomes that none of them takes."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

import click

from app.cli import options
from app.cli.output import FINE, ISSUES, CannotRun, counted, shows_colours
from app.cli.project import Source, load_without_errors, path_of
from app.cli.scenario_files import find_files, find_scenarios, first_numbers
from app.cli.server_under_test import START_IT, RemoteServer, local_stage, remote_options
from app.flow.graph import Drawing, as_dot, as_mermaid
from app.flow.report import report
from app.simulator import Application
from app.verify.coverage import paint, percent, told_coverage
from app.verify.scenarios.files import ScenarioFile, read_files, updated
from app.verify.scenarios.reports import Ink, as_github, as_json, as_junit, told, told_unjudged
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import RemoteStage, Rename, Stage, Suite, run_suite
from app.verify.scenarios.server import NoServer

Form: TypeAlias = Literal["text", "json", "github", "junit"]

DRAWINGS: Final[Mapping[str, Callable[[Drawing], str]]] = {
    ".mmd": as_mermaid,
    ".mermaid": as_mermaid,
    ".dot": as_dot,
    ".gv": as_dot,
}


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
@remote_options
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
    remote: RemoteServer,
    flows: Path | None,
    templates: Path | None,
    form: Form,
) -> int:
    """Play scenarios against the real server, in virtual time: no phone rings, and no lookup is asked.

    With --url they play on any webhook server; what cannot be seen or ordered there is reported.

    PATHS are project folders (with a folder of flows), scenario files, or folders of them; without any, the
    scenarios of the project in this folder, which are in tests/scenarios or scenarios.
    """
    began, run = time.perf_counter(), ScenarioRun(words, form, update=update)
    if url:
        of_projects = {"--live": live, "--min": least is not None, "--graph": graph, "--flows": flows or templates}
        for name in (name for name, value in of_projects.items() if value):
            raise CannotRun(f"{name} is for the flows of a project", "leave it out; a server at a URL shows no flows")
        _play_url(run, remote.application(url), paths, chaos)
        has_faulty_flows = False
    else:
        remote.refuse()
        scenarios = find_scenarios(paths, flows, templates)
        run.names_projects = form == "text" and len(scenarios) > 1
        if graph is not None:
            _check_drawing(graph, len(scenarios))
        if live:
            click.echo("live: lookups that a scenario does not answer are asked, and hooks are sent", err=True)
        played = [_play_project(run, source, files, live=live, chaos=chaos) for source, files in scenarios.items()]
        has_faulty_flows = not all(played)
    if not has_faulty_flows and not any(suite.results or suite.issues for suite in run.suites):
        raise CannotRun(f"no scenario holds the words {words}", "run `ncco test` without -k to see their names")
    short = _shortfalls(run.suites, least)
    reports: dict[Form, Callable[[], str]] = {
        "text": lambda: "".join(f"{line}\n" for line in _summary(run, short, time.perf_counter() - began)),
        "json": lambda: as_json(run.suites, short=tuple(short)),
        "github": lambda: as_github(run.suites, needs_all=least is not None),
        "junit": lambda: as_junit(run.suites),
    }
    click.echo(reports[form](), nl=False, color=shows_colours())
    if graph is not None:
        _write_drawing(graph, run.suites)
    is_wrong = any(suite.differing or suite.has_errors for suite in run.suites) or bool(short)
    return ISSUES if has_faulty_flows or is_wrong else FINE


def _play_url(run: ScenarioRun, server: Application, paths: Sequence[Path], chaos: int | None) -> None:
    """Play scenarios on a server at a URL. Raises CannotRun."""
    files = read_files(find_files(paths))
    stage = RemoteStage(server, chaos=chaos, numbers=first_numbers(file.path for file in files))
    try:
        asyncio.run(run.play(stage, files, str))
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error


def _play_project(run: ScenarioRun, source: Source, files: Sequence[Path], *, live: bool, chaos: int | None) -> bool:
    """Play the scenarios of a project; whether its flows have no errors. Raises CannotRun."""
    if run.names_projects:
        click.echo(run.ink(f"{source.flows.parent.as_posix()}:", "bold"), color=shows_colours())
    found = load_without_errors(source)
    if found is None:
        return False

    async def play() -> None:
        async with local_stage(found.project, is_live=live, chaos=chaos) as stage:
            await run.play(stage, read_files(files), partial(path_of, source=source))

    asyncio.run(play())
    return True


@dataclass(slots=True)
class ScenarioRun:
    """Plays scenarios, and keeps the results.

    Attributes:
        words: only scenarios that hold each of these, separated by blanks.
        names_projects: whether the name of a project is printed above its results.
        update: whether what is heard is written where a scenario leaves it open.
        suites: the results of each project. written: the files that were updated.
    """

    words: str
    form: Form
    update: bool
    names_projects: bool = False
    suites: list[Suite] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def ink(self) -> Ink:
        """Colours of the text form."""
        return Ink(shows_colours() and self.form == "text")

    async def play(self, stage: Stage, files: Sequence[ScenarioFile], rename: Rename) -> None:
        """Play files of scenarios; print each difference at once, then which outcomes are left."""

        def played(result: Result) -> None:
            if self.form == "text" and (not result.holds or result.unjudged):
                shown = told_unjudged(result, self.ink) if result.holds else told(result, rename, self.ink)
                click.echo(shown, color=shows_colours())

        suite = await run_suite(stage, files, self.words, leaves_open=self.update, played=played, rename=rename)
        self.suites.append(suite)
        if self.update:
            self.written += [file.name for file in files if _update(file, suite)]
        if self.form == "text":
            texts = {file.name: file.text for file in files}
            click.echo(report(suite.issues, texts, "text", shows_colours()), nl=False, color=shows_colours())
            if suite.results:
                for line in told_coverage(suite.coverage, suite.rename, is_whole=not suite.left_out):
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


def _shortfalls(suites: Sequence[Suite], least: float | None) -> list[str]:
    """The flows of which too few outcomes are taken, in words."""
    return [
        f"flow {flow.flow.name}: {percent(flow.percent)} of the outcomes are taken, {least:g} % are required"
        for suite in suites
        for flow in suite.coverage.flows.values()
        if least is not None and flow.percent < least
    ]


def _summary(run: ScenarioRun, short: Sequence[str], took_s: float) -> Iterator[str]:
    """The last lines."""
    yield ""
    for name in run.written:
        yield f"written: {name}"
    for line in short:
        yield run.ink(line, "red")
    results = [result for suite in run.suites for result in suite.results]
    if not results:
        yield "no scenario was played"
        return
    differing = sum(not result.holds for result in results)
    held = run.ink(f"{differing} differ", "red") if differing else run.ink("all hold", "green")
    parts = [f"{counted(len(results), 'scenario')} played", held]
    if in_part := sum(bool(result.unjudged) for result in results):
        parts.append(f"{in_part} of them judged in part")
    if outcomes := sum(suite.coverage.outcomes for suite in run.suites):
        taken = sum(suite.coverage.taken for suite in run.suites)
        parts.append(f"{percent(100 * taken / outcomes)} of the outcomes taken ({taken} of {outcomes})")
    left_out = sum(suite.left_out for suite in run.suites)
    yield ", ".join([*parts, f"{took_s:.1f} s"]) + (f"; {left_out} left out by -k" if left_out else "")


def _check_drawing(path: Path, projects: int) -> None:
    """Raises CannotRun for a name without the suffix of a drawing, and for several projects."""
    if path.suffix not in DRAWINGS:
        raise CannotRun(f"{path} is not the name of a drawing", "write a name that ends in .mmd or .dot")
    if projects != 1:
        raise CannotRun("a drawing shows one project", "name one project, whose flows have no errors")


def _write_drawing(path: Path, suites: Sequence[Suite]) -> None:
    """Write the flows with what was taken. Raises CannotRun."""
    _check_drawing(path, len(suites))
    try:
        path.write_text(DRAWINGS[path.suffix](paint(suites[0].coverage)), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}", "name a file in a folder that exists") from error
