"""Plays the scenarios of a file, and shows each call as soon as it is over: `ncco simulate --script`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from app.cli.output import FINE, ISSUES, CannotRun, shows_colours
from app.cli.simulate.insight import DECIDING, reply_in_words
from app.cli.simulate.screen import BUCKETS, News, Screen, bucket, heard_news, webhook_news
from app.flow.report import printable, report
from app.verify.scenarios.files import read_files
from app.verify.scenarios.fitting import named
from app.verify.scenarios.reports import Ink, decision, told
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import Rename, Stage, fitted, play


@dataclass(frozen=True, slots=True)
class Script:
    """The scenarios of a file that hold some words in their name.

    Attributes:
        shows: `why`, `ncco`, `webhooks`: what is shown besides what is heard.
        chaos: a seed of bad luck on the network; None: nothing goes wrong.
    """

    path: Path
    words: str = ""
    is_real_time: bool = False
    shows: tuple[str, ...] = ()
    chaos: int | None = None


async def play_script(stage: Stage, script: Script, rename: Rename) -> int:
    """Play the script: FINE when all scenarios hold. Raises CannotRun."""
    if not script.path.is_file():
        raise CannotRun(f"{script.path} is not a file", "name a scenario file, such as tests/scenarios/calls.yaml")
    (file,) = read_files((script.path,))
    ready, issues = fitted(stage, [file])
    shown = report(issues, {file.name: file.text}, "text", shows_colours())
    click.echo(shown, nl=False, err=True, color=shows_colours())
    wanted = named(ready, script.words)
    if ready and not wanted:
        raise CannotRun(f"no scenario holds the words {script.words}", "run it without -k to see their names")
    held = [await _show(await play(stage, each), rename, script) for each in wanted]
    return FINE if all(held) and not any(issue.is_error for issue in issues) else ISSUES


async def _show(result: Result, rename: Rename, script: Script) -> bool:
    """Print a call from ringing to its end, and how it differs from its scenario; whether it does not."""
    screen, at = Screen(), 0.0
    place = result.scenario.place
    screen.say(f"{printable(result.scenario.name)}  {place.file}:{place.line}", "bold")
    news = _news(result, rename, script.shows) if result.holds or script.shows else ()
    for moment, _, text, colour in sorted(news, key=lambda new: new[:2]):
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


def _news(result: Result, rename: Rename, shows: Iterable[str]) -> Iterator[News]:
    """What is shown of a call."""
    yield from heard_news(result.transcript)
    yield from webhook_news(result.webhooks, result.answered_s, shows)
    if "why" in shows:
        for at, text in _decisions(result, rename):
            yield bucket(at), 2, f"{' ' * 11}{text}", "dim"


def _decisions(result: Result, rename: Rename) -> Iterator[tuple[float, str]]:
    """What decided; of a server that does not show it, what it replied."""
    for line in result.decided:
        if line.did in DECIDING:
            yield line.at, decision(line, rename)
    if not result.records:
        for delivery in result.webhooks:
            if text := reply_in_words(delivery):
                yield delivery.at - result.answered_s, text
