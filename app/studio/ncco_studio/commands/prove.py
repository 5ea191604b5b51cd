"""`ncco prove`: explores every path through flows. Every scenario that it writes has been played."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.environment import flow_variables, python_flows, python_lookups
from ncco_server.desk.output import FINE, ISSUES, print_result
from ncco_server.desk.project import source_of
from ncco_server.flow.report import Format
from ncco_studio.verify.faults import LIMITS
from ncco_studio.verify.kept import KeptResults, key_of
from ncco_studio.verify.platform_file import seen_platform

CACHE: Final = ".ncco_cache"
"""The folder beside the flow folder for verdicts, and the command's output about a whole project."""


@click.command(
    "prove",
    epilog="""\b
Examples:
  ncco prove                             every flow of the project that takes calls
  ncco prove reception                   one flow and the flows that it runs
  ncco prove examples/queue              every flow of another project
  ncco prove --save tests/scenarios      writes each fault as a scenario for `ncco test`
  ncco prove --tests tests/scenarios     writes a few scenarios that cover all outcomes of the flows
  ncco prove --format github             annotations for GitHub Actions

Exit codes: 0 nothing is wrong, 1 something is wrong or it stopped early, 2 there is no such flow, or nothing could be
read.

Verdicts: `refuted` if something is wrong, `proved` if everything was explored, `walked` if sample values stood in
for text, numbers or digits, `partial` if they did not reach all lines of a handler in Python, and `stopped` if
--states or --seconds was too low. Scenarios from --save and --tests are played before they are written.""",
)
@click.argument("what", type=options.FLOW, required=False, metavar="[FLOW|PROJECT]")
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
    default=float(LIMITS["silence"]),
    show_default=True,
    help="Maximum silence for a caller, in seconds.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=int(LIMITS["steps"]),
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
    kept = None if no_cache else KeptResults(source.flows.parent / CACHE)
    env = flow_variables()
    now = datetime.now(UTC)
    bounds, call_limits = (states, seconds), (silence, steps, seen_platform().get("after_connect", ""))
    python = python_lookups(), python_flows()
    about = (repr(source), name, form, bounds, call_limits, sorted(env.items()), python, now.date())
    key = key_of("command", about, sorted(source.read()[0].items()))
    printed = None if kept is None or save or tests else _read(kept.get(key))
    if printed is not None:
        shown, notes, is_fine = printed
        print_result(shown)
        click.echo(notes, nl=False, err=True)
        return FINE if is_fine else ISSUES
    from ncco_studio.commands.proofs import prove_project  # noqa: PLC0415 - takes a second, and is not needed if nothing changed

    found = prove_project(
        source,
        name,
        form,
        env=env,
        now=now,
        bounds=bounds,
        call_limits=call_limits,
        kept=kept,
        save=save,
        tests=tests,
    )
    if kept is not None and not found.is_stopped:
        kept.put(key, json.dumps((found.shown, found.notes, found.is_fine)).encode())
    return FINE if found.is_fine else ISSUES


def _read(stored: bytes | None) -> tuple[str, str, bool] | None:
    try:
        shown, notes, is_fine = json.loads(stored or b"")
    except ValueError:
        return None
    return shown, notes, is_fine
