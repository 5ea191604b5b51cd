"""`ncco test`: plays scenarios against the real server, and reports outcomes that they do not cover."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, ISSUES, CannotRun, print_result
from ncco_server.desk.project import FlowsHaveErrors, Source
from ncco_server.flow.report import report
from ncco_server.wording import counted
from ncco_studio.commands.scenario_files import find_files, find_scenarios
from ncco_studio.commands.server_under_test import local_stage, refuse_remote, remote_options, remote_stage
from ncco_studio.verify.coverage import coverage_lines, percent
from ncco_studio.verify.scenarios.files import ScenarioFile, read_files, updated
from ncco_studio.verify.scenarios.reports import as_github, as_json, as_junit, as_text, ink
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.runner import Suite, run_suite
from ncco_studio.verify.scenarios.stage import Stage


@click.command(
    "test",
    epilog="""\b
Examples:
  ncco test                                 every scenario of the project in this folder
  ncco test tests/scenarios/reception.yaml  one file
  ncco test -k "busy sales"                 scenarios with both words in their name or file name
  ncco test -k "busy sales" --show          shows everything heard and done, line by line
  ncco test --min 100                       fails if an outcome of a flow is not covered
  ncco test --update                        fills in each `hear` without text with what is heard
  ncco test --chaos 7                       webhooks arrive late, twice or out of order, and replies get lost
  ncco test --format github                 annotations for GitHub Actions
  ncco test calls.yaml --url https://calls.example.com/answer --event-url https://calls.example.com/event
                                            a server at a URL, written in any language

Exit codes: 0 all pass, 1 a scenario fails or has an issue, or too few outcomes are covered, 2 nothing can be played.
How to write scenarios: docs/reference/scenarios.md""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "words", default="", metavar="WORDS", help="Only scenarios that contain all of these words.")
@click.option(
    "--min",
    "least",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail if less than this share of a flow's outcomes is covered.",
)
@click.option("--show", "is_shown", is_flag=True, help="Show everything heard and done in each call, line by line.")
@click.option("--update", is_flag=True, help="Fill in each `hear` without a text with what is heard.")
@options.chaos
@click.option(
    "--url",
    default="",
    callback=options.read_url,
    help="Play them against the webhook server with this answer URL.",
)
@remote_options
@options.flows
@options.templates
@options.output("text", "json", "github", "junit")
def command(
    *,
    paths: tuple[Path, ...],
    words: str,
    least: float | None,
    is_shown: bool,
    update: bool,
    chaos: int | None,
    url: str,
    flows: Path | None,
    templates: Path | None,
    form: str,
    **remote: Any,
) -> int:
    """Play scenarios against the real server in virtual time. No phone rings and no lookup is made.

    With --url, play them against any webhook server. What cannot be seen or controlled there is reported.

    PATHS are project folders (which contain a flows folder), Python files with handlers, scenario files, or folders of
    these. The default is the project in this folder, whose scenarios are in tests/scenarios or scenarios.
    """
    began = time.perf_counter()
    play = partial(_play, words=words, form=form, is_shown=is_shown, update=update)
    suites: list[Suite] = []
    scenarios: Mapping[Source, Sequence[Path]] = {}
    if url:
        of_projects = {"--min": least is not None, "--flows": flows or templates}
        for name in (name for name, value in of_projects.items() if value):
            raise CannotRun(
                f"{name} only applies to the flows of a project",
                "leave it out; a server at a URL does not show its flows",
            )
        found = find_files(paths)
        suites.append(asyncio.run(play(remote_stage(url, remote, chaos=chaos, scenarios=found), found)))
    else:
        refuse_remote(remote)
        scenarios = find_scenarios(paths, flows, templates)
    suites += _play_projects(play, scenarios, form, chaos=chaos)
    is_whole = len(suites) >= len(scenarios)
    if is_whole and not any(suite.results or suite.issues for suite in suites):
        raise CannotRun(f"no scenario contains the words {words}", "run `ncco test` without -k to see their names")
    written = [file.name for suite in suites for file in suite.files if _update(file, suite)] if update else []
    short = _shortfalls(suites, least)
    reports: Mapping[str, Callable[[], str]] = {
        "text": lambda: "\n".join([*_summary(suites, written, short, time.perf_counter() - began), ""]),
        "json": lambda: as_json(suites, short=short),
        "github": lambda: as_github(suites, needs_all=least is not None),
        "junit": lambda: as_junit(suites),
    }
    print_result(reports[form]())
    is_fine = is_whole and not short and not any(suite.differing or suite.has_errors for suite in suites)
    return FINE if is_fine else ISSUES


