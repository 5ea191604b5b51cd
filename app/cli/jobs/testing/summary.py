"""What `ncco test` tells when everything was played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.testing.run import Run
from app.cli.terminal import takes_colour
from app.verify.coverage import percent
from app.verify.scenarios.reports import as_github, as_json, as_junit
from app.verify.scenarios.suite import Suite


def falls_short(done: Run) -> bool:
    """Whether a scenario differs, a file has a fault, or too few outcomes are taken."""
    if any(suite.differing or suite.has_errors for suite in done.suites):
        return True
    return bool(list(_too_little(done)))


def _too_little(done: Run) -> Iterator[str]:
    """The flows of which fewer outcomes are taken than is asked for."""
    for suite in done.suites:
        for flow in suite.coverage.flows.values():
            if done.least is not None and flow.percent < done.least:
                taken = f"{percent(flow.percent)} of the outcomes are taken"
                yield f"flow {flow.flow.name}: {taken}, {done.least:g} % are asked for"


def print_summary(done: Run, took_s: float) -> None:
    """Print the last lines, or the whole document for a program; `took_s`: seconds that the run took."""
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


def _summary(done: Run, took_s: float) -> Iterator[str]:
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


def _taken(done: Run) -> str:
    """How many outcomes are taken; "" where nobody knows the flows."""
    outcomes = sum(suite.coverage.outcomes for suite in done.suites)
    taken = sum(suite.coverage.taken for suite in done.suites)
    return f", {percent(100 * taken / outcomes)} of the outcomes taken ({taken} of {outcomes})" if outcomes else ""
