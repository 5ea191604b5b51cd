"""`ncco simulate`: a call in the terminal, played by a person or by a scenario."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from app.cli import options
from app.cli.environment import server_settings
from app.cli.output import FINE, ISSUES, CannotRun
from app.cli.project import (
    Source,
    did_you_mean,
    flow_of_file,
    load_without_errors,
    path_of,
    source_of,
)
from app.cli.scenario_files import find_scenarios, first_numbers
from app.cli.server_under_test import (
    START_IT,
    Method,
    is_url,
    live_outside,
    make_app,
    refuse_remote_options,
    remote_application,
)
from app.cli.simulate.commands import NOWHERE
from app.cli.simulate.conversation import Conversation, Pace
from app.cli.simulate.lookups import Person, was_answered
from app.cli.simulate.prompts import find_prompt
from app.cli.simulate.saving import Played, append, check_path, free_name, name_of, written
from app.cli.simulate.screen import Screen, Script, play_script
from app.cli.simulate.server import Line, Network, Own, outer_line, own_line
from app.errors import AppError
from app.flow.model import Flow, Project
from app.flow.report import printable
from app.simulator import Application
from app.verify.scenarios.answers import Declared
from app.verify.scenarios.distant import DistantStage, NoServer
from app.verify.scenarios.files import project_of
from app.verify.scenarios.fitting import ANY_NUMBER, Fitting
from app.verify.scenarios.model import FROM, CallFacts, Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.stage import Stage, stand_ins

WITHHELD: Final = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable"})
"""What is sent instead of a number that the caller withholds."""


def _digits(number: str) -> str:
    digits = options.digits_of(number)
    if not (digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{number} is no telephone number; write digits, such as 447700900123")
    return digits


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
        raise click.BadParameter(f"""{text} is no JSON; write it as '{{"order": 17}}'""") from None


def _variables(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{each} is no NAME=VALUE")
        found[name] = value
    return found


def _durations(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Mapping[str, float]:
    found = {}
    for each in given:
        url, _equals, seconds = each.rpartition("=")
        if not url or not re.fullmatch(r"\d{1,5}(\.\d{1,3})?s?", seconds):
            raise click.BadParameter(f"{each} is no URL=SECONDS")
        found[url] = float(seconds.removesuffix("s"))
    return found


def _refuse_ignored(context: click.Context, script: Path | None) -> None:
    """Refuse options that would change nothing. Raises UsageError."""
    ignored = ("words",) if script is None else ("to", "caller", "user", "custom_data", "at", "env", "streams")
    why = "is for --script" if script is None else "is for a call by hand: a scenario says it itself"
    for option in context.command.params:
        if option.name in ignored and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} {why}")


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
  ncco simulate --chaos 7                        on an unlucky network
  printf '2\\nbusy\\n' | ncco simulate --show why        the call of a script, and what decided
  ncco simulate https://calls.example.com/answer --event-url https://calls.example.com/event

In the call, ? lists what can be typed. The call never waits in real time: two hours take as long as you type.
Exit codes: 0 the call was played, 1 the server did something wrong in it, its flows have errors or a script differs,
2 there is nothing to call.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT|URL]")
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
@options.remote_server
@options.flows
@options.templates
@click.pass_context
def command(
    context: click.Context,
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
    event_url: str,
    fallback_url: str,
    method: Method | None,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Call a flow, a project, or the answer URL of any webhook server, and be the caller.

    Without an argument the project in this folder is called. No lookup is asked and no hook is sent: at a terminal
    you answer lookups yourself, elsewhere their defaults apply.
    """
    _refuse_ignored(context, script)
    if script is not None and save is not None:
        raise CannotRun("--save and --script exclude each other", "leave one of them out")
    remote = _remote(what, event_url, fallback_url, method, signature_secret)
    if remote is not None and (live or env):
        raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL asks its own lookups")
    if live:
        click.echo("live: lookups are asked, and hooks are sent", err=True)
    try:
        if script is not None:
            scenarios = Script(script, words, real_time, shows, chaos)
            if remote is not None:
                return asyncio.run(_play_remote(scenarios, remote))
            source = _source_of_script(script, what, flows, templates)
            return asyncio.run(_play_project(scenarios, source, live=live))
        facts = CallFacts(NOWHERE, to, caller, user=user, custom_data=custom_data, at=at)
        if save is not None:
            check_path(save)
        target = remote or _target(what, facts, flows, templates)
        simulation = Simulation(target, facts, shows, env, Network(chaos, streams), live=live) if target else None
        return asyncio.run(simulation.run(save, real_time=real_time)) if simulation else ISSUES
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    except KeyboardInterrupt:
        click.echo("\nthe call was left")
        return FINE


