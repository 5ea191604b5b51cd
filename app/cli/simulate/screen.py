"""What a person sees of a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import click

from app.cli.output import FINE, ISSUES, CannotRun, shows_colours
from app.cli.simulate.commands import HELP
from app.cli.simulate.server import Line, reply_told
from app.flow.issues import Issue
from app.flow.report import printable, report
from app.simulator import Delivery, Heard, PhoneCall, Request
from app.verify.scenarios.complaints import advice_of, complaint_of
from app.verify.scenarios.files import ScenarioFile, read_files
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.result import Result
from app.verify.scenarios.suite import AnyStage, fitted, play
from app.verify.scenarios.telling import Ink, Rename, decision, entry, told

COLOURS: Final = {"pressed": "green", "spoke": "green", "hung up": "yellow", "ended": "yellow"}
FAINT: Final = frozenset({"ringing", "tone", "beep", "joined", "left", "keys", "voice"})
OF_OTHERS: Final = frozenset({"talk", "stream", "beep", "pressed", "spoke", "keys"})
"""What is shown of what a dialled party hears and does before it is joined."""

DONE: Final = frozenset({"pressed", "spoke", "hung up"})
"""What the caller does; it comes before what it brings about."""

BUCKETS: Final = 100
"""Of a second."""
News: TypeAlias = tuple[int, int, str, str]
"""A line: its moment, its place among those of one moment, its text and colour."""


class Screen:
    """Prints what is new, once.

    Args:
        shows: what is printed all along: `why`, `ncco`, `webhooks`.

    Attributes:
        faults: how many faults of the server were shown.
    """

    def __init__(self, shows: Iterable[str] = ()) -> None:
        self._colour = shows_colours()
        self.ink = Ink(self._colour)
        self._shows = frozenset(shows)
        self._heard: dict[str, int] = {}
        self._delivered = 0
        self._told: set[int] = set()
        self._advice: set[str] = set()
        self.faults = 0

    def say(self, text: str = "", colour: str = "") -> None:
        """Print a line."""
        click.echo(self.ink(text, colour) if colour else text, color=self._colour)

    async def show_news(self, line: Line) -> None:
        """Everything that has happened since the last time, in the order of time."""
        told = [(at, text, "yellow") for at, text in await line.insight.news()]
        if "why" in self._shows:
            told += [(at, text, "dim") for at, text in line.insight.decisions()]
        news = [(bucket(at - line.zero_s), 2, f"           {text}", colour) for at, text, colour in told]
        news += [*self._heard_since(line.call), *self._webhooks_since(line), *self._faults_since(line)]
        for _, _, text, colour in sorted(news, key=lambda new: new[:2]):
            self.say(text, colour)

    def _faults_since(self, line: Line) -> Iterator[News]:
        """What the server did wrong: faults, each when the platform noticed it, and what it should not do."""
        for number, delivery in enumerate(line.vonage.log):
            if number not in self._told and delivery.is_over:
                self._told.add(number)
                at = bucket((delivery.attempts[-1].at if delivery.attempts else delivery.at) - line.zero_s)
                if problem := complaint_of(delivery):
                    self.faults += 1
                    yield at, 1, printable(f"           {problem}"), "red"
                if line.inside is None:
                    yield from ((at, 1, text, "yellow") for text in self._new_advice(delivery))
        for number, other in enumerate(line.call.dialled):
            if other.problem and -1 - number not in self._told:
                self._told.add(-1 - number)
                self.faults += 1
                yield bucket(line.call.at), 1, printable(f"           {other.problem}"), "red"

    def _new_advice(self, delivery: Delivery) -> Iterator[str]:
        """What is wrong with an NCCO that is played all the same, each thing once."""
        for advice in advice_of(delivery):
            if advice not in self._advice:
                self._advice.add(advice)
                yield printable(f"           {advice}")

    def _heard_since(self, call: PhoneCall) -> Iterator[News]:
        for heard in self._new(call):
            yield bucket(heard.at), 0 if heard.kind in DONE else 4, entry(heard), colour_of(heard)
        for other in call.dialled:
            behind = call.at - other.at
            for heard in self._new(other):
                if heard.kind in OF_OTHERS:
                    own = replace(heard, at=heard.at + behind)
                    yield bucket(own.at), 4, f"{entry(own)}  (the called party)", "dim"

    def _new(self, call: PhoneCall) -> tuple[Heard, ...]:
        known = self._heard.get(call.uuid, 0)
        transcript = call.transcript
        self._heard[call.uuid] = len(transcript)
        return transcript[known:]

    def _webhooks_since(self, line: Line) -> Iterator[News]:
        done = [delivery for delivery in line.vonage.log if delivery.attempts]
        for delivery in done[self._delivered :]:
            at = bucket(delivery.at - line.zero_s)
            if "webhooks" in self._shows:
                yield at, 1, webhook_line(delivery, line.zero_s), "dim"
            if "ncco" in self._shows and delivery.ncco is not None:
                yield at, 3, printable(f"           {json.dumps(delivery.ncco, ensure_ascii=False)}"), "dim"
        self._delivered = len(done)

    def show_ncco(self, line: Line) -> None:
        """The NCCO that is played, as JSON."""
        for ncco in [delivery.ncco for delivery in line.call.log if delivery.ncco is not None][-1:]:
            self._show_json(ncco)

    def show_webhook(self, line: Line) -> None:
        """The last webhook whose reply is played, with that reply."""
        for delivery in [each for each in line.call.log if each.message.is_played and each.attempts][-1:]:
            sent, reply = delivery.attempts[-1].request, delivery.attempts[-1].response
            self.say(webhook_line(delivery, line.zero_s))
            self._show_json(_fields(sent))
            self.say(f"reply {reply.status or reply.failure}:")
            self._show_text(reply.body)

    def show_webhooks(self, line: Line) -> None:
        """Every webhook so far, one a line."""
        for delivery in line.vonage.log:
            if delivery.attempts:
                self.say(webhook_line(delivery, line.zero_s))

    def show_why(self, line: Line) -> None:
        """What decided."""
        for text in line.insight.why() or ["nothing was decided yet"]:
            self.say(text)

    def show_help(self, _: Line) -> None:
        """What can be typed."""
        self.say(HELP)

    def _show_json(self, value: Any) -> None:
        for text in json.dumps(value, indent=2, ensure_ascii=False).splitlines():
            self.say(printable(text))

    def _show_text(self, body: bytes) -> None:
        """A reply, laid out when it is JSON."""
        try:
            self._show_json(json.loads(body))
        except ValueError:
            for text in body.decode(errors="replace").splitlines():
                self.say(printable(text))


def bucket(seconds: float) -> int:
    """A moment, as hundredths of a second: what belongs together may be off by a rounding."""
    return round(seconds * BUCKETS)


def colour_of(heard: Heard) -> str:
    """Its colour; "" for that of ordinary text."""
    return COLOURS.get(heard.kind, "dim" if heard.kind in FAINT else "")


def webhook_line(delivery: Delivery, zero_s: float) -> str:
    """A webhook in one line: when, which, where, and what came back. `zero_s`: when the call was answered."""
    attempt = delivery.attempts[-1]
    request, response = attempt.request, attempt.response
    at = delivery.at - zero_s
    came = "" if delivery.ncco is None else f": {', '.join(str(action.get('action')) for action in delivery.ncco)}"
    failure = f" {attempt.verdict.failure}" if attempt.verdict.failure else ""
    what = delivery.fields.get("status") or delivery.kind
    status = response.status or response.failure
    url = request.url.partition("?")[0]
    luck = f"  ({attempt.disturbance})" if attempt.disturbance else ""
    return printable(f"{at:7.1f} s  {what:<10}{request.method} {url}  {status}{came}{failure}{luck}")


def _fields(request: Request) -> Any:
    """What a webhook says."""
    if request.method == "GET":
        return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    return json.loads(request.body)


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
