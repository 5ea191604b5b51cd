"""`ncco test`: plays the scenarios of projects, prints what came of them, and which outcomes were never taken."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import click

from app.cli.jobs.addresses import START_IT, Address, Method, address_of, refuse_at_home, refuse_far
from app.cli.jobs.counted import counted
from app.cli.jobs.environment import flow_variables
from app.cli.jobs.outside import live_outside
from app.cli.jobs.project import Findings, as_named, find, show_errors
from app.cli.jobs.scenario_projects import ScenarioProject, find_files, find_projects, numbers_at_hand
from app.cli.jobs.server_settings import server_settings
from app.cli.jobs.server_under_test import make_app
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.graph import as_dot, as_mermaid
from app.flow.report import report
from app.verify.coverage.painting import paint
from app.verify.coverage.telling import percent, told_coverage
from app.verify.scenarios.distant import DistantStage, NoServer
from app.verify.scenarios.files import ScenarioFile, read_files
from app.verify.scenarios.reports import as_github, as_json, as_junit
from app.verify.scenarios.result import Result
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.suite import AnyStage, Suite, run_suite
from app.verify.scenarios.telling import Ink, Rename, told, told_unjudged
from app.verify.scenarios.updating import updated

Form = Literal["text", "json", "github", "junit"]


@dataclass(slots=True)
class _Run:
    """The options of one run, and what came of each project."""

    words: str
    least: float | None
    update: bool
    live: bool
    chaos: int | None
    form: Form
    ink: Ink
    suites: list[Suite] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def is_text(self) -> bool:
        """Whether a person reads it."""
        return self.form == "text"


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
    method: Method,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
    form: Form,
) -> int:
    """Play and print. ISSUES when a scenario differs, a file has a fault or too few outcomes are taken.

    Raises CannotRun.
    """
    began = time.perf_counter()
    done = _Run(words, least, update, live, chaos, form, Ink(takes_colour() and form == "text"))
    if url:
        refuse_far({"--live": live, "--min": least is not None, "--graph": graph, "--flows": flows or templates})
        return _run_far(address_of(url, event_url, fallback_url, method, signature_secret), paths, done, began)
    refuse_at_home({"--event-url": event_url, "--fallback-url": fallback_url})
    projects = find_projects(paths, flows, templates)
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
    if graph is not None:
        _draw(graph, done)
    code = _finish(done, began)
    return ISSUES if has_faulty_flows else code


def _run_far(address: Address, paths: Sequence[Path], done: _Run, began: float) -> int:
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


def _require_played(done: _Run) -> None:
    """Raises CannotRun when no scenario was meant."""
    if not any(suite.results or suite.issues for suite in done.suites):
        raise CannotRun(f"no scenario holds the words {done.words}", "run `ncco test` without -k to see their names")


def _finish(done: _Run, began: float) -> int:
    """The last lines, and the code."""
    _print(done, time.perf_counter() - began)
    return ISSUES if _falls_short(done) else FINE


async def _play(project: ScenarioProject, found: Findings, done: _Run) -> None:
    """Play the scenarios of one project; what differs is printed as soon as it does."""
    async with live_outside(is_live=done.live) as outside:
        stage = Stage(found.project, make_app, server_settings().dial_allow, outside=outside, chaos=done.chaos)
        await _play_files(stage, read_files(project.files), done, partial(as_named, source=project.source))


async def _play_files(stage: AnyStage, files: Sequence[ScenarioFile], done: _Run, rename: Rename) -> None:
    """Play files of scenarios, print what came of them and which outcomes are left, and write what was heard."""
    played = _teller(done, rename) if done.is_text else _silent
    suite = await run_suite(stage, files, done.words, leaves_open=done.update, played=played, rename=rename)
    done.suites.append(suite)
    if done.update:
        done.written += [name for file in files if (name := _update(file, suite))]
    if done.is_text:
        texts = {file.name: file.text for file in files}
        click.echo(report(suite.issues, texts, "text", takes_colour()), nl=False, color=takes_colour())
        lines = told_coverage(suite.coverage, suite.rename, is_whole=not suite.left_out) if suite.results else ()
        for line in lines:
            click.echo(line)


def _silent(_: Result) -> None:
    """Nothing is printed while a machine waits for one document."""


def _teller(done: _Run, rename: Rename) -> Callable[[Result], None]:
    def tell(result: Result) -> None:
        if not result.holds:
            click.echo(told(result, rename, done.ink), color=takes_colour())
        elif result.unjudged:
            click.echo(told_unjudged(result, done.ink), color=takes_colour())

    return tell


def _update(file: ScenarioFile, suite: Suite) -> str:
    """Write what was heard into a file that asks for it; its name when it was written."""
    heard = [pair for result in suite.results if result.scenario.place.file == file.name for pair in result.heard]
    text = updated(file.text, heard)
    if text == file.text:
        return ""
    mark = codecs.BOM_UTF8 if file.path.read_bytes().startswith(codecs.BOM_UTF8) else b""
    file.path.write_bytes(mark + text.encode())
    return file.name


def _draw(path: Path, done: _Run) -> None:
    """The flows with what was taken. Raises CannotRun."""
    if len(done.suites) != 1:
        raise CannotRun("a drawing is of one project", "name one project, whose flows have no errors")
    writers = {".mmd": as_mermaid, ".mermaid": as_mermaid, ".dot": as_dot, ".gv": as_dot}
    if path.suffix not in writers:
        raise CannotRun(f"{path} has no suffix of a drawing", "write a name that ends in .mmd or .dot")
    try:
        path.write_text(writers[path.suffix](paint(done.suites[0].coverage)), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}", "name a file in a folder that exists") from error


def _falls_short(done: _Run) -> bool:
    if any(suite.differing or suite.has_errors for suite in done.suites):
        return True
    return bool(list(_too_little(done)))


def _too_little(done: _Run) -> Iterator[str]:
    """The flows of which fewer outcomes are taken than is asked for."""
    for suite in done.suites:
        for flow in suite.coverage.flows.values():
            if done.least is not None and flow.percent < done.least:
                taken = f"{percent(flow.percent)} of the outcomes are taken"
                yield f"flow {flow.flow.name}: {taken}, {done.least:g} % are asked for"


def _print(done: _Run, took_s: float) -> None:
    if done.form == "text":
        for line in _summary(done, took_s):
            click.echo(line, color=takes_colour())
        return
    writers: dict[str, Callable[[Sequence[Suite]], str]] = {
        "json": partial(as_json, short=tuple(_too_little(done))),
        "github": partial(as_github, needs_all=done.least is not None),
        "junit": as_junit,
    }
    click.echo(writers[done.form](done.suites), nl=False)


def _summary(done: _Run, took_s: float) -> Iterator[str]:
    """The last lines."""
    yield ""
    for name in done.written:
        yield f"written: {name}"
    for line in _too_little(done):
        yield done.ink(line, "red")
    results = [result for suite in done.suites for result in suite.results]
    if not results:
        yield "no scenario was played"
        return
    differing = sum(not result.holds for result in results)
    held = f"{counted(len(results), 'scenario')} played"
    came = done.ink(f"{differing} differ", "red") if differing else done.ink("all hold", "green")
    in_part = sum(bool(result.unjudged) for result in results)
    partly = f", {in_part} of them judged in part" if in_part else ""
    left_out = sum(suite.left_out for suite in done.suites)
    more = f"; {left_out} left out by -k" if left_out else ""
    yield f"{held}, {came}{partly}{_taken(done)}, {took_s:.1f} s{more}"


def _taken(done: _Run) -> str:
    """How many outcomes are taken; "" where nobody knows the flows."""
    outcomes = sum(suite.coverage.outcomes for suite in done.suites)
    taken = sum(suite.coverage.taken for suite in done.suites)
    return f", {percent(100 * taken / outcomes)} of the outcomes taken ({taken} of {outcomes})" if outcomes else ""
