"""`ncco simulate`: a call in the terminal, played by a person or by a scenario."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from app.cli import options
from app.cli.output import FINE, ISSUES, CannotRun, shows_colours
from app.cli.project import Source, did_you_mean, flow_of_file, load_without_errors, path_of, source_of
from app.cli.scenario_files import find_scenarios, first_numbers
from app.cli.server_under_test import START_IT, is_url, local_stage, refuse_remote, remote_application, remote_options
from app.cli.simulate.conversation import TerminalCall
from app.cli.simulate.prompts import Person, Prompt
from app.cli.simulate.saving import append, check_path
from app.cli.simulate.screen import Screen
from app.errors import AppError
from app.flow.report import printable, report
from app.simulator import Parties
from app.verify.scenarios.files import project_of, read_files
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import FROM, ScenarioCall
from app.verify.scenarios.runner import LocalStage, RemoteStage, Stage, fitted, play
from app.verify.scenarios.server import Circumstances, NoServer, PlacedCall
from app.verify.scenarios.values import ScenarioReader
from app.web.webhooks import DEADLINE_S

PATIENCE_S: Final = 24 * 3600.0
"""Real seconds that a webhook may take: a person may be asked for the answer of a lookup."""
SEED: Final = "ncco simulate"
"""Of the ids of a call to a server of our own: the same call is the same in every run."""
WITHHELD: Final = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable"})
"""What is sent instead of a number that the caller withholds."""


def _digits(number: str) -> str:
    digits = options.digits_of(number)
    if not (digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{number} is not a phone number; write digits, such as 447700900123")
    return digits


def _called_at(context: click.Context, parameter: click.Parameter, what: str | None) -> str | None:
    return options.read_url(context, parameter, what) if what is not None and is_url(what) else what


def _called(_: click.Context, __: click.Parameter, called: str | None) -> str:
    """A number, or the name of an app user, which has a letter; "" when none is given."""
    text = (called or "").strip()
    return text if called is None or re.search(r"[^\W\d_]", text) else _digits(text)


def _caller(_: click.Context, __: click.Parameter, caller: str) -> str:
    """A number; `sip:` and what follows; "", anonymous and the like for a withheld number."""
    text = caller.strip()
    if text.lower() in WITHHELD or text.lower().startswith(("sip:", "sips:")):
        return text
    return _digits(caller)


def _custom_data(_: click.Context, __: click.Parameter, text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        raise click.BadParameter(f"""{text} is not JSON; write it as '{{"order": 17}}'""") from None


def _variables(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{each} is not NAME=VALUE")
        found[name] = value
    return found


def _durations(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Mapping[str, float]:
    found = {}
    for each in given:
        url, _equals, seconds = each.rpartition("=")
        if not url or not re.fullmatch(r"\d{1,5}(\.\d{1,3})?s?", seconds):
            raise click.BadParameter(f"{each} is not URL=SECONDS")
        found[url] = float(seconds.removesuffix("s"))
    return found


def _check_options(context: click.Context, script: Path | None, save: Path | None) -> None:
    """Refuse options that would change nothing, and a script that does not exist. Raises UsageError, CannotRun."""
    ignored = ("words",) if script is None else ("to", "caller", "user", "custom_data", "at", "env", "streams")
    why = "is for --script" if script is None else "is for a call by hand: a scenario says it itself"
    for option in context.command.params:
        if option.name in ignored and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} {why}")
    if script is not None and save is not None:
        raise CannotRun("--save and --script exclude each other", "leave one of them out")
    if script is not None and not script.is_file():
        raise CannotRun(f"{script} is not a file", "name a scenario file, such as tests/scenarios/calls.yaml")


@click.command(
    "simulate",
    epilog="""\b
Examples:
  ncco simulate                                  call the project in this folder
  ncco simulate pin --from 447700900123          call the flow pin
  ncco simulate shop --user anna --custom-data '{"order": 17}'
  ncco simulate examples/shop --at 2026-12-25T10:00
  ncco simulate --script tests/scenarios/reception.yaml -k "busy sales"
  ncco simulate --save tests/scenarios/calls.yaml      and keep it as a scenario
  ncco simulate --chaos 7                        on an unreliable network
  printf '2\\nbusy\\n' | ncco simulate --show why        the call of a script, and what decided
  ncco simulate https://calls.example.com/answer --event-url https://calls.example.com/event