def _play_projects(
    play: Callable[..., Coroutine[Any, Any, Suite]],
    scenarios: Mapping[Source, Sequence[Path]],
    form: str,
    *,
    chaos: int | None,
) -> Iterator[Suite]:
    """Print the errors of flows instead of playing their scenarios. Raises CannotRun."""
    for source, files in scenarios.items():
        if form == "text" and len(scenarios) > 1:
            click.echo(ink(f"{source.flows.parent.as_posix()}:", "bold"))
        try:
            project = source.load_sound().project
        except FlowsHaveErrors as error:
            error.show()
        else:
            yield asyncio.run(play(local_stage(project, source.path_of, chaos=chaos), files))


async def _play(
    stage: Stage,
    files: Sequence[Path],
    *,
    words: str,
    form: str,
    is_shown: bool,
    update: bool,
) -> Suite:
    """Show differences at once in text output, and uncovered outcomes at the end. Raises NoServer."""

    def played(result: Result) -> None:
        if form == "text" and (is_shown or not result.holds or result.unjudged):
            click.echo(as_text(result, is_shown=is_shown))

    suite = await run_suite(stage, read_files(files), words, leaves_open=update, played=played)
    if form == "text":
        texts = {file.name: file.text for file in suite.files}
        click.echo(report(suite.issues, texts, "text", colour=True), nl=False)
        if suite.results:
            for line in coverage_lines(suite.coverage, is_whole=not suite.left_out):
                click.echo(line)
        for name, place in suite.unasked.items():
            click.echo(f'{place.file}:{place.line}: nothing asked for the given answer "{name}"')
    return suite


def _update(file: ScenarioFile, suite: Suite) -> bool:
    """Fill in the empty `hear` steps; return whether this changed the file."""
    heard = [pair for result in suite.results if result.scenario.place.file == file.name for pair in result.heard]
    text = updated(file.text, heard)
    if text == file.text:
        return False
    mark = codecs.BOM_UTF8 if file.path.read_bytes().startswith(codecs.BOM_UTF8) else b""
    file.path.write_bytes(mark + text.encode())
    return True


def _shortfalls(suites: Sequence[Suite], least: float | None) -> list[str]:
    return [
        f"flow {flow.flow.name}: {percent(flow.percent)} of the outcomes are taken, {least:g} % are required"
        for suite in suites
        for flow in suite.coverage.flows.values()
        if least is not None and flow.percent < least
    ]


def _summary(suites: Sequence[Suite], written: Sequence[str], short: Sequence[str], took_s: float) -> Iterator[str]:
    yield ""
    yield from (f"written: {name}" for name in written)
    yield from (ink(line, "red") for line in short)
    results = [result for suite in suites for result in suite.results]
    if not results:
        yield "no scenario was played"
        return
    differing = sum(not result.holds for result in results)
    held = ink(f"{differing} differ", "red") if differing else ink("all hold", "green")
    parts = [f"{counted(len(results), 'scenario')} played", held]
    if in_part := sum(bool(result.unjudged) for result in results):
        parts.append(f"{in_part} of them checked only in part")
    if outcomes := sum(suite.coverage.outcomes for suite in suites):
        taken = sum(suite.coverage.taken for suite in suites)
        parts.append(f"{percent(100 * taken / outcomes)} of the outcomes taken ({taken} of {outcomes})")
    left_out = sum(suite.left_out for suite in suites)
    yield ", ".join([*parts, f"{took_s:.1f} s"]) + (f"; {left_out} left out by -k" if left_out else "")
