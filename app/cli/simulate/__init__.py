"""`ncco simulate`: a call in the terminal, played by a person or by a scenario."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
    RemoteServer,
    is_url,
    live_outside,
    local_stage,
    make_app,
    remote_options,
)
from app.cli.simulate.conversation import TerminalCall
from app.cli.simulate.insight import Insight, Local
from app.cli.simulate.lookups import Person
from app.cli.simulate.prompts import InputPrompt, find_prompt
from app.cli.simulate.saving import append, body_of, check_path
from app.cli.simulate.screen import Screen
from app.cli.simulate.script import Script, play_script
from app.errors import AppError
from app.flow.model import Project
from app.flow.report import printable
from app.simulator import Application, Parties
from app.verify.scenarios.files import project_of
from app.verify.scenarios.fitting import Fitting
from app.verify.scenarios.model import ANY_NUMBER, FROM, ScenarioCall
from app.verify.scenarios.runner import RemoteStage
from app.verify.scenarios.server import Circumstances, LocalServer, NoServer, ring_url, stand_ins
from app.verify.scenarios.values import ScenarioReader

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
  ncco simulate --chaos 7                        on an unreliable network
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
@remote_options
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
    remote: RemoteServer,
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
    url = what if what is not None and is_url(what) else ""
    application = remote.application(url) if url else None
    if application is None:
        remote.refuse()
    elif live or env:
        raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL asks its own lookups")
    if live:
        click.echo("live: lookups are asked, and hooks are sent", err=True)
    try:
        if script is not None:
            scenarios = Script(script, words, real_time, shows, chaos)
            source = _source_of_script(script, what, flows, templates) if application is None else None
            return asyncio.run(_play_script(scenarios, application, source, live=live))
        call = ScenarioCall(to=to, from_=caller, user=user, custom_data=custom_data, made_at=at)
        if save is not None:
            check_path(save)
        target = application or _target(what, call, flows, templates)
        met = Circumstances(Parties(other=None), streams, chaos)
        simulation = Simulation(target, call, met, env, Screen(shows), is_live=live) if target else None
        return asyncio.run(simulation.run(save, is_real_time=real_time)) if simulation else ISSUES
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    except KeyboardInterrupt:
        click.echo("\nthe call was left")
        return FINE


def _source_of_script(script: Path, what: str | None, flows: Path | None, templates: Path | None) -> Source:
    """The project that is named, or the one that the file belongs to. Raises CannotRun."""
    if what is not None:
        return source_of(what, flows, templates)[0]
    return next(iter(find_scenarios((script,), flows, templates)))


async def _play_script(script: Script, server: Application | None, source: Source | None, *, live: bool) -> int:
    """Play scenarios at a URL or in a project; FINE when they hold. Raises CannotRun, NoServer."""
    if server is not None:
        stage = RemoteStage(server, chaos=script.chaos, numbers=first_numbers([script.path]))
        return await play_script(stage, script, str)
    found = load_without_errors(source) if source is not None else None
    if source is None or found is None:
        return ISSUES
    async with local_stage(found.project, is_live=live, chaos=script.chaos) as local:
        return await play_script(local, script, partial(path_of, source=source))


@dataclass(frozen=True, slots=True)
class CallTarget:
    """A project, and the call that is made to it.

    Attributes:
        call: as the person described it.
        fitted: the same with the number and the flow filled in.
    """

    project: Project
    source: Source
    call: ScenarioCall
    fitted: ScenarioCall


def _target(what: str | None, call: ScenarioCall, flows: Path | None, templates: Path | None) -> CallTarget | None:
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
    chosen = call.model_copy(update={"flow": name or flow_of_file(source, found)})
    startable = [flow for flow in known.values() if flow.is_startable]
    if not chosen.flow and not chosen.to and len(startable) > 1 and not any(flow.default for flow in startable):
        names = ", ".join(sorted(flow.name for flow in startable))
        raise CannotRun("it is not clear which flow is called", f"name one of {names}, or a number with --to")
    reader = ScenarioReader()
    fitted = Fitting(known.values()).fit_call(chosen, reader)
    if reader.issues:
        raise CannotRun(reader.issues[0].message, reader.issues[0].cure)
    return CallTarget(found.project, source, chosen, fitted)


@dataclass
class Simulation:
    """One call by a person, to a project or to a server at a URL.

    Attributes:
        env: variables of flows. is_live: whether lookups are asked and hooks sent.
        person: answers the lookups of a project.
    """

    target: CallTarget | Application
    call: ScenarioCall
    met: Circumstances
    env: Mapping[str, str]
    screen: Screen
    is_live: bool
    person: Person | None = None

    async def run(self, save: Path | None, *, is_real_time: bool) -> int:
        """FINE when the server did nothing wrong. Raises CannotRun, NoServer."""
        prompt = find_prompt()
        async with self._placed(prompt) as insight:
            self.screen.insight = insight
            path = str(save) if save is not None else ""
            talk = TerminalCall(insight, prompt, self.screen, is_real_time=is_real_time, save=path)
            try:
                await talk.hold()
            except AppError as error:
                self.screen.say(f"the call cannot go on: {printable(str(error))}", "red")
                return ISSUES
            is_silent = not any(delivery.ncco for delivery in insight.line.call.log)
            is_failsafe = is_silent or insight.is_failsafe
            if talk.save:
                by_caller = insight.line.call.ended_by == "user"
                ended = "failsafe" if is_failsafe else "hangup" if by_caller else "completed"
                self._save(Path(talk.save), talk, {"end": ended} | ({"hooks": insight.hooks} if insight.hooks else {}))
            if is_failsafe:
                is_local = isinstance(self.target, CallTarget)
                self.screen.say("nothing of a flow could be played" if is_local else "no NCCO was played", "red")
            return ISSUES if self.screen.faults or is_failsafe or insight.is_broken else FINE

    @asynccontextmanager
    async def _placed(self, prompt: InputPrompt) -> AsyncIterator[Insight]:
        """Place the call."""
        target = self.target
        if isinstance(target, Application):
            call = self.call.model_copy(update={"to": self.call.to or ANY_NUMBER})
            self._greet(target.answer_url, call)
            async with ring_url(target, call, self.met) as line:
                yield Insight(line)
            return
        name, flows = target.call.flow or target.fitted.flow, target.project.flows
        self._greet(f"flow {name}" if name else "", target.fitted)
        async with live_outside(is_live=self.is_live) as outside:
            person = self.person = Person(flows.values(), prompt, self.screen, outside.look_ups() if outside else None)
            patient = partial(make_app, deadline_s=PATIENCE_S)
            server = LocalServer(target.project, patient, server_settings().dial_allow)
            server.env.update({**(outside.env if outside else stand_ins(flows.values())), **self.env})
            server.look_up = person.ask
            await server.start()
            seed = secrets.token_hex(16) if outside else SEED  # servers that are asked may remember calls by their ids
            line = await server.ring(target.fitted, flows.values(), self.met, seed, patience_s=PATIENCE_S)
            yield Insight(line, Local(server, flows, partial(path_of, source=target.source), outside))

    def _greet(self, whom: str, call: ScenarioCall) -> None:
        where = f"{whom} at " if whom else ""
        at = call.made_at.isoformat(" ", "minutes")
        self.screen.say(printable(f"{call.user or call.from_} calls {where}{call.to}, {at}"), "bold")
        if self.met.chaos is not None:
            self.screen.say(f"on an unreliable network, seed {self.met.chaos}; --show webhooks shows it", "dim")

    def _save(self, path: Path, talk: TerminalCall, expected: Mapping[str, Any]) -> None:
        """Write the call as a scenario. Raises CannotRun."""
        check_path(path)
        call, script = self.call, talk.recorder.script
        if isinstance(self.target, CallTarget):
            call = self.target.call if self.target.call.flow or self.target.call.to else self.target.fitted
        streams = {url: f"{seconds:g}s" for url, seconds in self.met.streams.items()}
        given = self.person.given if self.person else {}
        body = body_of(call, script, given, env=dict(self.env), streams=streams, expect=expected)
        name = append(path, body, script)
        self.screen.say(f'written to {path} as "{name}"; play it again with: {self._replay_command(path)}', "green")

    def _replay_command(self, path: Path) -> str:
        file = shlex.quote(str(path))
        if isinstance(self.target, Application):
            return f"ncco test {file} --url {shlex.quote(self.target.answer_url)}"
        flows, home = self.target.source.flows, project_of(path)
        is_at_home = home is not None and (home / "flows").resolve() == flows.resolve()
        return f"ncco test {file}" if is_at_home else f"ncco test {file} --flows {shlex.quote(str(flows))}"