In the call, ? lists what can be typed. The call never waits in real time: two hours take as long as you type.
Exit codes: 0 the call was played, 1 the server did something wrong in it, its flows have errors or a script differs,
2 there is nothing to call.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT|URL]", callback=_called_at)
@click.option("--to", callback=_called, help="The number or the app user called [the flow's first number].")
@click.option(
    "--from",
    "caller",
    default=FROM,
    show_default=True,
    callback=_caller,
    help="The caller: a number, sip:..., or anonymous.",
)
@click.option("--user", default="", help="The app user who calls, instead of a number.")
@click.option("--custom-data", callback=_custom_data, metavar="JSON", help="What the app of the caller sends along.")
@click.option("--at", callback=options.read_time, help="When the call is made, UTC without a time zone [now].")
@click.option("--script", type=click.Path(path_type=Path), help="Play the scenarios of a file.")
@click.option("-k", "words", default="", metavar="WORDS", help="With --script: only scenarios that hold these words.")
@click.option("--save", type=click.Path(path_type=Path), help="Add the call to a file of scenarios.")
@click.option(
    "--show",
    "shows",
    type=click.Choice(("why", "ncco", "webhooks")),
    multiple=True,
    help="Always show what decided, the NCCOs or the webhooks; repeat it for more.",
)
@click.option("--live", is_flag=True, help="Ask lookups and send hooks for real, with the variables FLOW_...")
@click.option("--real-time", is_flag=True, help="Play at the speed of speech; typing interrupts.")
@click.option(
    "--env", multiple=True, metavar="NAME=VALUE", callback=_variables, help="A variable that flows read as env.NAME."
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    metavar="URL=SECONDS",
    callback=_durations,
    help="How long an audio file lasts [30 seconds].",
)
@options.chaos
@remote_options
@options.flows
@options.templates
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    what: str | None,
    to: str,
    caller: str,
    user: str,
    custom_data: Any,
    at: datetime,
    script: Path | None,
    words: str,
    save: Path | None,
    shows: tuple[str, ...],
    live: bool,
    real_time: bool,
    env: Mapping[str, str],
    streams: Mapping[str, float],
    chaos: int | None,
    flows: Path | None,
    templates: Path | None,
    **remote: Any,
) -> int:
    """Call a flow, a project, or the answer URL of any webhook server, and be the caller.

    Without an argument the project in this folder is called. No lookup is asked and no hook is sent: at a terminal
    you answer lookups yourself, elsewhere their defaults apply.
    """
    _check_options(context, script, save)
    server: AbstractAsyncContextManager[Stage]
    if is_url(what):
        if live or env:
            raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL asks its own lookups")
        source, name = None, ""
        numbers = first_numbers([script]) if script is not None else {}
        server = nullcontext(
            RemoteStage(
                remote_application(what or "", remote),
                chaos=chaos,
                numbers=numbers,
            )
        )
    else:
        refuse_remote(remote)
        source, name = _source(what, script, flows, templates)
        found = load_without_errors(source)
        if found is None:
            return ISSUES
        name = name or flow_of_file(source, found)
        patience_s = DEADLINE_S if script is not None else PATIENCE_S
        server = local_stage(found.project, is_live=live, chaos=chaos, deadline_s=patience_s)
    if live:
        click.echo("live: lookups are asked, and hooks are sent", err=True)
    screen = Screen(shows, partial(path_of, source=source) if source is not None else str)

    async def run() -> int:
        async with server as stage:
            if script is not None:
                return await _play_script(stage, script, words, screen, is_real_time=real_time)
            call = ScenarioCall(to=to, from_=caller, user=user, custom_data=custom_data, made_at=at, flow=name)
            met = Circumstances(Parties(other=None), streams, chaos)
            return await Simulation(stage, source, call, met, env, screen).run(save, is_real_time=real_time)

    try:
        return asyncio.run(run())
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    except KeyboardInterrupt:
        click.echo("\nthe call was left")
        return FINE


def _source(what: str | None, script: Path | None, flows: Path | None, templates: Path | None) -> tuple[Source, str]:
    """The project that is called, and the flow ("" for none): what is named, or what a script belongs to.

    Raises CannotRun.
    """
    if script is not None and what is None:
        return next(iter(find_scenarios((script,), flows, templates))), ""
    return source_of(what, flows, templates)


async def _play_script(stage: Stage, script: Path, words: str, screen: Screen, *, is_real_time: bool) -> int:
    """Play the scenarios of a file that hold some words; FINE when they hold. Raises CannotRun, NoServer."""
    (file,) = read_files((script,))
    ready, issues = fitted(stage, [file])
    shown = report(issues, {file.name: file.text}, "text", shows_colours())
    click.echo(shown, nl=False, err=True, color=shows_colours())
    wanted = named(ready, words)
    if ready and not wanted:
        raise CannotRun(f"no scenario holds the words {words}", "run it without -k to see their names")
    is_fine = not any(issue.is_error for issue in issues)
    for scenario in wanted:
        result = await play(stage, scenario)
        await screen.show_played(result, is_paced=is_real_time)
        is_fine = is_fine and result.holds
    return FINE if is_fine else ISSUES


