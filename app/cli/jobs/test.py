"""`ncco test`: plays the scenarios of projects, prints what came of them, and which outcomes were never taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from app.cli.jobs.addresses import START_IT, Address, Method, address_of, refuse_at_home, refuse_far
from app.cli.jobs.environment import flow_variables
from app.cli.jobs.outside import live_outside
from app.cli.jobs.project import Findings, as_named, find, show_errors
from app.cli.jobs.scenario_projects import ScenarioProject, find_files, find_projects, numbers_at_hand
from app.cli.jobs.server_settings import server_settings
from app.cli.jobs.server_under_test import make_app
from app.cli.jobs.testing.files import check_drawing, draw, write_heard
from app.cli.jobs.testing.run import Form, Run
from app.cli.jobs.testing.summary import falls_short, print_summary
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.report import report
from app.verify.coverage import told_coverage
from app.verify.scenarios.distant import DistantStage, NoServer
from app.verify.scenarios.files import ScenarioFile, read_files
from app.verify.scenarios.result import Result
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.suite import AnyStage, run_suite
from app.verify.scenarios.telling import Ink, Rename, told, told_unjudged


def run(
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
    form: Form,
) -> int:
    """Play and print. ISSUES when a scenario differs, a file has a fault or too few outcomes are taken.

    Raises CannotRun.
    """
    began = time.perf_counter()
    done = Run(words, least, update, live, chaos, form, Ink(takes_colour() and form == "text"))
    if url:
        refuse_far({"--live": live, "--min": least is not None, "--graph": graph, "--flows": flows or templates})
        return _run_far(address_of(url, event_url, fallback_url, method, signature_secret), paths, done, began)
    refuse_at_home(event_url, fallback_url, method, signature_secret)
    projects = find_projects(paths, flows, templates)
    check_drawing(graph, len(projects))
    if live:
        click.echo("live: look-ups that a scenario does not answer are asked, and hooks are sent", err=True)
    has_faulty_flows = False
    for project in projects:
        if form == "text" and len(projects) > 1:
            click.echo(done.ink(f"{project.source.flows.parent.as_posix()}:", "bold"), color=takes_colour())
        found = find(project.source, flow_variables())
        if found.has_errors:
            show_errors(found)
            has_faulty_flows = True
        else:
            asyncio.run(_play(project, found, done))
    if not has_faulty_flows:
        _require_played(done)
    code = _finish(done, began)
    if graph is not None:
        draw(graph, done.suites)
    return ISSUES if has_faulty_flows else code


def _run_far(address: Address, paths: Sequence[Path], done: Run, began: float) -> int:
    """The same on a server at a URL, whose flows nobody knows. Raises CannotRun."""
    files = read_files(find_files(paths))
    numbers = numbers_at_hand(file.path for file in files)
    stage = DistantStage(address.application, chaos=done.chaos, numbers=numbers)
    try:
        asyncio.run(_play_files(stage, files, done, str))
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    _require_played(done)
    return _finish(done, began)


def _require_played(done: Run) -> None:
    """Raises CannotRun when no scenario was meant."""
    if not any(suite.results or suite.issues for suite in done.suites):
        raise CannotRun(f"no scenario holds the words {done.words}", "run `ncco test` without -k to see their names")


def _finish(done: Run, began: float) -> int:
    """The last lines, and the code."""
    print_summary(done, time.perf_counter() - began)
    return ISSUES if falls_short(done) else FINE


async def _play(project: ScenarioProject, found: Findings, done: Run) -> None:
    """Play the scenarios of one project; what differs is printed as soon as it does."""
    async with live_outside(is_live=done.live) as outside:
        stage = Stage(found.project, make_app, server_settings().dial_allow, outside=outside, chaos=done.chaos)
        await _play_files(stage, read_files(project.files), done, partial(as_named, source=project.source))


async def _play_files(stage: AnyStage, files: Sequence[ScenarioFile], done: Run, rename: Rename) -> None:
    """Play files of scenarios, print what came of them and which outcomes are left, and write what was heard."""
    played = _teller(done, rename) if done.is_text else _silent
    suite = await run_suite(stage, files, done.words, leaves_open=done.update, played=played, rename=rename)
    done.suites.append(suite)
    if done.update:
        done.written += [name for file in files if (name := write_heard(file, suite))]
    if done.is_text:
        texts = {file.name: file.text for file in files}
        click.echo(report(suite.issues, texts, "text", takes_colour()), nl=False, color=takes_colour())
        lines = told_coverage(suite.coverage, suite.rename, is_whole=not suite.left_out) if suite.results else ()
        for line in lines:
            click.echo(line)


def _silent(_: Result) -> None:
    """Nothing is printed while a machine waits for one document."""


def _teller(done: Run, rename: Rename) -> Callable[[Result], None]:
    def tell(result: Result) -> None:
        if not result.holds:
            click.echo(told(result, rename, done.ink), color=takes_colour())
        elif result.unjudged:
            click.echo(told_unjudged(result, done.ink), color=takes_colour())

    return tell