def _remote(
    what: str | None, event_url: str, fallback_url: str, method: Method | None, secret: str
) -> Application | None:
    """The server at a URL, if one is called. Raises CannotRun."""
    is_remote = is_url(what)
    server = remote_application(what or "" if is_remote else "", event_url, fallback_url, method, secret)
    if is_remote:
        return server
    refuse_remote_options(event_url, fallback_url, method, secret)
    return None


def _source_of_script(script: Path, what: str | None, flows: Path | None, templates: Path | None) -> Source:
    """The project that is named, or the one that the file belongs to. Raises CannotRun."""
    if what is not None:
        return source_of(what, flows, templates)[0]
    return next(iter(find_scenarios((script,), flows, templates)))


async def _play_project(script: Script, source: Source, *, live: bool) -> int:
    """Play scenarios on the server of a project; FINE when they hold. Raises CannotRun."""
    found = load_without_errors(source)
    if found is None:
        return ISSUES
    async with live_outside(is_live=live) as outside:
        allow = server_settings().dial_allow
        stage = Stage(found.project, make_app, allow, outside=outside, chaos=script.chaos)
        return await play_script(stage, script, partial(path_of, source=source))


async def _play_remote(script: Script, server: Application) -> int:
    """Play scenarios on a server at a URL; FINE when they hold. Raises CannotRun, NoServer."""
    stage = DistantStage(server, chaos=script.chaos, numbers=first_numbers([script.path]))
    return await play_script(stage, script, str)