@dataclass(slots=True)
class Simulation:
    """One call by a person.

    Attributes:
        source: the project; None for a server at a URL.
        call: as the person described it. env: variables of flows.
        person: answers the lookups of a project. talk: the call once it is placed.
    """

    stage: Stage
    source: Source | None
    call: ScenarioCall
    met: Circumstances
    env: Mapping[str, str]
    screen: Screen
    person: Person | None = None
    talk: TerminalCall | None = None

    async def run(self, save: Path | None, *, is_real_time: bool) -> int:
        """FINE when the server did nothing wrong. Raises CannotRun, NoServer."""
        if save is not None:
            check_path(save)
        prompt, fitted = Prompt(), self._fitted()
        async with self._placed(fitted, prompt) as line:
            stage = self.stage if isinstance(self.stage, LocalStage) else None
            talk = self.talk = TerminalCall(line, prompt, self.screen, stage, is_real_time=is_real_time)
            talk.save = str(save) if save is not None else ""
            try:
                await talk.hold()
            except AppError as error:
                self.screen.say(f"the call cannot go on: {printable(str(error))}", "red")
                return ISSUES
        result = talk.result
        if talk.save:
            hooks = [hook.name for hook in result.hooks]
            self._save(Path(talk.save), fitted, talk, {"end": result.ended} | ({"hooks": hooks} if hooks else {}))
        is_failsafe = result.ended == "failsafe"
        if is_failsafe:
            self.screen.say("nothing of a flow could be played" if self.source else "no NCCO was played", "red")
        return ISSUES if self.screen.faults or is_failsafe or result.broken else FINE

    def _fitted(self) -> ScenarioCall:
        """The call with its number and flow. Raises CannotRun when no flow takes it."""
        known, call = {flow.name: flow for flow in self.stage.flows}, self.call
        if self.source is not None and call.flow and call.flow not in known:
            raise CannotRun(
                f'there is no flow "{call.flow}", nor a project of that name', did_you_mean(call.flow, known)
            )
        startable = [flow for flow in known.values() if flow.is_startable]
        if not call.flow and not call.to and len(startable) > 1 and not any(flow.default for flow in startable):
            names = ", ".join(sorted(flow.name for flow in startable))
            raise CannotRun("it is not clear which flow is called", f"name one of {names}, or a number with --to")
        reader = ScenarioReader()
        fitted = self.stage.fit_call(call, reader)
        if reader.issues:
            raise CannotRun(reader.issues[0].message, reader.issues[0].cure)
        return fitted

    @asynccontextmanager
    async def _placed(self, call: ScenarioCall, prompt: Prompt) -> AsyncIterator[PlacedCall]:
        """Place the call."""
        stage, flow = self.stage, self.call.flow or call.flow
        whom = stage.application.answer_url if isinstance(stage, RemoteStage) else f"flow {flow}" if flow else ""
        where, at = f"{whom} at " if whom else "", call.made_at.isoformat(" ", "minutes")
        self.screen.say(printable(f"{call.user or call.from_} calls {where}{call.to}, {at}"), "bold")
        if self.met.chaos is not None:
            self.screen.say(f"on an unreliable network, seed {self.met.chaos}; --show webhooks shows it", "dim")
        if isinstance(stage, RemoteStage):
            async with stage.ring(call, self.met) as line:
                yield line
            return
        outside = stage.outside
        look_ups = outside.look_ups() if outside is not None else None
        self.person = Person(stage.flows, prompt, self.screen, look_ups, self._show_news)
        # Servers that are asked may remember calls by their ids.
        seed = secrets.token_hex(16) if outside is not None else SEED
        yield await stage.ring(call, self.met, look_up=self.person.ask, env=self.env, seed=seed, patience_s=PATIENCE_S)

    async def _show_news(self) -> None:
        if self.talk is not None:
            await self.talk.show_news()

    def _save(self, path: Path, fitted: ScenarioCall, talk: TerminalCall, expected: Mapping[str, Any]) -> None:
        """Write the call as a scenario. Raises CannotRun."""
        check_path(path)
        call, script = self.call, talk.recorder.script
        call = fitted if self.source is not None and not (call.flow or call.to) else call
        body = {
            "call": {**call.as_written(), "at": call.made_at.isoformat()},
            "env": dict(self.env),
            "streams": {url: f"{seconds:g}s" for url, seconds in self.met.streams.items()},
            "given": self.person.given if self.person is not None else {},
            "script": [step.as_written() for step in script],
            "expect": expected,
        }
        name = append(path, {word: value for word, value in body.items() if value or word == "script"}, script)
        self.screen.say(f'written to {path} as "{name}"; play it again with: {self._replay_command(path)}', "green")

    def _replay_command(self, path: Path) -> str:
        file = shlex.quote(str(path))
        if isinstance(self.stage, RemoteStage):
            return f"ncco test {file} --url {shlex.quote(self.stage.application.answer_url)}"
        flows, home = self.source.flows if self.source is not None else Path(), project_of(path)
        is_at_home = home is not None and (home / "flows").resolve() == flows.resolve()
        return f"ncco test {file}" if is_at_home else f"ncco test {file} --flows {shlex.quote(str(flows))}"
