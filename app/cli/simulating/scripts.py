"""`--script`: the scenarios that are meant, played and shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from app.cli.output import FINE, ISSUES, CannotRun, shows_colours
from app.cli.simulating.insight import reply_told
from app.cli.simulating.screen import BUCKETS, DONE, News, Screen, bucket, colour_of, webhook_line
from app.flow.issues import Issue
from app.flow.report import printable, report
from app.verify.scenarios.files import ScenarioFile, read_files
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.result import Result
from app.verify.scenarios.suite import AnyStage, fitted, play
from app.verify.scenarios.telling import Ink, Rename, decision, entry, told


@dataclass(frozen=True, slots=True)
class Script:
    """What is played: the scenarios of a file that hold some words in their name.

    Attributes:
        shows: `why`, `ncco`, `webhooks`: what is shown beside what is heard.
        chaos: a seed of bad luck on the network; None: nothing goes wrong.
    """

    path: Path
    words: str = ""
    is_real_time: bool = False
    shows: tuple[str, ...] = ()
    chaos: int | None = None

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


async def play_script(stage: AnyStage, script: Script, rename: Rename) -> int:
    """Play the script, and show each call as soon as it is over: FINE when all hold. Raises CannotRun."""
    file, screen = script.file, Screen()
    ready, issues = fitted(stage, [file])
    is_faulty = _show_issues(file, issues)
    held = [await _show(await play(stage, each), rename, script, screen) for each in script.wanted(ready)]
    return FINE if all(held) and not is_faulty else ISSUES


def _show_issues(file: ScenarioFile, issues: Sequence[Issue]) -> bool:
    """Print the faults of a scenario file; whether one of them is an error."""
    shown = report(issues, {file.name: file.text}, "text", shows_colours())
    click.echo(shown, nl=False, err=True, color=shows_colours())
    return any(issue.is_error for issue in issues)


async def _show(result: Result, rename: Rename, script: Script, screen: Screen) -> bool:
    """Print a call from ringing to its end, and how it differs from its scenario; whether it does not."""
    screen.say(f"{printable(result.scenario.name)}  {result.scenario.place.file}:{result.scenario.place.line}", "bold")
    at = 0.0
    entries = _entries(result, rename, script.shows) if result.holds or script.shows else ()
    for moment, _, text, colour in sorted(entries, key=lambda new: new[:2]):
        if script.is_real_time and moment / BUCKETS > at:
            await asyncio.sleep(moment / BUCKETS - at)
            at = moment / BUCKETS
        screen.say(text, colour)
    if not result.holds:
        screen.say(told(result, rename, Ink(shows_colours())))
        return False
    for note in result.notes:
        screen.say(f"  note: {printable(note)}", "dim")
    for what in result.unjudged:
        screen.say(f"  not judged: {what}", "yellow")
    screen.say("✓ it holds\n" if not result.unjudged else "✓ it holds as far as it was judged\n", "green")
    return True


def _entries(result: Result, rename: Rename, shows: Iterable[str]) -> Iterator[News]:
    """What is shown of a call."""
    for heard in result.transcript:
        yield bucket(heard.at), 0 if heard.kind in DONE else 4, entry(heard), colour_of(heard)
    if "why" in shows:
        for at, text in _decisions(result, rename):
            yield bucket(at), 2, f"           {text}", "dim"
    for delivery in result.webhooks:
        at = bucket(delivery.at - result.answered_s)
        if "webhooks" in shows:
            yield at, 1, webhook_line(delivery, result.answered_s), "dim"
        if "ncco" in shows and delivery.ncco is not None:
            yield at, 3, printable(f"           {json.dumps(delivery.ncco, ensure_ascii=False)}"), "dim"


def _decisions(result: Result, rename: Rename) -> Iterator[tuple[float, str]]:
    """What decided; of a server that does not show it, what it replied."""
    for line in result.decided:
        if line.did in ("decided", "failed", "refused"):
            yield line.at, decision(line, rename)
    if not result.records:
        for delivery in result.webhooks:
            if text := reply_told(delivery):
                yield delivery.at - result.answered_s, text