@dataclass(frozen=True, slots=True)
class Target:
    """A project, and the call that is made to it.

    Attributes:
        facts: as the person gave them.
        fitted: the same with the number and the flow filled in.
    """

    project: Project
    source: Source
    facts: CallFacts
    fitted: CallFacts

    @property
    def saved_facts(self) -> CallFacts:
        """What a scenario says of the call: what the person gave, or the flow that was found."""
        return self.facts if self.facts.flow or self.facts.to else self.fitted

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Every flow of the project."""
        return tuple(self.project.flows.values())


def _target(what: str | None, facts: CallFacts, flows: Path | None, templates: Path | None) -> Target | None:
    """The flow of that name, the project in that folder, or the one here.

    None when its flows have errors, which are printed. Raises CannotRun when no flow takes the call.
    """
    source, name = source_of(what, flows, templates)
    found = load_without_errors(source)
    if found is None:
        return None
    known = found.project.flows
    if name and name not in known:
        raise CannotRun(f'there is no flow "{name}", nor a project of that name', did_you_mean(name, known))
    chosen = replace(facts, flow=name or flow_of_file(source, found))
    startable = [flow for flow in known.values() if flow.is_startable]
    if not chosen.flow and not chosen.to and len(startable) > 1 and not any(flow.default for flow in startable):
        names = ", ".join(sorted(flow.name for flow in startable))
        raise CannotRun("it is not clear which flow is called", f"name one of {names}, or a number with --to")
    reader, every_flow = Reader(), tuple(known.values())
    scenario = Fitting(every_flow, Declared(every_flow)).fit(Scenario("", chosen.place, chosen), reader)
    if reader.issues:
        raise CannotRun(reader.issues[0].message, reader.issues[0].cure)
    return Target(found.project, source, chosen, scenario.call)


class Simulation:
    """One call by a person, to a project or to a server at a URL.

    Args:
        facts: of the call. shows: what is always printed. env: variables of flows.
        network: what is between the caller and the server. live: whether lookups are asked and hooks sent.
    """

    def __init__(
        self,
        target: Target | Application,
        facts: CallFacts,
        shows: tuple[str, ...],
        env: Mapping[str, str],
        network: Network,
        *,
        live: bool,
    ) -> None:
        self._target = target
        self._facts = facts
        self._env = env
        self._network = network
        self._live = live
        self._prompt = find_prompt()
        self._screen = Screen(shows)
        self._given: Mapping[str, list[Any]] = {}

    async def run(self, save: Path | None, *, real_time: bool) -> int:
        """FINE when the server did nothing wrong. Raises CannotRun, NoServer."""
        async with self._line() as line:
            pace = Pace(is_real=real_time)
            talk = Conversation(line, self._prompt, self._screen, pace, str(save) if save is not None else "")
            try:
                await talk.hold()
            except AppError as error:
                self._screen.say(f"the call cannot go on: {printable(str(error))}", "red")
                return ISSUES
            if talk.save:
                self._save(line, talk)
            if line.is_failsafe:
                self._screen.say("nothing of a flow could be played" if line.inside else "no NCCO was played", "red")
            is_broken = line.inside is not None and line.inside.is_broken
            return ISSUES if self._screen.faults or line.is_failsafe or is_broken else FINE

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        target = self._target
        if isinstance(target, Application):
            facts = replace(self._facts, to=self._facts.to or ANY_NUMBER)
            self._greet(target.answer_url, facts)
            async with outer_line(target, facts, self._network) as line:
                yield line
            return
        flow = target.facts.flow or target.fitted.flow
        self._greet(f"flow {flow}" if flow else "", target.fitted)
        async with live_outside(is_live=self._live) as outside:
            person = Person(target.flows, self._prompt, self._screen, outside.look_ups() if outside else None)
            self._given = person.given
            env = {**(outside.env if outside else stand_ins(target.flows)), **self._env}
            rename = partial(path_of, source=target.source)
            own = Own(target.project, env, server_settings().dial_allow, person.ask, rename, outside)
            async with own_line(own, target.fitted, target.flows, self._network) as line:
                person.line = line
                yield line

    def _greet(self, whom: str, facts: CallFacts) -> None:
        where = f"{whom} at " if whom else ""
        at = facts.at.isoformat(" ", "minutes")
        self._screen.say(printable(f"{facts.user or facts.from_} calls {where}{facts.to}, {at}"), "bold")
        if self._network.chaos is not None:
            self._screen.say(f"on an unlucky network, seed {self._network.chaos}; --show webhooks shows it", "dim")

    def _save(self, line: Line, talk: Conversation) -> None:
        """Write the call as a scenario. Raises CannotRun."""
        path, script = Path(talk.save), talk.recorder.script
        check_path(path)
        facts = self._target.saved_facts if isinstance(self._target, Target) else self._facts
        given = {name: answers for name, answers in self._given.items() if was_answered(answers)}
        played = Played(facts, script, given, self._env, self._network.streams, _expected(line))
        name = free_name(path, name_of(script))
        append(path, name, written(name, played))
        self._screen.say(f'written to {path} as "{name}"; play it again with: {self._replay_command(path)}', "green")

    def _replay_command(self, path: Path) -> str:
        file = shlex.quote(str(path))
        if isinstance(self._target, Application):
            return f"ncco test {file} --url {shlex.quote(self._target.answer_url)}"
        flows, home = self._target.source.flows, project_of(path)
        is_at_home = home is not None and (home / "flows").resolve() == flows.resolve()
        return f"ncco test {file}" if is_at_home else f"ncco test {file} --flows {shlex.quote(str(flows))}"


def _expected(line: Line) -> dict[str, Any]:
    """What a scenario expects of a call that went as this one did."""
    ended = "failsafe" if line.is_failsafe else "hangup" if line.call.ended_by == "user" else "completed"
    return {"end": ended, **({"hooks": line.inside.hooks} if line.inside is not None and line.inside.hooks else {})}
