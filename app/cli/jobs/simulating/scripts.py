"""`--script`: the scenarios that are meant, and how what came of them is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from app.cli.jobs.simulating.screen import Screen, colour_of
from app.cli.terminal import takes_colour
from app.cli.work import CannotRun
from app.flow.issues import Issue
from app.flow.report import printable, report
from app.verify.scenarios.files import ScenarioFile, read_files
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.result import Result
from app.verify.scenarios.telling import Ink, Rename, decision, entry, told


@dataclass(frozen=True, slots=True)
class Script:
    """What is played: the scenarios of a file that hold some words in their name.

    Attributes:
        shows: `why`, `ncco`: what is shown beside what is heard.
    """

    path: Path
    words: str = ""
    is_real_time: bool = False
    shows: tuple[str, ...] = ()

    @property
    def file(self) -> ScenarioFile:
        """Raises CannotRun when it is not there."""
        if not self.path.is_file():
            raise CannotRun(f"{self.path} is no file", "name a scenario file, such as tests/scenarios/calls.yaml")
        return read_files((self.path,))[0]

    def wanted(self, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
        """Those that are meant. Raises CannotRun when there are none."""
        found = named(scenarios, self.words)
        if scenarios and not found:
            raise CannotRun(f"no scenario holds the words {self.words}", "run it without -k to see their names")
        return found


def show_issues(file: ScenarioFile, issues: Sequence[Issue]) -> bool:
    """Print the faults of a scenario file; whether one of them is an error."""
    shown = report(issues, {file.name: file.text}, "text", takes_colour())
    click.echo(shown, nl=False, err=True, color=takes_colour())
    return any(issue.is_error for issue in issues)


async def show_result(result: Result, rename: Rename, script: Script, screen: Screen) -> bool:
    """Print a call from ringing to its end, and how it differs from its scenario; whether it does not."""
    screen.say(f"{printable(result.scenario.name)}  {result.scenario.place.file}:{result.scenario.place.line}", "bold")
    at = 0.0
    entries = _entries(result, rename, script.shows) if result.holds or script.shows else ()
    for moment, text, colour in sorted(entries, key=lambda told: told[0]):
        if script.is_real_time and moment > at:
            await asyncio.sleep(moment - at)
            at = moment
        screen.say(text, colour)
    return show_verdict(result, rename, screen)


def show_verdict(result: Result, rename: Rename, screen: Screen) -> bool:
    """Print whether it holds, with the notes; whether it does."""
    if result.holds:
        for note in result.notes:
            screen.say(f"  note: {printable(note)}", "dim")
        screen.say("✓ it holds\n", "green")
    else:
        screen.say(told(result, rename, Ink(takes_colour())))
    return result.holds


def _entries(result: Result, rename: Rename, shows: Iterable[str]) -> Iterator[tuple[float, str, str]]:
    """What is shown, each with its second and its colour."""
    for heard in result.transcript:
        yield heard.at, entry(heard), colour_of(heard)
    if "why" in shows:
        for line in result.decided:
            if line.did in ("decided", "failed", "refused"):
                yield line.at, f"           {decision(line, rename)}", "dim"
    if "ncco" in shows:
        yield from _nccos(result)


def _nccos(result: Result) -> Iterator[tuple[float, str, str]]:
    """Each NCCO at the moment at which its turn was played."""
    for record in result.records:
        for turn in record.turns:
            at = next((line.at for line in result.decided if line.turn == turn.number), 0.0)
            yield at, printable(f"           {json.dumps(json.loads(turn.ncco or b'null'), ensure_ascii=False)}"), "dim"
